package diagnose_test

import (
	"strconv"
	"testing"

	"spillway/diagnose"
	"spillway/outage"
)

// uptime gives the server an age in seconds, and what it has counted since its start.
func (s *sim) uptime(seconds int, info map[string]string) *sim {
	return s.also(func(_ float64, shot *outage.Snapshot) {
		shot.Info["uptime_in_seconds"] = strconv.Itoa(seconds)
		for k, v := range info {
			shot.Info[k] = v
		}
	})
}

// starting is a fleet that opens all its connections at once, on a full server.
func starting() *sim {
	s := &sim{refusing: 5}
	for h := range 4 {
		s.pool("api", hostOf(3, h+1), now-0.9, 12)
	}
	fill(s)
	return s
}

// TestOneLook has a single look, which shows no growth: what it can tell is named first, and never surely. The same
// evidence on a server that is healthy, or that has been up for long, must not be taken for it.
func TestOneLook(t *testing.T) {
	for name, c := range map[string]struct {
		s     *sim
		cause outage.Cause // the first that is named; empty for none
	}{
		"a range of ports": {narrow(40, evenFirst(40)).counters(5, 50, 0.1, 0), outage.PortExhaustion},
		"ports anywhere":   {narrow(40, func(i int) int { return 32768 + i*i*7919%28000 }).counters(5, 50, 0.1, 0), ""},

		"a loop that spins": {steadyFleet().counters(0, 50, 0.9, 300_000), outage.FDExhausted},
		"a loop that rests": {steadyFleet().counters(0, 50, 0.1, 60), ""},

		"many came and went":  {starting().uptime(20, map[string]string{"total_connections_received": "900"}), outage.ReconnectStorm},
		"a fleet that starts": {starting().uptime(20, map[string]string{"total_connections_received": "70"}), ""},

		"commands that took a third of the time": {
			steadyFleet().uptime(100, map[string]string{"cmdstat_eval": "calls=60,usec=36000000,usec_per_call=600000.00"}), outage.ServerStalled},
		"they took it within days": {
			steadyFleet().uptime(90_000, map[string]string{"cmdstat_eval": "calls=60,usec=36000000,usec_per_call=600000.00"}), ""},
		"many short ones": {
			steadyFleet().uptime(100, map[string]string{"cmdstat_get": "calls=6000000,usec=36000000,usec_per_call=6.00"}), ""},
		"the server has just started": {
			steadyFleet().uptime(2, map[string]string{"cmdstat_eval": "calls=2,usec=1200000,usec_per_call=600000.00"}), ""},

		"logins fail every second": {steadyFleet().uptime(60, map[string]string{"acl_access_denied_auth": "80"}), outage.AccessDenied},
		"they failed at some time": {steadyFleet().uptime(6000, map[string]string{"acl_access_denied_auth": "80"}), ""},
		"somebody mistyped it":     {steadyFleet().uptime(8, map[string]string{"acl_access_denied_auth": "5"}), ""},
		"no uptime to hold it against": {steadyFleet().also(func(_ float64, shot *outage.Snapshot) {
			shot.Info["acl_access_denied_auth"] = "80"
		}), ""},
	} {
		d := diagnose.Diagnose(c.s.at(now))
		f, found := d.Top()
		switch {
		case c.cause == "" && found && f.Cause != outage.MaxclientsTooLow:
			t.Errorf("%s: want nothing:\n%s", name, text(d))
		case c.cause != "" && (f.Cause != c.cause || f.Confidence > 0.5):
			t.Errorf("%s: want %s, not surely:\n%s", name, c.cause, text(d))
		}
	}
}
