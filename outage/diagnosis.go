package outage

// Cause is what a diagnosis names.
type Cause string

// The causes that Spillway knows. Causes lists them with a line each.
const (
	ConnectionLeak   Cause = "connection-leak"
	MaxclientsTooLow Cause = "maxclients-too-low"
	FDLimitClamp     Cause = "fd-limit-clamp"
	IdleNotReaped    Cause = "idle-not-reaped"
	HalfOpenPeers    Cause = "half-open-peers"
	NotAtLimit       Cause = "not-at-limit"

	SilentConnections Cause = "silent-connections"
	PubSubPileUp      Cause = "pubsub-pile-up"
	BlockedWorkers    Cause = "blocked-workers"
	ReconnectStorm    Cause = "reconnect-storm"
	OversizedPool     Cause = "oversized-pool"
	DeploySurge       Cause = "deploy-surge"

	ReplicaOrClusterSlots Cause = "replica-or-cluster-slots"

	// Look-alikes: clients suffer, and maxclients is not what stops them.
	FDExhausted     Cause = "fd-exhausted"
	BacklogOverflow Cause = "backlog-overflow"
	PortExhaustion  Cause = "port-exhaustion"
	ServerStalled   Cause = "server-stalled"
	AccessDenied    Cause = "denied"
)

// Causes returns every cause with a one-line description, in the order in which documents list them.
func Causes() []Described[Cause] {
	return []Described[Cause]{
		{ConnectionLeak, "a service opens connections and does not close them"},
		{MaxclientsTooLow, "a legitimate fleet needs more connections than maxclients allows"},
		{FDLimitClamp, "the file descriptor limit made Redis lower maxclients at start"},
		{IdleNotReaped, "connections that do nothing hold slots and no timeout reaps them"},
		{HalfOpenPeers, "hosts that vanished without closing still hold slots"},
		{OversizedPool, "one service's bounded pools take most slots and hardly use them"},
		{ReconnectStorm, "clients that reconnect as fast as they can take each slot for a moment"},
		{PubSubPileUp, "a service holds a connection per subscriber, which no timeout reaps"},
		{BlockedWorkers, "workers that wait in blocking commands take most slots"},
		{SilentConnections, "connections that never sent a command hold slots"},
		{FDExhausted, "Redis has no file descriptor left and accepts nobody, below its limit"},
		{BacklogOverflow, "connects wait a second or more, since the listen queue overflows; Redis is not full"},
		{PortExhaustion, "a client host has no source port left; Redis is not full"},
		{ServerStalled, "Redis is busy or frozen: connects succeed and answers come late"},
		{AccessDenied, "protected mode, a password or an ACL turns clients away; Redis is not full"},
		{DeploySurge, "old and new instances of a service overlap during a deploy, and together need too many"},
		{ReplicaOrClusterSlots, "replicas or cluster links, which count towards the limit, take slots that clients need"},
		{NotAtLimit, "clients suffer, but Redis is far from its limit: look at the clients"},
	}
}

// Described is a word of the vocabulary with its meaning.
type Described[T ~string] struct {
	Word    T
	Meaning string
}

// Diagnosis is what the snapshots say, most likely finding first. No findings means that nothing is wrong,
// unless Unsure says what kept the diagnosis from telling.
type Diagnosis struct {
	At         Duration  `json:"at"`
	Slots      int       `json:"slots"`      // connections that count towards the limit
	MaxClients int       `json:"maxclients"` // the limit in force
	Rejecting  bool      `json:"rejecting"`  // rejected_connections grew between the snapshots
	Findings   []Finding `json:"findings"`
	// Unsure lists what is missing, and what would settle it, such as a second snapshot; empty when the evidence was whole.
	Unsure []string `json:"unsure,omitempty"`
	// Unread are the commands that the server, or a profile, did not allow; Missing.Costs says what that costs.
	Unread []Missing `json:"unread,omitempty"`
}

// Top returns the most likely finding; ok is false when there is none.
func (d Diagnosis) Top() (f Finding, ok bool) {
	if len(d.Findings) == 0 {
		return Finding{}, false
	}
	return d.Findings[0], true
}

// Finding is one cause with what speaks for it.
type Finding struct {
	Cause      Cause      `json:"cause"`
	Confidence float64    `json:"confidence"` // 0 to 1: how often a finding like this one is right
	Summary    string     `json:"summary"`    // one sentence, numbers first
	Culprits   []Culprit  `json:"culprits"`
	Evidence   []Evidence `json:"evidence"`
	// Commands are redis-cli lines that a human can type to see the same, right for the server at hand.
	Commands []string `json:"commands"`
	// Growth is how many connections the culprits add a second; 0 when they do not grow.
	Growth float64 `json:"growth_per_second,omitempty"`
	// UntilFull is the time until the limit is reached at that growth; 0 when it is reached or nothing grows.
	UntilFull Duration `json:"until_full,omitempty"`
	// Asked, Effective and Needed are values of maxclients: configured, in force, and wanted by the fleet as seen. 0 where unknown.
	Asked     int `json:"asked,omitempty"`
	Effective int `json:"effective,omitempty"`
	Needed    int `json:"needed,omitempty"`
	// Pool is the size per instance that would do for what is in use at once, of oversized-pool; 0 elsewhere.
	Pool int `json:"pool,omitempty"`
}

// Culprit is who: a service as far as it can be told from outside, at one address.
type Culprit struct {
	Service     string `json:"service"` // the client name without its instance; else library, user or address
	Name        string `json:"name"`    // the client name as CLIENT LIST shows it
	Addr        string `json:"addr"`    // the host, without ports
	Connections int    `json:"connections"`
	// By is what told the service apart: name, lib-name, user, db, address, command or ages; empty is the name.
	By string `json:"by,omitempty"`
	// Certainty is how sure it is that these connections are one service and that it is this one, 0 to 1; 0 where By is the name
	// and nothing speaks against it.
	Certainty float64 `json:"certainty,omitempty"`
	// Why says in a sentence what Certainty rests on; empty where it is 0.
	Why string `json:"why,omitempty"`
	// Examples are a few of the connections as ip:port, for whoever owns the host to find the program; at most 3.
	Examples []string `json:"examples,omitempty"`
	// IDs are the connections that the evidence speaks against. Not in reports: there may be thousands.
	IDs []int64 `json:"-"`
}

// Evidence is one number or fact, and the command that shows it.
type Evidence struct {
	Text    string `json:"text"`
	Command string `json:"command,omitempty"`
}
