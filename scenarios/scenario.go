// Package scenarios is what Spillway is asked: it reads a catalogue of scenarios and refuses what makes no sense.
//
// A catalogue is decoded strictly. Every mistake is reported at once, each with file:line, what was expected and
// the nearest valid spelling; a catalogue with a mistake is not run in part. The package starts nothing and judges
// nothing.
package scenarios

import "spillway/outage"

// Catalogue is a file of scenarios.
type Catalogue struct {
	// Version is that of the catalogue format: 1.
	Version   int        `yaml:"version" json:"version" jsonschema:"required,enum=1"`
	Scenarios []Scenario `yaml:"scenarios" json:"scenarios" jsonschema:"required,minItems=1"`
	// Settings are defaults for the flags of spillway run; a flag or SPILLWAY_* beats them.
	Settings Settings `yaml:"settings,omitempty" json:"settings,omitzero"`

	// File is where the catalogue came from, for messages.
	File string `yaml:"-" json:"-"`
}

// Settings are a catalogue's own defaults for how it is run. Unset fields leave the defaults of the flags.
type Settings struct {
	// Parallel is how many scenarios run at the same time.
	Parallel int `yaml:"parallel,omitempty" json:"parallel,omitempty" jsonschema:"minimum=1,maximum=64"`
	// Target is where they run: container or process.
	Target string `yaml:"target,omitempty" json:"target,omitempty" jsonschema:"enum=container,enum=process"`
	// Image is used for every scenario instead of the one it names.
	Image string `yaml:"image,omitempty" json:"image,omitempty"`
	// Seed is the seed of everything random.
	Seed int64 `yaml:"seed,omitempty" json:"seed,omitempty"`
	// Out is a folder that keeps a history of each scenario.
	Out string `yaml:"out,omitempty" json:"out,omitempty"`
}

// Scenario is one outage, or one look-alike, and what must be true of it.
type Scenario struct {
	// Name selects the scenario on the command line and names it in reports.
	Name string `yaml:"name" json:"name" jsonschema:"required,pattern=^[a-z0-9][a-z0-9-]*$"`
	// Description says in a sentence what happens.
	Description string `yaml:"description" json:"description" jsonschema:"required"`
	Redis       Redis  `yaml:"redis" json:"redis" jsonschema:"required"`
	// Fleet is the services that connect.
	Fleet []Service `yaml:"fleet" json:"fleet" jsonschema:"required,minItems=1"`
	// Faults are what happens to the fleet while it runs.
	Faults []Fault `yaml:"faults,omitempty" json:"faults,omitempty"`
	// Until is how far the fault is driven before the responder may act.
	Until Until `yaml:"until" json:"until" jsonschema:"required"`
	// Responder answers the outage: spillway (default), none, exec:PATH or human.
	Responder string `yaml:"responder,omitempty" json:"responder,omitempty"`
	// Fix redeploys services after the relief, with another workload.
	Fix    []Service `yaml:"fix,omitempty" json:"fix,omitempty"`
	Expect Expect    `yaml:"expect" json:"expect" jsonschema:"required"`

	// Line is where the scenario starts in its file.
	Line int `yaml:"-" json:"line,omitempty"`
	// File is the catalogue's file name.
	File string `yaml:"-" json:"file,omitempty"`
}

// Redis is the server to start.
type Redis struct {
	// Image is a container image, such as redis:8. Where it is neither present nor pullable, one is made from Debian's packages.
	Image string `yaml:"image,omitempty" json:"image,omitempty"`
	// MaxClients is the maxclients directive. Redis lowers it when Nofile is too small.
	MaxClients int `yaml:"maxclients" json:"maxclients" jsonschema:"required,minimum=1,maximum=1000000"`
	// Timeout closes idle clients; 0 never does. Whole seconds.
	Timeout outage.Duration `yaml:"timeout,omitempty" json:"timeout,omitempty"`
	// TCPKeepalive is the tcp-keepalive directive; unset leaves Redis's default of 300s. Whole seconds.
	TCPKeepalive *outage.Duration `yaml:"tcp-keepalive,omitempty" json:"tcp-keepalive,omitempty"`
	// Nofile is the file descriptor limit of the container, soft and hard; 0 leaves it at maxclients + 64, which is enough.
	Nofile int `yaml:"nofile,omitempty" json:"nofile,omitempty" jsonschema:"minimum=0,maximum=1048576"`
	// Directives are further redis.conf directives, such as maxmemory.
	Directives map[string]string `yaml:"directives,omitempty" json:"directives,omitempty"`
}

// Service is a group of like instances.
type Service struct {
	// Service is the name.
	Service string `yaml:"service" json:"service" jsonschema:"required,pattern=^[a-z0-9][a-z0-9-]*$"`
	// Instances is how many there are, each with a source address of its own; default 1.
	Instances int `yaml:"instances,omitempty" json:"instances,omitempty" jsonschema:"minimum=1,maximum=64"`
	// Workload is how the client behaves: leaky opens a client for each request and never closes it, pooled shares
	// one pool, idle opens its connections and says no more, subscriber subscribes to a channel on each, blocked waits
	// for work on each, silent never sends a byte, reconnecting opens them anew over and over without back-off, replica
	// attaches itself as replicas do, slow runs commands that keep Redis busy, bursting opens its connections all at once,
	// transaction watches a key for Hold and then commits.
	Workload string `yaml:"workload" json:"workload" jsonschema:"required"`
	// Rate is requests a second of each instance, of reconnecting the connects, and of bursting the bursts; default 10, of bursting 1.
	Rate float64 `yaml:"rate,omitempty" json:"rate,omitempty" jsonschema:"minimum=0,maximum=10000"`
	// Connections bounds what an instance opens: of leaky, where it stops leaking (default: it does not stop before the run does);
	// of all others but pooled, how many it opens.
	Connections int  `yaml:"connections,omitempty" json:"connections,omitempty" jsonschema:"minimum=1,maximum=60000"`
	Pool        Pool `yaml:"pool,omitempty" json:"pool,omitempty"`
	// Hold is how long a request keeps its connection busy, as a slow command would; 0 is one GET.
	Hold outage.Duration `yaml:"hold,omitempty" json:"hold,omitempty"`
	// ClientName is set on every connection; default the instance's name. Services may share one, or bear another's.
	ClientName string `yaml:"client-name,omitempty" json:"client-name,omitempty"`
	// Unnamed leaves the connections without a name, as most clients do.
	Unnamed bool `yaml:"unnamed,omitempty" json:"unnamed,omitempty"`
	// LibName is what CLIENT SETINFO lib-name says; default go-redis's own.
	LibName string `yaml:"lib-name,omitempty" json:"lib-name,omitempty"`
	// User and Password log in with AUTH; unset does not log in.
	User     string `yaml:"user,omitempty" json:"user,omitempty"`
	Password string `yaml:"password,omitempty" json:"password,omitempty"`
	// DB is the database that the connections select.
	DB int `yaml:"db,omitempty" json:"db,omitempty" jsonschema:"minimum=0,maximum=15"`
	// Behind puts all instances behind one source address, as NAT and proxies do: that of the gateway of this name, which
	// services may share.
	Behind string `yaml:"behind,omitempty" json:"behind,omitempty"`
	// SourcePorts is how many source ports the host of an instance has; 0 leaves the system's range.
	SourcePorts int `yaml:"source-ports,omitempty" json:"source-ports,omitempty" jsonschema:"minimum=0,maximum=28000"`
	// Arrivals is how requests are spread in time: even (default), or random, as a Poisson process.
	Arrivals string `yaml:"arrivals,omitempty" json:"arrivals,omitempty" jsonschema:"enum=even,enum=random"`
	// Start is when the service starts, counted from the beginning of the load phase. Services without it that
	// expect.spare names start before, in the steady phase.
	Start outage.Duration `yaml:"start,omitempty" json:"start,omitempty"`
	// Ramp spreads the start of the instances, and of an instance's load, over this time.
	Ramp outage.Duration `yaml:"ramp,omitempty" json:"ramp,omitempty"`
	// Rollout replaces the instances one by one with a new pool while the load runs.
	Rollout *Rollout `yaml:"rollout,omitempty" json:"rollout,omitempty"`
}

// Pool is the go-redis pool of an instance. Unset fields keep go-redis's defaults, save Size.
type Pool struct {
	// Size is PoolSize; default 10.
	Size int `yaml:"size,omitempty" json:"size,omitempty" jsonschema:"minimum=1,maximum=10000"`
	// MinIdle is MinIdleConns: connections opened ahead of need.
	MinIdle int `yaml:"min-idle,omitempty" json:"min-idle,omitempty" jsonschema:"minimum=0"`
	// MaxIdle is MaxIdleConns: idle connections beyond it are closed at once; 0 is no limit.
	MaxIdle int `yaml:"max-idle,omitempty" json:"max-idle,omitempty" jsonschema:"minimum=0"`
	// IdleTimeout is ConnMaxIdleTime: a connection idle for longer is closed when its turn comes; 0 is never.
	IdleTimeout *outage.Duration `yaml:"idle-timeout,omitempty" json:"idle-timeout,omitempty"`
	// WaitTimeout is PoolTimeout: how long a request waits for a connection of a full pool.
	WaitTimeout outage.Duration `yaml:"wait-timeout,omitempty" json:"wait-timeout,omitempty"`
	// ReadTimeout is ReadTimeout: how long an answer may take; unset is go-redis's default of 3s.
	ReadTimeout outage.Duration `yaml:"read-timeout,omitempty" json:"read-timeout,omitempty"`
	// FIFO is PoolFIFO: connections are used in turn, so that idle ones become old enough to be closed.
	FIFO bool `yaml:"fifo,omitempty" json:"fifo,omitempty"`
	// Warm opens the whole pool at the start and uses each connection once, as a burst does that the pool remembers.
	Warm bool `yaml:"warm,omitempty" json:"warm,omitempty"`
	// Retries is MaxRetries; unset is go-redis's default of 3, 0 is none.
	Retries *int `yaml:"retries,omitempty" json:"retries,omitempty" jsonschema:"minimum=0,maximum=10"`
}

// Rollout deploys new instances over old ones, one by one.
type Rollout struct {
	// Surge is how many instances more than usual run during the rollout, as Kubernetes's maxSurge.
	Surge int `yaml:"surge" json:"surge" jsonschema:"required,minimum=0,maximum=64"`
	// Pool is the pool of the new instances.
	Pool Pool `yaml:"pool" json:"pool" jsonschema:"required"`
	// Every is the time from one replacement to the next; default 1s.
	Every outage.Duration `yaml:"every,omitempty" json:"every,omitempty"`
	// After is how long after the service's start the rollout begins; default at once.
	After outage.Duration `yaml:"after,omitempty" json:"after,omitempty"`
	// Drain is how long a replaced instance keeps its connections before it ends; default it ends at once.
	Drain outage.Duration `yaml:"drain,omitempty" json:"drain,omitempty"`
}

// Fault is something that happens while the load runs: one of Cut, Meet and LowerNofile.
type Fault struct {
	// Cut takes the network of every instance of this service away, without FIN or RST.
	Cut string `yaml:"cut,omitempty" json:"cut,omitempty"`
	// Meet makes Redis, in cluster mode, meet so many nodes of an older cluster, whose links count towards the limit.
	Meet int `yaml:"meet,omitempty" json:"meet,omitempty" jsonschema:"minimum=0,maximum=200"`
	// LowerNofile lowers the file descriptor limit of the running Redis process, as systemd and prlimit can.
	LowerNofile int `yaml:"lower-nofile,omitempty" json:"lower-nofile,omitempty" jsonschema:"minimum=0,maximum=1048576"`
	// At is when, counted from the beginning of the load phase.
	At outage.Duration `yaml:"at" json:"at" jsonschema:"required"`
	// Replace starts as many new instances, with addresses of their own, as an orchestrator does.
	Replace bool `yaml:"replace,omitempty" json:"replace,omitempty"`
	// ReplaceAfter is how long after the cut they start, since an orchestrator takes its time to call a host dead; 0 is at once.
	ReplaceAfter outage.Duration `yaml:"replace-after,omitempty" json:"replace-after,omitempty"`
}

// Until ends the load phase: when clients have been refused so often, or after a duration.
type Until struct {
	// Refusals is how often clients must have been refused.
	Refusals int `yaml:"refusals,omitempty" json:"refusals,omitempty" jsonschema:"minimum=1,maximum=1000000"`
	// Within is the deadline for the refusals or failures; default 30s.
	Within outage.Duration `yaml:"within,omitempty" json:"within,omitempty"`
	// Failures is how often clients must have failed in any other way, of a look-alike: as expect.suffer says, or in any way
	// but refused where it is not given. Instead of refusals.
	Failures int `yaml:"failures,omitempty" json:"failures,omitempty" jsonschema:"minimum=1,maximum=1000000"`
	// Duration is how long the load runs, instead of refusals.
	Duration outage.Duration `yaml:"duration,omitempty" json:"duration,omitempty"`
}

// Expect is what must be true of a run. An expectation that is not given is not checked, except that collateral must be 0.
type Expect struct {
	// Cause is what the diagnosis must name first; "nothing" means that it must name nothing, ever.
	Cause outage.Cause `yaml:"cause" json:"cause" jsonschema:"required"`
	// Also are causes that the diagnosis must name as well, of two troubles at once.
	Also []outage.Cause `yaml:"also,omitempty" json:"also,omitempty"`
	// Culprits are the services the diagnosis must name, all of them and no other.
	Culprits []string `yaml:"culprits,omitempty" json:"culprits,omitempty"`
	// Detect limits the time from the first refusal to the first diagnosis that names the cause.
	Detect outage.Duration `yaml:"detect,omitempty" json:"detect,omitempty"`
	// Mitigate limits the time from the first refusal to the first new connection that succeeds after the remedy.
	Mitigate outage.Duration `yaml:"mitigate,omitempty" json:"mitigate,omitempty"`
	// Recover limits the time from the first refusal to the last.
	Recover outage.Duration `yaml:"recover,omitempty" json:"recover,omitempty"`
	// Actions are the kinds of action that the built-in responder must carry out, all of them and no other;
	// advice does not count. An empty list that is given means that nothing may be changed.
	Actions *[]outage.ActionKind `yaml:"actions,omitempty" json:"actions,omitempty"`
	// Cleared is what recovery means.
	Cleared *Cleared `yaml:"cleared,omitempty" json:"cleared,omitempty"`
	// Spare are the healthy services: none of their connections may be killed, and their open connections keep working throughout.
	Spare []string `yaml:"spare,omitempty" json:"spare,omitempty"`
	// Peak bounds the most connections that Redis ever showed.
	Peak *Peak `yaml:"peak,omitempty" json:"peak,omitempty"`
	// Refusals false means that no client may be refused; default true when Until counts refusals.
	Refusals *bool `yaml:"refusals,omitempty" json:"refusals,omitempty"`
	// Suffer is an outcome that clients must have met, such as pool-timeout.
	Suffer outage.Outcome `yaml:"suffer,omitempty" json:"suffer,omitempty"`
}

// Nothing is the expected cause of a scenario in which nothing is wrong.
const Nothing outage.Cause = "nothing"

// Cleared is the state after recovery: it must last for Hold.
type Cleared struct {
	// Below is the most connections that count towards the limit: a number, or a percentage of the effective maxclients.
	Below Amount `yaml:"below" json:"below" jsonschema:"required"`
	// Hold is how long it must stay so, without a refusal; default 3s.
	Hold outage.Duration `yaml:"hold,omitempty" json:"hold,omitempty"`
}

// Peak bounds the connections of one service, or of all when Service is empty.
type Peak struct {
	// Service is whose connections count; all when it is left out.
	Service string `yaml:"service,omitempty" json:"service,omitempty"`
	// AtMost is the bound: a number, or a percentage of the effective maxclients.
	AtMost Amount `yaml:"at-most" json:"at-most" jsonschema:"required"`
}

// Amount is a plain number of connections, or a percentage of the effective maxclients, such as 80%.
type Amount struct {
	Count   int
	Percent float64 // used when above 0
}
