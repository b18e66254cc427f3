package trials

import (
	"strconv"
	"time"

	"spillway/outage"
	"spillway/scenarios"
)

// The look-alikes: clients suffer, and maxclients is not what stops them. And what takes slots that is no client's.

// failures ends the load when clients failed so often, in that way.
func (d *drawing) failures(how outage.Outcome, within time.Duration) {
	d.s.Until.Failures = d.between(8, 25)
	d.s.Until.Within = outage.Duration(within)
	d.s.Expect.Suffer, d.s.Expect.Refusals = how, new(false)
}

// outOfFiles lowers the limit of the running server below what a growing service wants, which itself is below maxclients.
func outOfFiles(d *drawing) {
	// Small: connects that hang pile up in the listen queue, which must not overflow, with each of their retries.
	d.server(100, 250)
	d.noise(0.08, 0.12, 1)
	files := max(d.need()+30, d.part(0.35, 0.6))
	d.s.Faults = []scenarios.Fault{{LowerNofile: files, At: outage.Duration(0)}}
	s := d.pool(files + max(6, d.limit/20)) // Redis's own files come off: a dozen
	d.use(&s, d.real(1.08, 1.25))
	s.Ramp = d.time(0, 2)
	d.add(s)
	d.failures(outage.TimedOut, 30*time.Second)
	d.clearedWithRoom()
	d.fits(d.part(0.96, 0.96))
}

// burst dials many times what the listen queue holds, once a second.
func burst(d *drawing) {
	d.server(600, 2000)
	d.noise(0.05, 0.15, 1)
	queue := d.between(4, 16)
	d.s.Redis.Directives = map[string]string{"tcp-backlog": strconv.Itoa(queue)}
	d.add(d.crowd("bursting", d.between(200, 400)))
	d.failures(outage.TimedOut, 30*time.Second)
	d.s.Expect.Mitigate = inSeconds(9) // there is nothing to do on the server, and others wait for their turn
	d.fits(d.part(0.96, 0.96))
}

// noPorts wants more connections from a host than it has source ports.
func noPorts(d *drawing) {
	d.server(300, 2000)
	d.noise(0.05, 0.2, 1)
	s := scenarios.Service{
		Service: d.name(), Workload: "pooled", Instances: d.between(1, 2), Pool: scenarios.Pool{Size: d.between(40, 100)},
	}
	d.use(&s, d.real(1.1, 1.4))
	s.SourcePorts = s.Pool.Size * d.between(45, 70) / 100
	d.blame(s)
	d.failures(outage.NoPort, 25*time.Second)
	d.s.Expect.Mitigate = inSeconds(10)
	d.fits(d.part(0.96, 0.96))
}

// stall keeps Redis busy for longer than clients wait.
func stall(d *drawing) {
	d.server(100, 2000)
	d.noise(0.05, 0.3, 3)
	for range 2 {
		s := d.pool(d.between(4, 12))
		s.Rate = tenth(d.real(10, 30))
		s.Pool.ReadTimeout, s.Pool.Retries = outage.Duration(d.between(200, 300)*int(time.Millisecond)), new(0)
		d.spare(s)
	}
	slow := scenarios.Service{
		Service: d.name(), Workload: "slow", Instances: 1, Rate: 1,
		Hold: outage.Duration(d.between(550, 750) * int(time.Millisecond)),
	}
	d.blame(slow)
	d.lasts(d.between(11, 14))
	d.s.Expect.Suffer = outage.TimedOut
}

// deniedByAccess logs in as somebody whom the server does not know.
func deniedByAccess(d *drawing) {
	d.server(100, 2000)
	d.noise(0.05, 0.4, 1)
	s := scenarios.Service{
		Service: d.name(), Workload: "pooled", Instances: d.between(1, 4), Rate: tenth(d.real(5, 20)),
		Pool: scenarios.Pool{Size: d.between(2, 8), Retries: new(0)},
	}
	s.User, s.Password = s.Service, "outdated"
	d.blame(s)
	d.lasts(d.between(8, 11))
	d.s.Expect.Suffer = outage.Denied
}

// deniedByProtection serves nobody from another machine.
func deniedByProtection(d *drawing) {
	d.server(100, 2000)
	d.s.Redis.Directives = map[string]string{"protected-mode": "yes"}
	for range d.between(2, 4) {
		d.add(scenarios.Service{
			Service: d.name(), Workload: "pooled", Instances: d.between(1, 3), Rate: tenth(d.real(3, 12)),
			Pool: scenarios.Pool{Size: d.between(2, 8), Retries: new(0)},
		})
	}
	d.lasts(d.between(8, 11))
	d.s.Expect.Suffer = outage.Denied
}

// surge starts all new instances while the old ones drain: one generation fits, two do not.
func surge(d *drawing) {
	d.server(60, 1000)
	d.noise(0.1, 0.2, 1)
	d.roomy()
	before := d.need()
	s := d.pool(d.limit * 55 / 100)
	if s.Instances == 1 {
		s.Instances, s.Pool.Size = 2, max(2, s.Pool.Size/2)
	}
	for 2*s.Instances*(s.Pool.Size+scenarios.HeldCanaries)+before-d.lazy < d.limit+max(5, d.limit/15) {
		s.Pool.Size++
	}
	d.use(&s, d.real(1.08, 1.25))
	s.Rollout = &scenarios.Rollout{
		After: d.time(5, 7), Surge: s.Instances, Pool: s.Pool, Every: outage.Duration(time.Second), Drain: outage.Duration(2 * time.Minute),
	}
	if once := before + s.Instances*(s.Pool.Size+scenarios.HeldCanaries); once >= d.limit {
		d.flaw = "one generation does not fit"
	}
	d.blame(s)
	d.refusals(30 * time.Second)
	d.clearedWithRoom()
}

// replicas take 30 to 40 % of the slots, and connected_clients counts none of them.
func replicas(d *drawing) {
	d.server(60, 1000)
	d.noise(0.1, 0.2, 2)
	d.roomy()
	s := d.crowd("replica", d.part(0.3, 0.4))
	s.Ramp = d.time(0.5, 1.5)
	d.blame(s)
	d.afterwards(d.free())
	d.pastLimit(d.real(0.05, 0.1))
	d.clearedWithRoom()
}

// links are two connections for each node that a cluster node knows, and are no sockets.
func links(d *drawing) {
	d.server(60, 700)
	d.noise(0.1, 0.18, 1)
	d.roomy()
	d.s.Redis.Directives = map[string]string{
		"cluster-enabled":      "yes",
		"cluster-node-timeout": "600000", // how long it tries nodes that it was told of: longer than a trial
	}
	nodes := d.part(0.2, 0.25) + 1
	d.s.Faults = []scenarios.Fault{{Meet: nodes, At: outage.Duration(time.Second)}}
	d.afterwards(d.limit - 2*nodes - d.noiseless() + d.part(0.06, 0.12) + 4)
	d.clearedWithRoom()
}

// noiseless is what of the fleet so far is open for certain.
func (d *drawing) noiseless() int {
	n := scenarios.AdminConnections - d.lazy
	for _, s := range d.s.Fleet {
		peak, _ := s.Peak()
		n += peak
	}
	return max(0, n)
}

// afterwards adds a busy service that comes when the others are there.
func (d *drawing) afterwards(n int) {
	s := d.pool(max(4, n))
	s.Start, s.Ramp = d.time(3, 5), outage.Duration(time.Second)
	d.use(&s, d.real(1.08, 1.25))
	d.add(s)
	d.refusals(30 * time.Second)
}

// replicaNoise is one or two replicas, as most servers have them.
func replicaNoise(d *drawing, _ int) scenarios.Service {
	return scenarios.Service{Service: d.name(), Workload: "replica", Instances: 1, Connections: d.between(1, 2)}
}
