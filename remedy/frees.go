package remedy

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"spillway/outage"
)

const (
	// mostSources is how many sources of connections a line or a list names.
	mostSources = 5
	// fewestVisits is how many clients Redis looks at in each tick at least, for those that are idle for too long.
	fewestVisits = 5
	// usualHz is how often it ticks a second unless it was told otherwise.
	usualHz = 10
)

// frees says of each action what it frees and when, as far as the snapshot tells: what an earlier one closes is not
// counted again.
func (p *planner) frees() {
	closed := map[int64]bool{}
	for i := range p.plan.Actions {
		a := &p.plan.Actions[i]
		switch a.Kind {
		case outage.KillClients:
			a.Slots, a.Frees = len(a.Victims), closes(a)
			for _, v := range a.Victims {
				closed[v.ID] = true
			}
		case outage.SetTimeout:
			a.Slots, a.Frees = p.reaps(int64(number(a.To)), closed)
		case outage.SetKeepalive:
			a.Frees = []string{fmt.Sprintf("no slot that is held now: of connections opened from then on, one whose peer vanished is dropped after %ds", 2*number(a.To))}
		case outage.RaiseMaxclients:
			a.Slots, a.Frees = widens(a)
		case outage.RaiseNofile:
			a.Frees = []string{"no slot by itself: it makes room for maxclients"}
		case outage.RestartRedis:
			a.Frees = []string{fmt.Sprintf("every slot, once: %d connections are closed, and come back", p.slots())}
		}
	}
}

// closes counts by source what a kill closes.
func closes(a *outage.Action) []string {
	when := "at once"
	if a.After > 0 {
		when = fmt.Sprintf("after %s, if they say nothing until then", a.After.Std())
	}
	var lines []string
	for _, s := range few(sources(len(a.Victims), func(i int) (name, addr string) { return a.Victims[i].Name, a.Victims[i].Addr })) {
		lines = append(lines, fmt.Sprintf("%s of %s, %s: CLIENT KILL ID … ADDR … ×%d", slots(s.count), s.who, when, s.count))
	}
	return lines
}

// reaps counts what Redis closes soon, once timeout is in force, and whose that is.
func (p *planner) reaps(timeout int64, closed map[int64]bool) (n int, lines []string) {
	const later = "from then on whatever comes to be idle for as long"
	if len(p.s.Clients) == 0 {
		return 0, []string{fmt.Sprintf("what is idle for more than %ds; how many that are is not known", timeout)}
	}
	var idle []outage.Client
	left := 0
	for _, c := range p.s.Clients {
		if closed[c.ID] {
			continue
		}
		left++
		if c.Idle > timeout && !neverReaped(c) {
			idle = append(idle, c)
		}
	}
	if len(idle) == 0 {
		return 0, []string{fmt.Sprintf("no slot now: nothing that stays open has been idle for more than %ds", timeout), later}
	}
	var whose []string
	for _, s := range few(sources(len(idle), func(i int) (name, addr string) { return idle[i].Name, idle[i].Addr })) {
		whose = append(whose, fmt.Sprintf("%d of %s", s.count, s.who))
	}
	return len(idle), []string{
		fmt.Sprintf("%s now idle for more than %ds, within about %s: %s", slots(len(idle)), timeout, p.sweep(left), strings.Join(whose, ", ")),
		later,
	}
}

// neverReaped reports whether timeout does not apply to a connection.
func neverReaped(c outage.Client) bool {
	return c.Replication() || c.Monitoring() || c.Subscribed() || c.Blocked()
}

// sweep is how long Redis takes at most to come by n clients. Each tick it looks at so many that it is round in a second;
// since those that it closes make the others fewer, and it looks at ever fewer of them, that is ln(n / visits a second) more.
func (p *planner) sweep(n int) time.Duration {
	hz := cmp.Or(number(p.s.Info["configured_hz"]), number(p.s.Info["hz"]), usualHz)
	seconds := 1 + max(math.Log(float64(n)/float64(fewestVisits*max(hz, 1))), 0)
	return time.Duration(math.Ceil(seconds)) * time.Second
}

// widens counts what a raise of maxclients adds.
func widens(a *outage.Action) (n int, lines []string) {
	if a.From == "" {
		return 0, []string{"as many slots as it adds, at once"}
	}
	n = number(a.To) - number(a.From)
	text := fmt.Sprintf("%s more, at once", slots(n))
	if a.Instead != "" {
		text += fmt.Sprintf("; %d where the file descriptor limit is not raised", number(a.Instead)-number(a.From))
	}
	return n, []string{text}
}

// source is where connections come from, in words.
type source struct {
	who   string
	count int
}

// sources counts n connections by name and host, the largest first.
func sources(n int, of func(i int) (name, addr string)) []source {
	count := map[string]int{}
	for i := range n {
		name, addr := of(i)
		who := outage.Host(addr)
		if name != "" {
			who = name + " at " + who
		}
		count[who]++
	}
	var list []source
	for _, who := range sortedKeys(count) {
		list = append(list, source{who, count[who]})
	}
	slices.SortStableFunc(list, func(a, b source) int { return b.count - a.count })
	return list
}

// few makes one of the smaller sources, where there are many.
func few(list []source) []source {
	if len(list) <= mostSources {
		return list
	}
	rest := source{who: fmt.Sprintf("%d more sources", len(list)-mostSources+1)}
	for _, s := range list[mostSources-1:] {
		rest.count += s.count
	}
	return append(list[:mostSources-1], rest)
}

func slots(n int) string {
	if n == 1 {
		return "1 slot"
	}
	return fmt.Sprintf("%d slots", n)
}
