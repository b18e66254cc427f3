// Package diagnose turns snapshots of a Redis into a diagnosis: what takes the connections, who, and what shows it.
//
//	Snapshots -> Diagnosis -> Plan -> Action
//
// It sees what an operator could see and nothing else: never the scenario, never the attempts of the clients. It is
// pure: no clock, no network, no log. It changes nothing and recommends nothing; that is remedy's part.
//
// The snapshots become one view, each rule in the list weighs the view for its cause, and the findings are ranked. A rule
// adds up terms, each with a weight and a reason in numbers, so that a finding shows what it rests on.
package diagnose

import (
	"spillway/outage"
)

// rule is one cause and how to recognise it. judge returns nil when the view does not speak for it.
type rule struct {
	cause outage.Cause
	judge func(v *view) *outage.Finding
}

// rules are asked in this order. A rule sees which connections the rules before it have explained, so those that
// recognise particular connections come before those that explain what is left.
var rules = []rule{
	{outage.FDExhausted, fdExhausted},
	{outage.PortExhaustion, portExhaustion},
	{outage.BacklogOverflow, backlogOverflow},
	{outage.HalfOpenPeers, halfOpen},
	{outage.SilentConnections, silent},
	{outage.ConnectionLeak, leak},
	{outage.PubSubPileUp, pubsubPileUp},
	{outage.BlockedWorkers, blockedWorkers},
	{outage.DeploySurge, deploySurge},
	{outage.OversizedPool, oversizedPool},
	{outage.IdleNotReaped, idleNotReaped},
	{outage.ReconnectStorm, reconnectStorm},
	{outage.FDLimitClamp, clamp},
	{outage.ReplicaOrClusterSlots, replicaOrClusterSlots},
	{outage.MaxclientsTooLow, tooLow},
	{outage.ServerStalled, stalled},
	{outage.AccessDenied, denied},
	{outage.NotAtLimit, pinned},
}

// believed is the confidence from which a finding's connections count as explained.
const believed = 0.5

// Diagnose names the causes that the snapshots speak for, most likely first. The snapshots may come in any order; those
// before the server's last start, or from more than half a minute before the latest, are left out. One is allowed: what
// needs two is then said in Unsure, and no confidence is above 0.5.
func Diagnose(snapshots ...outage.Snapshot) outage.Diagnosis {
	v := look(snapshots)
	findings := []outage.Finding{}
	for _, r := range rules {
		f := r.judge(v)
		if f == nil {
			continue
		}
		v.attribute(f)
		findings = append(findings, *f)
		if f.Confidence >= believed || len(v.all) == 1 { // one look is sure of nothing
			v.claim(f)
		}
	}
	return outage.Diagnosis{
		At: v.now.At, Slots: v.slots, MaxClients: v.limit, Rejecting: v.rejected > 0,
		Findings: rank(v, findings), Unsure: unsure(v, findings),
	}
}

// claim marks the connections that f speaks against as explained.
func (v *view) claim(f *outage.Finding) {
	for _, c := range f.Culprits {
		for _, id := range c.IDs {
			v.claims[id] = f.Cause
		}
	}
}
