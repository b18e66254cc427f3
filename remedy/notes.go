package remedy

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"spillway/outage"
)

// warnAboutServer says what is known of this very server and changes how the plan's actions work out.
func (p *planner) warnAboutServer() {
	for _, m := range p.s.Missing {
		if strings.HasPrefix(m.What, "CONFIG") && !m.Refused() && len(p.plan.ConfLines) > 0 {
			p.warn("CONFIG could not be used (%s): on a managed service set %s in its own console", m.Why, strings.Join(p.plan.ConfLines, ", "))
		}
	}
	if n, _ := p.s.Number("connected_slaves"); n > 0 && len(p.plan.Actions) > 0 {
		p.warn("%d replicas hold slots and are not touched; one that loses its link while the server is full cannot come back", n)
	}
	if p.has(outage.KillClients) {
		p.warnAboutKill()
	}
	for _, a := range p.plan.Actions {
		if a.Kind == outage.RaiseMaxclients {
			p.warnAboutRaise(int64(number(a.To)) + reserved)
		}
	}
}

func (p *planner) warnAboutKill() {
	if fork := p.fork(); fork != "" && p.olderThan(7, 2) {
		p.warn("%s runs: slots are free at once, but before 7.2 the closed clients notice only when it ends", fork)
	}
	if p.mayServeTLS() && p.tlsUnsafe() {
		p.warn("closing connections can crash %s %s where it serves TLS (CVE-2026-56684 and its kind): if it does, update first if you can", p.s.Product(), p.s.Version())
	}
}

// warnAboutRaise is about a server that is going to need so many descriptors. It asks the system only when its soft
// limit is lower, and then for a hard limit no higher than that.
func (p *planner) warnAboutRaise(need int64) {
	lifted := p.has(outage.RaiseNofile) || p.has(outage.RestartRedis)
	if limits := p.s.Process; !lifted && (limits == nil || limits.NofileSoft < need && limits.NofileHard > need) {
		p.warn("Redis lowers its hard file descriptor limit to what maxclients asks for: without CAP_SYS_RESOURCE a second, higher raise fails, and undo does not bring the limit back")
	}
	memory, _ := p.s.Number("maxmemory")
	if policy := p.s.Info["maxmemory_policy"]; memory > 0 && policy != "" && policy != "noeviction" {
		p.warn("a new client takes about 20 kB for some seconds, counted against maxmemory %d: many at once evict keys (%s)", memory, policy)
	}
}

func (p *planner) warnAboutRestart() {
	aof := p.s.Info["aof_enabled"] == "1" || p.s.Config["appendonly"] == "yes"
	save, known := p.s.Config["save"]
	switch {
	case aof:
	case known && save == "":
		p.warn("neither save nor appendonly is set: a restart loses every key")
	default:
		p.warn("a restart keeps only what is saved: %s changes since the last save", or0(p.s.Info["rdb_changes_since_last_save"]))
	}
}

// fork names the child process that the server runs; empty for none.
func (p *planner) fork() string {
	switch {
	case p.s.Info["rdb_bgsave_in_progress"] == "1":
		return "a BGSAVE"
	case p.s.Info["aof_rewrite_in_progress"] == "1":
		return "an AOF rewrite"
	}
	return ""
}

// rewrite says what CONFIG REWRITE would do to the settings of the plan.
func (p *planner) rewrite(f outage.Finding) string {
	if len(p.plan.ConfLines) == 0 {
		return ""
	}
	file, known := p.s.Info["config_file"]
	switch {
	case !known:
		return "whether CONFIG REWRITE can persist this is not known (INFO has no config_file); CONFIG SET alone is lost at a restart"
	case file == "":
		return "CONFIG REWRITE cannot persist this: the server runs without a config file; CONFIG SET is lost at a restart, so give the lines above as arguments or in a file"
	case f.Cause == outage.FDLimitClamp:
		return fmt.Sprintf("do not run CONFIG REWRITE while maxclients is reduced: it would write the reduced number into %s, where it stays when the limit is fixed; once maxclients is right it can persist it", file)
	}
	return fmt.Sprintf("CONFIG REWRITE writes this into %s if the server may write to its directory (it replaces the file); it cannot persist a file descriptor limit", file)
}

// olderThan compares the server's version; an unknown version is taken for a recent one. Valkey and Redict began at 7.2.
func (p *planner) olderThan(major, minor int) bool {
	v, ok := parseVersion(p.s.Version())
	return ok && v.before(version{major, minor})
}

// tlsFixed are the first releases of each branch in which closing another connection is safe under TLS.
func tlsFixed(product string) []version {
	switch product {
	case "valkey":
		return []version{{7, 2, 14}, {8, 0, 10}, {8, 1, 9}, {9, 0, 5}, {9, 1, 1}}
	case "redis":
		return []version{{8, 2, 9}, {8, 4, 6}, {8, 6, 6}, {8, 8, 2}, {8, 10, 1}}
	}
	return nil
}

// tlsUnsafe reports whether this release may crash when it closes another connection under TLS.
func (p *planner) tlsUnsafe() bool {
	v, ok := parseVersion(p.s.Version())
	if !ok || v[0] < 6 { // TLS came with 6.0
		return false
	}
	fixed := tlsFixed(p.s.Product())
	for _, f := range fixed {
		if f[0] == v[0] && f[1] == v[1] {
			return v[2] < f[2]
		}
	}
	// A branch without a known fix is unsafe, and one that is newer than all of them is not.
	return len(fixed) == 0 || v.before(fixed[len(fixed)-1])
}

// mayServeTLS is false when the server is known to have no TLS port: from CONFIG, or from 7.2 on from INFO's listeners.
func (p *planner) mayServeTLS() bool {
	if port, known := p.s.Config["tls-port"]; known {
		return port != "0"
	}
	listeners := false
	for field, value := range p.s.Info {
		if strings.HasPrefix(field, "listener") {
			listeners = true
			if strings.Contains(value, "name=tls") {
				return true
			}
		}
	}
	return !listeners
}

type version [3]int

func (v version) before(w version) bool { return slices.Compare(v[:], w[:]) < 0 }

func parseVersion(s string) (v version, ok bool) {
	parts := strings.SplitN(s, ".", 3)
	if len(parts) < 2 {
		return v, false
	}
	for i, part := range parts {
		n, err := strconv.Atoi(part)
		if err != nil && i < 2 {
			return v, false
		}
		v[i] = n
	}
	return v, true
}

func or0(s string) string {
	if s == "" {
		return "an unknown number of"
	}
	return s
}
