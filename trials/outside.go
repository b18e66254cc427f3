package trials

import (
	"slices"

	"spillway/assert"
	"spillway/diagnose"
	"spillway/outage"
)

// apart is how far apart two looks from outside are at the least: within it a connection that is in use is used. It is a look of the
// run and a little less, for looks are not evenly spaced.
const apart = outage.Duration(900e6)

// Outsider is what the machine of a full server tells of it, with no slot.
type Outsider struct {
	Said  []Said `json:"said"`  // most likely first
	Right bool   `json:"right"` // the cause is named first
	// Of the first finding: how many services were named, how many of those are culprits, and how many had to be spared.
	Named  int `json:"named"`
	Hit    int `json:"hit"`
	Spared int `json:"spared"`
}

// OutsideTally is how well full servers were judged from outside.
type OutsideTally struct {
	Right     Share `json:"right"`             // of the full servers
	Named     Share `json:"named"`             // somebody was, of the full servers
	Precision Share `json:"culprit_precision"` // of the services named, how many are culprits
	Spared    int   `json:"spared"`            // services named that had to be spared
}

// fromOutside returns what somebody without a slot would say at the time of the judged look; nil where the server was not full or its
// machine was not looked at.
func (t Trial) fromOutside(p Played, look *Look) *Outsider {
	looks := p.outside(look)
	if len(looks) == 0 {
		return nil
	}
	d := diagnose.Outside(looks...)
	var o Outsider
	for i, named := range assert.Blamed(t.Scenario, p.History, d.Findings, look.Diagnosis.At) {
		o.Said = append(o.Said, Said{d.Findings[i].Cause, d.Findings[i].Confidence, named})
	}
	if len(o.Said) == 0 || o.Said[0].Confidence < certain {
		return &o
	}
	o.Right = o.Said[0].Cause == t.Truth.Cause || slices.Contains(t.Truth.Also, o.Said[0].Cause)
	for _, service := range o.Said[0].Culprits {
		o.Named++
		if slices.Contains(t.Truth.Culprits, service) {
			o.Hit++
		}
		if slices.Contains(t.Scenario.Expect.Spare, service) {
			o.Spared++
		}
	}
	return &o
}

// outside returns the one or two looks from outside that belong to the diagnosis; none where the server was not full.
func (p Played) outside(look *Look) []outage.Outside {
	i := slices.IndexFunc(p.Outside, func(o outage.Outside) bool { return o.At == look.Diagnosis.At })
	if i < 0 || !look.Diagnosis.Rejecting {
		return nil
	}
	for j := i - 1; j >= 0; j-- {
		if p.Outside[i].At-p.Outside[j].At >= apart {
			return []outage.Outside{p.Outside[j], p.Outside[i]}
		}
	}
	return p.Outside[i : i+1]
}

func (t *OutsideTally) count(o *Outsider) {
	if o == nil {
		return
	}
	t.Right.count(o.Right)
	t.Named.count(o.Named > 0)
	t.Precision.add(o.Hit, o.Named)
	t.Spared += o.Spared
}
