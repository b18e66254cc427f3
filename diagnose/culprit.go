package diagnose

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"spillway/outage"
)

// culprit names a group; against are the connections that the evidence speaks against.
func culprit(g *group, against []*conn) outage.Culprit {
	c := outage.Culprit{Service: g.service.name, Name: g.name, Addr: g.host, Connections: len(g.conns)}
	for _, a := range against {
		c.IDs = append(c.IDs, a.ID)
	}
	slices.Sort(c.IDs)
	c.Examples = examples(g, against)
	return c
}

// sortCulprits puts the one with most connections first.
func sortCulprits(culprits []outage.Culprit) {
	slices.SortFunc(culprits, func(a, b outage.Culprit) int {
		return cmp.Or(cmp.Compare(b.Connections, a.Connections), cmp.Compare(a.Service, b.Service), cmp.Compare(a.Addr, b.Addr))
	})
}

// names lists the services of groups, each once and not too many.
func names(groups []*group) string {
	const most = 4
	var list []string
	for _, g := range groups {
		if !slices.Contains(list, g.service.name) {
			list = append(list, g.service.name)
		}
	}
	slices.Sort(list)
	if n := len(list); n > most {
		list = append(list[:most], fmt.Sprintf("%d more", n-most))
	}
	return strings.Join(list, ", ")
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func percent(share float64) string { return fmt.Sprintf("%.0f %%", math.Floor(share*100)) }

// figure writes a rate with as many digits as it deserves.
func figure(rate float64) string {
	if rate >= 100 {
		return fmt.Sprintf("%.0f", rate)
	}
	return fmt.Sprintf("%.3g", rate)
}

// idles returns the smallest, the middle and the largest idle time.
func idles(conns []*conn) (least, median, most int64) {
	if len(conns) == 0 {
		return 0, 0, 0
	}
	all := make([]int64, 0, len(conns))
	for _, c := range conns {
		all = append(all, c.Idle)
	}
	slices.Sort(all)
	return all[0], all[len(all)/2], all[len(all)-1]
}
