package assert

import "spillway/outage"

// Measures are the numbers of a run, whatever the verdicts make of them. A nil time is one that never came.
// Times are on the clock of the run; TTD, TTM and TTR count from Onset.
type Measures struct {
	// Refused counts every attempt that was refused, of any kind: a request and each of the connections it tried are
	// attempts of their own. RefusedConnections leaves the requests out and compares with RejectedByRedis.
	Refused            int       `json:"refused"`
	RefusedConnections int       `json:"refused_connections"`
	Refusals           []Refusal `json:"refusals,omitempty"`
	// RejectedByRedis is the growth of rejected_connections from the first snapshot to the last; nil when fewer than
	// two snapshots had it.
	RejectedByRedis *int64 `json:"rejected_by_redis,omitempty"`

	// Failures counts the attempts that failed in the way that until.failures waits for; 0 elsewhere.
	Failures int `json:"failures,omitempty"`

	// Onset is when clients began to suffer: the first refusal or failure, or else the first attempt that ended as expect.suffer says.
	Onset        *outage.Duration `json:"onset,omitempty"`
	FirstRefusal *outage.Duration `json:"first_refusal,omitempty"`
	LastRefusal  *outage.Duration `json:"last_refusal,omitempty"`
	FirstFailure *outage.Duration `json:"first_failure,omitempty"`
	LastFailure  *outage.Duration `json:"last_failure,omitempty"`
	Detected     *outage.Duration `json:"detected,omitempty"`  // the first diagnosis that named the expected cause
	Responded    *outage.Duration `json:"responded,omitempty"` // the first action that was done, or command that was not a mere look
	Mitigated    *outage.Duration `json:"mitigated,omitempty"` // the first new connection that succeeded after that

	TTD  *outage.Duration `json:"ttd,omitempty"`  // time to detect, at least 0
	Lead *outage.Duration `json:"lead,omitempty"` // how long before Onset it was detected, when it was
	TTM  *outage.Duration `json:"ttm,omitempty"`  // time to mitigate
	TTR  *outage.Duration `json:"ttr,omitempty"`  // time to recover; nil when refusals came back in the hold phase

	Peak            int `json:"peak"`             // the most slots taken in any snapshot
	PeakLimit       int `json:"peak_limit"`       // the limit in force at that moment
	FinalSlots      int `json:"final_slots"`      // in the last snapshot
	MaxClientsStart int `json:"maxclients_start"` // the limit in force when the load began
	MaxClientsEnd   int `json:"maxclients_end"`

	Killed      int    `json:"killed"`      // connections that the responder closed
	Collateral  int    `json:"collateral"`  // healthy ones among them, by whichever witness saw more
	Interrupted int    `json:"interrupted"` // failures of healthy clients that a planned restart caused
	Held        []Held `json:"held,omitempty"`

	// Cause, Confidence and Culprits are the top finding of the diagnosis that was acted on, or of the last one.
	Cause      outage.Cause    `json:"cause,omitempty"`
	Confidence float64         `json:"confidence,omitempty"`
	Culprits   []string        `json:"culprits,omitempty"`
	Finding    string          `json:"finding,omitempty"` // its summary: one sentence, numbers first
	Diagnoses  int             `json:"diagnoses"`
	Snapshots  int             `json:"snapshots"`
	ReliefFor  outage.Duration `json:"relief_for,omitempty"`
	Changed    []string        `json:"changed,omitempty"` // settings that differ from before the response: "timeout 0 -> 60"
}

// Refusal counts the refusals that read alike.
type Refusal struct {
	Op   outage.Op `json:"op"`
	Said string    `json:"said"` // what Redis said; empty for nothing
	Saw  string    `json:"saw"`  // what the application saw; empty for nothing
	N    int       `json:"n"`
}

// Held is how the held canary of a spared service fared from the first refusal to the first action.
type Held struct {
	Service string `json:"service"`
	OK      int    `json:"ok"`
	Failed  int    `json:"failed"`
}
