package scenarios

import "strings"

// useless are the settings that a workload has no use for. A setting that does nothing is refused: whoever wrote it
// believes that it does something.
var useless = map[string]map[string]string{
	"pooled": {
		"connections": "pool.size bounds what a pooled instance opens",
	},
	"leaky": {
		"rollout": "a rollout is a new pool",
	},
	"idle": {
		"rate":    "an idle client asks nothing; ramp spreads its connects",
		"hold":    "an idle client asks nothing",
		"pool":    "connections says how many an idle instance opens",
		"rollout": "a rollout is a new pool",
	},
	"subscriber": {
		"rate":    "a subscriber asks once; ramp spreads its connects",
		"hold":    "a subscription lasts as long as the instance",
		"pool":    "connections says how many a subscriber opens, beside any pool",
		"rollout": "a rollout is a new pool",
	},
	"blocked": {
		"rate":    "a blocked client waits for one answer; ramp spreads its connects",
		"hold":    "a blocked client waits without end",
		"pool":    "connections is the size of the pool",
		"rollout": "a rollout is a new pool",
	},
	"silent": {
		"rate":    "a silent client asks nothing; ramp spreads its connects",
		"hold":    "a silent client asks nothing",
		"pool":    "connections says how many a silent instance opens",
		"rollout": "a rollout is a new pool",
	},
	"bursting": {
		"hold":    "a connection lasts until the next burst",
		"pool":    "connections says how many a burst opens",
		"rollout": "a rollout is a new pool",
	},
	"transaction": {
		"pool":    "connections is the size of the pool",
		"rollout": "a rollout is a new pool",
	},
	"reconnecting": {
		"hold":    "connections / rate is how long a connection lasts",
		"pool":    "connections says how many a reconnecting instance opens",
		"rollout": "a rollout is a new pool",
	},
}

// checkService notes what is wrong with a service of the fleet or of the fix by itself.
func (s scene) checkService(p place, svc Service) {
	if s.sound(p.key("workload")) {
		for _, key := range []string{"rate", "connections", "pool", "hold", "rollout"} {
			if why, isUseless := useless[svc.Workload][key]; isUseless && s.given(p.key(key)) {
				s.add(p.key(key), why, "%s has no effect on workload %s", p.key(key), svc.Workload)
			}
		}
	}
	if svc.crowds() && !s.given(p.key("connections")) && s.sound(p) {
		s.add(p.key("connections"), "", "%s is missing: how many connections an instance of workload %s opens",
			p.key("connections"), svc.Workload)
	}
	if svc.asks() && svc.Rate == 0 && s.given(p.key("rate")) && s.sound(p.key("rate")) {
		s.add(p.key("rate"), "", "%s: want more than 0: a client that asks nothing opens nothing", p.key("rate"))
	}
	s.checkPool(p.key("pool"), svc.Pool)
	s.checkIdentity(p, svc)
	if r := svc.Rollout; r != nil {
		s.checkPool(p.key("rollout").key("pool"), r.Pool)
		s.positive(p.key("rollout").key("every"), r.Every)
		if r.Surge > max(1, svc.Instances) && s.sound(p.key("rollout"), p.key("instances")) {
			s.add(p.key("rollout").key("surge"), "", "surge %d of %d instances: no more than there are can be replaced at once",
				r.Surge, max(1, svc.Instances))
		}
	}
}

func (s scene) checkPool(p place, pool Pool) {
	if !s.sound(p) {
		return
	}
	size := pool.Size
	orElse(&size, DefaultPoolSize)
	switch {
	case pool.MinIdle > size:
		s.add(p.key("min-idle"), "", "min-idle %d of a pool of %d", pool.MinIdle, size)
	case pool.MaxIdle > 0 && pool.MinIdle > pool.MaxIdle:
		s.add(p.key("min-idle"), "", "min-idle %d above max-idle %d", pool.MinIdle, pool.MaxIdle)
	}
}

// checkClientName refuses what CLIENT SETNAME refuses, and our own prefix, which a diagnosis overlooks.
func (s scene) checkClientName(p place, name string) {
	switch {
	case strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' }):
		s.add(p, "", "client-name %q: Redis takes printable ASCII without spaces", name)
	case strings.HasPrefix(name, "spillway:"):
		s.add(p, "", "client-name %q: names with spillway: are the rig's own, and no diagnosis looks at them", name)
	}
}
