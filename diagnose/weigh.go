package diagnose

import (
	"fmt"
	"math"

	"spillway/outage"
)

// weighing adds up what speaks for and against one cause. Each term has its weight and says its reason in numbers.
type weighing struct {
	sum      float64
	pro      int // terms that speak for it
	evidence []outage.Evidence
}

// note adds a term: a weight above 0 speaks for the cause, below 0 against it, and 0 is told for the reader.
func (w *weighing) note(weight float64, command, format string, args ...any) {
	w.sum += weight
	if weight > 0 {
		w.pro++
	}
	w.evidence = append(w.evidence, outage.Evidence{Text: fmt.Sprintf(format, args...), Command: command})
}

// Confidence stays below certainty, and well below without several kinds of evidence or a second look.
const (
	enough       = 0.4  // less is not worth a finding
	onceSeen     = 0.5  // the most after one look
	uncertain    = 0.94 // the most without corroboration
	corroborated = 0.98 // the most
)

// confidence returns the sum as a confidence; ok is false when it is too little for a finding.
func (w *weighing) confidence(v *view) (c float64, ok bool) {
	most := uncertain
	if w.pro >= 4 {
		most = corroborated
	}
	if len(v.all) < 2 {
		most = onceSeen
	}
	c = round(max(0, min(most, w.sum)))
	return c, c >= enough
}

func round(f float64) float64 { return math.Round(f*100) / 100 }

// finding makes a finding of the weighing; nil when it is too light.
func (w *weighing) finding(v *view, cause outage.Cause) *outage.Finding {
	c, ok := w.confidence(v)
	if !ok {
		return nil
	}
	return &outage.Finding{
		Cause: cause, Confidence: c, Evidence: w.evidence,
		Culprits: []outage.Culprit{}, Commands: []string{},
	}
}
