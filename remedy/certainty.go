package remedy

import (
	"cmp"
	"fmt"
	"strings"

	"spillway/outage"
)

// mostDoubts is how many culprits a plan doubts in words; the diagnosis has them all.
const mostDoubts = 3

// doubt says how sure it is whose connections the plan is about, where a name does not settle it.
func (p *planner) doubt(f outage.Finding) {
	told := 0
	for _, c := range f.Culprits {
		if c.Certainty <= 0 {
			continue
		}
		if told++; told > mostDoubts {
			p.warn("and the same of others: see the diagnosis")
			return
		}
		p.warn("that these are %s is %.2f sure, told by %s: %s", who(c), c.Certainty, cmp.Or(c.By, "name"), c.Why)
	}
}

// who names a culprit; one without a name of its own is found by its address.
func who(c outage.Culprit) string {
	name := cmp.Or(c.Service, c.Addr)
	if c.Certainty > 0 && c.Addr != "" && !strings.HasPrefix(name, c.Addr) {
		return fmt.Sprintf("%s at %s", name, c.Addr)
	}
	return name
}
