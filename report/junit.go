package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"spillway/assert"
)

type testSuites struct {
	XMLName xml.Name `xml:"testsuites"`
	Name    string   `xml:"name,attr"`
	counts
	Suites []testSuite `xml:"testsuite"`
}

type counts struct {
	Tests    int    `xml:"tests,attr"`
	Failures int    `xml:"failures,attr"`
	Errors   int    `xml:"errors,attr"`
	Skipped  int    `xml:"skipped,attr"`
	Time     string `xml:"time,attr"`
}

type testSuite struct {
	Name string `xml:"name,attr"`
	counts
	Timestamp string     `xml:"timestamp,attr,omitempty"`
	File      string     `xml:"file,attr,omitempty"`
	Props     []property `xml:"properties>property"`
	Cases     []testCase `xml:"testcase"`
	Out       string     `xml:"system-out,omitempty"`
}

type property struct {
	Name  string `xml:"name,attr"`
	Value string `xml:"value,attr"`
}

type testCase struct {
	Class   string `xml:"classname,attr"`
	Name    string `xml:"name,attr"`
	File    string `xml:"file,attr,omitempty"`
	Line    int    `xml:"line,attr,omitempty"`
	Time    string `xml:"time,attr"`
	Failure *fault `xml:"failure"`
	Error   *fault `xml:"error"`
	Skipped *fault `xml:"skipped"`
}

type fault struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr,omitempty"`
	Text    string `xml:",chardata"`
}

// JUnit writes results for CI systems: a scenario is a suite, a check is a case. What failed is a failure; what is
// inconclusive is an error, since a check that could not be made must not look green; what was not run is skipped.
// A run of no scenarios, or a scenario of no checks, is an error too. Properties go with every suite.
func JUnit(w io.Writer, results []assert.Result, properties map[string]string) error {
	root := testSuites{Name: "spillway"}
	for _, r := range results {
		root.Suites = append(root.Suites, suite(r, properties))
	}
	if len(results) == 0 {
		empty := assert.Result{Scenario: "spillway"}
		root.Suites = append(root.Suites, suite(empty, properties))
	}
	var took float64
	for i, s := range root.Suites {
		root.add(s.counts)
		if i < len(results) {
			took += results[i].Took.Seconds()
		}
	}
	root.Time = inSeconds(took)
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(root); err != nil {
		return fmt.Errorf("write JUnit: %w", err)
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func (c *counts) add(other counts) {
	c.Tests += other.Tests
	c.Failures += other.Failures
	c.Errors += other.Errors
	c.Skipped += other.Skipped
}

func inSeconds(s float64) string { return fmt.Sprintf("%.3f", s) }

func suite(r assert.Result, properties map[string]string) testSuite {
	s := testSuite{Name: Clean(r.Scenario, 0), File: Clean(r.File, 0), Props: props(r, properties), Out: systemOut(r)}
	s.Time = inSeconds(r.Took.Seconds())
	if !r.Header.Started.IsZero() {
		s.Timestamp = r.Header.Started.UTC().Format(time.RFC3339)
	}
	for _, v := range r.Verdicts {
		s.Cases = append(s.Cases, testCaseOf(r, v))
	}
	switch {
	case r.Skipped != "":
		s.Cases = []testCase{caseOf(r, "run")}
		s.Cases[0].Skipped = &fault{Message: Clean(r.Skipped, 0)}
	case len(r.Verdicts) == 0:
		s.Cases = []testCase{caseOf(r, "run")}
		s.Cases[0].Error = &fault{Message: "no check was run", Type: "inconclusive"}
	}
	for _, c := range s.Cases {
		s.count(c)
	}
	return s
}

func (c *counts) count(t testCase) {
	c.Tests++
	switch {
	case t.Failure != nil:
		c.Failures++
	case t.Error != nil:
		c.Errors++
	case t.Skipped != nil:
		c.Skipped++
	}
}

// caseOf names a case. The name holds the scenario, since some readers tell cases apart by class and name alone.
func caseOf(r assert.Result, check string) testCase {
	class := strings.TrimSuffix(path.Base(Clean(r.File, 0)), path.Ext(r.File))
	if r.File == "" {
		class = "scenarios"
	}
	return testCase{Class: class, Name: Clean(r.Scenario, 0) + "/" + check, File: Clean(r.File, 0), Line: r.Line, Time: inSeconds(0)}
}

func testCaseOf(r assert.Result, v assert.Verdict) testCase {
	c := caseOf(r, Clean(v.Check, 0))
	if v.Outcome == assert.Pass {
		return c
	}
	message := "wanted " + Clean(v.Want, 0) + ", got " + Clean(v.Got, 0)
	text := Clean(v.Hint, 0)
	if v.Blocked != "" {
		text = "not judged without the " + Clean(v.Blocked, 0)
	}
	f := &fault{Message: message, Type: v.Outcome.String(), Text: text}
	if v.Outcome == assert.Fail {
		c.Failure = f
	} else {
		c.Error = f
	}
	return c
}

func props(r assert.Result, extra map[string]string) []property {
	all := map[string]string{"seed": fmt.Sprint(r.Header.Seed)}
	for k, v := range map[string]string{
		"spillway": r.Header.Spillway, "responder": r.Header.Responder, "target": target(r.Header.Target),
	} {
		if v != "" {
			all[k] = v
		}
	}
	maps.Copy(all, extra)
	var list []property
	for _, k := range slices.Sorted(maps.Keys(all)) {
		list = append(list, property{Clean(k, 0), Clean(all[k], 0)})
	}
	return list
}

// systemOut holds what the rig noted and the last lines of the responder.
func systemOut(r assert.Result) string {
	var lines []string
	for _, group := range [][]string{r.Notes, r.Ineffective, r.Output} {
		for _, l := range group {
			lines = append(lines, Clean(l, 0))
		}
	}
	return strings.Join(lines, "\n")
}
