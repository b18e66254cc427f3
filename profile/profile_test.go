package profile

import (
	"slices"
	"strings"
	"testing"
)

// What each service forbids, as its documentation lists it, and what none of them may be asked.
func TestForbidden(t *testing.T) {
	writes := "BGREWRITEAOF, BGSAVE, CONFIG SET x y, CONFIG REWRITE, DEBUG SLEEP, MIGRATE, REPLICAOF, SLAVEOF, SAVE, SHUTDOWN, SYNC, PSYNC, MODULE LOAD, " +
		"ACL SETUSER x, ACL DELUSER x, ACL SAVE, ACL LOAD, CLUSTER FORGET x, CLUSTER FAILOVER, CLUSTER ADDSLOTS 1, CLIENT PAUSE 1, FLUSHALL, GET k, SET k v, MONITOR, KEYS *, EVAL x 0, " +
		"SENTINEL FAILOVER x, CLIENT, CONFIG, ACL"
	for name, forbidden := range map[string]string{
		"elasticache": writes + ", CONFIG GET timeout",
		"azure":       writes + ", CONFIG GET timeout, ACL LOG 32",
		"memorystore": writes + ", CONFIG GET timeout, ACL LOG 32, ACL WHOAMI, CLIENT LIST, CLIENT ID, CLIENT SETNAME x, CLIENT KILL ID 1, CLUSTER NODES, COMMAND, LASTSAVE, OBJECT FREQ k",
		"readonly":    writes + ", CLIENT KILL ID 1, CLIENT SETNAME x, CLIENT NO-EVICT ON, SCRIPT KILL, FUNCTION KILL, SLOWLOG RESET",
	} {
		p, err := Find(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, command := range strings.Split(forbidden, ", ") {
			for _, spelled := range []string{command, strings.ToLower(command)} {
				if p.Allows(strings.Fields(spelled)...) {
					t.Errorf("%s allows %s", name, spelled)
				}
			}
			if why := p.Guard(strings.Fields(command)); !strings.Contains(why, name) || !strings.Contains(why, strings.Fields(command)[0]) {
				t.Errorf("%s: %s is held back because %q", name, command, why)
			}
		}
		for _, command := range []string{"PING", "ping", "INFO all", "AUTH u p", "SELECT 1", "TIME", "SLOWLOG GET 128"} {
			if why := p.Guard(strings.Fields(command)); why != "" {
				t.Errorf("%s forbids %s: %s", name, command, why)
			}
		}
	}
	if len(Names()) != 4 || slices.Contains(Names(), "") {
		t.Errorf("profiles %q", Names())
	}
}

func TestOwnRedisAllowsAll(t *testing.T) {
	var p Profile
	if !p.Allows("FLUSHALL") || p.Guard([]string{"CONFIG", "SET", "x", "y"}) != "" || p.Setting("timeout", "300") != nil {
		t.Error("the zero value is no Redis of one's own")
	}
}

// Every setting that a plan names has words, with the value in them, and nobody is told of redis.conf.
func TestSettings(t *testing.T) {
	for _, p := range profiles {
		for _, name := range []string{"timeout", "tcp-keepalive", "maxclients", "access"} {
			text := strings.Join(p.Setting(name, "4711"), "\n")
			if text == "" || strings.Contains(text, "%") || strings.Contains(text, "redis.conf") || strings.Contains(text, "CONFIG SET") {
				t.Errorf("%s: %s: %q", p.Name, name, text)
			}
		}
		if host := p.Setting("host", ""); (len(host) > 0) != p.Managed {
			t.Errorf("%s: of the host: %q", p.Name, host)
		}
		if unknown := p.Setting("nosuch", "1"); (len(unknown) > 0) != p.Managed {
			t.Errorf("%s: of what nobody knows: %q", p.Name, unknown)
		}
	}
	for name, want := range map[string]string{
		"elasticache": "ParameterName=timeout,ParameterValue=300", "azure": "10 minutes", "memorystore": "--update-redis-config timeout=300", "readonly": "set timeout to 300",
	} {
		p, _ := Find(name)
		if got := strings.Join(p.Setting("timeout", "300"), "\n"); !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestFindNamesThemAll(t *testing.T) {
	if _, err := Find("elastic"); err == nil || !strings.Contains(err.Error(), "elasticache, azure, memorystore, readonly") {
		t.Errorf("%v", err)
	}
}
