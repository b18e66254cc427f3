package fleet

import (
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"

	"spillway/outage"
)

// window is how long attempts are folded before they are written.
const window = 100 * time.Millisecond

// fold is what makes attempts alike.
type fold struct {
	op      outage.Op
	outcome outage.Outcome
	said    string
	saw     string
}

// folds gathers like attempts. It is pure: whoever owns it says what time it is.
type folds struct {
	events []outage.Event
	at     map[fold]int // index into events
}

// add folds an attempt that ended at now into the ones like it. A fold bears the time at which its first attempt ended:
// nothing is dated before it happened.
func (f *folds) add(now outage.Duration, a outage.Attempt) {
	key := fold{a.Op, a.Outcome, a.Said, a.Saw}
	i, ok := f.at[key]
	if !ok {
		if f.at == nil {
			f.at = make(map[fold]int)
		}
		f.at[key] = len(f.events)
		a.Count = 1
		f.events = append(f.events, outage.Event{At: now, Actor: a.Instance, Attempt: &a})
		return
	}
	seen := f.events[i].Attempt
	seen.Count++
	seen.Latency = max(seen.Latency, a.Latency)
}

// take returns what was folded, oldest first, and starts afresh.
func (f *folds) take() []outage.Event {
	events := f.events
	*f = folds{}
	return events
}

// recorder dates what happens to an instance and writes it.
type recorder struct {
	spec  Spec
	began time.Time // when the spec was read: spec.Now on the run's clock

	mu    sync.Mutex // guards folds, and is never held while writing: a slow reader must not slow the load
	folds folds
	ports ports

	out sync.Mutex // guards enc
	enc *json.Encoder
}

func newRecorder(spec Spec, out io.Writer, began time.Time) *recorder {
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	return &recorder{spec: spec, began: began, enc: enc}
}

// now is the run's clock.
func (r *recorder) now() outage.Duration {
	return r.spec.Now + outage.Duration(time.Since(r.began))
}

// attempt records one try that has just ended and took as long as latency.
func (r *recorder) attempt(op outage.Op, v verdict, latency time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.folds.add(r.now(), outage.Attempt{
		Service: r.spec.Service.Service, Instance: r.spec.Instance,
		Op: op, Outcome: v.outcome, Said: v.said, Saw: v.saw, Latency: outage.Duration(latency),
	})
}

// flush writes what was folded.
func (r *recorder) flush() error {
	r.out.Lock()
	defer r.out.Unlock()
	r.mu.Lock()
	events := append(r.ports.take(r.spec), r.folds.take()...)
	r.mu.Unlock()
	for i := range events {
		if err := r.enc.Encode(&events[i]); err != nil {
			return fmt.Errorf("write attempts: %w", err)
		}
	}
	return nil
}

// instance writes that the instance changed state.
func (r *recorder) instance(state outage.InstanceState, addr string) error {
	return r.write(outage.Event{Instance: &outage.Instance{
		Service: r.spec.Service.Service, Name: r.spec.Instance, Addr: addr,
		Workload: r.spec.Service.Workload, State: state,
	}})
}

// note writes a line of text: what the instance could not do as it was asked.
func (r *recorder) note(text string) error {
	return r.write(outage.Event{Note: &outage.Note{Text: text}})
}

func (r *recorder) write(e outage.Event) error {
	r.out.Lock()
	defer r.out.Unlock()
	e.At, e.Actor = r.now(), r.spec.Instance
	if err := r.enc.Encode(e); err != nil {
		return fmt.Errorf("write event: %w", err)
	}
	return nil
}
