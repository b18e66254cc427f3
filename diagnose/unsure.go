package diagnose

import (
	"fmt"
	"slices"

	"spillway/outage"
)

// unsure says what kept the diagnosis from telling, and what would settle it. It is empty when the evidence was whole.
func unsure(v *view, findings []outage.Finding) []string {
	list := v.doubts
	switch {
	case len(v.now.Info) == 0 && len(v.now.Clients) == 0 && len(v.now.Config) == 0 && v.busy > 0:
		return append(list, "who runs the script: Redis answers nothing until it ends")
	case len(v.now.Info) == 0 && len(v.now.Clients) == 0 && len(v.now.Config) == 0:
		return append(list, "everything: no snapshot could be read")
	case len(v.all) < 2:
		list = append(list, "growth, refusals now and who came new: take a second snapshot some seconds later")
	case v.elapsed < 0.5:
		list = append(list, "growth: the snapshots are less than half a second apart, take them further apart")
	}
	if len(v.looks) == 0 {
		list = append(list, "who holds the connections: CLIENT LIST could not be read"+v.why("CLIENT LIST"))
	}
	if v.limit == 0 {
		list = append(list, "how full the server is: neither CONFIG nor INFO tells maxclients"+v.why("CONFIG GET"))
	}
	if len(v.now.Info) == 0 {
		list = append(list, "whether connections are refused: INFO could not be read"+v.why("INFO"))
	}
	if len(findings) == 0 && !v.atLimit && !v.queueRead() && v.fromAfar() {
		list = append(list, "whether the listen queue overflows, so that connects take seconds: only the server's host counts that, see `nstat -az TcpExtListenOverflows TcpExtListenDrops` and `ss -ltmn` there, twice")
	}
	if pools := v.busyPools(); len(findings) == 0 && len(pools) > 0 && v.fromAfar() {
		list = append(list, fmt.Sprintf("whether clients of %s wait for their own pool, which Redis does not see: look at the pool's statistics (waits, timeouts), or watch whether a connection of it ever rests: %d readings a second apart, as `spillway diagnose --samples %[2]d --interval 1s` takes them",
			names(pools), pinnedLooks+1))
	}
	switch {
	case v.rejected > 0 && !v.atLimit && !stormFound(findings) && !named(findings, outage.AccessDenied):
		list = append(list, fmt.Sprintf("why refusals grew by %d while %d slots are free: short bursts between the snapshots, or protected mode and failed logins, which count there too",
			v.rejected, v.free()))
	case v.full && len(findings) == 0 && len(v.looks) > 0:
		list = append(list, "what fills the server: no rule knows this picture, look at CLIENT LIST by name, address, flags and command")
	}
	return list
}

// stormFound reports whether the refusals are explained: a storm fills the server between the looks.
func stormFound(findings []outage.Finding) bool { return named(findings, outage.ReconnectStorm) }

func named(findings []outage.Finding, cause outage.Cause) bool {
	return slices.ContainsFunc(findings, func(f outage.Finding) bool { return f.Cause == cause })
}

// queueRead reports whether any snapshot has the listen queue.
func (v *view) queueRead() bool {
	return slices.ContainsFunc(v.all, func(s *outage.Snapshot) bool { return s.Listen != nil })
}

// why returns the reason that a snapshot gives for what is missing, in brackets.
func (v *view) why(what string) string {
	for _, m := range v.now.Missing {
		if m.What == what {
			return " (" + clean(m.Why) + ")"
		}
	}
	return ""
}
