package profile

// These are what any client does on its connection, and what only looks.
var reads = []string{
	"AUTH", "HELLO", "PING", "SELECT", "INFO", "TIME", "SLOWLOG GET", "SLOWLOG LEN",
}

// readsOfClients look at clients, where a service lets one.
var readsOfClients = []string{"CLIENT LIST", "CLIENT ID", "CLIENT INFO", "CLIENT GETNAME"}

// readsOfClusters look at a cluster.
var readsOfClusters = []string{"CLUSTER INFO", "CLUSTER NODES", "CLUSTER SLOTS", "CLUSTER SHARDS", "CLUSTER MYID", "ROLE"}

// readsOfSentinel look at what Sentinel knows.
var readsOfSentinel = []string{
	"SENTINEL GET-MASTER-ADDR-BY-NAME", "SENTINEL MASTER", "SENTINEL MASTERS", "SENTINEL PRIMARY", "SENTINEL PRIMARIES",
	"SENTINEL REPLICAS", "SENTINEL SLAVES", "SENTINEL SENTINELS",
}

// helps are what changes something of clients, and of nothing else.
var helps = []string{"CLIENT SETNAME", "CLIENT NO-EVICT", "CLIENT KILL", "SCRIPT KILL", "FUNCTION KILL"}

// profiles are all of them. A command that is not listed is not sent, so each list is what is used, minus what the service forbids.
//
// Sources, as read in November 2026:
//   - ElastiCache, commands: docs.aws.amazon.com/AmazonElastiCache/latest/dg/ClientConfig.RestrictedCommands.html (bgrewriteaof bgsave
//     config debug migrate replicaof save slaveof shutdown sync); MemoryDB's list, docs.aws.amazon.com/memorydb/latest/devguide/restrictedcommands.html,
//     adds the ACL commands that write. Idle clients: …/dg/BestPractices.Clients.Redis.ServerTimeout.html (65,000 connections; parameter
//     timeout; not on serverless). Parameters: …/dg/ParameterGroups.Modifying.html (a default group cannot be modified).
//   - Azure Cache for Redis, commands and maxclients by tier: learn.microsoft.com/azure/azure-cache-for-redis/cache-configure (BGREWRITEAOF
//     BGSAVE CONFIG DEBUG MIGRATE SAVE SHUTDOWN SLAVEOF, CLUSTER commands that write). Its later version adds ACL. Idle clients:
//     …/cache-best-practices-connection, idle timeout of 10 minutes.
//   - Memorystore for Redis, commands: cloud.google.com/memorystore/docs/redis/product-constraints (ACL BGREWRITEAOF BGSAVE CLIENT CLUSTER
//     COMMAND CONFIG DEBUG LASTSAVE MIGRATE MONITOR OBJECT SHUTDOWN REPLICAOF SAVE). Settings: …/redis/redis-configs and
//     cloud.google.com/sdk/gcloud/reference/redis/instances/update.
var profiles = []Profile{
	{
		Name: "elasticache", Title: "Amazon ElastiCache", Managed: true,
		allowed: join(reads, readsOfClients, readsOfClusters, helps, []string{"ACL LOG"}),
		settings: map[string][]string{
			"timeout":       {"set timeout to %s in the cache's parameter group (a default group takes no change: make one of your own; a serverless cache has none)", elasticacheParameter("timeout")},
			"tcp-keepalive": {"set tcp-keepalive to %s in the cache's parameter group", elasticacheParameter("tcp-keepalive")},
			"maxclients":    {"maxclients is fixed there, at most 65,000 a node: spread the connections over more nodes or shards"},
			"host":          {"the service runs the server's host: ask its support, or take a larger size"},
			"access":        {"users and their rights are kept in user groups: aws elasticache modify-user --user-id USER --access-string '…'"},
		},
	},
	{
		Name: "azure", Title: "Azure Cache for Redis", Managed: true,
		allowed: join(reads, readsOfClients, readsOfClusters, helps),
		settings: map[string][]string{
			"timeout":       {"timeout cannot be set there: Azure closes by itself what has been idle for 10 minutes"},
			"tcp-keepalive": {"tcp-keepalive cannot be set there: Azure closes by itself what has been idle for 10 minutes, a vanished peer as well"},
			"maxclients": {
				"maxclients follows from the size, and %s need a larger one: C0 256, C1 1,000, C2 2,000, C3 5,000, C4 10,000, C5 15,000, C6 20,000; P1 7,500, P2 15,000, P3 30,000, P4 40,000",
				"portal: Scale; or az redis update --name NAME --resource-group GROUP --sku SKU --vm-size SIZE",
			},
			"host":   {"the service runs the server's host: ask its support, or take a larger size"},
			"access": {"access is given in the portal: Authentication, access keys or data access policies"},
		},
	},
	{
		Name: "memorystore", Title: "Memorystore for Redis", Managed: true,
		allowed: join(reads, []string{"SCRIPT KILL", "FUNCTION KILL"}),
		settings: map[string][]string{
			"timeout":       {"gcloud redis instances update INSTANCE --region=REGION --update-redis-config timeout=%s"},
			"tcp-keepalive": {"tcp-keepalive is not among the settings that can be changed there: set timeout instead, which closes a vanished peer as well", "gcloud redis instances update INSTANCE --region=REGION --update-redis-config timeout=300"},
			"maxclients":    {"maxclients is not among the settings that can be changed there: spread the connections over more instances"},
			"host":          {"the service runs the server's host: ask its support, or take a larger size"},
			"access":        {"access is an AUTH string of the whole instance: gcloud redis instances get-auth-string INSTANCE --region=REGION"},
		},
	},
	{
		Name: "readonly", Title: "this profile", ReadOnly: true,
		allowed: join(reads, readsOfClients, readsOfClusters, readsOfSentinel, []string{"CONFIG GET", "ACL LOG"}),
		settings: map[string][]string{
			"timeout":       {"somebody who may: set timeout to %s"},
			"tcp-keepalive": {"somebody who may: set tcp-keepalive to %s"},
			"maxclients":    {"somebody who may: set maxclients to %s"},
			"access":        {"somebody who may: give the user its password or its rights"},
		},
	},
}

func elasticacheParameter(name string) string {
	return "aws elasticache modify-cache-parameter-group --cache-parameter-group-name GROUP --parameter-name-values ParameterName=" + name + ",ParameterValue=%s"
}

func join(lists ...[]string) []string {
	var all []string
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}
