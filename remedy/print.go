package remedy

import (
	"bufio"
	"fmt"
	"io"
	"time"

	"spillway/outage"
)

// shownCommands is how many of an action's commands the dry run shows; a kill may have thousands.
const shownCommands = 4

// Print writes the dry run of p: what would be done, why, on what condition, with which command, and what it costs.
func Print(w io.Writer, p outage.Plan) error {
	out := bufio.NewWriter(w)
	title(out, p)
	for i, a := range p.Actions {
		fmt.Fprintf(out, "\n%d. %s: %s\n", i+1, a.Kind, effect(a))
		if a.After > 0 {
			field(out, "after", about(a.After))
		}
		field(out, "why", a.Reason)
		for j, l := range a.Frees {
			field(out, first(j, "frees"), l)
		}
		field(out, "only if", a.Precondition)
		for j, c := range a.Commands {
			if j == shownCommands && len(a.Commands) > shownCommands+1 {
				field(out, "", fmt.Sprintf("… and %d more", len(a.Commands)-j))
				break
			}
			field(out, label(a, j), c)
		}
		if a.Instead != "" {
			field(out, "else", fmt.Sprintf("%s where the file descriptor limit is not raised", line("CONFIG", "SET", a.Param, a.Instead)))
		}
		if a.Kind != outage.Advise {
			field(out, "undo", undoText(a))
		}
	}
	section(out, "warnings", p.Warnings)
	if p.Fix != "" {
		fmt.Fprintf(out, "\nfix: %s\n", outage.Harmless(p.Fix))
	}
	section(out, "redis.conf", p.ConfLines)
	if p.Rewrite != "" {
		fmt.Fprintf(out, "\n%s\n", outage.Harmless(p.Rewrite))
	}
	return out.Flush()
}

// Commands returns the bare redis-cli lines of p, in order. What is to be done on the host, and advice, is not among them,
// nor is what has to wait.
func Commands(p outage.Plan) []string {
	var lines []string
	for _, a := range p.Actions {
		if a.After > 0 {
			continue
		}
		switch a.Kind {
		case outage.KillClients, outage.ResetSockets, outage.SetTimeout, outage.SetKeepalive, outage.RaiseMaxclients:
			lines = append(lines, a.Commands...)
		}
	}
	return lines
}

func title(out io.Writer, p outage.Plan) {
	switch {
	case p.Cause == "":
		fmt.Fprint(out, "nothing planned\n")
	case len(p.Actions) == 1:
		fmt.Fprintf(out, "plan for %s: 1 action\n", p.Cause)
	default:
		fmt.Fprintf(out, "plan for %s: %d actions\n", p.Cause, len(p.Actions))
	}
	if p.ReliefFor > 0 {
		fmt.Fprintf(out, "relief for about %s at this rate, no more: the fix ends it\n", about(p.ReliefFor))
	}
}

// effect says in a few words what an action frees, and of which sort it is.
func effect(a outage.Action) string {
	sort := "prevents a return"
	if a.Relief {
		sort = "relief"
	}
	switch a.Kind {
	case outage.KillClients:
		return fmt.Sprintf("%s, frees %d slots", sort, len(a.Victims))
	case outage.ResetSockets:
		return fmt.Sprintf("%s, frees up to %d slots, one by one until one is free", sort, len(a.Victims))
	case outage.RaiseMaxclients:
		if n := number(a.To) - number(a.From); a.From != "" && n > 0 {
			return fmt.Sprintf("%s, frees %d slots", sort, n)
		}
	case outage.RaiseNofile, outage.RestartRedis:
		return sort + ", makes room for more connections"
	case outage.Advise:
		return "for a person, changes nothing"
	}
	return sort
}

// first labels the first of several lines.
func first(i int, name string) string {
	if i > 0 {
		return ""
	}
	return name
}

func label(a outage.Action, i int) string {
	if i > 0 {
		return ""
	}
	switch a.Kind {
	case outage.Advise:
		return "set"
	case outage.RaiseNofile, outage.ResetSockets:
		return "runs"
	}
	return "sends"
}

func undoText(a outage.Action) string {
	switch {
	case len(a.Undo) > 0:
		return a.Undo[0]
	case a.Param != "" && a.Kind != outage.RaiseNofile && a.Kind != outage.RestartRedis:
		return "CONFIG SET " + a.Param + " to what it is when the plan is applied"
	}
	return "not reversible"
}

func field(out io.Writer, name, text string) {
	if text != "" {
		fmt.Fprintf(out, "   %-8s %s\n", name, outage.Harmless(text))
	}
}

func section(out io.Writer, name string, lines []string) {
	if len(lines) == 0 {
		return
	}
	fmt.Fprintf(out, "\n%s:\n", name)
	for _, l := range lines {
		fmt.Fprintf(out, "  %s\n", outage.Harmless(l))
	}
}

// about rounds a duration to what a person would say.
func about(d outage.Duration) string {
	switch s := d.Std(); {
	case s < 2*time.Minute:
		return fmt.Sprintf("%d seconds", int(s.Seconds()))
	case s < 2*time.Hour:
		return fmt.Sprintf("%d minutes", int(s.Minutes()))
	default:
		return fmt.Sprintf("%d hours", int(s.Hours()))
	}
}
