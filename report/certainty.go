package report

import (
	"fmt"
	"strings"

	"spillway/outage"
)

// certainty says how sure it is that a culprit is this service, and why, where its name alone does not settle it.
func (p *page) certainty(c outage.Culprit) {
	if c.Certainty <= 0 {
		return
	}
	by := c.By
	if by == "" {
		by = "name"
	}
	text := fmt.Sprintf("  told by %s, %.2f sure", Clean(by, 40), c.Certainty)
	if c.Why != "" {
		text += ": " + Clean(c.Why, 300)
	}
	p.field("", text)
	if len(c.Examples) > 0 {
		shown := make([]string, len(c.Examples))
		for i, addr := range c.Examples {
			shown[i] = Clean(addr, 60)
		}
		p.field("", "  such as "+strings.Join(shown, ", "))
	}
}
