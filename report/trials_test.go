package report

import (
	"bytes"
	"io"
	"testing"
	"time"

	"spillway/outage"
	"spillway/scenarios"
	"spillway/trials"
)

// campaign is a small one with one of everything: right, wrong, false alarm, harm, inconclusive.
func campaign() Trials {
	second := func(n float64) *outage.Duration { return new(outage.Duration(n * float64(time.Second))) }
	leak := trials.Truth{Cause: outage.ConnectionLeak, Culprits: []string{"api"}}
	right := trials.Score{
		Trial: "1", Seed: 7, Responder: "spillway", Kind: "connection-leak", Disguise: "named", Truth: leak, Delay: second(1.2), Clears: true, Cleared: true,
		Run: trials.Answer{Said: []trials.Said{{Cause: outage.ConnectionLeak, Confidence: 0.95}}, Right: true, Top2: true, Culprits: 1, Named: 1, Hit: 1},
		Two: &trials.Answer{Right: true}, One: &trials.Answer{},
	}
	early := right
	early.Trial, early.Disguise, early.Delay, early.Lead = "2", "nat", second(0), second(2.5)
	wrong := right
	wrong.Trial, wrong.Cleared, wrong.Delay = "3", false, nil
	wrong.Run = trials.Answer{Said: []trials.Said{
		{Cause: outage.MaxclientsTooLow, Confidence: 0.7}, {Cause: outage.ConnectionLeak, Confidence: 0.4},
	}, Culprits: 1}
	harmful := right
	harmful.Trial, harmful.Collateral = "4", 3
	void := trials.Score{Trial: "5", Seed: 7, Kind: "not-at-limit", Inconclusive: "clients did not suffer as drawn: 0 of 80 attempts"}
	silent := trials.Score{Trial: "h1", Seed: 7, Kind: "healthy-busy", Healthy: true, Truth: trials.Truth{Cause: scenarios.Nothing}, Run: trials.Answer{Right: true, Top2: true}}
	alarm := silent
	alarm.Trial, alarm.Alarms, alarm.Run = "h2", []string{"not-at-limit"}, trials.Answer{}
	tally := trials.Count([]trials.Score{right, early, wrong, harmful, void, silent, alarm})
	return Trials{Tally: tally, Targets: tally.Targets(false)}
}

func TestTrialsGolden(t *testing.T) {
	for name, write := range map[string]func(io.Writer, Trials) error{
		"trials.txt": TrialsText, "trials.md": TrialsMarkdown, "trials.json": TrialsJSON,
	} {
		var b bytes.Buffer
		if err := write(&b, campaign()); err != nil {
			t.Fatal(err)
		}
		golden(t, name, b.Bytes())
	}
}

// TestTrialsOfNothing writes a campaign in which nothing was played.
func TestTrialsOfNothing(t *testing.T) {
	for _, write := range []func(io.Writer, Trials) error{TrialsText, TrialsMarkdown, TrialsJSON} {
		if err := write(io.Discard, Trials{Sample: true}); err != nil {
			t.Error(err)
		}
	}
}
