package diagnose

import "spillway/outage"

// Party is the connections of one service, as far as the snapshots can tell services apart.
type Party struct {
	// Service is as in Culprit.Service. Parties of one name may differ in user, library or database.
	Service string
	// Named reports whether client names told it, and not a user, a library or an address.
	Named bool
	Hosts []Host
}

// Host is the connections of a party at one address.
type Host struct {
	Addr    string // without a port
	Clients []outage.Client
}

// Parties returns who is connected at the latest look that lists the clients, told apart as Diagnose does it, without our own
// connections; nil where no snapshot lists them.
func Parties(snapshots ...outage.Snapshot) []Party {
	v := look(snapshots)
	parties := make([]Party, 0, len(v.services))
	for _, s := range v.services {
		p := Party{Service: s.name, Named: s.label == byName}
		for _, g := range s.groups {
			h := Host{Addr: g.host}
			for _, c := range g.conns {
				h.Clients = append(h.Clients, c.Client)
			}
			p.Hosts = append(p.Hosts, h)
		}
		parties = append(parties, p)
	}
	return parties
}
