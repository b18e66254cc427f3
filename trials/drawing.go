package trials

import (
	"fmt"
	"math"
	"time"

	"spillway/outage"
	"spillway/scenarios"
)

// drawing is a scenario while it is drawn.
type drawing struct {
	rng
	s     scenarios.Scenario
	limit int      // the maxclients in force
	names []string // of services, not taken yet
	flaw  string   // why no scenario comes of it; a bug of the generator
}

// serviceNames are what teams call their services. They are dealt at random: a name says nothing about what is wrong.
var serviceNames = []string{
	"api", "web", "checkout", "billing", "search", "cart", "orders", "users", "session", "feed", "mailer", "report",
	"catalog", "pricing", "stock", "gateway", "auth", "notify", "batch", "worker", "sync", "import", "export", "jobs",
}

// begin names the trial and shuffles the names.
func (d *drawing) begin(name string, kind Kind) {
	d.s = scenarios.Scenario{Name: name, Description: kind.Meaning + "."}
	d.s.Expect.Cause, d.s.Expect.Also = kind.Cause, kind.Also
	for _, i := range d.Perm(len(serviceNames)) {
		d.names = append(d.names, serviceNames[i])
	}
}

// server draws maxclients: as likely from 30 to 60 as from 1,000 to 2,000.
func (d *drawing) server(least, most int) {
	d.limit = int(math.Round(math.Exp(d.real(math.Log(float64(least)), math.Log(float64(most))))))
	d.s.Redis.MaxClients = d.limit
}

// roomy leaves file descriptors enough to raise maxclients.
func (d *drawing) roomy() { d.s.Redis.Nofile = max(1024, 3*d.limit+200) }

// clamp makes the file descriptor limit the reason for maxclients being what it is: asked for was more.
func (d *drawing) clamp(asked int) {
	d.s.Redis.Nofile = d.limit + scenarios.ReservedFiles
	d.s.Redis.MaxClients = max(asked, d.limit+1)
}

// name deals the next name.
func (d *drawing) name() string {
	name := d.names[0]
	d.names = d.names[1:]
	return name
}

func (d *drawing) add(s scenarios.Service) { d.s.Fleet = append(d.s.Fleet, s) }

// spare adds a healthy service.
func (d *drawing) spare(s scenarios.Service) {
	d.add(s)
	d.s.Expect.Spare = append(d.s.Expect.Spare, s.Service)
}

// blame adds a service that is the culprit.
func (d *drawing) blame(s scenarios.Service) {
	d.add(s)
	d.s.Expect.Culprits = append(d.s.Expect.Culprits, s.Service)
}

// need is what the fleet so far takes at its worst, the rig included.
func (d *drawing) need() int {
	n, _ := d.s.MaxConnections()
	return n
}

// free is what it leaves of the limit.
func (d *drawing) free() int { return d.limit - d.need() }

// part returns a random share of the limit.
func (d *drawing) part(least, most float64) int { return int(d.real(least, most) * float64(d.limit)) }

// refusals ends the load when clients were refused so often, which is a moment that the responder does not know.
func (d *drawing) refusals(within time.Duration) {
	d.s.Until.Refusals = d.between(5, 40)
	d.s.Until.Within = outage.Duration(within.Round(time.Second))
}

// lasts ends the load after a time: nobody is refused.
func (d *drawing) lasts(seconds int) {
	d.s.Until.Duration = inSeconds(seconds)
	d.s.Expect.Refusals = new(false)
}

func inSeconds(n int) outage.Duration { return outage.Duration(time.Duration(n) * time.Second) }

// clearedBelow says when the outage is over, where connections are closed: what is left is n, and a margin for what pools
// reopen and refused clients that find room.
func (d *drawing) clearedBelow(n int) {
	below := min(n+max(6, n/4), d.limit-max(3, d.limit/50)) // a full server is not cleared
	if below < n+2 && d.flaw == "" {
		d.flaw = fmt.Sprintf("%d of %d are left when the outage is over", n, d.limit)
	}
	d.s.Expect.Cleared = &scenarios.Cleared{Below: scenarios.Amount{Count: below}}
}

// clearedWithRoom says when it is over where the limit is raised: a little of it is left.
func (d *drawing) clearedWithRoom() {
	d.s.Expect.Cleared = &scenarios.Cleared{Below: scenarios.Amount{Percent: 98}}
}

// crowd splits at least n connections among instances of a service that opens them by itself, held canaries included.
func (d *drawing) crowd(workload string, n int) scenarios.Service {
	instances := d.instances(n)
	return scenarios.Service{
		Service: d.name(), Workload: workload, Instances: instances,
		Connections: max(1, ceil(n, instances)-scenarios.HeldCanaries),
	}
}

// pool splits at least n connections among instances with a pool of their own.
func (d *drawing) pool(n int) scenarios.Service {
	instances := d.instances(n)
	return scenarios.Service{
		Service: d.name(), Workload: "pooled", Instances: instances,
		Pool: scenarios.Pool{Size: max(1, ceil(n, instances)-scenarios.HeldCanaries)},
	}
}

// instances is how many share n connections: 1 to 6, each with some.
func (d *drawing) instances(n int) int { return d.between(1, max(1, min(6, n/5))) }

func ceil(n, by int) int { return (n + by - 1) / by }

// busiest is how many requests a second all pools of a trial may make: others run beside it.
const busiest = 500.0

// use has the pool of s in use at that share, 1.2 for more than it can give. A request holds its connection for a while,
// the longer the more there are, so that their rate stays bearable.
func (d *drawing) use(s *scenarios.Service, share float64) {
	all := float64(s.Instances*s.Pool.Size) * share
	hold := min(max(d.real(0.2, 0.8), all/busiest), 3)
	s.Hold = outage.Duration(time.Duration(hold*1000) * time.Millisecond)
	s.Rate = tenth(float64(s.Pool.Size) * share / hold)
	if d.chance(0.5) {
		s.Arrivals = "random"
	}
}

// lookIn gives a service a rate that leaves most of its pool unused.
func (d *drawing) lookIn(s *scenarios.Service) { s.Rate = tenth(d.real(2, 15)) }

func tenth(x float64) float64 { return max(0.1, math.Round(x*10)/10) }

// pastLimit enlarges the last service until the fleet needs that much more than there is.
func (d *drawing) pastLimit(share float64) {
	last := &d.s.Fleet[len(d.s.Fleet)-1]
	want := d.limit + max(4, int(share*float64(d.limit)))
	for d.need() < want {
		if last.Workload == "pooled" {
			last.Rate = tenth(last.Rate * float64(last.Pool.Size+1) / float64(last.Pool.Size))
			last.Pool.Size++
		} else {
			last.Connections++
		}
	}
}

// fits notes a bug of the generator where the fleet so far takes more than it may.
func (d *drawing) fits(most int) {
	if n := d.need(); n > most && d.flaw == "" {
		d.flaw = fmt.Sprintf("the fleet takes %d of %d before the outage", n, most)
	}
}
