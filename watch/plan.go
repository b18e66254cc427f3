package watch

import (
	"fmt"

	"spillway/outage"
	"spillway/remedy"
)

// mostSteps is how many actions of a plan are shown: the dry run has all of it.
const mostSteps = 3

// plan says in a few lines what the remedy for d would be, and what to type for it.
func (w *Watch) plan(d outage.Diagnosis, s outage.Snapshot) (steps, next []string) {
	if len(d.Findings) == 0 {
		return nil, nil
	}
	p := remedy.Plan(d, s, remedy.Options{})
	for i, a := range p.Actions {
		if i == mostSteps {
			steps = append(steps, fmt.Sprintf("… and %d more", len(p.Actions)-i))
			break
		}
		steps = append(steps, inShort(a))
	}
	if p.Fix != "" {
		steps = append(steps, "for good: "+p.Fix)
	}
	if len(remedy.Commands(p)) == 0 {
		return steps, []string{w.command("remedy", "")}
	}
	return steps, []string{w.command("remedy", ""), w.command("remedy", " --apply")}
}

// inShort is an action with its first command.
func inShort(a outage.Action) string {
	text := string(a.Kind)
	switch {
	case a.Kind == outage.Advise:
		return a.Reason
	case a.Kind == outage.KillClients:
		text += fmt.Sprintf(" %d", len(a.Victims))
	case len(a.Commands) == 0:
		return text + ": " + a.Reason
	}
	if len(a.Commands) > 0 {
		text += ": " + a.Commands[0]
	}
	if more := len(a.Commands) - 1; more > 0 {
		text += fmt.Sprintf(" … %d more", more)
	}
	return text
}

// command is a line to type against the same Redis. A password stays out of it.
func (w *Watch) command(verb, flags string) string {
	line := "spillway " + verb + " " + w.Target + flags
	if w.Secret {
		return "SPILLWAY_PASSWORD=… " + line
	}
	return line
}
