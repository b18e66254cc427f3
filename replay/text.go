package replay

import (
	"bytes"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v4"

	"spillway/outage"
	"spillway/scenarios"
)

// text writes the catalogue: what was scaled and what is assumed as comments, then the scenarios, without what is default.
func text(built []*builder) ([]byte, error) {
	var out bytes.Buffer
	catalogue := scenarios.Catalogue{Version: 1}
	fmt.Fprintln(&out, "# yaml-language-server: $schema=./scenarios.schema.json")
	for _, b := range built {
		catalogue.Scenarios = append(catalogue.Scenarios, b.s)
		whose := ""
		if len(built) > 1 {
			whose = b.s.Name + ": "
		}
		fmt.Fprintf(&out, "#\n# %s%s\n", whose, b.captured())
		if len(b.notes) > 0 {
			fmt.Fprintln(&out, "# What the capture does not tell, or this machine does not hold:")
		}
		for _, line := range b.notes {
			fmt.Fprintf(&out, "#   - %s\n", plain(b.anonymous(line)))
		}
	}
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := enc.Encode(catalogue); err != nil {
		return nil, fmt.Errorf("write scenarios: %w", err)
	}
	if err := enc.Close(); err != nil {
		return nil, fmt.Errorf("write scenarios: %w", err)
	}
	return out.Bytes(), nil
}

// captured says what the capture was.
func (b *builder) captured() string {
	what := "nothing is wrong"
	if f, found := b.diagnosis.Top(); found {
		what = fmt.Sprintf("%s, %.2f", f.Cause, f.Confidence)
		if who := culprits(f); len(who) > 0 {
			what += ": " + join(who)
		}
	}
	server := strings.TrimSpace(b.last.Product() + " " + b.last.Version())
	return plain(b.anonymous(fmt.Sprintf("Replayed from a capture of %s, %d of %d slots taken (%s).",
		server, b.diagnosis.Slots, b.diagnosis.MaxClients, what)))
}

func culprits(f outage.Finding) []string {
	var names []string
	for _, c := range f.Culprits {
		seen := false
		for _, name := range names {
			seen = seen || name == c.Service
		}
		if !seen {
			names = append(names, c.Service)
		}
	}
	return names
}

// plain leaves nothing in a comment that ends it, or that a terminal obeys.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
}
