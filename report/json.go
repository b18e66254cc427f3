package report

import (
	"bytes"
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
	return Encode(w, struct {
		Version int             `json:"version"`
		Outcome assert.Outcome  `json:"outcome"`
		Results []assert.Result `json:"results"`
	}{JSONVersion, Outcome(results), results})
}

// DiagnosisJSON writes a diagnosis, most likely finding first; lists that are empty are there and empty.
func DiagnosisJSON(w io.Writer, d outage.Diagnosis) error { return Encode(w, whole(d)) }

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

// Encode writes a value as JSON for programs, harmless to a terminal and to a log that it may be shown in as well.
func Encode(w io.Writer, v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return err
	}
	_, err := w.Write(outage.HarmlessJSON(b.Bytes()))
	return err
}
