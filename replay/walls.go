package replay

import (
	"math"
	"slices"
	"strconv"
	"time"

	"spillway/outage"
	"spillway/scenarios"
)

// The look-alikes: clients suffer, and maxclients is not what stops them.

// outOfFiles lowers the file descriptor limit of the running server below what a growing service wants, and that below maxclients.
func outOfFiles(b *builder) {
	files := b.files()
	if files == 0 {
		b.lacks = "neither the file descriptor limit nor CLIENT LIST with fd= is in the capture"
		return
	}
	const most = 150 // connects that hang pile up in the listen queue, which must not overflow, with each of their retries
	if n := b.count(files); n > most {
		b.note("scaled: the file descriptor limit of %d to %d, and every count with it", files, most)
		b.factor *= float64(most) / float64(n)
		b.limit = max(2*most, int(float64(b.diagnosis.MaxClients)*b.factor))
	}
	growing := b.largestAsker()
	b.bystanders(b.without([]*part{growing}))
	b.witness()
	s := scenarios.Service{Workload: asks, Instances: 2}
	if growing != nil {
		s = b.service(growing, asks)
	} else {
		s.Service = b.call("growing")
	}
	lowered := max(b.count(files), b.need()+30)
	b.size(&s, int(math.Ceil(float64(lowered+max(10, lowered/10))/float64(s.Instances))))
	use(&s, pastFull)
	b.add(s)
	b.assume("somebody lowered the file descriptor limit of the running server, and %s grew after that", s.Service)
	b.limit = max(b.limit, b.need()*21/20)
	b.s.Faults = []scenarios.Fault{{LowerNofile: lowered, At: seconds(0)}}
	b.failures(outage.TimedOut)
	b.answered()
	b.s.Expect.Recover = 0
	b.clearedWithRoom()
}

// files is the file descriptor limit that the server ran into: as its process says, or by the highest descriptor in use.
func (b *builder) files() int {
	if p := b.last.Process; p != nil && p.NofileSoft > 0 {
		return int(p.NofileSoft)
	}
	highest := 0
	for _, c := range b.last.Clients {
		highest = max(highest, c.FD)
	}
	if highest > 0 {
		b.assume("the file descriptor limit is %d, one above the highest in CLIENT LIST", highest+1)
		return highest + 1
	}
	return 0
}

// burst dials many times what the listen queue holds, once a second.
func burst(b *builder) {
	b.bystanders(b.without(b.diallers()))
	b.witness()
	dialling := 0
	for _, p := range b.diallers() {
		s := b.service(p, "bursting")
		s.Rate = 1
		b.add(s)
		dialling += s.Instances * s.Connections
	}
	if dialling == 0 {
		b.lacks = "nobody in CLIENT LIST opened several connections at once"
		return
	}
	const times = 25 // what is dialled at once is so many times the queue: on a fast machine it drains meanwhile
	backlog, queue := 511, max(2, dialling/times)
	if n, err := strconv.Atoi(b.last.Config["tcp-backlog"]); err == nil {
		backlog = n
	}
	if backlog > queue {
		b.note("scaled: tcp-backlog of %d to %d, so that %d dials at once overflow it", backlog, queue, dialling)
	}
	b.s.Redis.Directives = map[string]string{"tcp-backlog": strconv.Itoa(min(backlog, queue))}
	b.assume("they dial once a second")
	b.limit = max(b.limit, b.need()*3/2)
	b.failures(outage.TimedOut)
	b.s.Expect.Detect = seconds(15)
	b.adviceOnly()
}

// diallers are who is blamed, or else who has most connections of one age.
func (b *builder) diallers() []*part {
	if some := b.culprits(); len(some) > 0 {
		return some
	}
	if p := b.dialler(); p != nil {
		b.assume("%s dials at once, as it has most connections of one age", p.service)
		return []*part{p}
	}
	return nil
}

func (b *builder) dialler() *part {
	var best *part
	most := few
	for _, p := range b.others() {
		ages := map[int64]int{}
		for _, h := range p.hosts {
			for _, c := range h.clients {
				if ages[c.Age]++; ages[c.Age] > most {
					best, most = p, ages[c.Age]
				}
			}
		}
	}
	return best
}

// noPorts wants more connections from a host than it has source ports.
func noPorts(b *builder) {
	b.bystanders(b.others())
	b.witness()
	const least, most = 40, 200
	for _, p := range b.culprits() {
		s := b.service(p, asks)
		s.Instances = len(p.hosts)
		ports := min(max(b.count(p.most()), least), most)
		if ports != p.most() {
			b.note("scaled: the %d source ports of a host to %d", p.most(), ports)
		}
		s.SourcePorts = ports
		b.size(&s, ports*3/2)
		use(&s, 1)
		s.Hold = seconds(1)
		s.Rate = float64(s.Pool.Size)
		b.blame(s)
	}
	if len(b.s.Expect.Culprits) == 0 {
		b.lacks = "the host without ports is not in CLIENT LIST"
		return
	}
	b.limit = max(b.limit, b.need()*21/20)
	b.failures(outage.NoPort)
	b.s.Until.Failures = 20
	b.s.Expect.Detect = seconds(20)
	b.adviceOnly()
}

// stall keeps Redis busy with a script for longer than clients wait.
func stall(b *builder) {
	b.bystanders(b.others())
	b.witness()
	for i := range b.s.Fleet {
		if s := &b.s.Fleet[i]; s.Workload == asks {
			s.Pool.ReadTimeout, s.Pool.Retries = seconds(0.25), new(0)
			s.Rate, s.Hold = min(max(s.Rate, 10), 20), 0
		}
	}
	b.assume("clients wait 250 ms for an answer, and do not try again")
	took := b.slowest()
	hold := min(max(took, 550*time.Millisecond), 700*time.Millisecond)
	if took != hold {
		b.note("scaled: commands of %s to scripts of %s, one a second", outage.Duration(took.Round(time.Millisecond)), outage.Duration(hold))
	}
	slow := scenarios.Service{Workload: "slow", Instances: 1, Rate: 1, Hold: outage.Duration(hold.Round(10 * time.Millisecond))}
	if some := b.culprits(); len(some) > 0 {
		b.identify(&slow, some[0])
		b.blame(slow)
	} else {
		slow.Service = b.call("slow")
		b.assume("%s runs what keeps Redis busy: the capture does not say who", slow.Service)
		b.add(slow)
	}
	b.lasts(13)
	b.s.Expect.Suffer = outage.TimedOut
}

// slowest is how long the slow commands took, in the middle; 0 where none is known.
func (b *builder) slowest() time.Duration {
	var took []time.Duration
	for _, c := range b.last.Slow {
		took = append(took, c.Took.Std())
	}
	if len(took) == 0 {
		return 0
	}
	slices.Sort(took)
	return took[len(took)/2]
}

// denied has clients turned away by protected mode, or as a user that the server does not know.
func denied(b *builder) {
	if len(b.top.Culprits) == 0 && b.last.Config["protected-mode"] != "no" {
		s := scenarios.Service{Service: b.call("api"), Workload: asks, Instances: 2, Rate: 10, Pool: scenarios.Pool{Size: 5, Retries: new(0)}}
		b.s.Redis.Directives = map[string]string{"protected-mode": "yes"}
		b.assume("%s is who is turned away: protected mode tells nobody's name", s.Service)
		b.add(s)
		b.turnedAway()
		return
	}
	b.bystanders(b.others())
	b.witness()
	for _, c := range b.top.Culprits {
		wanted := slug(c.Service)
		if i := slices.Index(b.s.Expect.Culprits, wanted); i >= 0 {
			b.find(wanted).Instances++
			continue
		}
		if c.By != "user" || wanted == "" {
			wanted = "denied"
		}
		b.blame(b.stranger(wanted))
	}
	if len(b.top.Culprits) == 0 {
		b.add(b.stranger("denied"))
		b.assume("denied is who is turned away: ACL LOG, which would name it, is not in the capture")
	}
	b.turnedAway()
}

// stranger logs in as somebody whom the server does not know.
func (b *builder) stranger(name string) scenarios.Service {
	s := scenarios.Service{
		Service: b.call(name), Workload: asks, Instances: 1, Rate: 10, Pool: scenarios.Pool{Size: 5, Retries: new(0)}, Password: "outdated",
	}
	s.User = s.Service
	b.assume("%s logs in as a user that the server does not know, whatever it is denied for", s.Service)
	return s
}

func (b *builder) turnedAway() {
	b.limit = max(b.limit, 2*b.need())
	b.lasts(8)
	b.s.Expect.Suffer = outage.Denied
}

// smallPools has the blamed want three times what their pools have, of a server with room.
func smallPools(b *builder) {
	b.bystanders(b.others())
	b.witness()
	for _, p := range b.culprits() {
		s := b.service(p, asks)
		use(&s, 3)
		s.Hold = seconds(0.3)
		s.Rate = tenth(float64(s.Pool.Size) * 3 / 0.3)
		s.Pool.WaitTimeout, s.Pool.Retries = seconds(0.2), new(0)
		b.add(s)
	}
	b.assume("requests hold a connection for 300 ms and wait 200 ms for one")
	b.limit = max(b.limit, b.need()*5/2)
	b.lasts(15)
	b.s.Expect.Suffer = outage.PoolTimeout
}
