package assert

import (
	"fmt"
	"slices"
	"strings"

	"spillway/outage"
)

func byBuiltin(r *run) bool       { return r.builtin() }
func namesCulprits(r *run) bool   { return r.builtin() && len(r.s.Expect.Culprits) > 0 }
func limitsDetect(r *run) bool    { return r.builtin() && r.s.Expect.Detect > 0 }
func namesActions(r *run) bool    { return r.builtin() && r.s.Expect.Actions != nil }
func kind(a outage.Action) string { return string(a.Kind) }

// actions judges the kinds of action that were carried out, as a set: advice is free, order and repeats do not matter.
func actions(r *run) Verdict {
	var wanted, done []string
	for _, k := range *r.s.Expect.Actions {
		wanted = append(wanted, string(k))
	}
	for _, e := range r.events {
		if did(e) {
			done = append(done, kind(*e.Action))
		}
	}
	want, got := set(wanted), set(done)
	if r.untold() || len(r.diags) == 0 {
		return missing(want, got, "the history does not tell what became of the response")
	}
	return lacking(passIf(want == got), want, got, r.undone())
}

func set(words []string) string {
	if len(words) == 0 {
		return "nothing changed"
	}
	slices.Sort(words)
	return strings.Join(slices.Compact(words), ", ")
}

// untold reports whether a plan meant to change something and no action of the history says what became of it.
func (r *run) untold() bool {
	meant := r.plan != nil && slices.ContainsFunc(r.plan.Actions, func(a outage.Action) bool { return a.Kind != outage.Advise })
	return meant && !slices.ContainsFunc(r.events, func(e outage.Event) bool { return e.Action != nil })
}

// undone says which actions were tried or skipped, and why; empty when none was.
func (r *run) undone() string {
	var lines []string
	for _, e := range r.events {
		if a := e.Action; a != nil && (a.State == outage.Skipped || a.State == outage.Errored) {
			lines = append(lines, fmt.Sprintf("%s %s: %s", a.Kind, a.State, a.Result))
		}
	}
	return few(lines, 3)
}

// carriedOut returns the plan with what became of each action. Thousands of victims are counted, not listed.
func (r *run) carriedOut() *outage.Plan {
	var acted []outage.Action
	for _, e := range r.events {
		if e.Action != nil {
			acted = append(acted, *e.Action)
		}
	}
	if r.plan == nil && len(acted) == 0 {
		return nil
	}
	var plan outage.Plan
	if r.plan != nil {
		plan = *r.plan
	}
	planned := plan.Actions
	plan.Actions = nil
	for _, a := range planned {
		same := func(b outage.Action) bool { return a.Kind == b.Kind && a.Param == b.Param }
		if i := slices.IndexFunc(acted, same); i >= 0 {
			a = acted[i]
			acted = slices.Delete(acted, i, i+1)
		}
		plan.Actions = append(plan.Actions, counted(a))
	}
	for _, a := range acted {
		plan.Actions = append(plan.Actions, counted(a))
	}
	return &plan
}

func counted(a outage.Action) outage.Action {
	if a.Kind == outage.KillClients && a.State == outage.Done && a.Result == "" {
		a.Result = fmt.Sprintf("killed %d of %d", len(a.Killed), len(a.Victims))
	}
	a.Victims, a.Killed = nil, nil
	return a
}
