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
	{outage.MaxclientsTooLow, outage.PubSubPileUp, always, true, ""},
	{outage.MaxclientsTooLow, outage.BlockedWorkers, always, true, ""},
	{outage.MaxclientsTooLow, outage.ReconnectStorm, always, true, ""},
	{outage.MaxclientsTooLow, outage.OversizedPool, always, true, ""},
	{outage.IdleNotReaped, outage.OversizedPool, always, true, ""}, // the same connections
	{outage.NotAtLimit, outage.ConnectionLeak, always, true, ""},   // it will be at its limit
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
