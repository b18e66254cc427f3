package assert

import (
	"fmt"
	"slices"
	"strings"

	"spillway/outage"
)

// Lines about commands are for people: more than these say nothing new.
const (
	mostLines  = 20
	mostHints  = 3
	mostOutput = 50 // the last lines of what a runbook printed
)

// lookers are the commands that change nothing; those with subcommands list the ones that only look.
var lookers = map[string][]string{
	"PING": nil, "HELLO": nil, "AUTH": nil, "SELECT": nil, "ECHO": nil, "INFO": nil, "COMMAND": nil, "DBSIZE": nil,
	"TIME": nil, "LASTSAVE": nil, "ROLE": nil, "MONITOR": nil, "GET": nil, "TTL": nil, "TYPE": nil, "SCAN": nil,
	"CLIENT":  {"LIST", "INFO", "ID", "GETNAME", "SETNAME", "SETINFO", "NO-EVICT", "NO-TOUCH", "HELP"},
	"CONFIG":  {"GET", "HELP"},
	"SLOWLOG": {"GET", "LEN", "HELP"}, "LATENCY": {"DOCTOR", "LATEST", "HISTORY", "GRAPH", "HELP"},
	"MEMORY": {"DOCTOR", "STATS", "USAGE", "HELP"}, "ACL": {"WHOAMI", "LIST", "GETUSER", "USERS", "CAT", "LOG", "HELP"},
	"CLUSTER": {"INFO", "NODES", "SLOTS", "SHARDS", "MYID", "HELP"},
}

// looks reports whether a command only looks.
func looks(args []string) bool {
	words := upper(args)
	if len(words) == 0 {
		return true
	}
	subs, known := lookers[words[0]]
	return known && (subs == nil || len(words) > 1 && slices.Contains(subs, words[1]))
}

func upper(args []string) []string {
	words := make([]string, len(args))
	for i, a := range args {
		words[i] = strings.ToUpper(a)
	}
	return words
}

// typed is a command of a responder with its words in capitals.
type typed struct {
	outage.Command
	words []string
	at    outage.Duration
}

func (t typed) starts(words ...string) bool {
	return len(t.words) >= len(words) && slices.Equal(t.words[:len(words)], words)
}

// commands returns what an exec or human responder sent.
func (r *run) commands() []typed {
	var found []typed
	for _, e := range r.events {
		if e.Command != nil {
			found = append(found, typed{*e.Command, upper(e.Command.Args), e.At})
		}
	}
	return found
}

// explain adds what a responder typed to no effect, and hangs it on the verdict that failed for it.
func (r *run) explain(result *Result) {
	var lines []string
	for _, c := range r.commands() {
		line := r.ineffective(c)
		if line == "" && result.Outcome != Pass {
			line = r.slow(c)
		}
		if line != "" && !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	if len(lines) > mostLines {
		lines = append(lines[:mostLines], fmt.Sprintf("and %d more that did nothing", len(lines)-mostLines))
	}
	result.Ineffective = lines
	if len(lines) == 0 {
		return
	}
	if i := slices.IndexFunc(result.Verdicts, wantsExplaining); i >= 0 {
		v := &result.Verdicts[i]
		v.Hint = strings.TrimPrefix(v.Hint+"; "+strings.Join(lines[:min(len(lines), mostHints)], "; "), "; ")
	}
}

// wantsExplaining reports whether a verdict is about an outage that did not end.
func wantsExplaining(v Verdict) bool {
	return v.Outcome != Pass && v.Blocked == "" && slices.Contains([]string{"mitigate", "recover", "cleared"}, v.Check)
}

// ineffective says why a command did nothing; empty when it did something, or only looked.
func (r *run) ineffective(c typed) string {
	text := strings.Join(c.Args, " ")
	switch {
	case c.starts("CLIENT", "KILL") && c.Closed == 0:
		return text + " closed nothing: " + r.whyNotKilled(c)
	case c.Error:
		return text + " was refused: " + whyRefused(c)
	}
	return ""
}

// slow says why a setting that was taken could not help in this run; empty when it could.
func (r *run) slow(c typed) string {
	if !c.starts("CONFIG", "SET") || len(c.words) != 4 || c.Error {
		return ""
	}
	text, left := strings.Join(c.Args, " "), r.end()-c.at
	switch c.words[2] {
	case "TIMEOUT":
		var seconds int
		if _, err := fmt.Sscan(c.words[3], &seconds); err != nil || seconds > 0 && float64(seconds) <= left.Seconds() {
			return ""
		}
		if seconds == 0 {
			return text + " closed nothing: 0 never reaps"
		}
		return fmt.Sprintf("%s closed nothing yet: it reaps what has been idle for longer than %d s, and the run ended %s later; it never reaps subscribers, blocked clients or replicas",
			text, seconds, short(left))
	case "TCP-KEEPALIVE":
		return text + " closed nothing: it applies only to connections made afterwards"
	}
	return ""
}

// notes returns what the rig said, and the last lines that the responder printed.
func (r *run) notes() (rig, output []string) {
	for _, e := range r.all {
		switch {
		case e.Note == nil:
		case e.Actor == "responder":
			output = append(output, e.Note.Text)
		case e.Actor == "" || e.Actor == "rig":
			rig = append(rig, e.Note.Text)
		default:
			rig = append(rig, e.Actor+": "+e.Note.Text)
		}
	}
	return rig, output[max(0, len(output)-mostOutput):]
}
