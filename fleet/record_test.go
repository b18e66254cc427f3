package fleet

import (
	"bytes"
	"context"
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"spillway/outage"
)

func ms(n int) outage.Duration { return outage.Duration(time.Duration(n) * time.Millisecond) }

func TestFoldsGatherLikeAttemptsAndDateThemByTheFirst(t *testing.T) {
	at := func(op outage.Op, o outage.Outcome, said, saw string, latency int) outage.Attempt {
		return outage.Attempt{Service: "api", Instance: "api-1", Op: op, Outcome: o, Said: said, Saw: saw, Latency: ms(latency)}
	}
	var f folds
	f.add(ms(7), at(outage.OpConnect, outage.Refused, full, "", 3))
	f.add(ms(9), at(outage.OpConnect, outage.Refused, full, "", 8))
	f.add(ms(9), at(outage.OpConnect, outage.Refused, "", "EOF", 1))
	f.add(ms(11), at(outage.OpRequest, outage.Refused, full, "EOF", 2))
	f.add(ms(12), at(outage.OpConnect, outage.Refused, full, "", 5))

	event := func(when int, n int, a outage.Attempt) outage.Event {
		a.Count = n
		return outage.Event{At: ms(when), Actor: "api-1", Attempt: &a}
	}
	want := []outage.Event{
		event(7, 3, at(outage.OpConnect, outage.Refused, full, "", 8)),
		event(9, 1, at(outage.OpConnect, outage.Refused, "", "EOF", 1)),
		event(11, 1, at(outage.OpRequest, outage.Refused, full, "EOF", 2)),
	}
	if diff := cmp.Diff(want, f.take()); diff != "" {
		t.Errorf("folds (-want +got):\n%s", diff)
	}
	if again := f.take(); len(again) != 0 {
		t.Errorf("taken twice: %v", again)
	}
}

func TestARefusalIsWrittenWithinATenthOfASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		log := newRecorder(spec("leaky", ""), &out, time.Now())
		h := &host{log: log}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- h.flush(ctx) }()

		time.Sleep(130 * time.Millisecond)
		log.attempt(outage.OpConnect, verdict{outcome: outage.Refused, said: full}, time.Millisecond)
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		var e outage.Event
		if err := json.Unmarshal(out.Bytes(), &e); err != nil {
			t.Fatalf("nothing written after 100ms: %v", err)
		}
		if want := outage.Duration(10*time.Second) + ms(130); e.At != want || e.Actor != "api-1" {
			t.Errorf("at %v by %q, want %v by api-1", e.At, e.Actor, want)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
