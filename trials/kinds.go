package trials

import (
	"time"

	"spillway/outage"
	"spillway/scenarios"
)

// Kind is one way in which a trial is drawn.
type Kind struct {
	Name    string
	Meaning string
	Cause   outage.Cause
	Also    []outage.Cause
	Weight  int // how often it comes in a block of numbers; 0 is once
	Healthy bool
	// Off says why it is not drawn yet; empty where it is.
	Off string

	draw func(*drawing)
}

// Kinds returns every kind. A new one is a function and a line here.
func Kinds() []Kind {
	return []Kind{
		{Name: "connection-leak", Cause: outage.ConnectionLeak, draw: leak,
			Meaning: "a service opens a client for each request and never closes it"},
		{Name: "maxclients-too-low", Cause: outage.MaxclientsTooLow, draw: tooLow,
			Meaning: "a busy fleet with bounded pools needs more than maxclients"},
		{Name: "fd-limit-clamp", Cause: outage.FDLimitClamp, draw: clamped,
			Meaning: "the file descriptor limit made Redis lower maxclients below what a busy fleet needs"},
		{Name: "idle-not-reaped", Cause: outage.IdleNotReaped, draw: idleCrowd,
			Meaning: "connections that were used once stay, and a service that comes later finds no room"},
		{Name: "half-open-peers", Cause: outage.HalfOpenPeers, draw: halfOpen,
			Meaning: "the hosts of a service vanish and come back elsewhere"},
		{Name: "pubsub-pile-up", Cause: outage.PubSubPileUp, draw: subscribers,
			Meaning: "a service has a connection for each subscriber"},
		{Name: "blocked-workers", Cause: outage.BlockedWorkers, draw: workers,
			Meaning: "each worker waits in a blocking command of its own"},
		{Name: "silent-connections", Cause: outage.SilentConnections, draw: silence,
			Meaning: "a probe opens connections and never says a word"},
		{Name: "reconnect-storm", Cause: outage.ReconnectStorm, draw: storm,
			Meaning: "clients connect, ask once, hang up and connect again"},
		{Name: "oversized-pool", Cause: outage.OversizedPool, draw: oversized,
			Meaning: "warm pools of one service hardly use what they hold, and a service that comes later finds no room"},
		{Name: "not-at-limit", Cause: outage.NotAtLimit, draw: smallPool,
			Meaning: "a client's own pool is too small; Redis is far from full"},
		{Name: "leak-under-clamp", Cause: outage.ConnectionLeak, Also: []outage.Cause{outage.FDLimitClamp}, draw: leakUnderClamp,
			Meaning: "a leak, and a file descriptor limit that lowered maxclients below what the fleet needs without it"},
		{Name: "idle-and-too-low", Cause: outage.IdleNotReaped, Also: []outage.Cause{outage.MaxclientsTooLow}, draw: idleAndTooLow,
			Meaning: "idle connections hold slots, and the busy fleet would not fit without them either"},

		{Name: "fd-exhausted", Cause: outage.FDExhausted, draw: outOfFiles,
			Meaning: "the file descriptor limit of the running server is lowered, and a service that grows is not accepted"},
		{Name: "backlog-overflow", Cause: outage.BacklogOverflow, draw: burst,
			Meaning: "clients dial all at once, and the listen queue overflows"},
		{Name: "port-exhaustion", Cause: outage.PortExhaustion, draw: noPorts,
			Meaning: "a host wants more connections than it has source ports"},
		{Name: "server-stalled", Cause: outage.ServerStalled, draw: stall,
			Meaning: "a long script over and over keeps Redis from answering"},
		{Name: "denied-auth", Cause: outage.AccessDenied, draw: deniedByAccess,
			Meaning: "a service logs in as somebody whom the server does not know"},
		{Name: "denied-protected", Cause: outage.AccessDenied, draw: deniedByProtection,
			Meaning: "protected mode turns everybody away"},
		{Name: "deploy-surge", Cause: outage.DeploySurge, draw: surge,
			Meaning: "old and new instances of a service overlap during a deploy"},
		{Name: "replica-slots", Cause: outage.ReplicaOrClusterSlots, draw: replicas,
			Meaning: "replicas take slots that a service needs"},
		{Name: "cluster-slots", Cause: outage.ReplicaOrClusterSlots, draw: links,
			Meaning: "links to nodes that are gone take slots that a service needs"},

		{Name: "healthy-busy", Cause: scenarios.Nothing, Healthy: true, Weight: 3, draw: busyFleet,
			Meaning: "a busy fleet below the limit"},
		{Name: "healthy-ramp", Cause: scenarios.Nothing, Healthy: true, draw: rampingFleet,
			Meaning: "a fleet that grows for some seconds, as a day begins, and fits"},
		{Name: "healthy-crowds", Cause: scenarios.Nothing, Healthy: true, draw: crowdedFleet,
			Meaning: "subscribers, workers and warm pools in numbers that fit"},
		{Name: "healthy-rollout", Cause: scenarios.Nothing, Healthy: true, draw: rollout,
			Meaning: "a rolling deploy that fits"},
	}
}

// leak fills what is free in 4 to 9 s, and is redeployed with a pool.
func leak(d *drawing) {
	d.server(30, 2000)
	d.noise(0.15, 0.45, 1)
	d.leaks()
}

func (d *drawing) leaks() {
	before, free := d.need(), d.free()
	fill := max(d.real(4, 9), float64(free)/150)
	instances := d.between(1, 4)
	s := scenarios.Service{
		Service: d.name(), Workload: "leaky", Instances: instances,
		Rate: tenth(float64(free)/fill/float64(instances) + 0.1),
		Pool: scenarios.Pool{Size: d.between(3, 50)}, // what its team believes bounds it
	}
	if d.chance(0.3) {
		s.Ramp = d.time(0.5, 2)
	}
	d.blame(s)
	fixed := s
	fixed.Workload, fixed.Ramp = "pooled", 0
	fixed.Rate = min(s.Rate, 20)
	fixed.Pool.Size = max(1, min(6, free/3/instances-scenarios.HeldCanaries))
	if instances*(fixed.Pool.Size+1) > free/2 {
		fixed.Instances = 1
	}
	d.s.Fix = []scenarios.Service{fixed}
	d.refusals(time.Duration(2*fill+12) * time.Second)
	d.clearedBelow(before + fixed.Instances*(fixed.Pool.Size+1))
}

// tooLow is a busy fleet past the limit.
func tooLow(d *drawing) {
	d.server(30, 2000)
	d.noise(0.1, 0.3, 4)
	d.busyPastLimit()
	d.roomy()
}

// busyPastLimit adds pools in full use that need 12 to 50 % more than the limit, and the end that goes with them.
func (d *drawing) busyPastLimit() {
	d.busyPools(d.free(), d.between(2, 4), func(s *scenarios.Service) {
		d.use(s, d.real(1.08, 1.25))
		s.Ramp = d.time(0.5, 3)
	})
	d.pastLimit(d.real(0.12, 0.5))
	d.refusals(30 * time.Second)
	d.clearedWithRoom()
}

// busyPools splits n connections among so many services.
func (d *drawing) busyPools(n, services int, shape func(*scenarios.Service)) {
	services = max(1, min(services, n/6))
	for range services {
		s := d.pool(max(2, n/services))
		shape(&s)
		d.add(s)
	}
}

func clamped(d *drawing) {
	d.server(30, 2000)
	d.noise(0.1, 0.3, 4)
	d.busyPastLimit()
	d.clamp(d.asked())
}

// asked is a maxclients that would have done: Redis's default, or somewhat more than is needed.
func (d *drawing) asked() int {
	if d.chance(0.5) {
		return 10000
	}
	return int(float64(d.need()) * d.real(1.2, 4))
}

// idleCrowd holds 50 to 70 % of the limit without a word, and who comes seconds later needs more than the rest.
func idleCrowd(d *drawing) {
	d.server(45, 2000)
	d.noise(0.1, 0.2, 2)
	crowd := d.idles(0.5, 0.7)
	d.latecomer(crowd.Start)
	d.clearedBelow(d.need() - crowd.Instances*crowd.Connections)
}

func (d *drawing) idles(least, most float64) scenarios.Service {
	crowd := d.crowd("idle", min(d.part(least, most), d.free()-2))
	crowd.Ramp = d.time(0.5, 1.5)
	d.blame(crowd)
	return crowd
}

// latecomer starts when the others have long been at rest, and needs more than they leave.
func (d *drawing) latecomer(_ outage.Duration) {
	late := d.pool(max(4, d.free()))
	late.Start = d.time(7, 10)
	d.use(&late, d.real(1.08, 1.25))
	d.add(late)
	d.pastLimit(d.real(0.06, 0.2))
	d.refusals(30 * time.Second)
}

// idleAndTooLow are two troubles: without either of them the other would be an outage still.
func idleAndTooLow(d *drawing) {
	d.server(40, 1500)
	d.noise(0.1, 0.2, 2)
	crowd := d.idles(0.35, 0.5)
	late := d.pool(d.limit)
	late.Start = d.time(7, 10)
	d.use(&late, d.real(1.08, 1.25))
	d.add(late)
	for d.need()-crowd.Instances*(crowd.Connections+1) < d.limit+d.part(0.1, 0.3)+4 {
		late = d.s.Fleet[len(d.s.Fleet)-1]
		late.Pool.Size++
		d.use(&late, 1.15)
		d.s.Fleet[len(d.s.Fleet)-1] = late
	}
	d.refusals(35 * time.Second)
	d.roomy()
	d.clearedWithRoom()
}

// leakUnderClamp leaks under a limit that a busy fleet alone fills to 85 to 95 %: what was asked for would have left room.
func leakUnderClamp(d *drawing) {
	d.server(40, 1500)
	d.noise(0.1, 0.2, 1)
	d.leaks()
	d.clamp(d.asked())
}

// halfOpen cuts off a service that fits once and not twice.
func halfOpen(d *drawing) {
	d.server(50, 2000)
	d.noise(0.1, 0.2, 1)
	s := d.pool(min(d.part(0.5, 0.62), d.free()-1))
	for d.need()+s.Instances*(s.Pool.Size+1) > d.limit && s.Pool.Size > 1 {
		s.Pool.Size--
	}
	d.use(&s, d.real(1.08, 1.25))
	d.blame(s)
	once := d.need()
	d.s.Faults = []scenarios.Fault{{Cut: s.Service, At: d.time(3, 5), Replace: true, ReplaceAfter: d.time(3, 5)}}
	if full := d.need() - d.lazy - max(4, d.limit/20); full < d.limit {
		d.limit = max(full, once)
		d.s.Redis.MaxClients = d.limit
	}
	d.refusals(30 * time.Second)
	d.clearedBelow(once)
}

// subscribers and workers are crowds past the limit; nobody may be closed, so room is made.
func subscribers(d *drawing) { d.crowdPastLimit("subscriber") }

func workers(d *drawing) { d.crowdPastLimit("blocked") }

func (d *drawing) crowdPastLimit(workload string) {
	d.server(30, 2000)
	d.noise(0.1, 0.35, 1)
	d.roomy()
	crowd := d.crowd(workload, d.free())
	crowd.Ramp = d.time(1, 5)
	d.blame(crowd)
	d.pastLimit(d.real(0.1, 0.4))
	d.refusals(25 * time.Second)
	d.clearedWithRoom()
}

// silence is a crowd that nobody is behind. Those that were refused come again, and find room once the others are closed.
func silence(d *drawing) {
	d.server(60, 2000)
	d.noise(0.1, 0.2, 1)
	before := d.need()
	crowd := d.crowd("silent", d.free())
	crowd.Ramp = d.time(1, 4)
	d.blame(crowd)
	d.pastLimit(d.real(0.05, 0.15))
	d.refusals(25 * time.Second)
	d.clearedBelow(before + crowd.Instances + d.need() - d.limit + d.limit/8) // the last eighth came too late to be called silent
}

// storm turns all its slots over once or twice a second. Small limits: a storm on a large one would be all that the
// machine does.
func storm(d *drawing) {
	d.server(30, 250)
	d.noise(0.1, 0.35, 1)
	d.roomy()
	crowd := d.crowd("reconnecting", d.free())
	crowd.Rate = 1
	d.blame(crowd)
	d.pastLimit(d.real(0.12, 0.3))
	s := &d.s.Fleet[len(d.s.Fleet)-1]
	s.Rate = tenth(float64(s.Connections) / d.real(0.4, 0.8))
	d.s.Fix = []scenarios.Service{{
		Service: s.Service, Instances: s.Instances, Workload: "pooled", Rate: 10,
		Pool: scenarios.Pool{Size: max(1, min(5, s.Connections/2))},
	}}
	d.refusals(25 * time.Second)
	d.clearedWithRoom()
}

// oversized holds 45 to 70 % of the limit in pools of which one or two connections each are used.
func oversized(d *drawing) {
	d.server(40, 2000)
	d.noise(0.1, 0.25, 2)
	d.roomy()
	s := d.pool(min(d.part(0.45, 0.7), d.free()-2))
	for s.Instances > 1 && s.Pool.Size < 8 { // a pool of a few is not oversized
		s.Pool.Size = s.Pool.Size*s.Instances/(s.Instances-1) + 1
		s.Instances--
	}
	s.Pool.Warm, s.Pool.IdleTimeout = true, new(outage.Duration(0))
	s.Rate = tenth(d.real(3, 15))
	d.blame(s)
	d.latecomer(0)
	d.clearedWithRoom()
}

// smallPool wants two to three times what its pool has, of a server that is a third full at most. Pools of one or two are
// not drawn: any small load keeps so few in use, and nobody can tell from Redis whether it wants more.
func smallPool(d *drawing) {
	d.server(150, 2000)
	d.noise(0.05, 0.2, 1)
	s := scenarios.Service{
		Service: d.name(), Workload: "pooled", Instances: d.between(2, 4),
		Pool: scenarios.Pool{Size: d.between(3, 6), WaitTimeout: outage.Duration(200 * time.Millisecond), Retries: new(0)},
	}
	d.use(&s, d.real(2, 3))
	d.add(s)
	d.fits(d.limit / 2)
	d.lasts(d.between(11, 15)) // in constant use is what must be seen, and for some time
	d.s.Expect.Suffer = outage.PoolTimeout
}
