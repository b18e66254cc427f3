package assert

import (
	"fmt"

	"spillway/outage"
)

func boundsPeak(r *run) bool  { return r.s.Expect.Peak != nil }
func namesSuffer(r *run) bool { return r.s.Expect.Suffer != "" }

// forbidsRefusals reports whether nobody may be refused: where no outage is expected, or where a look-alike's scenario says so.
func forbidsRefusals(r *run) bool {
	return r.calm() || r.failing() && r.s.Expect.Refusals != nil && !*r.s.Expect.Refusals
}

// peak judges the most connections that any snapshot showed, of one service or of all.
func peak(r *run) Verdict {
	p := r.s.Expect.Peak
	who := "connections of all"
	if p.Service != "" {
		who = "connections of " + p.Service
	}
	want := fmt.Sprintf("at most %s %s", p.AtMost, who)
	if p.AtMost.Percent > 0 {
		want = fmt.Sprintf("at most %s of the limit in %s", p.AtMost, who)
	}
	seen, most, over := 0, 0, false
	for at, s := range r.snapshots(r.loaded()) {
		n, ok := r.taken(p.Service, at, s)
		limit, known := bound(p.AtMost, s.MaxClients())
		if !ok || !known {
			continue
		}
		seen++
		most, over = max(most, n), over || n > limit
	}
	got := fmt.Sprintf("%d at the peak, in %s", most, plural(seen, "snapshot", "snapshots"))
	switch {
	case over:
		return Verdict{Outcome: Fail, Want: want, Got: got}
	case seen < 2: // one reading is a moment, not a peak
		return missing(want, got, "too few snapshots that could count them")
	}
	return Verdict{Outcome: Pass, Want: want, Got: got}
}

// taken counts the connections of a service in a snapshot, by the addresses of its instances; of all without a name.
func (r *run) taken(service string, at outage.Duration, s *outage.Snapshot) (n int, ok bool) {
	if service == "" {
		return s.Slots(), true
	}
	for _, c := range s.Clients {
		if r.homes.of(c.Addr, at).service == service {
			n++
		}
	}
	if len(s.Clients) == 0 {
		for _, c := range s.Census {
			if r.homes.shared(c.Host) {
				return 0, false // whose they are the census does not tell
			}
			if r.homes.at(c.Host, at).service == service {
				n += c.Count
			}
		}
	}
	return n, len(s.Clients)+len(s.Census) > 0
}

// refusals judges a run in which nobody may be refused, by both witnesses.
func refusals(r *run) Verdict {
	want, byRedis := "nobody refused", r.m.RejectedByRedis
	if r.s.Expect.Cause == outage.AccessDenied && byRedis != nil { // protected mode counts there too
		want, byRedis = "nobody refused for want of a slot", new(int64)
	}
	tried := r.count(r.loaded(), func(*outage.Attempt) bool { return true })
	got := fmt.Sprintf("%d of %d attempts refused, %s", r.m.Refused, tried, r.rejectedText())
	switch {
	case r.m.Refused > 0 || byRedis != nil && *byRedis > 0:
		return Verdict{Outcome: Fail, Want: want, Got: got}
	case tried == 0 || byRedis == nil:
		return missing(want, got, "one of the two witnesses is missing")
	}
	return Verdict{Outcome: Pass, Want: want, Got: got}
}

// suffer judges that clients met what the scenario is about, such as pool timeouts.
func suffer(r *run) Verdict {
	want := fmt.Sprintf("clients that meet %s", r.s.Expect.Suffer)
	tried := r.count(r.loaded(), func(*outage.Attempt) bool { return true })
	met := r.count(r.loaded(), func(a *outage.Attempt) bool { return a.Outcome == r.s.Expect.Suffer })
	got := fmt.Sprintf("%d of %d attempts", met, tried)
	if tried == 0 {
		return missing(want, got, "no attempt in the history")
	}
	return Verdict{Outcome: passIf(met > 0), Want: want, Got: got}
}
