package diagnose

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"spillway/outage"
)

// reserved is how many file descriptors Redis keeps for itself when it fits maxclients into the limit at start.
const reserved = 32

// step is by how much it lowers what it asks the system for, until the system agrees.
const step = 16

var (
	logAsked   = regexp.MustCompile(`You requested maxclients of (\d+)`)
	logReduced = regexp.MustCompile(`maxclients has been reduced to (\d+)`)
)

// clamp recognises that the file descriptor limit made Redis lower maxclients at start, where that hurts.
func clamp(v *view) *outage.Finding {
	if !v.atLimit || v.limit == 0 {
		return nil
	}
	fromLog, reduced := v.logged()
	asked := max(fromLog, v.argument())
	if asked > 0 && asked <= v.limit {
		return nil
	}
	var w weighing
	v.noteAsked(&w, fromLog, reduced)
	odd := roundLimit(v.limit+reserved) && !roundCount(v.limit)
	if odd && reduced != v.limit {
		w.note(0.25, v.limitCommand(), "maxclients is %d, and %d + %d = %d is what people give as a file descriptor limit", v.limit, v.limit, reserved, v.limit+reserved)
	}
	if p := v.process(); p != nil && fits(p, v.limit) && (asked > 0 || odd) {
		w.note(0.25, openFiles, "the process may open %d files, at most %d: less %d for itself that is %d", p.NofileSoft, p.NofileHard, reserved, v.limit)
	}
	v.noteLimit(&w, 0.1, 0.1)
	other := v.share(v.claimed())
	if other >= 0.3 {
		w.note(-0.05, "", "%s of the slots taken have another explanation", percent(other))
	}
	need := v.need(v.demands())
	w.note(0, byNameCommand, "the fleet as seen needs %d", need)
	f := w.finding(v, outage.FDLimitClamp)
	if f == nil {
		return nil
	}
	f.Asked, f.Effective, f.Needed = asked, v.limit, need
	f.Commands = []string{v.limitCommand(), openFiles}
	f.Summary = fmt.Sprintf("maxclients is %d because of the file descriptor limit; the fleet as seen needs %d", v.limit, need)
	if asked > 0 {
		f.Summary = fmt.Sprintf("maxclients is %d instead of the %d asked for, because of the file descriptor limit; the fleet as seen needs %d", v.limit, asked, need)
	}
	return f
}

func (v *view) noteAsked(w *weighing, fromLog, reduced int) {
	switch {
	case reduced == v.limit:
		w.note(0.5, "", "the log says: maxclients has been reduced to %d to compensate for low ulimit", reduced)
	case reduced > 0:
		w.note(0, "", "the log says that maxclients was reduced to %d, and it was changed since", reduced)
	}
	if fromLog > v.limit {
		w.note(0.1, "", "the log says: You requested maxclients of %d", fromLog)
	}
	if n := v.argument(); n > v.limit {
		w.note(0.3, "", "the server was started with --maxclients %d", n)
	}
}

// logged returns what the last start that complained asked for, and what it got; 0 where no log line tells.
func (v *view) logged() (asked, reduced int) {
	for _, s := range v.all {
		for _, line := range s.Log {
			if m := logAsked.FindStringSubmatch(line); m != nil {
				asked, _ = strconv.Atoi(m[1])
			}
			if m := logReduced.FindStringSubmatch(line); m != nil {
				reduced, _ = strconv.Atoi(m[1])
			}
		}
	}
	return asked, reduced
}

// argument returns the maxclients of the server's command line; 0 where there is none.
func (v *view) argument() int {
	p := v.process()
	if p == nil {
		return 0
	}
	asked := 0
	for i, arg := range p.Args {
		name, value, glued := strings.Cut(arg, "=")
		if !strings.EqualFold(name, "--maxclients") {
			continue
		}
		if !glued && i+1 < len(p.Args) {
			value = p.Args[i+1]
		}
		if n, err := strconv.Atoi(value); err == nil && n > 0 {
			asked = n
		}
	}
	return asked
}

func (v *view) process() *outage.Process {
	var p *outage.Process
	for _, s := range v.all {
		if s.Process != nil {
			p = s.Process
		}
	}
	return p
}

// fits reports whether the limits of the process are those that would make Redis settle on that maxclients: it took the
// soft limit as it was, or raised it as far as the hard one allows in steps counted down from what it wanted.
func fits(p *outage.Process, maxclients int) bool {
	wanted := int64(maxclients + reserved)
	return p.NofileSoft == wanted || p.NofileHard >= wanted && p.NofileHard-wanted < step
}

// roundLimit reports whether people write n as a file descriptor limit.
func roundLimit(n int) bool { return n > reserved && (n&(n-1) == 0 || n%100 == 0 || n%1024 == 0) }

// roundCount reports whether people write n as a number of clients.
func roundCount(n int) bool { return n&(n-1) == 0 || n%50 == 0 }
