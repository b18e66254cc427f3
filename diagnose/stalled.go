package diagnose

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"spillway/outage"
)

const (
	longCommand  = 0.2  // seconds: clients that wait for no more than that are common, and hardly any waits for less
	heavyCommand = 0.01 // seconds: Redis's own slowlog-log-slower-than
	stalledShare = 0.3  // of the time: every third request then waits
	allDay       = 0.8  // of the time: with this little left a queue builds up behind commands of any length
	frozen       = 1.0  // seconds without an answer, with no command to show for it: no machine is that slow by chance, twice
	lately       = 10.0 // seconds back from the only look
)

// stall is what the looks say of a server that answers late.
type stall struct {
	seconds  float64 // looked at
	slow     []outage.SlowCommand
	share    float64 // of the time, in commands of SLOWLOG
	longest  float64 // of them, seconds
	command  string  // the heaviest of cmdstat_*
	per      float64 // seconds a call of it
	spent    float64 // of the time, in calls of it
	late     int     // looks that waited for a PING
	latest   float64 // the longest wait
	forks    float64 // of the time
	fork     float64 // seconds of the latest
	cpu      float64 // of one core
	cpuKnown bool
	counted  bool // cmdstat_* could be compared
}

// stalled recognises a server that is too busy, or too frozen, to answer: the kernel accepts connections for it and
// clients wait. That is so whether it is full or not; where it is full, the finding about the limit leads.
func stalled(v *view) *outage.Finding {
	if v.busy > 0 {
		return busyScript(v)
	}
	s := v.stall()
	slow := s.share >= stalledShare && s.longest >= longCommand || s.share >= allDay
	heavy := s.counted && (s.spent >= stalledShare && s.per >= longCommand || s.spent >= allDay && s.per >= heavyCommand)
	forking := s.forks >= stalledShare && s.fork >= longCommand
	var w weighing
	switch share := max(s.share, s.spent); {
	case slow || heavy:
		weight := 0.5 + 0.25*min(1, max(0, share-stalledShare)/0.4)
		if slow {
			w.note(weight, slowlogCommand, "%s took %s of %.3g s, the longest %.3g s", count(len(s.slow), "slow command"), percent(min(1, s.share)), s.seconds, s.longest)
			weight = 0.15
		}
		if heavy {
			w.note(weight, cmdstatCommand, "%s took %.3g s a call and %s of the time", clean(s.command), s.per, percent(min(1, s.spent)))
		}
		if !slow && s.longest >= longCommand {
			w.note(0.1, slowlogCommand, "SLOWLOG holds a part of it: %s, the longest %.3g s", count(len(s.slow), "slow command"), s.longest)
		}
	case forking:
		w.note(0.5, forkCommand, "forks stopped the server for %s of %.3g s, the latest for %.3g s", percent(min(1, s.forks)), s.seconds, s.fork)
	case s.late >= 2 && s.latest >= frozen:
		w.note(0.55, latencyCommand, "no command explains it: the process itself stands still (stopped, swapped out, or short of CPU)")
	default:
		return nil
	}
	if s.late > 0 {
		w.note(0.15, latencyCommand, "an answer on an open connection took up to %.3g s", s.latest)
	}
	if s.cpuKnown && s.cpu >= 0.25 && (slow || heavy) {
		w.note(0.05, cpuCommand, "the server used %s of a core", percent(min(1, s.cpu)))
	}
	f := w.finding(v, outage.ServerStalled)
	if f == nil {
		return nil
	}
	v.blame(f, s)
	v.noteRoom(f)
	f.Commands = []string{latencyCommand, slowlogCommand, cmdstatCommand, forkCommand}
	f.Summary = s.summary(slow, heavy, forking)
	return f
}

func (s *stall) summary(slow, heavy, forking bool) string {
	switch {
	case slow:
		return fmt.Sprintf("Redis answers late: %s took %s of the time, the longest %.3g s: %s",
			count(len(s.slow), "slow command"), percent(min(1, s.share)), s.longest, s.words())
	case heavy:
		return fmt.Sprintf("Redis answers late: %s takes %.3g s a call, and %s of the time", clean(s.command), s.per, percent(min(1, s.spent)))
	case forking:
		return fmt.Sprintf("Redis answers late: each fork for a snapshot or a rewrite stops it, the latest for %.3g s", s.fork)
	}
	return fmt.Sprintf("Redis stands still for up to %.3g s, and no command accounts for it", s.latest)
}

// words names the command that took longest in all, by its first word.
func (s *stall) words() string {
	took := map[string]float64{}
	best := ""
	for _, c := range s.slow {
		name, _, _ := strings.Cut(c.Command, " ")
		name = clean(strings.ToUpper(name))
		took[name] += c.Took.Seconds()
		if best == "" || took[name] > took[best] || took[name] == took[best] && name < best {
			best = name
		}
	}
	return best
}

// busyScript is the finding where Redis answers everything with BUSY.
func busyScript(v *view) *outage.Finding {
	var w weighing
	w.note(0.5, latencyCommand, "%s: Redis says BUSY: a script or a module runs, and nothing else does", count(v.busy, "look"))
	if v.busy > 1 || len(v.all) > 1 {
		w.note(0.4, latencyCommand, "so it is longer than busy-reply-threshold (lua-time-limit), 5 s unless changed")
	}
	f := w.finding(v, outage.ServerStalled)
	if f == nil {
		return nil
	}
	if v.busy+len(v.all) < 2 {
		f.Confidence = min(f.Confidence, onceSeen)
	}
	f.Commands = []string{latencyCommand, slowlogCommand}
	f.Summary = "Redis runs one script without end and answers everybody else with BUSY"
	return f
}

// stall compares the looks of the last seconds.
func (v *view) stall() *stall {
	shots := v.recentShots()
	s := &stall{seconds: between(shots[0], v.now)}
	since := shots[1:]
	if len(shots) == 1 {
		s.seconds, since = lately, shots
	}
	if s.seconds < 0.5 { // nothing adds up to a share of so little
		return s
	}
	s.slow = newSlow(shots)
	for _, c := range s.slow {
		took := min(c.Took.Seconds(), s.seconds)
		s.share += took / s.seconds
		s.longest = max(s.longest, c.Took.Seconds())
	}
	for _, shot := range since {
		if wait := waited(shot); wait >= longCommand {
			s.late++
			s.latest = max(s.latest, wait)
		}
	}
	if len(shots) > 1 {
		s.compare(shots[0], v.now)
	} else {
		s.sinceStart(v.now)
	}
	return s
}

// waited returns how many seconds we waited for an answer, at a look or since the one before.
func waited(s *outage.Snapshot) float64 {
	wait := s.Latency
	for _, p := range s.Peeks {
		wait = max(wait, p.Took)
	}
	return wait.Seconds()
}

// sinceStart takes what commands took since the server started, where there is only one look.
func (s *stall) sinceStart(now *outage.Snapshot) {
	uptime, ok := now.Number("uptime_in_seconds")
	if !ok || uptime < idleEnough {
		return
	}
	all := stall{seconds: float64(uptime)}
	all.compare(&outage.Snapshot{}, now)
	s.counted, s.command, s.per, s.spent = all.counted, all.command, all.per, all.spent
}

// compare reads the counters of two looks.
func (s *stall) compare(a, b *outage.Snapshot) {
	for field := range b.Info {
		name, isCommand := strings.CutPrefix(field, "cmdstat_")
		if !isCommand {
			continue
		}
		calls, usec := cmdstat(b, field)
		before, usecBefore := cmdstat(a, field)
		s.counted = true
		calls, usec = calls-before, usec-usecBefore
		if calls <= 0 || usec <= 0 {
			continue
		}
		per, spent := usec/calls/1e6, usec/1e6/s.seconds
		if per >= heavyCommand && (spent > s.spent || spent == s.spent && name < s.command) {
			s.command, s.per, s.spent = name, per, spent
		}
	}
	if n, ok := b.Number("latest_fork_usec"); ok {
		s.fork = float64(n) / 1e6
		forks, _ := b.Number("total_forks")
		before, _ := a.Number("total_forks")
		if forks == 0 && a.Info["latest_fork_usec"] != b.Info["latest_fork_usec"] { // before 6.2 they are not counted
			forks = 1
		}
		s.forks = float64(max(0, forks-before)) * s.fork / s.seconds
	}
	user, ok := growth(a, b, "used_cpu_user")
	sys, okSys := growth(a, b, "used_cpu_sys")
	s.cpu, s.cpuKnown = (user+sys)/s.seconds, ok && okSys
}

// newSlow returns the entries of SLOWLOG that came after the first of the looks, each once, without our own and without what
// a script calls, which is in the script's own time and from nobody's address; of a single
// look, those of the last seconds. Ids go on through SLOWLOG RESET.
func newSlow(shots []*outage.Snapshot) []outage.SlowCommand {
	after, began, since := int64(-1), int64(0), shots[1:]
	first := shots[0]
	switch t := serverTimeSeconds(first); {
	case len(shots) == 1 && t == 0:
		return nil
	case len(shots) == 1:
		began, since = t-int64(lately), shots
	case unread(first, "SLOWLOG") && t == 0:
		return nil
	case unread(first, "SLOWLOG"):
		began = t
	default:
		for _, c := range first.Slow {
			after = max(after, c.ID)
		}
	}
	seen := map[int64]bool{}
	var list []outage.SlowCommand
	for _, shot := range since {
		for _, c := range shot.Slow {
			if c.ID <= after || c.Started < began || seen[c.ID] || strings.HasPrefix(c.Name, "spillway:") || strings.HasPrefix(c.Addr, "?") || c.Took.Seconds() < heavyCommand {
				continue
			}
			seen[c.ID] = true
			list = append(list, c)
		}
	}
	slices.SortFunc(list, func(a, b outage.SlowCommand) int { return cmp.Compare(a.ID, b.ID) })
	return list
}
