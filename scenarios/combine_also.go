package scenarios

import (
	"slices"

	"spillway/outage"
)

// alsoFits refuses further causes that add nothing, or that nothing in the scenario brings about.
func (s scene) alsoFits() {
	p := s.at.key("expect").key("also")
	if !s.given(p) || !s.sound(p, s.at.key("expect").key("cause")) {
		return
	}
	for i, cause := range s.Expect.Also {
		switch p := p.item(i); {
		case s.Expect.Cause == Nothing:
			s.add(p, "", "expect.cause is nothing: there is no second one")
		case cause == s.Expect.Cause:
			s.add(p, "leave it out", "%s is expect.cause itself", cause)
		case slices.Contains(s.Expect.Also[:i], cause):
			s.add(p, "keep one", "%s is there twice", cause)
		default:
			s.causeComesAbout(cause, p)
		}
	}
}

// meetsInCluster refuses to meet nodes outside cluster mode, and for less long than a run takes.
func (s scene) meetsInCluster() {
	for i, f := range s.Faults {
		p := s.at.key("faults").item(i).key("meet")
		if f.Meet > 0 && s.Redis.Directives["cluster-enabled"] != "yes" && s.sound(p, s.at.key("redis")) {
			s.add(p, `add redis.directives: {cluster-enabled: "yes"}`, "Redis meets nodes in cluster mode only")
		}
	}
}

// databasesInCluster refuses databases that a cluster does not have: Redis answers every SELECT of them with an error. Valkey has them from
// 9.0 on, where cluster-databases says how many.
func (s scene) databasesInCluster() {
	if s.Redis.Directives["cluster-enabled"] != "yes" || s.Redis.Directives["cluster-databases"] != "" {
		return
	}
	for i, svc := range s.Fleet {
		if p := s.at.key("fleet").item(i).key("db"); svc.DB > 0 && s.sound(p, s.at.key("redis")) {
			s.add(p, "leave it out", "a cluster has database 0 only")
		}
	}
}

// overlapFits refuses a deploy without an overlap.
func (s scene) overlapFits(cause place) {
	if !slices.ContainsFunc(s.Fleet, func(svc Service) bool { return svc.Rollout != nil && svc.Rollout.Surge > 0 }) {
		s.add(cause, "give a service a rollout with a surge", "old and new instances never overlap: nothing is rolled out")
	}
}

// linksFit refuses a server without replicas and cluster links.
func (s scene) linksFit(cause place) {
	replicas := slices.ContainsFunc(s.Fleet, func(svc Service) bool { return svc.Workload == "replica" })
	if !replicas && s.links() == 0 {
		s.add(cause, "give a service workload replica, or add a fault with meet", "no replica and no cluster link takes a slot")
	}
}

// also are what expect.also may name: an outage each.
func also() []string { return described(outage.Causes()) }
