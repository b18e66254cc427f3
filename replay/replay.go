// Package replay turns a captured incident into a scenario that brings the same outage about:
//
//	Snapshots + Diagnosis -> catalogue with a scenario for each server -> scenarios.Parse -> harness
//
// The services are those that the capture shows, with the same counts where a machine can hold them, and behave as they were
// seen to; the cause decides how whoever is blamed comes to it. What the capture cannot tell is assumed, and the scenario
// says so in its comments. The package is pure: it reads no file, starts nothing and judges nothing. Its result is text, so that
// what is shown is exactly what is run.
package replay

import (
	"fmt"
	"slices"

	"spillway/diagnose"
	"spillway/outage"
	"spillway/scenarios"
)

// sure is the confidence from which a finding names its cause; below, it is a hint.
const sure = 0.5

// Unclear says why a capture cannot be replayed.
type Unclear struct{ Why string }

func (u *Unclear) Error() string { return "cannot tell what to replay: " + u.Why }

// Incident is what was captured of one server, and what is said of it.
type Incident struct {
	Name      string // what its scenario is called after: it may have to become shorter and simpler
	Snapshots []outage.Snapshot
	Diagnosis outage.Diagnosis
}

// Catalogue returns a catalogue, as YAML, with a scenario for each incident, which brings about what the first finding says of
// the snapshots, and expects it to be found again; without a finding it expects that nothing is wrong. A capture that does not tell
// enough is an error, of type Unclear, as is no incident at all.
func Catalogue(incidents ...Incident) ([]byte, error) {
	var built []*builder
	for _, incident := range incidents {
		b, err := build(incident)
		switch {
		case err != nil && len(incidents) > 1:
			return nil, fmt.Errorf("%s: %w", incident.Name, err)
		case err != nil:
			return nil, err
		}
		built = append(built, b)
	}
	if len(built) == 0 {
		return nil, &Unclear{"there is no incident"}
	}
	text, err := text(built)
	if err != nil {
		return nil, err
	}
	if _, err := scenarios.Parse(incidents[0].Name, text); err != nil {
		return nil, &Unclear{"no valid scenario comes of it: " + err.Error()}
	}
	return text, nil
}

func build(incident Incident) (*builder, error) {
	if len(incident.Snapshots) == 0 {
		return nil, &Unclear{"there is no snapshot"}
	}
	b, err := begin(incident.Name, incident.Snapshots, incident.Diagnosis)
	if err != nil {
		return nil, err
	}
	b.recipe().bring(b)
	if b.lacks != "" {
		return nil, &Unclear{b.lacks}
	}
	b.close()
	return b, nil
}

// recipe is how a cause is brought about.
type recipe struct {
	cause outage.Cause
	// most is how many connections one machine can bring about that way beside other work; the limit is scaled down to it.
	most  int
	bring func(*builder)
}

// recipes are the causes that can be replayed: all of them. A new cause is a function and a line here.
var recipes = []recipe{
	{outage.ConnectionLeak, 10_000, leak},
	{outage.MaxclientsTooLow, busiest, tooLow},
	{outage.FDLimitClamp, busiest, clamped},
	{outage.IdleNotReaped, 10_000, idleCrowd},
	{outage.HalfOpenPeers, busiest, halfOpen},
	{outage.OversizedPool, busiest, oversized},
	{outage.ReconnectStorm, 250, storm},
	{outage.PubSubPileUp, 10_000, crowdOf("subscriber")},
	{outage.BlockedWorkers, 10_000, crowdOf("blocked")},
	{outage.SilentConnections, 10_000, silence},
	{outage.DeploySurge, busiest, surge},
	{outage.ReplicaOrClusterSlots, 1_000, replicaSlots},
	{outage.FDExhausted, 1_000, outOfFiles},
	{outage.BacklogOverflow, busiest, burst},
	{outage.PortExhaustion, busiest, noPorts},
	{outage.ServerStalled, busiest, stall},
	{outage.AccessDenied, busiest, denied},
	{outage.NotAtLimit, busiest, smallPools},
}

// busiest is how many connections in use two cores keep in use beside a server.
const busiest = 2_000

// calm is the recipe of a capture in which nothing is wrong.
var calm = recipe{scenarios.Nothing, busiest, healthy}

func (b *builder) recipe() recipe {
	i := slices.IndexFunc(recipes, func(r recipe) bool { return r.cause == b.top.Cause })
	if i < 0 {
		return calm
	}
	return recipes[i]
}

// begin reads the capture.
func begin(name string, snapshots []outage.Snapshot, d outage.Diagnosis) (*builder, error) {
	b := &builder{snapshots: snapshots, last: &snapshots[len(snapshots)-1], diagnosis: d}
	top, found := d.Top()
	if !found {
		top = outage.Finding{Cause: scenarios.Nothing}
	}
	b.top = top
	for _, p := range diagnose.Parties(snapshots...) {
		b.parties = append(b.parties, b.partsOf(p)...)
	}
	if len(b.parties) == 0 && !hidden(top.Cause) {
		return nil, &Unclear{"CLIENT LIST is not in the capture, and without it nothing tells who was connected"}
	}
	if b.limit = d.MaxClients; b.limit == 0 {
		return nil, &Unclear{"maxclients is not in the capture: save CONFIG GET '*', or INFO of Redis 6.2 or later"}
	}
	if found && top.Confidence <= sure {
		b.assume("%s is right: diagnose is only %.0f %% sure of it", top.Cause, top.Confidence*100)
	}
	b.mergeStrangers()
	b.christen()
	if found && personal(top.Cause) && len(b.culprits()) == 0 {
		return nil, &Unclear{fmt.Sprintf("diagnose names %s, and nobody in CLIENT LIST whom it speaks against", top.Cause)}
	}
	b.name(name)
	b.scale(b.recipe().most)
	b.describe()
	return b, nil
}

// personal reports whether a cause is about particular connections, and not about the server or the fleet as a whole.
func personal(c outage.Cause) bool {
	switch c {
	case outage.MaxclientsTooLow, outage.FDLimitClamp, outage.FDExhausted, outage.BacklogOverflow, outage.ReplicaOrClusterSlots,
		outage.ServerStalled, outage.AccessDenied:
		return false
	}
	return true
}

// hidden reports whether those who suffer are in no list of clients.
func hidden(c outage.Cause) bool { return c == outage.AccessDenied || c == outage.FDExhausted }

func (b *builder) describe() {
	b.s.Description = fmt.Sprintf("Replayed from a capture: %d of %d slots taken.", b.diagnosis.Slots, b.diagnosis.MaxClients)
	if b.top.Summary != "" {
		b.s.Description = "Replayed from a capture: " + b.anonymous(b.top.Summary) + "."
	}
}
