package replay

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"spillway/outage"
	"spillway/scenarios"
)

// builder is a scenario while it is built.
type builder struct {
	snapshots []outage.Snapshot
	last      *outage.Snapshot
	diagnosis outage.Diagnosis
	top       outage.Finding
	parties   []*part

	s         scenarios.Scenario
	limit     int     // the maxclients in force, scaled
	factor    float64 // of every count
	hostShare float64 // of the hosts
	lazy      int     // connections of the fleet so far that may be open or not
	gateways  map[string]string
	notes     []string // what was scaled, and what is assumed
	lacks     string   // why no scenario comes of it
}

// What a run can hold.
const (
	leastSlots = 40 // a server of fewer is taken by the rig's own and the canaries
	mostHosts  = 24 // each is a container, of which a daemon starts about one a second
	mostFiles  = 20_000
)

// scale has the counts fit the machine: one factor for the limit and all connections, another for the hosts.
func (b *builder) scale(most int) {
	captured := b.limit
	b.factor, b.hostShare = 1, 1
	switch {
	case captured > most:
		b.factor = float64(most) / float64(captured)
	case captured < leastSlots:
		b.factor = leastSlots / float64(captured)
	}
	b.limit = int(math.Round(float64(captured) * b.factor))
	if b.factor != 1 {
		b.note("scaled: every count by %.3g, maxclients %d to %d", b.factor, captured, b.limit)
	}
	hosts := 0
	for _, p := range b.parties {
		hosts += len(p.hosts)
	}
	if hosts > mostHosts {
		b.hostShare = mostHosts / float64(hosts)
		b.note("scaled: %d hosts to about %d, each with more connections", hosts, mostHosts)
	}
}

func (b *builder) count(n int) int { return max(1, int(math.Round(float64(n)*b.factor))) }

func (b *builder) note(format string, args ...any) {
	if line := fmt.Sprintf(format, args...); !slices.Contains(b.notes, line) {
		b.notes = append(b.notes, line)
	}
}

// assume notes what the capture does not tell.
func (b *builder) assume(format string, args ...any) { b.note("assumed: "+format, args...) }

// split spreads the connections of a part among instances, held canaries included.
func (b *builder) split(p *part) (instances, each int) {
	return b.spread(b.count(p.count()), len(p.hosts))
}

func (b *builder) spread(connections, hosts int) (instances, each int) {
	instances = max(1, int(math.Round(float64(hosts)*b.hostShare)))
	instances = min(instances, max(1, connections/2)) // one for the held canary
	return instances, (connections + instances - 1) / instances
}

// service makes a service of a part. Its workload needs no more than its connections, or its pool.
func (b *builder) service(p *part, workload string) scenarios.Service {
	s := scenarios.Service{Workload: workload}
	instances, each := b.split(p)
	s.Instances = instances
	b.size(&s, each)
	b.identify(&s, p)
	return s
}

// size gives each instance of s so many connections, its held canary included.
func (b *builder) size(s *scenarios.Service, each int) {
	n := max(1, each-scenarios.HeldCanaries)
	switch s.Workload {
	case asks:
		s.Pool.Size = n
	case "slow":
	default:
		s.Connections = n
	}
}

func (b *builder) add(s scenarios.Service) { b.s.Fleet = append(b.s.Fleet, s) }

// spare adds a healthy service, whose connections must outlive the remedy.
func (b *builder) spare(s scenarios.Service) {
	b.add(s)
	b.lazy += scenarios.FreshCanaries
	if s.Workload == asks && !s.Pool.Warm {
		b.lazy += s.Instances * s.Pool.Size
	}
	b.s.Expect.Spare = append(b.s.Expect.Spare, s.Service)
}

// blame adds a service that the finding must name.
func (b *builder) blame(s scenarios.Service) {
	b.add(s)
	b.s.Expect.Culprits = append(b.s.Expect.Culprits, s.Service)
}

// culprits are the parts that the finding speaks against, largest first.
func (b *builder) culprits() []*part { return b.partsThat(func(p *part) bool { return p.blamed }) }

// others are the parts that it does not speak against.
func (b *builder) others() []*part { return b.partsThat(func(p *part) bool { return !p.blamed }) }

func (b *builder) partsThat(are func(*part) bool) []*part {
	var some []*part
	for _, p := range b.parties {
		if are(p) {
			some = append(some, p)
		}
	}
	slices.SortStableFunc(some, func(a, c *part) int { return c.count() - a.count() })
	return some
}

// need is what the fleet so far takes at its worst, the rig included.
func (b *builder) need() int {
	n, _ := b.s.MaxConnections()
	return n
}

// free is what it leaves of the limit.
func (b *builder) free() int { return b.limit - b.need() }

// busyRate is how many requests a second all pools of a scenario may make.
const busyRate = 250.0

// use has the pool of s in use at that share, 1.2 for more than it can give. A request holds its connection for a while, the
// longer the more there are, so that their rate stays bearable.
func use(s *scenarios.Service, share float64) {
	all := float64(s.Instances*s.Pool.Size) * share
	hold := min(max(0.5, all/busyRate), 3)
	s.Hold = seconds(hold)
	s.Rate = tenth(float64(s.Pool.Size) * share / hold)
}

// Shares of a pool in use.
const (
	pastFull = 1.25 // more than it can give, so that it opens all it may
	wellUsed = 0.9  // as much as a healthy pool may be
	restful  = 0.7  // so that it is seen to rest now and then
)

func tenth(x float64) float64 { return max(0.1, math.Round(x*10)/10) }

func seconds(s float64) outage.Duration {
	return outage.Duration(time.Duration(s*1000) * time.Millisecond)
}

// refusals ends the load once clients were refused for about a second.
func (b *builder) refusals() {
	b.s.Until.Refusals, b.s.Until.Within = 20, seconds(30)
	if b.limit >= 5000 {
		b.s.Until.Refusals, b.s.Until.Within = 200, seconds(60)
	}
	b.answered()
}

// answered limits the times of the response: margins for a busy machine, since the capture tells nothing about them.
func (b *builder) answered() {
	b.s.Expect.Detect, b.s.Expect.Mitigate, b.s.Expect.Recover = seconds(15), seconds(20), seconds(30)
}

// failures ends the load once clients failed so often in another way.
func (b *builder) failures(how outage.Outcome) {
	b.s.Until.Failures, b.s.Until.Within = 10, seconds(30)
	b.s.Expect.Suffer, b.s.Expect.Refusals = how, new(false)
}

// lasts ends the load after a time in which nobody may be refused, and nothing be changed.
func (b *builder) lasts(d float64) {
	b.s.Until.Duration = seconds(d)
	b.s.Expect.Refusals = new(false)
	b.adviceOnly()
}

// adviceOnly demands that nothing is changed: there is nothing to change on the server.
func (b *builder) adviceOnly() { b.s.Expect.Actions = &[]outage.ActionKind{} }

// roomy leaves file descriptors enough to raise maxclients.
func (b *builder) roomy() {
	b.s.Redis.Nofile = min(mostFiles, max(1024, 2*b.limit+200))
	b.assume("the file descriptor limit leaves room to raise maxclients")
}

// clearedBelow says when the outage is over, where connections are closed: what is left is n, with a margin for what pools
// reopen and refused clients that find room.
func (b *builder) clearedBelow(n int) {
	below := min(n+max(6, n/4), b.limit-max(3, b.limit/50)) // a full server is not cleared
	if below < n+2 {
		below = b.limit - 1
	}
	b.s.Expect.Cleared = &scenarios.Cleared{Below: scenarios.Amount{Count: below}}
}

// clearedWithRoom says when it is over where the limit is raised: a little of it is left.
func (b *builder) clearedWithRoom() {
	b.s.Expect.Cleared = &scenarios.Cleared{Below: scenarios.Amount{Percent: 98}}
}

// makeRoom raises the limit a little where what is there before the outage takes all of it: the rig's own connections and the
// canaries come on top of what was captured.
func (b *builder) makeRoom() {
	if room := max(5, b.limit/20); b.free() < room {
		b.limit = b.need() + room
		b.note("scaled: maxclients to %d, since the rig's own connections and the canaries take slots as well", b.limit)
	}
}

// past is what a fleet must want for clients to be refused for certain.
func (b *builder) past() int { return b.limit + b.lazy + b.excess() }

// excess is how many more connections than there are slots are wanted: enough for a steady outage, and no more than must be.
func (b *builder) excess() int { return max(6, min(b.limit/10, 100)) }

// settled is when a crowd that begins at once is there and has rested for a while, in seconds: a busy machine opens a thousand
// connections a second, and as long again it is seen to grow.
func (b *builder) settled(rest int) float64 { return float64(rest + b.limit/500) }

// grow enlarges the named services in turn until the fleet needs n.
func (b *builder) grow(n int, services ...string) {
	grown := false
	for i := 0; b.need() < n && len(services) > 0; i++ {
		s := b.find(services[i%len(services)])
		grown = true
		if s.Workload == asks {
			s.Rate = tenth(s.Rate * float64(s.Pool.Size+1) / float64(s.Pool.Size))
			s.Pool.Size++
			if s.Rollout != nil {
				s.Rollout.Pool.Size = s.Pool.Size
			}
		} else {
			s.Connections++
		}
	}
	if grown {
		b.assume("those that were refused, whom CLIENT LIST does not show, are of %s", join(services))
	}
}

// find returns a service of the fleet.
func (b *builder) find(name string) *scenarios.Service {
	i := slices.IndexFunc(b.s.Fleet, func(s scenarios.Service) bool { return s.Service == name })
	return &b.s.Fleet[i]
}

// close completes what every scenario has, and the second of two troubles where it can be brought about beside the first.
func (b *builder) close() {
	b.s.Expect.Cause = b.top.Cause
	for _, f := range b.diagnosis.Findings[min(1, len(b.diagnosis.Findings)):] {
		switch {
		case f.Confidence < sure || slices.Contains(b.s.Expect.Also, f.Cause):
		case f.Cause == outage.FDLimitClamp && b.s.Expect.Cleared != nil && b.s.Expect.Cleared.Below.Count > 0: // nothing is raised
			b.lowered(f.Asked)
			b.s.Expect.Also = append(b.s.Expect.Also, f.Cause)
		default:
			b.note("left out: %s, which diagnose names as well", f.Cause)
		}
	}
	b.s.Redis.MaxClients = max(b.s.Redis.MaxClients, b.limit)
	b.s.Redis.Image = b.image()
}

// image is the one that comes nearest to what was captured; empty where that is the default.
func (b *builder) image() string {
	major, _, _ := strings.Cut(b.last.Version(), ".")
	known := map[string][2]string{ // of each product: the image and the major versions that are tested, the latest last
		"redis": {"redis", "678"}, "valkey": {"valkey/valkey", "89"}, "redict": {"redict", "7"},
	}[b.last.Product()]
	if !strings.Contains(known[1], major) || len(major) != 1 {
		latest := known[1][len(known[1])-1:]
		if major != "" {
			b.assume("version %s behaves as %s:%s does", major, known[0], latest)
		}
		major = latest
	}
	if image := known[0] + ":" + major; image != scenarios.DefaultImage {
		return image
	}
	return ""
}
