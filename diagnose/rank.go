package diagnose

import (
	"cmp"
	"fmt"
	"slices"

	"spillway/outage"
)

// yield says that one cause is a mere consequence or a lesser part of another when both are found.
type yield struct {
	weak, strong outage.Cause
	when         func(v *view, weak, strong *outage.Finding) bool
	drop         bool // else weak is put just behind strong
	why          string
}

var yields = []yield{
	{outage.FDLimitClamp, outage.ConnectionLeak, holdsMuch, false, "the clamp only made the leak fill the server sooner"},
	{outage.FDLimitClamp, outage.HalfOpenPeers, holdsMuch, false, "the clamp only made the vanished hosts' connections weigh more"},
	{outage.FDLimitClamp, outage.IdleNotReaped, holdsMuch, false, "the clamp only made the idle connections weigh more"},
	{outage.FDLimitClamp, outage.SilentConnections, holdsMuch, false, "the clamp only made the silent connections weigh more"},
	{outage.PubSubPileUp, outage.FDLimitClamp, askedFits, false, "it would fit into the maxclients that was asked for"},
	{outage.BlockedWorkers, outage.FDLimitClamp, askedFits, false, "it would fit into the maxclients that was asked for"},
	{outage.OversizedPool, outage.FDLimitClamp, askedFits, false, "it would fit into the maxclients that was asked for"},
	{outage.DeploySurge, outage.FDLimitClamp, askedFits, false, "both generations would fit into the maxclients that was asked for"},
	{outage.ReplicaOrClusterSlots, outage.FDLimitClamp, askedFits, false, "they would fit into the maxclients that was asked for"},
	{outage.MaxclientsTooLow, outage.DeploySurge, always, true, ""},
	{outage.MaxclientsTooLow, outage.ReplicaOrClusterSlots, always, true, ""},
	{outage.IdleNotReaped, outage.DeploySurge, sameService, true, ""}, // the drained generation
	{outage.OversizedPool, outage.DeploySurge, sameService, true, ""},
	{outage.MaxclientsTooLow, outage.PubSubPileUp, always, true, ""},
	{outage.MaxclientsTooLow, outage.BlockedWorkers, always, true, ""},
	{outage.MaxclientsTooLow, outage.ReconnectStorm, always, true, ""},
	{outage.MaxclientsTooLow, outage.OversizedPool, always, true, ""},
	{outage.IdleNotReaped, outage.OversizedPool, always, true, ""}, // the same connections
	{outage.NotAtLimit, outage.ConnectionLeak, always, true, ""},   // it will be at its limit
	{outage.MaxclientsTooLow, outage.ConnectionLeak, holdsMuch, false, "the leak holds more of the slots"},
	{outage.MaxclientsTooLow, outage.HalfOpenPeers, holdsMuch, false, "the vanished hosts' connections hold more of the slots"},
	{outage.MaxclientsTooLow, outage.IdleNotReaped, always, false, "the idle connections hold slots for nothing, and go first"},
	{outage.MaxclientsTooLow, outage.SilentConnections, holdsMuch, false, "the silent connections hold more of the slots"},
	{outage.NotAtLimit, outage.FDExhausted, always, true, ""}, // its clients wait for more than their pools
	{outage.NotAtLimit, outage.BacklogOverflow, always, true, ""},
	{outage.NotAtLimit, outage.PortExhaustion, always, true, ""},
	{outage.BacklogOverflow, outage.FDExhausted, always, true, ""}, // the queue is full since nobody is taken out of it
	{outage.BacklogOverflow, outage.ServerStalled, always, false, "the queue overflows while Redis does not come to accept"},
	{outage.ConnectionLeak, outage.PortExhaustion, always, false, "what fails now is the client's own host, below maxclients"},
	{outage.ConnectionLeak, outage.FDExhausted, always, false, "what fails now is accept(), below maxclients"},
	{outage.MaxclientsTooLow, outage.FDLimitClamp, wouldFit, true, ""},
	{outage.MaxclientsTooLow, outage.FDLimitClamp, always, false, "the file descriptor limit is what keeps maxclients low"},
	{outage.NotAtLimit, outage.ServerStalled, always, true, ""}, // who waits for answers keeps its connections in use
}

func always(*view, *outage.Finding, *outage.Finding) bool { return true }

// holdsMuch reports whether the strong finding's connections are a large part of those on the server.
func holdsMuch(v *view, _, strong *outage.Finding) bool {
	n := 0
	for _, c := range strong.Culprits {
		n += len(c.IDs)
	}
	return v.share(n) >= 0.3
}

// sameService reports whether the weak finding blames nobody whom the strong one does not.
func sameService(_ *view, weak, strong *outage.Finding) bool {
	for _, c := range weak.Culprits {
		if !slices.ContainsFunc(strong.Culprits, func(s outage.Culprit) bool { return s.Service == c.Service }) {
			return false
		}
	}
	return true
}

// wouldFit reports whether the maxclients that was asked for would have done.
func wouldFit(_ *view, weak, strong *outage.Finding) bool { return weak.Needed <= strong.Asked }

// askedFits reports whether the maxclients that was asked for is known and would have done.
func askedFits(_ *view, weak, strong *outage.Finding) bool {
	return strong.Asked > 0 && weak.Needed <= strong.Asked
}

// rank settles findings that explain the same and sorts by confidence, ties in the order of the rules.
func rank(v *view, findings []outage.Finding) []outage.Finding {
	for _, y := range slices.Concat(yields,
		behind(outage.ServerStalled, "the server is full, and slow beside it"),
		behind(outage.AccessDenied, "the server is full, and turns others away beside it"),
	) {
		w := slices.IndexFunc(findings, func(f outage.Finding) bool { return f.Cause == y.weak })
		s := slices.IndexFunc(findings, func(f outage.Finding) bool { return f.Cause == y.strong })
		if w < 0 || s < 0 || findings[s].Confidence < believed || !y.when(v, &findings[w], &findings[s]) {
			continue
		}
		if y.drop {
			findings = slices.Delete(findings, w, w+1)
			continue
		}
		weak, most := &findings[w], findings[s].Confidence-0.05
		if weak.Confidence > most {
			weak.Confidence = round(max(0, most))
		}
		weak.Evidence = append(weak.Evidence, outage.Evidence{Text: fmt.Sprintf("ranked behind %s: %s", y.strong, y.why)})
	}
	slices.SortStableFunc(findings, func(a, b outage.Finding) int { return cmp.Compare(b.Confidence, a.Confidence) })
	return findings
}
