package remedy

import (
	"fmt"
	"strconv"

	"spillway/outage"
)

// freeFiles gives a server that ran out of file descriptors what its maxclients needs. Up to the hard limit that takes no
// privilege but the server's own user, and the hard limit stays as it is.
func (p *planner) freeFiles() []outage.Action {
	need := p.limit() + reserved + p.ownFiles()
	advice := adviseNofile(need)
	live := p.raiseNofile(need)
	limits := p.s.Process
	if limits != nil && limits.NofileSoft > 0 && limits.NofileHard > limits.NofileSoft {
		to := min(int64(need), limits.NofileHard)
		live.From, live.To = strconv.FormatInt(limits.NofileSoft, 10), strconv.FormatInt(to, 10)
		live.Precondition = "whoever does it is the server's own user, or root; the pid is the one that host sees"
		live.Commands = []string{fmt.Sprintf("prlimit --pid %s --nofile=%d:", p.pid(), to)} // the colon leaves the hard limit
	}
	live.Reason = fmt.Sprintf("Redis cannot accept: %d clients need %d descriptors, %d of them for its own files", p.limit(), need, need-p.limit())
	if !p.o.CanRaiseNofile {
		live = outage.Action{Kind: outage.Advise, Relief: true, Reason: live.Reason + "; " + live.Precondition, Commands: live.Commands}
	}
	p.warn("maxclients is not what stops clients: raising it, or killing clients that work, changes nothing for good")
	return []outage.Action{live, advice}
}

// ownFiles is how many descriptors the server uses beyond its clients and beyond what it reserves for that.
func (p *planner) ownFiles() int {
	if p.s.Process == nil || p.s.Process.OpenFDs == 0 || len(p.s.Clients) == 0 {
		return 0
	}
	return max(0, p.s.Process.OpenFDs-len(p.s.Clients)-reserved)
}

// pid is the server's process for a command that root types, and so nothing but a number.
func (p *planner) pid() string {
	if pid, ok := p.s.Number("process_id"); ok && pid > 0 {
		return strconv.FormatInt(pid, 10)
	}
	return "PID"
}

// mostBacklog is the largest that somaxconn takes on every kernel.
const mostBacklog = 65535

// adviseBacklog says how to make the listen queue longer. Redis takes tcp-backlog only when it starts.
func (p *planner) adviseBacklog(f outage.Finding) []outage.Action {
	size := number(p.s.Config["tcp-backlog"])
	if l := p.s.Listen; l != nil && l.Backlog > 0 && (size == 0 || l.Backlog < size) {
		size = l.Backlog
	}
	want := min(max(511, 4*size), mostBacklog)
	n := strconv.Itoa(want)
	plan := []outage.Action{{
		Kind: outage.Advise,
		Reason: fmt.Sprintf("the listen queue holds %d, the smaller of tcp-backlog and net.core.somaxconn: raise both, then restart Redis, which reads them only at its start",
			size),
		Commands: []string{
			"sysctl -w net.core.somaxconn=" + n + " (in Redis's network namespace; docker run --sysctl net.core.somaxconn=" + n + " …)",
			"redis.conf: tcp-backlog " + n,
		},
	}}
	if len(f.Culprits) > 0 {
		plan = append(plan, outage.Action{
			Kind:   outage.Advise,
			Reason: "spread the dials of " + services(f) + ": jitter before a reconnect or a job's start, and a pool that stays open",
		})
	}
	return plan
}

// advisePorts says what to do on a client host without source ports. Nothing is to be done to Redis.
func (p *planner) advisePorts(f outage.Finding) []outage.Action {
	return []outage.Action{{
		Kind: outage.Advise,
		Reason: fmt.Sprintf("nothing is wrong with Redis, which has %d of %d slots free: on %s let %s reuse its connections; until then widen the range of ports, or spread the load over more hosts or more addresses of Redis",
			p.limit()-p.slots(), p.limit(), hosts(f), services(f)),
		Commands: []string{
			"there: ss -tan | awk '{print $1}' | sort | uniq -c   # TIME-WAIT holds a port for a minute after a close",
			"there: sysctl -w net.ipv4.ip_local_port_range='1024 65535'",
			"there: sysctl -w net.ipv4.tcp_tw_reuse=1",
		},
	}}
}
