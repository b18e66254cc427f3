package trials

import (
	"slices"

	"spillway/scenarios"
)

// disguises are the ways in which services show who they are, by weight. Most teams of those who read this name their
// connections; many do not, and NAT is common.
var disguises = []struct {
	name   string
	weight int
	off    string // why it is not drawn yet
	wear   func(*drawing)
}{
	{"named", 60, "", func(*drawing) {}},
	{"unnamed", 15, "", unnamed},
	{"misleading", 10, "", misleading},
	{"nat", 15, "", nat},
}

// libraries are what clients call themselves, with CLIENT SETINFO.
var libraries = []string{"jedis", "lettuce", "redis-py", "ioredis", "node-redis", "StackExchange.Redis", "phpredis", "redis-rb"}

// disguise draws one and puts it on.
func (d *drawing) disguise() string {
	var weights []int
	for _, g := range disguises {
		weights = append(weights, g.weight)
	}
	i := d.weighted(weights...)
	if disguises[i].off != "" {
		i = 0
	}
	disguises[i].wear(d)
	d.sameAgain()
	return disguises[i].name
}

// sameAgain has who is redeployed show itself as before.
func (d *drawing) sameAgain() {
	for i := range d.s.Fix {
		fixed := &d.s.Fix[i]
		was, _ := d.s.Service(fixed.Service)
		fixed.ClientName, fixed.Unnamed, fixed.LibName = was.ClientName, was.Unnamed, was.LibName
		fixed.DB, fixed.Behind, fixed.Arrivals = was.DB, was.Behind, was.Arrivals
	}
}

// unnamed leaves out the names of all, or those of the culprits and whoever else forgets.
func unnamed(d *drawing) {
	all := d.chance(0.6)
	for i := range d.s.Fleet {
		s := &d.s.Fleet[i]
		s.Unnamed = all || slices.Contains(d.s.Expect.Culprits, s.Service) || d.chance(0.3)
	}
	d.otherwise()
}

// otherwise tells services apart by what else a connection shows: the library and the database, or nothing.
func (d *drawing) otherwise() {
	if d.chance(0.6) {
		for i := range d.s.Fleet {
			d.s.Fleet[i].LibName = libraries[d.IntN(len(libraries))]
		}
	}
	if d.chance(0.4) {
		for i := range d.s.Fleet {
			if db := d.between(0, 3); d.s.Redis.Directives["cluster-enabled"] != "yes" { // a cluster has one
				d.s.Fleet[i].DB = db
			}
		}
	}
}

// misleading gives all services one name, as a shared library does, or the last ones the name of the first.
func misleading(d *drawing) {
	name := d.s.Fleet[0].Service
	if d.chance(0.5) {
		name = "app"
	}
	for i := range d.s.Fleet {
		if name == "app" || i == len(d.s.Fleet)-1 || slices.Contains(d.s.Expect.Culprits, d.s.Fleet[i].Service) {
			d.s.Fleet[i].ClientName = name
		}
	}
}

// nat puts the culprits and some others behind one address; in a cluster behind one gateway that may be all.
func nat(d *drawing) {
	share := d.real(0.2, 1)
	for i := range d.s.Fleet {
		s := &d.s.Fleet[i]
		cut := slices.ContainsFunc(d.s.Faults, func(f scenarios.Fault) bool { return f.Cut != "" }) // a gateway is not cut off
		if s.SourcePorts > 0 {                                                                      // they are those of a host of its own
			continue
		}
		if !cut && (slices.Contains(d.s.Expect.Culprits, s.Service) || d.chance(share)) {
			s.Behind = "nat"
		}
	}
	if d.chance(0.3) {
		unnamed(d)
	}
}
