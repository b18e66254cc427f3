// Package scenarios is what Spillway is asked: it reads a catalogue of scenarios and refuses what makes no sense.
//
// A catalogue is decoded strictly. Every mistake is reported at once, each with file:line, what was expected and
// the nearest valid spelling; a catalogue with a mistake is not run in part. The package starts nothing and judges
// nothing.
package scenarios

import "spillway/outage"

// Catalogue is a file of scenarios.
type Catalogue struct {
	Version   int        `yaml:"version" json:"version" jsonschema:"required,enum=1" jsonschema_description:"Version of the catalogue format; 1."`
	Scenarios []Scenario `yaml:"scenarios" json:"scenarios" jsonschema:"required,minItems=1"`

	// File is where the catalogue came from, for messages.
	File string `yaml:"-" json:"-"`
}

// Scenario is one outage, or one look-alike, and what must be true of it.
type Scenario struct {
	Name        string    `yaml:"name" json:"name" jsonschema:"required,pattern=^[a-z0-9][a-z0-9-]*$"`
	Description string    `yaml:"description" json:"description" jsonschema:"required"`
	Redis       Redis     `yaml:"redis" json:"redis" jsonschema:"required"`
	Fleet       []Service `yaml:"fleet" json:"fleet" jsonschema:"required,minItems=1"`
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
	Nofile int `yaml:"nofile,omitempty" json:"nofile,omitempty" jsonschema:"minimum=0"`
	// Directives are further redis.conf directives, such as maxmemory.
	Directives map[string]string `yaml:"directives,omitempty" json:"directives,omitempty"`
}

// Service is a group of like instances.
type Service struct {
	Service   string `yaml:"service" json:"service" jsonschema:"required,pattern=^[a-z0-9][a-z0-9-]*$"`
	Instances int    `yaml:"instances,omitempty" json:"instances,omitempty" jsonschema:"minimum=1,maximum=64"` // default 1
	Workload  string `yaml:"workload" json:"workload" jsonschema:"required"`
	// Rate is requests a second of each instance; default 10.
	Rate float64 `yaml:"rate,omitempty" json:"rate,omitempty" jsonschema:"minimum=0"`
	// Connections bounds what an instance opens: of leaky, where it stops leaking (default: it does not stop before the run does);
	// of idle, how many it opens.
	Connections int  `yaml:"connections,omitempty" json:"connections,omitempty" jsonschema:"minimum=0"`
	Pool        Pool `yaml:"pool,omitempty" json:"pool,omitempty"`
	// Hold is how long a request keeps its connection busy, as a slow command would; 0 is one GET.
	Hold outage.Duration `yaml:"hold,omitempty" json:"hold,omitempty"`
	// ClientName is set on every connection; default the service's name.
	ClientName string `yaml:"client-name,omitempty" json:"client-name,omitempty"`
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
	Size        int              `yaml:"size,omitempty" json:"size,omitempty" jsonschema:"minimum=0"` // PoolSize; default 10
	MinIdle     int              `yaml:"min-idle,omitempty" json:"min-idle,omitempty" jsonschema:"minimum=0"`
	MaxIdle     int              `yaml:"max-idle,omitempty" json:"max-idle,omitempty" jsonschema:"minimum=0"`
	IdleTimeout *outage.Duration `yaml:"idle-timeout,omitempty" json:"idle-timeout,omitempty"` // ConnMaxIdleTime
	WaitTimeout outage.Duration  `yaml:"wait-timeout,omitempty" json:"wait-timeout,omitempty"` // PoolTimeout
	FIFO        bool             `yaml:"fifo,omitempty" json:"fifo,omitempty"`
	// Retries is MaxRetries; unset is go-redis's default of 3, 0 is none.
	Retries *int `yaml:"retries,omitempty" json:"retries,omitempty" jsonschema:"minimum=0,maximum=10"`
}

// Rollout deploys new instances over old ones, one by one.
type Rollout struct {
	// Surge is how many instances more than usual run during the rollout, as Kubernetes's maxSurge.
	Surge int `yaml:"surge" json:"surge" jsonschema:"required,minimum=0"`
	// Pool is the pool of the new instances.
	Pool Pool `yaml:"pool" json:"pool" jsonschema:"required"`
	// Every is the time from one replacement to the next; default 1s.
	Every outage.Duration `yaml:"every,omitempty" json:"every,omitempty"`
}

// Fault is something that happens to a service.
type Fault struct {
	// Cut takes the network of every instance of this service away, without FIN or RST.
	Cut string `yaml:"cut" json:"cut" jsonschema:"required"`
	// At is when, counted from the beginning of the load phase.
	At outage.Duration `yaml:"at" json:"at" jsonschema:"required"`
	// Replace starts as many new instances, with addresses of their own, as an orchestrator does.
	Replace bool `yaml:"replace,omitempty" json:"replace,omitempty"`
}

// Until ends the load phase: when clients have been refused so often, or after a duration.
type Until struct {
	Refusals int             `yaml:"refusals,omitempty" json:"refusals,omitempty" jsonschema:"minimum=0"`
	Within   outage.Duration `yaml:"within,omitempty" json:"within,omitempty"` // the deadline for the refusals; default 30s
	Duration outage.Duration `yaml:"duration,omitempty" json:"duration,omitempty"`
}

// Expect is what must be true of a run. An expectation that is not given is not checked, except that collateral must be 0.
type Expect struct {
	// Cause is what the diagnosis must name first; "nothing" means that it must name nothing, ever.
	Cause outage.Cause `yaml:"cause" json:"cause" jsonschema:"required"`
	// Culprits are the services the diagnosis must name, all of them and no other.
	Culprits []string `yaml:"culprits,omitempty" json:"culprits,omitempty"`
	// Detect, Mitigate and Recover are limits, counted from the first refusal: to the first diagnosis that names the cause,
	// to the first new connection that succeeds after the remedy, and to the last refusal.
	Detect   outage.Duration `yaml:"detect,omitempty" json:"detect,omitempty"`
	Mitigate outage.Duration `yaml:"mitigate,omitempty" json:"mitigate,omitempty"`
	Recover  outage.Duration `yaml:"recover,omitempty" json:"recover,omitempty"`
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
	Service string `yaml:"service,omitempty" json:"service,omitempty"`
	AtMost  Amount `yaml:"at-most" json:"at-most" jsonschema:"required"`
}

// Amount is a plain number of connections, or a percentage of the effective maxclients, such as 80%.
type Amount struct {
	Count   int
	Percent float64 // used when above 0
}
