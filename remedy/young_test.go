package remedy_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"spillway/outage"
	"spillway/remedy"
)

// TestYoungSilent closes what is silent still after the time that the plan waits, and nothing that came to speak in it.
func TestYoungSilent(t *testing.T) {
	young := func(id, age int64, cmd string) outage.Client {
		c := client(id, "", "10.0.0.9", age, age)
		c.Cmd = cmd
		return c
	}
	var s outage.Snapshot
	for id := range int64(3) {
		s.Clients = append(s.Clients, young(id+1, id, "NULL"))
	}
	d := outage.Diagnosis{Findings: []outage.Finding{{Cause: outage.SilentConnections, Confidence: 0.9, Culprits: []outage.Culprit{
		{Service: "10.0.0.9", Addr: "10.0.0.9", IDs: []int64{1, 2, 3}},
	}}}}
	plan := remedy.Plan(d, s, remedy.Options{})
	// 1 spoke in the second of its birth, in which CLIENT LIST had shown it: only its command tells.
	server := newFake(young(1, 3, "hello"), young(2, 4, "NULL"), young(3, 5, "NULL"))
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		want(t, apply(t, remedy.Applier{Redis: server}, plan), "kill-clients done: 2 closed, 1 spared (1 used again)", "set-timeout done: timeout was 0 and is 300")
		if waited := time.Since(start); waited < 3*time.Second {
			t.Errorf("waited %s, want 3s or more", waited)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		server := newFake(s.Clients...)
		if _, err := (&remedy.Applier{Redis: server}).Apply(ctx, plan); err == nil || len(server.killed) > 0 {
			t.Errorf("its time was up: err %v, closed %v", err, server.killed)
		}
	})
}
