package scenarios

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"spillway/outage"
)

// scene is one scenario under validation.
type scene struct {
	*ledger
	*Scenario
	at place
}

// checkCatalogue validates what was decoded: words and names first, then, defaults applied, what cannot go together.
func (l *ledger) checkCatalogue(c *Catalogue) {
	first := map[string]int{}
	for i := range c.Scenarios {
		s := scene{ledger: l, Scenario: &c.Scenarios[i], at: place("scenarios").item(i)}
		s.File, s.Line = l.file, l.position(s.at).line
		if line, twice := first[s.Name]; twice && s.Name != "" {
			l.add(s.at.key("name"), "", "a second scenario %q: the first is in line %d", s.Name, line)
		} else {
			first[s.Name] = s.Line
		}
		s.checkWords()
		s.checkNames()
		s.checkSettings()
		s.applyDefaults()
		for _, check := range combinations {
			check(s)
		}
	}
}

func (s scene) checkWords() {
	s.word(s.at.key("responder"), "responder", s.Responder, responderWords(s.Responder))
	for i, svc := range s.Fleet {
		s.word(s.at.key("fleet").item(i).key("workload"), "workload", svc.Workload, described(Workloads()))
	}
	for i, svc := range s.Fix {
		s.word(s.at.key("fix").item(i).key("workload"), "workload", svc.Workload, described(Workloads()))
	}
	expect := s.at.key("expect")
	s.word(expect.key("cause"), "cause", string(s.Expect.Cause), causes())
	for i, c := range s.Expect.Also {
		s.word(expect.key("also").item(i), "cause", string(c), also())
	}
	s.word(expect.key("suffer"), "outcome", string(s.Expect.Suffer), sufferings())
	if s.Expect.Actions == nil {
		return
	}
	for i, kind := range *s.Expect.Actions {
		p := expect.key("actions").item(i)
		if kind == outage.Advise {
			s.add(p, "leave it out", "advise changes nothing and does not count as an action")
			continue
		}
		s.word(p, "action", string(kind), deeds())
	}
}

// responderWords are the responders, and the one at hand if it names an executable.
func responderWords(responder string) []string {
	known := described(Responders())
	if file, ok := strings.CutPrefix(responder, "exec:"); ok && strings.TrimSpace(file) != "" {
		known = append(known, responder)
	}
	return known
}

func (s scene) checkNames() {
	var fleet []string
	for i, svc := range s.Fleet {
		if svc.Service != "" && slices.Contains(fleet, svc.Service) {
			s.add(s.at.key("fleet").item(i).key("service"), "", "a second service %q in the fleet", svc.Service)
		}
		fleet = append(fleet, svc.Service)
	}
	expect := s.at.key("expect")
	s.members(expect.key("culprits"), s.Expect.Culprits, fleet)
	s.members(expect.key("spare"), s.Expect.Spare, fleet)
	if s.Expect.Peak != nil {
		s.word(expect.key("peak").key("service"), "service", s.Expect.Peak.Service, fleet)
	}
	var fixed []string
	for i, svc := range s.Fix {
		p := s.at.key("fix").item(i).key("service")
		if svc.Service != "" && slices.Contains(fixed, svc.Service) {
			s.add(p, "", "%s is fixed twice", svc.Service)
		}
		fixed = append(fixed, svc.Service)
		s.word(p, "service", svc.Service, fleet)
	}
	for i, f := range s.Faults {
		s.word(s.at.key("faults").item(i).key("cut"), "service", f.Cut, fleet)
	}
}

// members notes the names of a list that are no services, and those that it has twice.
func (s scene) members(p place, names, fleet []string) {
	for i, name := range names {
		if name == "" {
			s.add(p.item(i), "", "%s is empty", p.item(i))
		} else if slices.Contains(names[:i], name) {
			s.add(p.item(i), "keep one", "%s names %s twice", p, name)
		} else {
			s.word(p.item(i), "service", name, fleet)
		}
	}
}

// checkSettings notes values that are wrong by themselves, whatever else the scenario says.
func (s scene) checkSettings() {
	s.checkRedis(s.at.key("redis"))
	for i, svc := range s.Fleet {
		s.checkService(s.at.key("fleet").item(i), svc)
	}
	for i, svc := range s.Fix {
		s.checkService(s.at.key("fix").item(i), svc)
	}
	for i, f := range s.Faults {
		s.checkFault(s.at.key("faults").item(i), f)
	}
	until, expect := s.at.key("until"), s.at.key("expect")
	s.positive(until.key("within"), s.Until.Within)
	s.positive(until.key("duration"), s.Until.Duration)
	s.positive(expect.key("detect"), s.Expect.Detect)
	s.positive(expect.key("mitigate"), s.Expect.Mitigate)
	s.positive(expect.key("recover"), s.Expect.Recover)
	if c := s.Expect.Cleared; c != nil {
		s.positive(expect.key("cleared").key("hold"), c.Hold)
		s.amount(expect.key("cleared").key("below"), c.Below)
	}
	if peak := s.Expect.Peak; peak != nil {
		s.amount(expect.key("peak").key("at-most"), peak.AtMost)
	}
}

// checkFault makes sure that a fault is one thing.
func (s scene) checkFault(p place, f Fault) {
	kinds := 0
	for _, is := range []bool{f.Cut != "", f.Meet > 0, f.LowerNofile > 0} {
		if is {
			kinds++
		}
	}
	switch {
	case !s.sound(p):
	case kinds == 0:
		s.add(p, "", "%s is missing cut, meet or lower-nofile", p)
	case kinds > 1:
		s.add(p, "write one fault for each", "%s is several faults at once", p)
	}
}

// positive notes a duration that is given as 0 where only more makes sense.
func (s scene) positive(p place, d outage.Duration) {
	if d == 0 && s.given(p) && s.sound(p) {
		s.add(p, "or leave the key out", "%s: want more than 0", p)
	}
}

func (s scene) amount(p place, a Amount) {
	switch {
	case !s.given(p) || !s.sound(p):
	case a == Amount{}:
		s.add(p, "", "%s: want more than 0: the rig itself keeps %d connections", p, AdminConnections)
	case a.Percent > 100:
		s.add(p, "", "%s: want at most 100%%, got %s", p, a)
	}
}

// ownKeys are the directives that a scenario sets elsewhere, or that the rig needs as they are.
var ownKeys = map[string]string{
	"maxclients":    "write redis.maxclients",
	"timeout":       "write redis.timeout",
	"tcp-keepalive": "write redis.tcp-keepalive",
	"port":          "the rig chooses it",
	"daemonize":     "the rig waits for the server itself",
	"requirepass":   "the rig and its fleet do not log in",
}

func (s scene) checkRedis(p place) {
	whole := func(key string, d outage.Duration) {
		if d.Std()%time.Second != 0 && s.sound(p.key(key)) {
			s.add(p.key(key), "", "%s: Redis takes whole seconds, got %s", p.key(key), d)
		}
	}
	whole("timeout", s.Redis.Timeout)
	if s.Redis.TCPKeepalive != nil {
		whole("tcp-keepalive", *s.Redis.TCPKeepalive)
	}
	if n := s.Redis.Nofile; n > 0 && n <= ReservedFiles {
		s.add(p.key("nofile"), "want at least "+strconv.Itoa(ReservedFiles+AdminConnections+1),
			"nofile %d: Redis keeps %d for itself and does not start", n, ReservedFiles)
	}
	if n := s.Redis.Effective(); n <= AdminConnections && s.given(p.key("maxclients")) && s.sound(p) {
		s.add(p.key("maxclients"), "", "maxclients %d leaves no slot beside the rig's own %d", n, AdminConnections)
	}
	for name := range s.Redis.Directives {
		if why, own := ownKeys[strings.ToLower(name)]; own {
			s.add(p.key("directives").key(name), why, "directive %s does not belong here", name)
		}
	}
}
