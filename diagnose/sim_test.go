package diagnose_test

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"spillway/diagnose"
	"spillway/outage"
)

// sim is a server as its snapshots would show it: connections with a birth, a death and a rule for their last use.
type sim struct {
	limit    int
	info     map[string]string
	config   map[string]string
	refusing float64 // refusals a second
	end      float64 // when the last look is; 0 is now
	extra    func(t float64, s *outage.Snapshot)
	conns    []simConn
}

type simConn struct {
	c          outage.Client
	born, died float64
	last       func(t float64) float64 // when it was last used, seen from t
}

// now is the instant of the last look: everything happened before. It lies between two ticks of the server's clock.
const now = 100.4

func (s *sim) at(t float64) outage.Snapshot {
	shot := outage.Snapshot{
		At:   outage.Duration(t * float64(time.Second)),
		Info: map[string]string{"redis_version": "7.0.15", "maxclients": strconv.Itoa(s.limit)},
		Config: map[string]string{
			"maxclients": strconv.Itoa(s.limit), "timeout": "0", "tcp-keepalive": "300",
		},
	}
	for k, v := range s.info {
		shot.Info[k] = v
	}
	for k, v := range s.config {
		shot.Config[k] = v
	}
	replicas := 0
	for _, k := range s.conns {
		if k.born > t || k.died != 0 && k.died <= t {
			continue
		}
		c := k.c
		c.Age = int64(math.Floor(t) - math.Floor(k.born))
		c.Idle = int64(math.Floor(t) - math.Floor(max(k.born, k.last(t))))
		if c.Flags == "S" {
			replicas++
		}
		shot.Clients = append(shot.Clients, c)
	}
	shot.Info["connected_clients"] = strconv.Itoa(len(shot.Clients) - replicas)
	shot.Info["connected_slaves"] = strconv.Itoa(replicas)
	shot.Info["rejected_connections"] = strconv.Itoa(int(s.refusing * t))
	if s.extra != nil {
		s.extra(t, &shot)
	}
	return shot
}

// looks takes n snapshots, the last one at now.
func (s *sim) looks(n int, every float64) []outage.Snapshot {
	var shots []outage.Snapshot
	end := cmp.Or(s.end, now)
	for i := range n {
		shots = append(shots, s.at(end-float64(n-1-i)*every))
	}
	return shots
}

// late puts the looks late into the seconds of the server's clock, and lets the server tell its time.
func (s *sim) late() *sim {
	s.end = math.Floor(now) + 0.85
	return s.withClock()
}

func (s *sim) diagnose(n int, every float64) outage.Diagnosis {
	return diagnose.Diagnose(s.looks(n, every)...)
}

// add adds a connection and returns it for changes.
func (s *sim) add(name, host string, born float64, last func(float64) float64) *simConn {
	id := len(s.conns) + 10
	s.conns = append(s.conns, simConn{
		c: outage.Client{
			ID: int64(id), Addr: fmt.Sprintf("%s:%d", host, 20000+id), Name: name, Flags: "N", Multi: -1, Cmd: "get", User: "default",
		},
		born: born, last: last,
	})
	return &s.conns[len(s.conns)-1]
}

// The ways to be used.
func once(born float64) func(float64) float64 { return func(float64) float64 { return born } }
func busy(t float64) float64                  { return t - 0.05 }
func every(period, phase float64) func(float64) float64 {
	return func(t float64) float64 { return math.Floor((t-phase)/period)*period + phase }
}
func until(end float64) func(float64) float64 {
	return func(t float64) float64 { return min(t-0.05, end) }
}

// leak opens rate connections a second from one instant to another, or to now.
func (s *sim) leak(name, host string, from, to, rate float64) {
	for t, i := from, 0; t <= to; t, i = t+1/rate, i+1 {
		born := t + 0.3*math.Sin(float64(i))/rate
		s.add(name, host, born, once(born))
	}
}

// pool opens size connections within a second at born, all of them in use.
func (s *sim) pool(name, host string, born float64, size int) {
	for i := range size {
		s.add(name, host, born+float64(i)/float64(size), busy)
	}
}

// lifo is a pool of which only the top is in use; each connection below is reached more and more rarely.
func (s *sim) lifo(name, host string, born float64, size int) {
	for i := range size {
		s.add(name, host, born+float64(i)/float64(size), every(0.2+float64(i)*0.7, 0.1*float64(i)))
	}
}

// burst is a pool that was in use until end, when everything stopped but for how deep each connection lay.
func (s *sim) burst(name, host string, born, end float64, size int) {
	for i := range size {
		s.add(name, host, born+float64(i)/float64(size), until(end-0.05*float64(i%10)))
	}
}

func hostOf(net, i int) string { return fmt.Sprintf("10.0.%d.%d", net, i) }

// shown is what a test compares: causes with the services and hosts they name.
type shown struct {
	Cause    outage.Cause
	Culprits []string
}

func show(d outage.Diagnosis) []shown {
	list := []shown{}
	for _, f := range d.Findings {
		s := shown{Cause: f.Cause}
		for _, c := range f.Culprits {
			s.Culprits = append(s.Culprits, c.Service+"@"+c.Addr)
		}
		slices.Sort(s.Culprits)
		list = append(list, s)
	}
	return list
}
