package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"spillway/outage"
)

// Node is what was found on one node of many.
type Node struct {
	Address string `json:"address"`
	Role    string `json:"role,omitempty"`    // master, replica or sentinel; empty where nobody says
	Against string `json:"against,omitempty"` // what the other nodes say against it
	Unread  string `json:"unread,omitempty"`  // why it could not be read; then there is no diagnosis
	// Well says that nothing is wrong on it.
	Well      bool              `json:"well"`
	Diagnosis *outage.Diagnosis `json:"diagnosis,omitempty"`
}

// Nodes writes a line for each node, and then all that was found on those that are not well.
func Nodes(w io.Writer, nodes []Node, o Options) error {
	p := &page{o: o}
	p.line("%s", p.paint(bold, tally(nodes)))
	p.line("")
	p.nodes(nodes)
	for _, n := range nodes {
		if n.Well || n.Diagnosis == nil {
			continue
		}
		p.line("")
		p.line("%s", p.paint(bold, title(n)))
		p.diagnosis(*n.Diagnosis)
	}
	return p.flush(w)
}

// NodesJSON writes every node with its diagnosis; lists that are empty are there and empty.
func NodesJSON(w io.Writer, nodes []Node) error {
	all := slices.Clone(nodes)
	for i, n := range all {
		if n.Diagnosis != nil {
			d := whole(*n.Diagnosis)
			all[i].Diagnosis = &d
		}
	}
	return Encode(w, struct {
		Nodes []Node `json:"nodes"`
	}{append([]Node{}, all...)})
}

// tally counts the nodes by what became of them.
func tally(nodes []Node) string {
	var trouble, unsure, unread, well int
	for _, n := range nodes {
		switch {
		case n.Well:
			well++
		case n.Diagnosis == nil:
			unread++
		case len(n.Diagnosis.Findings) > 0:
			trouble++
		default:
			unsure++
		}
	}
	var parts []string
	for _, part := range []struct {
		n    int
		what string
	}{{trouble, "in trouble"}, {unsure, "unclear"}, {unread, "not read"}, {well, "well"}} {
		if part.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", part.n, part.what))
		}
	}
	return plural(len(nodes), "node", "nodes") + ": " + strings.Join(parts, ", ") + "."
}

// nodes is a line for each node: where, what it is, how full, and the first of what was found.
func (p *page) nodes(nodes []Node) {
	address, role, slots := 0, 0, 0
	for _, n := range nodes {
		address = max(address, columns(Clean(n.Address, 48)))
		role = max(role, columns(n.Role))
		slots = max(slots, columns(slotsOf(n)))
	}
	for _, n := range nodes {
		label := fmt.Sprintf("  %s  %s  %s  ", pad(Clean(n.Address, 48), address, false), pad(Clean(n.Role, 10), role, false), pad(slotsOf(n), slots, true))
		p.hang(label, verdict(n))
	}
}

// slotsOf is how many slots of how many.
func slotsOf(n Node) string {
	switch {
	case n.Diagnosis == nil:
		return "–"
	case n.Diagnosis.MaxClients > 0:
		return fmt.Sprintf("%d of %d", n.Diagnosis.Slots, n.Diagnosis.MaxClients)
	}
	return fmt.Sprintf("%d of ?", n.Diagnosis.Slots)
}

// verdict is the first of what was found, in few words.
func verdict(n Node) string {
	text := ""
	switch {
	case n.Well:
		text = "well"
	case n.Diagnosis == nil:
		text = "not read: " + Clean(n.Unread, 300)
	case len(n.Diagnosis.Findings) > 0:
		f := n.Diagnosis.Findings[0]
		text = fmt.Sprintf("%s, confidence %.2f", Clean(string(f.Cause), 40), f.Confidence)
		if who := blamed(f); who != "" {
			text += ": " + who
		}
		if more := len(n.Diagnosis.Findings) - 1; more > 0 {
			text += fmt.Sprintf(", and %d more", more)
		}
	case len(n.Diagnosis.Unsure) > 0:
		text = "cannot tell: " + Clean(n.Diagnosis.Unsure[0], 60)
	default:
		text = "cannot tell"
	}
	if n.Against != "" {
		text += "; the others say: " + Clean(n.Against, 100)
	}
	return text
}

// blamed names the culprits' services once each, and no more than two.
func blamed(f outage.Finding) string {
	var names []string
	for _, c := range f.Culprits {
		if name := Clean(c.Service, 40); name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) > 2 {
		return fmt.Sprintf("%s and %d more", names[0], len(names)-1)
	}
	return strings.Join(names, " and ")
}

func title(n Node) string {
	if n.Role == "" {
		return Clean(n.Address, 60)
	}
	return Clean(n.Address, 60) + ", " + Clean(n.Role, 10)
}
