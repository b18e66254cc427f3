package remedy

import (
	"fmt"
	"strconv"

	"spillway/outage"
)

const (
	// reserved is what Redis keeps for its own files, beside maxclients.
	reserved = 32
	// mostClients bounds every request: each 16 descriptors cost the server a system call when it cannot have them, and
	// near 2^32 the sum wraps around and skips its checks.
	mostClients = 1_000_000
	// cushionAtLeast is the smallest cushion worth having beside a leak. Redis lowers its hard limit to what it asks for,
	// so a raise can be made about once; it is not spent on a few slots.
	cushionAtLeast = 100
	// redisDefault is the maxclients of a redis.conf that says nothing.
	redisDefault = 10_000
)

// ceiling is the largest maxclients that the server's process may have; ok is false when nobody could read it.
func (p *planner) ceiling() (n int, ok bool) {
	if p.s.Process == nil || p.s.Process.NofileHard == 0 {
		return 0, false
	}
	hard := p.s.Process.NofileHard
	if hard < 0 { // unlimited
		return mostClients, true
	}
	return int(min(max(hard-reserved, 0), mostClients)), true
}

// cushion raises maxclients beside a leak, to gain time until the fix is deployed.
func (p *planner) cushion() []outage.Action { return p.room(0, "a cushion until the fix is deployed") }

// room raises maxclients when the process's limit is known and leaves room for a quarter more and at least
// cushionAtLeast: up to twice as many, or to want if that is more.
func (p *planner) room(want int, reason string) []outage.Action {
	limit := p.limit()
	ceiling, known := p.ceiling()
	if limit == 0 || !known || ceiling-limit < max(limit/4, cushionAtLeast) {
		return nil
	}
	to := min(max(2*limit, want), ceiling, mostClients)
	if p.o.MaxClients > 0 {
		to = min(p.o.MaxClients, ceiling, mostClients)
	}
	if to <= limit {
		return nil
	}
	return []outage.Action{p.raise(to, fmt.Sprintf("%s; the hard file descriptor limit leaves room for %d", reason, ceiling))}
}

// lift raises maxclients to want, or to what the options say, and the file descriptor limit where that is too low.
func (p *planner) lift(f outage.Finding, want int) []outage.Action {
	if p.o.MaxClients > 0 {
		want = p.o.MaxClients
	}
	if want > mostClients {
		p.warn("%d clients are asked for; this tool sets at most %d", want, mostClients)
		want = mostClients
	}
	if want <= p.limit() {
		p.warn("maxclients is %d and %d are needed as far as the diagnosis can say: it is not raised", p.limit(), want)
		return nil
	}
	reason := fmt.Sprintf("%d are needed, %d are in force", want, p.limit())
	ceiling, known := p.ceiling()
	if !known {
		p.warn("the file descriptor limit of the server is not known: if it is below %d, Redis refuses and names what it can, which is then tried once", want+reserved)
		return []outage.Action{p.raise(want, reason)}
	}
	if want > ceiling {
		return p.liftNofile(f, want, ceiling)
	}
	return []outage.Action{p.raise(want, reason)}
}

// liftNofile plans for a limit that is too low: live, by a restart, or as far as it reaches, in this order.
func (p *planner) liftNofile(f outage.Finding, want, ceiling int) []outage.Action {
	nofile := want + reserved
	var plan []outage.Action
	if p.o.CanRaiseNofile {
		plan = append(plan, p.raiseNofile(nofile))
	}
	if p.o.CanRestart {
		plan = append(plan, p.restart(nofile))
	}
	reason := fmt.Sprintf("%d are needed, %d are in force", want, p.limit())
	switch {
	case p.o.CanRaiseNofile, p.o.CanRestart && f.Asked < want:
		raise := p.raise(want, reason)
		if p.reachesFurther(ceiling) {
			raise.Instead = strconv.Itoa(ceiling)
		}
		plan = append(plan, raise)
	case p.o.CanRestart: // the server asks for enough by itself when it starts
	case p.reachesFurther(ceiling):
		p.warn("%d clients are needed, and the file descriptor limit allows %d: the raise is only part of it", want, ceiling)
		plan = append(plan, p.raise(ceiling, fmt.Sprintf("as far as the file descriptor limit reaches; %d are needed", want)))
	default:
		p.warn("the file descriptor limit allows no more than %d clients: nothing that Redis can be told helps", max(ceiling, p.limit()))
	}
	return append(plan, adviseNofile(nofile))
}

// reachesFurther reports whether the file descriptor limit as it is leaves room for a raise that is worth it.
func (p *planner) reachesFurther(ceiling int) bool { return ceiling-p.limit() >= max(p.limit()/10, 1) }

// unclamp gives the server what it was configured for, and what the fleet needs if that is more.
func (p *planner) unclamp(f outage.Finding) []outage.Action {
	want := max(f.Asked, f.Needed)
	if want == 0 && p.o.MaxClients == 0 {
		p.warn("what maxclients was asked for is not known: the advice takes Redis's default of %d", redisDefault)
		return []outage.Action{adviseNofile(redisDefault + reserved)}
	}
	plan := p.lift(f, want)
	if p.o.MaxClients > 0 {
		want = p.o.MaxClients
	}
	for _, a := range plan {
		if a.Kind == outage.Advise {
			return plan
		}
	}
	return append(plan, adviseNofile(min(want, mostClients)+reserved))
}

func (p *planner) raise(to int, reason string) outage.Action {
	a := outage.Action{
		Kind: outage.RaiseMaxclients, Relief: true, Reason: reason, Param: paramMaxclients, To: strconv.Itoa(to),
		Precondition: fmt.Sprintf("maxclients is below %d", to),
		Commands:     []string{line("CONFIG", "SET", paramMaxclients, strconv.Itoa(to))},
	}
	if n := p.limit(); n > 0 {
		a.From = strconv.Itoa(n)
		a.Undo = []string{line("CONFIG", "SET", paramMaxclients, a.From)}
	}
	return a
}

func (p *planner) raiseNofile(nofile int) outage.Action {
	pid, to := p.pid(), strconv.Itoa(nofile)
	a := outage.Action{
		Kind: outage.RaiseNofile, Relief: true, Param: "nofile", To: to,
		Reason:       fmt.Sprintf("Redis needs %d descriptors: %d clients and %d of its own", nofile, nofile-reserved, reserved),
		Precondition: "whoever does it has CAP_SYS_RESOURCE on the server's host; the pid is the one that host sees",
		Commands:     []string{"prlimit --pid " + pid + " --nofile=" + to + ":" + to},
	}
	if p.s.Process != nil {
		a.From = strconv.FormatInt(p.s.Process.NofileHard, 10)
	}
	return a
}

func (p *planner) restart(nofile int) outage.Action {
	closed := p.slots()
	a := outage.Action{
		Kind: outage.RestartRedis, Relief: true, Param: "nofile", To: strconv.Itoa(nofile),
		Reason:       fmt.Sprintf("a server that starts with %d descriptors is not clamped; the restart closes every connection once, %d now, and cannot be undone", nofile, closed),
		Precondition: "the server may be restarted",
	}
	if p.o.CanRaiseNofile {
		a.Precondition = "the limit could not be raised live"
	}
	p.warnAboutRestart()
	return a
}

// adviseNofile says what to write so that the limit holds at every start.
func adviseNofile(nofile int) outage.Action {
	n := strconv.Itoa(nofile)
	return outage.Action{
		Kind:   outage.Advise,
		Reason: "the file descriptor limit has to be " + n + " or more whenever Redis starts; set it where Redis is started",
		Commands: []string{
			"systemd: in /etc/systemd/system/redis-server.service.d/limits.conf write [Service] and LimitNOFILE=" + n + ", then systemctl daemon-reload && systemctl restart redis-server",
			"docker: docker run --ulimit nofile=" + n + ":" + n + " …",
			"compose: ulimits: {nofile: {soft: " + n + ", hard: " + n + "}}",
			"kubernetes: a pod cannot set it; raise LimitNOFILE of the node's container runtime to " + n + ", or, below its hard limit, start with sh -c 'ulimit -n " + n + " && exec redis-server …'",
		},
	}
}

func (p *planner) adviseClients(f outage.Finding) outage.Action {
	return outage.Action{
		Kind: outage.Advise,
		Reason: fmt.Sprintf("Redis uses %d of %d slots: nothing on the server is to be changed; look at the connection pool of %s",
			p.slots(), p.limit(), services(f)),
	}
}

func number(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}
