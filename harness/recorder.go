package harness

import (
	"sync"
	"time"

	"spillway/outage"
)

// recorder writes the history of one run on one clock, and keeps count of what the phases wait for.
type recorder struct {
	started time.Time

	mu      sync.Mutex
	history outage.History
	tally   tally
}

// tally is what is known about the run so far.
type tally struct {
	phase       outage.Phase
	phaseAt     outage.Duration           // when it began
	refusals    int                       // new connections that Redis refused
	lastRefusal outage.Duration           // when the latest of them, or of the failures, was
	fails       func(outage.Outcome) bool // whether an attempt that ends so is a failure that the run waits for; nil: none is
	failures    int                       // of attempts since the load began
	fresh       map[string]sign           // the latest fresh canary of each service
	held        map[string]sign           // the latest held canary of each service
	slots       int
	maxClients  int
	looks       int             // snapshots in this phase
	firstLook   outage.Duration // of this phase
	lastLook    outage.Duration
	firstAct    outage.Duration // when the responder first did something; 0: not yet
	lastAdvice  outage.Duration // when the responder last ended an action, advice included; 0: not yet
}

// sign is the latest sign of life of a canary.
type sign struct {
	at outage.Duration
	ok bool
}

func newRecorder(h outage.Header) *recorder {
	return &recorder{
		started: h.Started,
		history: outage.History{Header: h},
		tally:   tally{fresh: map[string]sign{}, held: map[string]sign{}},
	}
}

// now is the run's clock. It ticks in microseconds, as a written history does: a saved run must be judged alike.
func (r *recorder) now() outage.Duration {
	return outage.Duration(time.Since(r.started).Truncate(time.Microsecond))
}

// add records an event that happens now.
func (r *recorder) add(actor string, e outage.Event) {
	e.At, e.Actor = r.now(), actor
	r.put(e)
}

// put records an event with its own time and actor.
func (r *recorder) put(e outage.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.history.Events = append(r.history.Events, e)
	r.tally.count(e)
}

func (t *tally) count(e outage.Event) {
	switch {
	case e.Phase != nil:
		t.phase, t.phaseAt, t.looks = *e.Phase, e.At, 0
	case e.Snapshot != nil:
		t.look(e.At, e.Snapshot)
	case e.Attempt != nil:
		t.attempt(e.At, *e.Attempt)
	case e.Action != nil && e.Action.State == outage.Done, e.Command != nil:
		t.lastAdvice = e.At
		if t.firstAct == 0 {
			t.firstAct = e.At
		}
	}
}

func (t *tally) look(at outage.Duration, s *outage.Snapshot) {
	t.slots, t.maxClients = s.Slots(), s.MaxClients()
	if at < t.phaseAt { // begun before the phase, and so of the one before
		return
	}
	if t.looks == 0 {
		t.firstLook = at
	}
	t.looks, t.lastLook = t.looks+1, at
}

func (t *tally) attempt(at outage.Duration, a outage.Attempt) {
	if a.Outcome == outage.Refused && a.Op != outage.OpRequest { // a request repeats what its connections were told
		t.refusals += a.N()
		t.lastRefusal = max(t.lastRefusal, at)
	}
	if t.fails != nil && t.phase != outage.Prepare && t.phase != outage.Steady && t.fails(a.Outcome) {
		t.failures += a.N()
		t.lastRefusal = max(t.lastRefusal, at)
	}
	switch a.Op {
	case outage.OpFresh:
		t.fresh[a.Service] = sign{at, a.Outcome == outage.OK}
	case outage.OpHeld:
		t.held[a.Service] = sign{at, a.Outcome == outage.OK}
	}
}

func (r *recorder) phase(p outage.Phase) { r.add("rig", outage.Event{Phase: &p}) }

// note records what the rig had to do differently; broken means that nothing can be concluded from the run.
func (r *recorder) note(text string, broken bool) {
	r.add("rig", outage.Event{Note: &outage.Note{Text: text, Broken: broken}})
}

// read calls f with the tally while nothing is being recorded.
func (r *recorder) read(f func(tally)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f(r.tally)
}

func (r *recorder) setTarget(t outage.Target) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.history.Header.Target = t
}

// result returns the history so far.
func (r *recorder) result() outage.History {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := r.history
	h.Events = append([]outage.Event(nil), h.Events...)
	return h
}
