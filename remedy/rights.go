package remedy

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"spillway/outage"
)

// Service is where the server runs, if that bounds what may be sent to it, and what its people call the settings.
type Service interface {
	// Allows reports whether a command may be sent, and printed for people to send.
	Allows(args ...string) bool
	// Setting says how a setting becomes value there, a line each; nothing where it is as with any Redis. Beside those of redis.conf there are
	// access, for users, passwords and rights, and host, for what is done on the server's host.
	Setting(name, value string) []string
}

// withhold turns what may not be done here into advice to those who can do it, and takes out of advice what may not be sent.
func (p *planner) withhold() {
	for i, a := range p.plan.Actions {
		switch a.Kind {
		case outage.KillClients:
			if why := p.forbidden("CLIENT KILL"); why != "" {
				p.plan.Actions[i] = adviseOwners(a, why)
			}
		case outage.SetTimeout, outage.SetKeepalive, outage.RaiseMaxclients:
			if why := cmp.Or(p.forbidden("CONFIG GET"), p.forbidden("CONFIG SET")); why != "" {
				p.plan.Actions[i] = p.adviseSetting(a, why)
			}
		case outage.RaiseNofile, outage.RestartRedis:
			if words := p.words("host", a.To); len(words) > 0 {
				p.plan.Actions[i] = outage.Action{Kind: outage.Advise, Relief: a.Relief, Reason: a.Reason, Commands: words}
			}
		case outage.Advise:
			p.plan.Actions[i].Commands = p.permitted(a.Commands)
		}
	}
	for _, m := range p.s.Unread() {
		p.warn("%s is not allowed here (%s), %s", m.What, m.Why, m.Costs())
	}
}

// forbidden says why a command may not be sent; empty where it may.
func (p *planner) forbidden(command string) (why string) {
	if why := p.s.Refused(command); why != "" {
		return why
	}
	if p.o.Service != nil && !p.o.Service.Allows(strings.Fields(command)...) {
		return command + " is not allowed here"
	}
	return ""
}

func (p *planner) words(setting, value string) []string {
	if p.o.Service == nil {
		return nil
	}
	return p.o.Service.Setting(setting, value)
}

// adviseSetting names the setting, where it stands in redis.conf or in the service's own words.
func (p *planner) adviseSetting(a outage.Action, why string) outage.Action {
	words := p.words(a.Param, a.To)
	if len(words) == 0 {
		words = []string{"redis.conf: " + a.Param + " " + a.To}
		if strings.Contains(why, "unknown command") {
			words = append(words, fmt.Sprintf("or by the name that rename-command gave to CONFIG: NAME SET %s %s", a.Param, a.To))
		}
	}
	return outage.Action{
		Kind: outage.Advise, Relief: a.Relief, Commands: words,
		Reason: fmt.Sprintf("%s has to become %s, and CONFIG cannot do it here (%s); %s", a.Param, a.To, why, a.Reason),
	}
}

// mostOwners is how many owners of connections are named.
const mostOwners = 8

// adviseOwners says whose connections would have been closed, since only they can do it then.
func adviseOwners(a outage.Action, why string) outage.Action {
	count := map[string]int{}
	for _, v := range a.Victims {
		owner := outage.Host(v.Addr)
		if v.Name != "" {
			owner = fmt.Sprintf("%.60q at %s", v.Name, owner)
		}
		count[owner]++
	}
	owners := sortedKeys(count)
	slices.SortStableFunc(owners, func(x, y string) int { return count[y] - count[x] })
	var lines []string
	for i, owner := range owners {
		if i == mostOwners {
			lines = append(lines, fmt.Sprintf("and %d more", len(owners)-i))
			break
		}
		lines = append(lines, fmt.Sprintf("restart %s: it holds %d of them", owner, count[owner]))
	}
	return outage.Action{
		Kind: outage.Advise, Relief: a.Relief, Commands: lines,
		Reason: fmt.Sprintf("%d connections have to be closed, and CLIENT KILL cannot do it here (%s): whoever holds them must be restarted", len(a.Victims), why),
	}
}

// redisLine is a line of advice that is sent to Redis: its command, and its subcommand if it has one.
var redisLine = regexp.MustCompile(`^(?:redis-cli(?: -h \S+)? )?([A-Z]{2,})(?: ([A-Z-]{2,}))?\b`)

// permitted leaves out lines that may not be sent, and those for a host that a provider runs, and says instead what does the same there.
func (p *planner) permitted(lines []string) []string {
	var kept []string
	say := func(words []string) {
		for _, w := range words {
			if !slices.Contains(kept, w) {
				kept = append(kept, w)
			}
		}
	}
	for _, l := range lines {
		m := redisLine.FindStringSubmatch(l)
		switch {
		case m != nil && p.forbidden(strings.TrimSpace(m[1]+" "+m[2])) == "":
			kept = append(kept, l)
		case m != nil && m[1] == "ACL", strings.Contains(l, "requirepass") && len(p.words("access", "")) > 0:
			say(p.words("access", ""))
		case m != nil:
		case strings.HasPrefix(l, "there: ") || len(p.words("host", "")) == 0: // there is the host of a client
			kept = append(kept, l)
		default:
			say(p.words("host", ""))
		}
	}
	return kept
}
