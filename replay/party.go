package replay

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"spillway/diagnose"
	"spillway/outage"
)

// part is the connections of one service that do the same.
type part struct {
	service string // as the diagnosis calls it
	named   bool
	does    string // the workload that behaves like it; asks is worked out by what is in use
	blamed  bool
	hosts   []host

	called string // the service in the scenario
}

type host struct {
	addr    string
	clients []outage.Client
}

// asks is what connections do that send commands and get answers.
const asks = "pooled"

// trait is what tells the parts of a service apart.
type trait struct {
	does   string
	blamed bool
}

// partsOf splits a service by what its connections do and by whom the finding speaks against.
func (b *builder) partsOf(p diagnose.Party) []*part {
	found := map[trait]*part{}
	var parts []*part
	for _, h := range p.Hosts {
		kinds := map[trait][]outage.Client{}
		for _, c := range h.Clients {
			k := trait{duty(c), b.blames(p.Service, h.Addr, c)}
			kinds[k] = append(kinds[k], c)
		}
		for k, clients := range settle(kinds) {
			if found[k] == nil {
				found[k] = &part{service: p.Service, named: p.Named, does: k.does, blamed: k.blamed}
				parts = append(parts, found[k])
			}
			found[k].hosts = append(found[k].hosts, host{h.Addr, clients})
		}
	}
	slices.SortFunc(parts, func(a, c *part) int {
		return cmp.Or(cmp.Compare(c.count(), a.count()), cmp.Compare(a.does, c.does), truly(c.blamed)-truly(a.blamed))
	})
	for _, p := range parts {
		slices.SortFunc(p.hosts, func(a, c host) int { return cmp.Compare(a.addr, c.addr) })
	}
	return parts
}

func truly(is bool) int {
	if is {
		return 1
	}
	return 0
}

// few connections that differ from the others of their service at one host are a helper of the same program.
const few = 3

// settle gives the few of a host that differ to the many.
func settle(kinds map[trait][]outage.Client) map[trait][]outage.Client {
	order := slices.SortedFunc(maps.Keys(kinds), func(a, c trait) int {
		return cmp.Or(cmp.Compare(len(kinds[c]), len(kinds[a])), truly(c.blamed)-truly(a.blamed), cmp.Compare(a.does, c.does))
	})
	all := 0
	for _, clients := range kinds {
		all += len(clients)
	}
	main := order[0]
	settled := map[trait][]outage.Client{main: kinds[main]}
	for _, k := range order[1:] {
		if n := len(kinds[k]); n < few || n*10 < all {
			settled[main] = append(settled[main], kinds[k]...)
		} else {
			settled[k] = kinds[k]
		}
	}
	return settled
}

// duty is the workload of a connection.
func duty(c outage.Client) string {
	switch {
	case strings.Contains(c.Flags, "S"):
		return "replica"
	case c.Blocked() || diagnose.Blocks(c.Cmd):
		return "blocked"
	case c.Subscribed() || c.Monitoring():
		return "subscriber"
	case c.InTransaction():
		return "transaction"
	case c.Cmd == "NULL" && c.Age >= few:
		return "silent"
	}
	return asks
}

// blames reports whether the finding speaks against a connection: by its id, or, where it names none, by its service and
// address. Of a leak it leaves some out that may be a pool's; those that were used once as well are replayed with it.
func (b *builder) blames(service, addr string, c outage.Client) bool {
	once := b.top.Cause == outage.ConnectionLeak
	for _, culprit := range b.top.Culprits {
		if culprit.Addr != addr || culprit.Service != service && !slices.Contains(culprit.IDs, c.ID) {
			continue
		}
		if len(culprit.IDs) == 0 || slices.Contains(culprit.IDs, c.ID) || once && c.Idle >= c.Age-1 && duty(c) == asks {
			return true
		}
	}
	return false
}

func (p *part) count() int {
	n := 0
	for _, h := range p.hosts {
		n += len(h.clients)
	}
	return n
}

// most is the largest number of connections at one host.
func (p *part) most() int {
	n := 0
	for _, h := range p.hosts {
		n = max(n, len(h.clients))
	}
	return n
}

// oldest is the age of the first connection that is still there, in seconds.
func (h host) oldest() int64 {
	age := int64(0)
	for _, c := range h.clients {
		age = max(age, c.Age)
	}
	return age
}

func (p *part) oldest() int64 {
	age := int64(0)
	for _, h := range p.hosts {
		age = max(age, h.oldest())
	}
	return age
}

// inUse is the share of the connections that were used within the last second.
func (p *part) inUse() float64 {
	used := 0
	for _, h := range p.hosts {
		for _, c := range h.clients {
			if c.Idle <= 1 {
				used++
			}
		}
	}
	return float64(used) / float64(max(1, p.count()))
}

// first is one of the connections, which show who they are alike.
func (p *part) first() outage.Client { return p.hosts[0].clients[0] }

// common is what most of the connections show.
func (p *part) common(of func(outage.Client) string) string {
	counts := map[string]int{}
	best := ""
	for _, h := range p.hosts {
		for _, c := range h.clients {
			word := of(c)
			if counts[word]++; counts[word] > counts[best] || counts[word] == counts[best] && word < best {
				best = word
			}
		}
	}
	return best
}

// names are the client names, each once.
func (p *part) names() []string {
	var names []string
	for _, h := range p.hosts {
		for _, c := range h.clients {
			if c.Name != "" && !slices.Contains(names, c.Name) {
				names = append(names, c.Name)
			}
		}
	}
	return names
}
