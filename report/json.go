package report

import (
	"encoding/json"
	"io"

	"spillway/assert"
	"spillway/outage"
)

// JSONVersion is the version of what JSON writes; fields are only ever added to it.
const JSONVersion = 1

// JSON writes every result with all its verdicts and measures.
func JSON(w io.Writer, results []assert.Result) error {
	if results == nil {
		results = []assert.Result{}
	}
	return encode(w, struct {
		Version int             `json:"version"`
		Outcome assert.Outcome  `json:"outcome"`
		Results []assert.Result `json:"results"`
	}{JSONVersion, Outcome(results), results})
}

// DiagnosisJSON writes a diagnosis, most likely finding first; lists that are empty are there and empty.
func DiagnosisJSON(w io.Writer, d outage.Diagnosis) error { return encode(w, whole(d)) }

// whole makes empty lists of those that are not there.
func whole(d outage.Diagnosis) outage.Diagnosis {
	findings := make([]outage.Finding, len(d.Findings))
	for i, f := range d.Findings {
		f.Culprits = append([]outage.Culprit{}, f.Culprits...)
		f.Evidence = append([]outage.Evidence{}, f.Evidence...)
		f.Commands = append([]string{}, f.Commands...)
		findings[i] = f
	}
	d.Findings = findings
	return d
}

func encode(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
