package outage

// Outcome is how one try of a client ended.
type Outcome string

// The outcomes. Only Refused is evidence of the outage; the others are told apart so that they are not taken for it.
const (
	OK          Outcome = "ok"
	Refused     Outcome = "refused"      // Redis closed a new connection before serving it; Said tells whether it gave its reason
	PoolTimeout Outcome = "pool-timeout" // the client's own pool had no connection to give: Redis was not asked
	Reset       Outcome = "reset"        // a connection that had been served was closed under the client
	NoPort      Outcome = "no-port"      // the client's host had no source port left (EADDRNOTAVAIL)
	NoFile      Outcome = "no-file"      // the client's process had no file descriptor left (EMFILE)
	TimedOut    Outcome = "timed-out"    // no answer in time: backlog overflow, a stalled server, a cut network
	Denied      Outcome = "denied"       // protected mode, AUTH or ACL
	Down        Outcome = "down"         // nobody listens (ECONNREFUSED), or no route
	Failed      Outcome = "failed"       // anything else; Saw has the text
)

// Op is what the client was trying to do.
type Op string

// The operations of a client.
const (
	OpConnect Op = "connect" // a new connection up to the first byte that Redis sent on it, as the dialer saw it
	OpRequest Op = "request" // one command on behalf of the application, with whatever its library does about errors
	OpHeld    Op = "held"    // the canary: PING on a connection that has been open since before the fault
	OpFresh   Op = "fresh"   // the canary: PING on a new connection, no retries
)

// Attempt is one try of a client, or Count like ones that ended within the same tenth of a second.
// What a client suffers is data, never a Go error.
type Attempt struct {
	Service  string  `json:"service"`
	Instance string  `json:"instance"`
	Op       Op      `json:"op"`
	Outcome  Outcome `json:"outcome"`
	// Said is the first line that Redis sent when that line was an error, such as
	// "-ERR max number of clients reached"; empty when it said nothing or no error.
	Said string `json:"said,omitempty"`
	// Saw is the error that the application got from its library, without addresses; empty when it got none.
	Saw string `json:"saw,omitempty"`
	// Count is how many like attempts are folded into this one; 0 means 1.
	Count int `json:"count,omitempty"`
	// Latency is the slowest of the folded attempts, from the call to its result.
	Latency Duration `json:"latency,omitempty"`
}

// N returns how many attempts a stands for, at least 1.
func (a Attempt) N() int { return max(a.Count, 1) }

// Instance is the news that an instance of a service changed state. Addr is its own source address.
type Instance struct {
	Service  string        `json:"service"`
	Name     string        `json:"name"`
	Addr     string        `json:"addr"`
	Workload string        `json:"workload"`
	State    InstanceState `json:"state"`
	// Generation is 1 for the instances a scenario starts with, and grows with each redeploy.
	Generation int `json:"generation,omitempty"`
	// Detail says why, where the state alone does not: an exit code, the last lines of the instance's errors.
	Detail string `json:"detail,omitempty"`
}

// Opened tells which source ports an instance took that shares its address with others behind a gateway: nothing else
// says whose a connection is.
type Opened struct {
	Service  string `json:"service"`
	Instance string `json:"instance"`
	Ports    []int  `json:"ports"`
}

// InstanceState is what an instance was last known to do.
type InstanceState string

// The states of an instance.
const (
	Started InstanceState = "started" // its load runs
	Stopped InstanceState = "stopped" // it was asked to stop and did
	Cut     InstanceState = "cut"     // its network was taken away; its process runs on
	Exited  InstanceState = "exited"  // it ended unasked: the rig broke
)
