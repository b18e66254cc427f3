package diagnose

import (
	"fmt"
	"math"

	"spillway/outage"
)

const (
	besideFrom  = 0.2  // of the slots: what has another explanation and less than that leaves the fleet to be judged as a whole
	inUseBeside = 0.6  // of the rest must be in use for it to be a fleet that needs more, and not one that rests too
	wouldFill   = 0.95 // of the limit the rest must want to fill it again: a host that got nothing is not in that number
	wouldCome   = 0.8  // the same by what was refused: a second or two of counting tells it no closer than a fifth
	opensFor    = 5    // seconds in which who has just come opens what it wants, and uses it for the first time
	mostUnmet   = 2    // refusals that are taken for a request without a connection, to one that was served: clients try again
)

// tooLowBeside recognises a limit that is too low besides a trouble that holds many slots: what is left of the fleet would
// not fit without that trouble either, by the hosts that got what they wanted, or by how much was refused.
func (v *view) tooLowBeside() *outage.Finding {
	if v.rejected == 0 && len(v.all) > 1 {
		return nil
	}
	wanted, conns := v.rest()
	short, used, active := 0, 0, 0
	for _, d := range wanted {
		short += d.want - d.have
	}
	for _, c := range conns {
		if v.worked(c) {
			used++
		}
		if v.worked(c) || c.Age < idleEnough || c.born > 0 && c.Age <= opensFor { // a pool opens one when it needs one
			active++
		}
	}
	unmet, refused, served := v.unmet(active)
	if more, r, s := v.unmetFilling(active); more > unmet { // clients may have backed off since
		unmet, refused, served = more, r, s
	}
	peak := v.peak(wanted)
	byRefusals := max(0, v.slots-v.claimed()) + unmet
	if max(short, unmet) == 0 || share(active, len(conns)) < inUseBeside ||
		float64(peak) < wouldFill*float64(v.limit) && float64(byRefusals) < wouldCome*float64(v.limit) {
		return nil
	}
	peak = max(peak, byRefusals)
	var w weighing
	w.note(0.25+0.1*min(1, max(0, share(peak-v.limit, v.limit))/0.2), byNameCommand,
		"without the %s that have another explanation, the other services still want %d of %d slots", count(v.claimed(), "connection"), peak, v.limit)
	w.note(0.2*share(used, len(conns)), busyCommand, "%d of their %s were used again and again or wait in a command", used, count(len(conns), "connection"))
	if active > used {
		w.note(0, youngCommand, "%d more were opened in the last %d s, while others were refused", active-used, opensFor)
	}
	if unmet > short {
		w.note(0, unmetCommand, "while it was full, %d were refused to %d commands: as many more as are in use have nowhere to go, fewer where clients try again",
			refused, served)
	}
	for _, d := range wanted {
		w.note(0, byNameCommand, "%s", d)
	}
	v.noteLimit(&w, 0.1, 0.15)
	f := w.finding(v, outage.MaxclientsTooLow)
	if f == nil {
		return nil
	}
	f.Culprits = fleetCulprits(wanted)
	if byRefusals == peak && unmet < active { // rather too little, as clients give up: half as much again costs nothing
		peak += unmet / 2
	}
	f.Effective, f.Needed = v.limit, roomFor(peak)
	f.Commands = []string{v.limitCommand(), byNameCommand, byHostCommand, rejectedCommand}
	f.Summary = fmt.Sprintf("the rest of the fleet does not fit either: it needs a maxclients of %d", f.Needed)
	return f
}

// rest returns what the services want that no other trouble is about, and their connections. A crowd that rests may have
// the name of those that work: then only its hosts are left out.
func (v *view) rest() (wanted []demand, conns []*conn) {
	blamed, crowd := map[*service]bool{}, map[*group]bool{}
	for _, g := range v.groups {
		for _, c := range g.conns {
			switch v.claims[c.ID] {
			case "":
			case outage.IdleNotReaped:
				crowd[g] = true
			default:
				blamed[g.service] = true
			}
		}
	}
	for _, s := range v.services {
		if blamed[s] {
			continue
		}
		part := &service{who: s.who, name: s.name, label: s.label}
		for _, g := range s.groups {
			if crowd[g] {
				continue
			}
			part.groups = append(part.groups, g)
			for _, c := range g.conns {
				if !c.Subscribed() {
					conns = append(conns, c)
				}
			}
		}
		if d, some := v.demand(part); some {
			wanted = append(wanted, d)
		}
	}
	return wanted, conns
}

// unmet estimates how many more connections than are active would be in use, had nobody been refused: whoever is refused has
// something to do, as have those that got in.
func (v *view) unmet(active int) (n int, refused, served int64) {
	if refused, served = v.whileFull(false); served > 0 {
		return wanting(active, refused, served), refused, served
	}
	if n, refused, served = v.unmetFilling(active); served > 0 {
		return n, refused, served
	}
	if uptime, ok := v.now.Number("uptime_in_seconds"); ok && len(v.all) == 1 && uptime > 0 && v.fullAt(v.now) {
		ran, _ := v.now.Number("total_commands_processed")
		refused, served = v.now.Rejected(), v.sinceFull(v.now, ran, float64(uptime))
		return wanting(active, refused, served), refused, served
	}
	return 0, 0, 0
}

// unmetFilling is the same by what was refused between two readings of which the server was full at the later only.
func (v *view) unmetFilling(active int) (n int, refused, served int64) {
	refused, served = v.whileFull(true)
	return wanting(active, refused, served), refused, served
}

func wanting(active int, refused, served int64) int {
	if served == 0 {
		return 0
	}
	return int(float64(active) * min(mostUnmet, float64(refused)/float64(served)))
}

// whileFull returns how many connections were refused and how many commands were run while the server was full. Where it
// filled up between two readings, its share of the commands is that of the time since the last one got in.
func (v *view) whileFull(filling bool) (refused, served int64) {
	for i, s := range v.all {
		if i == 0 || !v.fullAt(s) || v.fullAt(v.all[i-1]) == filling {
			continue
		}
		ran, _ := s.Number("total_commands_processed")
		before, _ := v.all[i-1].Number("total_commands_processed")
		if ran > before {
			n := ran - before
			if filling {
				n = v.sinceFull(s, n, between(v.all[i-1], s))
			}
			refused, served = refused+max(0, s.Rejected()-v.all[i-1].Rejected()), served+n
		}
	}
	return refused, served
}

// sinceFull returns the part of n commands, run within some seconds before s, that came after the last connection got in.
func (v *view) sinceFull(s *outage.Snapshot, n int64, seconds float64) int64 {
	youngest := int64(math.MaxInt64)
	for i := range s.Clients {
		if c := &s.Clients[i]; c.Cmd != "ping" && !greeting(c.Cmd) && !c.Ours() {
			youngest = min(youngest, c.Age)
		}
	}
	full := min(seconds, float64(youngest)+1) // ages are in whole seconds
	return max(1, int64(float64(n)*full/max(full, seconds)))
}

// fullAt reports whether s was taken when the server was full.
func (v *view) fullAt(s *outage.Snapshot) bool { return float64(slots(s)) >= fullFrom*float64(v.limit) }

// unmetCommand shows what unmet counts; twice, the difference is what came between.
const unmetCommand = `redis-cli INFO stats | grep -E '^(rejected_connections|total_commands_processed):'`
