package watch

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"spillway/diagnose"
	"spillway/outage"
)

const (
	// history is how far back the slots are remembered.
	history = outage.Duration(time.Hour)
	// mostLists is how many lists of clients the diagnosis gets.
	mostLists = 10
	// nearlyFull is the percentage from which a server that refuses clients is full.
	nearlyFull = 95
	// dropOf is how many connections must go at once to be noted, if they are a tenth of all.
	dropOf = 5
	// mostNotes is how many happenings are remembered.
	mostNotes = 8
)

// Watch gathers what was seen. It is not for concurrent use.
type Watch struct {
	Began  time.Time       // by the clock on the wall
	Target string          // the URL to type, without a password
	Secret bool            // a password belongs to it
	Every  outage.Duration // the least time between lists of clients

	points  []Point
	lists   []counts
	snaps   []outage.Snapshot // those that list the clients, oldest first
	last    outage.Snapshot   // the latest reading, with what a glance does not have taken from before
	listed  outage.Duration   // when the clients were listed
	budget  budget
	known   memory
	refused Refused
	turned  int64 // how often we were refused ourselves since the latest reading
	trouble string
	meant   []string // to type while there is trouble
	outside []string // what the server's machine shows meanwhile
	found   found
	notes   []Note
}

// found is what the latest list of clients came to.
type found struct {
	diagnosis  outage.Diagnosis
	verdict    Verdict
	findings   []Finding
	plan, next []string
}

// Due reports whether the clients may be listed at that time, so that the watch costs Redis no more than Most.
func (w *Watch) Due(at outage.Duration) bool {
	if len(w.snaps) == 0 {
		return true
	}
	every := w.budget.every(w.Every)
	if every == w.Every {
		return true // the caller keeps that time by itself, a little more or less
	}
	return at-w.listed >= every
}

// Glance takes in a reading without the clients. wall is how long it took.
func (w *Watch) Glance(s outage.Snapshot, wall outage.Duration) {
	if len(s.Info) == 0 {
		return // it may not be read; what is listed says so
	}
	s.Config, s.Nodes = maps.Clone(w.last.Config), w.last.Nodes
	if limit, read := s.Info["maxclients"]; read && s.Config["maxclients"] != "" {
		s.Config["maxclients"] = limit
	}
	for field, value := range w.last.Info {
		if _, read := s.Info[field]; !read {
			s.Info[field] = value
		}
	}
	w.read(s, wall, false)
}

// Look takes in a whole reading, and returns the findings that became sure by it.
func (w *Watch) Look(s outage.Snapshot, wall outage.Duration) (news []outage.Finding) {
	w.read(s, wall, true)
	w.listed = s.At
	w.snaps = append(w.snaps, s)
	w.snaps = w.snaps[max(0, len(w.snaps)-mostLists):]
	w.lists = recent(append(w.lists, counts{s.At, diagnose.Services(s)}))
	if w.known == nil {
		w.known = memory{}
	}
	d := diagnose.Diagnose(w.snaps...)
	d.At = s.At
	w.found = found{diagnosis: d, verdict: CannotTell}
	w.found.findings, news = w.known.weigh(d)
	switch {
	case len(d.Findings) > 0:
		w.found.verdict = Found
	case diagnose.Healthy(d, s):
		w.found.verdict = Healthy
	}
	w.found.plan, w.found.next = w.plan(d, s)
	return news
}

// read keeps the numbers of a reading.
func (w *Watch) read(s outage.Snapshot, wall outage.Duration, list bool) {
	w.back(s.At)
	w.compare(s)
	if n, ok := taken(s); ok {
		w.points = append(w.points, Point{s.At, n})
	}
	for len(w.points) > 0 && w.points[0].At < s.At-history {
		w.points = w.points[1:]
	}
	for _, p := range s.Peeks {
		wall += max(0, p.Took-s.Latency)
	}
	w.budget.read(s, wall, list)
	w.last = s
}

// compare notes what changed since the reading before.
func (w *Watch) compare(s outage.Snapshot) {
	before := w.last
	if len(before.Info) == 0 {
		return
	}
	if a, b := before.Info["run_id"], s.Info["run_id"]; a != "" && b != "" && a != b {
		w.Note(s.At, "Redis was started anew")
		w.points, w.lists, w.snaps, w.known, w.refused.PerSecond = nil, nil, nil, nil, 0
		w.budget.lost()
		return
	}
	if a, b := before.MaxClients(), s.MaxClients(); a > 0 && b > 0 && a != b {
		w.Note(s.At, fmt.Sprintf("maxclients %d -> %d", a, b))
	}
	if a, b := before.Config["timeout"], s.Config["timeout"]; a != "" && b != "" && a != b {
		w.Note(s.At, fmt.Sprintf("timeout %s -> %s", a, b))
	}
	if a, b := before.Slots(), s.Slots(); a-b > max(dropOf, a/10) {
		w.Note(s.At, fmt.Sprintf("%d -> %d connections", a, b))
	}
	more := max(0, s.Rejected()-before.Rejected()-w.turned) // CONFIG RESETSTAT may have come between
	w.turned = 0
	w.refused.Total += more
	w.refused.PerSecond = 0
	if over := (s.At - before.At).Seconds(); over > 0 {
		w.refused.PerSecond = round(float64(more) / over)
	}
}

// Lost says that Redis is not seen: why, and what may be typed meanwhile. It may be said again and again.
func (w *Watch) Lost(at outage.Duration, why string, meant ...string) {
	if w.trouble == "" {
		w.Note(at, why)
		w.budget.lost()
	}
	w.trouble, w.meant = cmp.Or(why, "not connected"), meant
}

// Outside says what the server's own machine shows while Redis is not seen.
func (w *Watch) Outside(lines []string) { w.outside = lines }

// Turned counts a refusal of our own, which Redis counts among the others.
func (w *Watch) Turned() { w.turned++ }

// back ends a time without a connection. The time between is not one step of the growth, nor are its readings one look.
func (w *Watch) back(at outage.Duration) {
	if w.trouble == "" {
		return
	}
	w.Note(at, "Redis is seen again")
	w.trouble, w.meant, w.outside = "", nil, nil
}

// Note remembers that something happened.
func (w *Watch) Note(at outage.Duration, text string) {
	w.notes = append(w.notes, Note{at, text})
	w.notes = w.notes[max(0, len(w.notes)-mostNotes):]
}

// taken is how many slots are taken; ok is false when neither INFO nor CLIENT LIST tells.
func taken(s outage.Snapshot) (n int, ok bool) {
	if _, ok := s.Number("connected_clients"); ok {
		return s.Slots(), true
	}
	return len(s.Clients), len(s.Clients) > 0
}

// Verdict is what the latest list of clients came to; empty before the first.
func (w *Watch) Verdict() Verdict { return w.found.verdict }

// View is what there is to see at that time.
func (w *Watch) View(at outage.Duration) View {
	s, d := w.last, w.found.diagnosis
	v := View{
		Version: ViewVersion, Time: w.Began.Add(at.Std()), At: at, Target: w.Target, Trouble: w.trouble, LastSeen: s.At,
		Refused: w.refused, Forecast: Predict(w.points, s.MaxClients()),
		Verdict: w.found.verdict, Findings: w.found.findings, Unsure: d.Unsure, Plan: w.found.plan, Next: w.found.next,
		Cost:  Cost{Look: w.budget.look, Every: w.budget.every(w.Every), Share: w.budget.share(), By: w.budget.by},
		Notes: slices.Clone(w.notes),
	}
	if s.Version() != "" {
		v.Server = s.Product() + " " + s.Version()
	}
	replicas, _ := s.Number("connected_slaves")
	v.Slots = Slots{Limit: s.MaxClients(), Clients: s.Connected(), Replicas: int(replicas), Links: s.ClusterLinks()}
	v.Slots.Taken, _ = taken(s)
	v.Slots.Free = max(0, v.Slots.Limit-v.Slots.Taken)
	if v.Refused.PerSecond > 0 && v.Slots.Taken*100 >= v.Slots.Limit*nearlyFull && v.Slots.Limit > 0 {
		v.Forecast = Forecast{Outlook: Full} // a slot comes free now and then, and is taken at once
	}
	v.Services, v.ServicesOver = grown(w.lists, cmp.Or(v.Forecast.Over, growsOver))
	if v.Findings == nil {
		v.Findings = []Finding{}
	}
	if w.trouble != "" {
		v.Next, v.Outside = w.meant, w.outside
	} else if v.Forecast.Outlook == Full && len(v.Next) > 1 {
		v.Plan = append([]string{"no slot is free: start it elsewhere, then end this watch (q)"}, v.Plan...)
		v.Next = []string{w.command("remedy", " --wait 1m"), w.command("remedy", " --wait 1m --apply")}
	}
	return v
}
