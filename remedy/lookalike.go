package remedy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"spillway/outage"
)

// adviseStalled says what to do about a server that is kept busy. Nothing is done by itself: whoever runs the command is
// served as it asked, and a kill waits for the command's end like everything else.
func (p *planner) adviseStalled(f outage.Finding) []outage.Action {
	command, addrs := p.slowest(f)
	a := outage.Action{Kind: outage.Advise, Reason: insteadOf(command, services(f))}
	a.Commands = append(a.Commands, line("SLOWLOG", "GET", "32"))
	switch {
	case !scripted(command):
	case p.olderThan(7, 0):
		a.Commands = append(a.Commands, "SCRIPT KILL", line("CONFIG", "GET", "lua-time-limit"))
	default:
		a.Commands = append(a.Commands, "SCRIPT KILL", "FUNCTION KILL", line("CONFIG", "GET", "busy-reply-threshold"))
	}
	for _, addr := range addrs {
		a.Commands = append(a.Commands, line("CLIENT", "KILL", "ADDR", addr))
	}
	if len(addrs) > 0 {
		p.warn("no connection is closed: CLIENT KILL takes effect only between two commands, and the client may come back; whether its work may be lost is for its owner to say")
	}
	return []outage.Action{a}
}

// slowest returns the command that took most of the time in SLOWLOG, in capitals, and up to three clients that ran it.
func (p *planner) slowest(f outage.Finding) (command string, addrs []string) {
	took := map[string]outage.Duration{}
	for _, c := range p.s.Slow {
		if strings.HasPrefix(c.Name, "spillway:") || strings.HasPrefix(c.Addr, "?") || !suspected(f, outage.Host(c.Addr)) {
			continue
		}
		name := firstWord(c.Command)
		took[name] += c.Took
		if command == "" || took[name] > took[command] {
			command = name
		}
	}
	for _, c := range p.s.Slow {
		if firstWord(c.Command) == command && suspected(f, outage.Host(c.Addr)) && len(addrs) < 3 && copyable(c.Addr) && !slices.Contains(addrs, c.Addr) {
			addrs = append(addrs, c.Addr)
		}
	}
	return command, addrs
}

func suspected(f outage.Finding, host string) bool {
	return slices.ContainsFunc(f.Culprits, func(c outage.Culprit) bool { return c.Addr == host })
}

func firstWord(command string) string {
	name, _, _ := strings.Cut(strings.ToUpper(command), " ")
	if strings.ContainsFunc(name, func(r rune) bool { return (r < 'A' || r > 'Z') && r != '_' && r != '.' && r != '-' }) {
		return ""
	}
	return name
}

func scripted(command string) bool {
	return strings.HasPrefix(command, "EVAL") || strings.HasPrefix(command, "FCALL")
}

// insteadOf says what serves in place of a command that takes long.
func insteadOf(command, who string) string {
	switch {
	case command == "KEYS":
		return who + ": use SCAN with COUNT instead of KEYS, which looks at every key before anybody else is served"
	case scripted(command):
		return who + ": let its script do less at a time, or run it on a replica; while Redis says BUSY, SCRIPT KILL or FUNCTION KILL ends one that has written nothing"
	case slices.Contains([]string{"SMEMBERS", "HGETALL", "HKEYS", "HVALS", "LRANGE", "ZRANGE"}, command):
		return who + ": read large keys in pieces (SSCAN, HSCAN, ZSCAN, LRANGE with bounds) instead of " + command + " of all"
	case slices.Contains([]string{"SORT", "SINTER", "SUNION", "SDIFF", "ZUNIONSTORE", "ZINTERSTORE", "SINTERSTORE", "SUNIONSTORE", "SDIFFSTORE"}, command):
		return who + ": run " + command + " on a replica, or in the application on smaller sets"
	case command == "DEL":
		return who + ": use UNLINK instead of DEL for large keys, which frees them beside the work"
	case command == "FLUSHALL" || command == "FLUSHDB":
		return who + ": use " + command + " ASYNC"
	case command == "SAVE":
		return who + ": use BGSAVE instead of SAVE"
	case command == "DEBUG":
		return who + ": nothing in production should use DEBUG; set enable-debug-command to no, or take it away by ACL"
	case command != "":
		return who + ": make " + command + " smaller, run it less often, or run it on a replica"
	}
	return "find what keeps the server busy: long commands (SLOWLOG), forks of BGSAVE and AOF rewrites (latest_fork_usec; turn transparent huge pages off), or a host that swaps or takes its CPU away"
}

// adviseDenied says how to let in whom protected mode, a password or an ACL turns away. Whom to let in is for a person to say.
func (p *planner) adviseDenied(f outage.Finding) []outage.Action {
	if p.d.Rejecting && len(f.Culprits) == 0 {
		return []outage.Action{p.advisePassword()}
	}
	a := outage.Action{Kind: outage.Advise, Reason: "give " + services(f) + " the user and the password that Redis knows, or let Redis know theirs; whether they may come in is for their owner to say"}
	if p.olderThan(6, 0) {
		a.Commands = []string{line("CONFIG", "GET", "requirepass")}
		return []outage.Action{a}
	}
	a.Commands = []string{"ACL LOG 32"}
	for _, e := range p.recentDenials() {
		user := cmp.Or(e.User, "default")
		for _, c := range p.allow(user, e) {
			if !slices.Contains(a.Commands, c) {
				a.Commands = append(a.Commands, c)
			}
		}
	}
	return []outage.Action{a}
}

// advisePassword is the way out of protected mode: it ends by itself once the default user has a password.
func (p *planner) advisePassword() outage.Action {
	a := outage.Action{
		Kind:     outage.Advise,
		Reason:   "give the default user a password and tell the clients: protected mode then lets them in by itself; and bind Redis to the private network only. Do not just switch protected mode off: whoever reaches the port would own the data",
		Commands: []string{"CONFIG SET requirepass PASSWORD"},
	}
	if !p.olderThan(6, 0) {
		a.Commands = []string{line("ACL", "SETUSER", "default", ">PASSWORD"), "redis.conf: requirepass PASSWORD"}
	}
	a.Commands = append(a.Commands, "redis.conf: bind 127.0.0.1 -::1 PRIVATE-ADDRESS")
	if p.olderThan(6, 2) {
		a.Commands[len(a.Commands)-1] = "redis.conf: bind 127.0.0.1 PRIVATE-ADDRESS" // an explicit bind ends protected mode before 7.0
	}
	return a
}

// recentDenials are the entries of ACL LOG of the last minute, at most five: older ones say nothing about now.
func (p *planner) recentDenials() []outage.ACLEntry {
	var list []outage.ACLEntry
	for _, e := range p.s.ACLLog {
		if e.Age.Seconds() <= 60 && len(list) < 5 {
			list = append(list, e)
		}
	}
	return list
}

// allow is what shows a user's rights, and what would grant the one that is missing.
func (p *planner) allow(user string, e outage.ACLEntry) []string {
	if !copyable(user) || !copyable(e.Object) {
		return []string{line("ACL", "LIST")} // of a name that no command can name
	}
	show := line("ACL", "GETUSER", user)
	switch e.Reason {
	case "auth":
		return []string{show, line("ACL", "SETUSER", user, "on", ">PASSWORD")}
	case "command":
		return []string{show, line("ACL", "SETUSER", user, "+"+e.Object)}
	case "key":
		return []string{show, line("ACL", "SETUSER", user, "~"+e.Object)}
	case "channel":
		return []string{show, line("ACL", "SETUSER", user, "&"+e.Object)}
	}
	return []string{show}
}

// fixLookalike says what ends a cause that has nothing to do with the limit.
func fixLookalike(f outage.Finding) string {
	if f.Cause == outage.ServerStalled {
		return fmt.Sprintf("have %s do its work in smaller pieces, or on a replica", services(f))
	}
	if len(f.Culprits) == 0 {
		return "set a password, tell the clients, and bind Redis to the private network"
	}
	return "give " + services(f) + " a user, a password and the rights that it needs"
}
