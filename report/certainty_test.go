package report

import (
	"bytes"
	"strings"
	"testing"

	"spillway/outage"
)

func TestTheDiagnosisSaysHowSureItIsWhoItIs(t *testing.T) {
	d := outage.Diagnosis{Slots: 10, MaxClients: 10, Findings: []outage.Finding{{
		Cause: outage.ConnectionLeak, Confidence: 0.9, Summary: "it leaks",
		Culprits: []outage.Culprit{
			{Service: "10.0.0.1", Addr: "10.0.0.1", Connections: 9, By: "ages", Certainty: 0.5, Why: "others \x1b[31mlook the same", Examples: []string{"10.0.0.1:77"}},
			{Service: "api", Name: "api", Addr: "10.0.0.2", Connections: 5, Examples: []string{"10.0.0.2:88"}},
		},
	}}}
	var text, json bytes.Buffer
	if err := Diagnosis(&text, d, Options{}); err != nil {
		t.Fatal(err)
	}
	said := strings.Join(strings.Fields(text.String()), " ")
	if !strings.Contains(said, "told by ages, 0.50 sure: others") || !strings.Contains(said, "such as 10.0.0.1:77") || strings.Contains(said, "\x1b") {
		t.Errorf("%q", said)
	}
	if strings.Contains(said, "10.0.0.2:88") {
		t.Errorf("a name that is beyond doubt is doubted: %q", said)
	}
	if err := DiagnosisJSON(&json, d); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"by": "ages"`, `"certainty": 0.5`, `"why": `, `"10.0.0.1:77"`} {
		if !strings.Contains(json.String(), want) {
			t.Errorf("no %s in %s", want, json.String())
		}
	}
}
