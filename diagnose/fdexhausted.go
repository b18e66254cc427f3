package diagnose

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"spillway/outage"
)

// What an event loop looks like that tries to accept over and over: it never sleeps, and serves next to nobody.
const (
	spinning    = 10   // event loop cycles for each command and tick: a loop that sleeps turns about once for each
	mostTicks   = 500  // a second: the most that hz allows
	costly      = 1e-3 // seconds of CPU per command: a GET takes microseconds
	hotShare    = 0.5  // of a core, as a busy loop gets even beside another busy program
	fdWatch     = 2.0  // seconds of looks: a second in which nobody connects is nothing special
	fdGlance    = 1.0  // seconds that do where the loop spins, which nothing else makes it do
	leastFDs    = 20   // connections, below which the highest descriptor says nothing
	acceptError = "Accepting client connection: accept: Too many open files"
)

// fdExhausted recognises that the process has no file descriptor left: accept() fails below maxclients, so that nobody is
// refused and nobody new is served. Redis counts none of it. What shows are a loop that spins, connections that wait in
// the kernel while none is accepted, and descriptors that are all in use.
func fdExhausted(v *view) *outage.Finding {
	if v.atLimit || v.rejected > 0 || len(v.conns) < leastFDs {
		return nil
	}
	w := weighing{}
	top := v.topFD()
	used := v.noteFiles(&w, top)
	still := v.standsFor("total_connections_received")
	once := len(v.all) == 1 && v.loopSpins() // then who is accepted is not known
	if !once && (still < fdGlance && !used || still < fdWatch && !used && !v.loopSpins()) {
		return nil // somebody got in a moment ago, and descriptors are left
	}
	if still >= fdGlance {
		weight := 0.15
		if still < fdWatch {
			weight = 0.05
		}
		w.note(weight, acceptedCommand, "nobody was accepted in %.3g s: total_connections_received stands at %s", still, v.now.Info["total_connections_received"])
		v.noteWaiting(&w)
	}
	spins := v.noteSpin(&w)
	said := v.noteAcceptErrors(&w)
	if !used && !spins && !said { // a quiet fleet accepts nobody either
		return nil
	}
	f := w.finding(v, outage.FDExhausted)
	if f == nil {
		return nil
	}
	f.Commands = []string{topFDCommand, acceptedCommand, loopCommand, openFiles, listenCommand}
	f.Summary = fmt.Sprintf("Redis has no file descriptor left at %d of %d connections: new ones hang without an answer, and nobody is refused", v.slots, v.limit)
	f.Needed = v.limit
	return f
}

// topFD returns the highest descriptor that a client has in the latest look.
func (v *view) topFD() int {
	top := 0
	for _, c := range v.conns {
		top = max(top, c.FD)
	}
	for _, c := range v.now.Clients { // our own counts too
		top = max(top, c.FD)
	}
	return top
}

// noteFiles tells whether all descriptors are in use, from /proc or, where that was not read, from the highest that a client has.
func (v *view) noteFiles(w *weighing, top int) (used bool) {
	if p := v.now.Process; p != nil && p.NofileSoft > 0 {
		// One that is closed and opened between the readings of its directory and its limit may be missing.
		full := p.OpenFDs > 0 && int64(p.OpenFDs) >= p.NofileSoft-1 || int64(top) >= p.NofileSoft-1
		if full {
			w.note(0.5, openFiles, "the process has %d files open and may open %d, up to descriptor %d; the highest of a client is %d",
				p.OpenFDs, p.NofileSoft, p.NofileSoft-1, top)
		}
		return full
	}
	// A kernel gives the lowest that is free, so the highest is one below the limit once all are in use.
	if top > 0 && v.limit > 0 && top+1 < v.limit+reserved {
		weight, why := 0.1, ""
		if roundLimit(top + 1) {
			weight, why = 0.2, ", which is what people give as a limit"
		}
		w.note(weight, topFDCommand, "the highest descriptor of a client is %d: a limit of %d%s, where %d connections need %d",
			top, top+1, why, v.limit, v.limit+reserved)
	}
	return false
}

// noteWaiting tells of connections that wait in the kernel, at two looks in a row.
func (v *view) noteWaiting(w *weighing) {
	if len(v.all) < 2 {
		return
	}
	before, last := v.all[len(v.all)-2].Listen, v.now.Listen
	if before != nil && last != nil && before.Queue > 0 && last.Queue > 0 {
		w.note(0.2, listenCommand, "%d connections wait in the kernel to be accepted, and %d did at the look before", last.Queue, before.Queue)
	}
}

// noteSpin tells whether the event loop runs without sleeping and hardly serves anybody.
func (v *view) noteSpin(w *weighing) (spins bool) {
	if v.loopSpins() {
		w.note(0.4, loopCommand, "the event loop turns %s times a second and serves %s commands a second",
			v.now.Info["instantaneous_eventloop_cycles_per_sec"], v.now.Info["instantaneous_ops_per_sec"])
		spins = true
	}
	from := v.all[max(0, len(v.all)-4)] // the latest seconds: it may have begun within the window
	seconds := between(from, v.now)
	cpu := cpuTime(v.now) - cpuTime(from)
	before, okBefore := from.Number("total_commands_processed")
	after, okAfter := v.now.Number("total_commands_processed")
	if seconds < fdWatch || !okBefore || !okAfter {
		return spins
	}
	commands := max(1, after-before)
	inCommands, told := commandTime(v.now)
	earlier, toldBefore := commandTime(from)
	told = told && toldBefore
	if told {
		cpu -= max(0, inCommands-earlier)
	}
	if cpu/seconds >= hotShare && cpu/float64(commands) >= costly {
		weight := 0.25 // slow commands would look the same
		switch {
		case spins:
			weight = 0.1
		case told:
			weight = 0.35
		}
		w.note(weight, spentCommand, "beside what its commands took, it used %s of a core in %.3g s, in which it served %d", percent(min(1, cpu/seconds)), seconds, commands)
		return true
	}
	return spins
}

// loopSpins reports whether the event loop turns much oftener than it has work. A ratio, not a number: a spinning loop makes
// hundreds of thousands on a machine of its own, and far fewer beside others.
func (v *view) loopSpins() bool {
	ops, _ := v.now.Number("instantaneous_ops_per_sec")
	n, ok := v.now.Number("instantaneous_eventloop_cycles_per_sec")
	return ok && n >= spinning*(ops+mostTicks)
}

// noteAcceptErrors tells of the log. A log in a file says nothing: each line needs a descriptor of its own.
func (v *view) noteAcceptErrors(w *weighing) bool {
	if !slices.ContainsFunc(v.now.Log, func(line string) bool { return strings.Contains(line, acceptError) }) {
		return false
	}
	w.note(0.3, "", "the log says: %s", acceptError)
	return true
}

// standsFor returns for how many seconds a counter has stood still, as far back as the snapshots go; 0 where it moved
// between the last two, or was not read.
func (v *view) standsFor(field string) float64 {
	last, ok := v.now.Number(field)
	if !ok {
		return 0
	}
	since := v.now
	for i := len(v.all) - 1; i >= 0; i-- {
		if n, ok := v.all[i].Number(field); !ok || n != last {
			break
		}
		since = v.all[i]
	}
	return between(since, v.now)
}

// commandTime is what commands have taken so far, in seconds; ok is false where INFO has no commandstats.
func commandTime(s *outage.Snapshot) (seconds float64, ok bool) {
	for field, value := range s.Info {
		if !strings.HasPrefix(field, "cmdstat_") {
			continue
		}
		_, rest, _ := strings.Cut(value, "usec=")
		rest, _, _ = strings.Cut(rest, ",")
		if usec, err := strconv.ParseFloat(rest, 64); err == nil {
			seconds, ok = seconds+usec/1e6, true
		}
	}
	return seconds, ok
}

// cpuTime is what the main process has used so far, in seconds.
func cpuTime(s *outage.Snapshot) float64 {
	return decimal(s, "used_cpu_sys") + decimal(s, "used_cpu_user")
}

func decimal(s *outage.Snapshot, field string) float64 {
	x, _ := strconv.ParseFloat(s.Info[field], 64)
	return x
}
