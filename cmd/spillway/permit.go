package main

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"spillway/outage"
	"spillway/profile"
	"spillway/report"
)

// permit takes out of a diagnosis the commands that this server, or a profile, does not let anybody send, and lists what could not be read.
func permit(d outage.Diagnosis, p profile.Profile, snaps []outage.Snapshot) outage.Diagnosis {
	var last outage.Snapshot
	if len(snaps) > 0 {
		last = snaps[len(snaps)-1]
	}
	allowed := func(line string) bool { return sendable(line, p, &last) }
	findings := slices.Clone(d.Findings)
	for i, f := range findings {
		findings[i].Commands = slices.DeleteFunc(slices.Clone(f.Commands), func(c string) bool { return !allowed(c) })
		findings[i].Evidence = slices.Clone(f.Evidence)
		for j, e := range f.Evidence {
			if !allowed(e.Command) {
				findings[i].Evidence[j].Command = ""
			}
		}
	}
	d.Findings, d.Unread = findings, last.Unread()
	return d
}

var (
	// sent are the commands for Redis in a line for a shell.
	sent = regexp.MustCompile(`redis-cli ([A-Z]+)(?: ([A-Z]+))?`)
	// onHost are lines for the server's own machine.
	onHost = regexp.MustCompile(`/proc/|\b(ss|nsenter|sysctl|nstat) `)
)

func sendable(line string, p profile.Profile, s *outage.Snapshot) bool {
	if p.Managed && onHost.MatchString(line) {
		return false
	}
	for _, m := range sent.FindAllStringSubmatch(line, -1) {
		if !p.Allows(m[1:]...) || s.Refused(strings.TrimSpace(m[1]+" "+m[2])) != "" {
			return false
		}
	}
	return true
}

// tellUnread says on stderr what the server does not allow, and what that costs: all of it, or only of commands that begin with the words given.
func tellUnread(snap outage.Snapshot, only ...string) {
	for _, text := range unread(snap, only) {
		fmt.Fprintln(os.Stderr, text)
	}
}

// tellUnreadOfMany says it once for all nodes that it is true of.
func tellUnreadOfMany(snaps []outage.Snapshot, only ...string) {
	var texts []string
	times := map[string]int{}
	for _, snap := range snaps {
		for _, text := range unread(snap, only) {
			if times[text]++; times[text] == 1 {
				texts = append(texts, text)
			}
		}
	}
	for _, text := range texts {
		fmt.Fprintf(os.Stderr, "%s: %s\n", count(times[text], "node"), text)
	}
}

func unread(snap outage.Snapshot, only []string) (texts []string) {
	for _, m := range snap.Unread() {
		first, _, _ := strings.Cut(m.What, " ")
		if len(only) == 0 || slices.Contains(only, first) {
			texts = append(texts, report.Unread(m))
		}
	}
	return texts
}

// adviceOnly reports whether a plan has nothing that can be done from here, since the server or a profile does not allow it.
func adviceOnly(plan outage.Plan, p profile.Profile, snap outage.Snapshot) bool {
	bound := p.Name != "" || len(snap.Unread()) > 0
	return bound && !slices.ContainsFunc(plan.Actions, func(a outage.Action) bool { return a.Kind != outage.Advise })
}
