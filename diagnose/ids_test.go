package diagnose

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"spillway/outage"
)

// A client that calls each of its connections by a new UUID names nobody: all is told as if there were no names.
func TestNamesThatAreNothingButIDs(t *testing.T) {
	for name, shots := range dumps(t) {
		nameless, _ := called(shots, func(*outage.Client) string { return "" })
		numbered, culprits := called(shots, func(c *outage.Client) string { return fmt.Sprintf("9b1deb4d-3b7d-4bad-9bdd-%012x", c.ID) })
		if diff := cmp.Diff(nameless, numbered); diff != "" {
			t.Errorf("%s: told differently (-nameless +by UUID):\n%s", name, diff)
		}
		for _, c := range culprits {
			if c.Name != "" && c.Connections > 1 {
				t.Errorf("%s: %d connections at %s are all named %s", name, c.Connections, c.Addr, c.Name)
			}
			if strings.Contains(c.Why, "no name") && !strings.Contains(c.Why, "no name but an id") {
				t.Errorf("%s: %s", name, c.Why)
			}
		}
	}
}

// An id that a whole host has, such as its container's, is worth showing. What logs and the list of replicas tell has no such name.
func TestAnIDOfItsHost(t *testing.T) {
	shown := 0
	for name, shots := range dumps(t) {
		_, culprits := called(shots, func(*outage.Client) string { return "3f2a9c0d1b2e" })
		for _, c := range culprits {
			if c.Service == "3f2a9c0d1b2e" {
				t.Errorf("%s: %q at %s, named %q", name, c.Service, c.Addr, c.Name)
			}
			if c.Name == "3f2a9c0d1b2e" {
				shown++
			}
		}
	}
	if shown < 20 {
		t.Errorf("the id is shown of %d culprits", shown)
	}
}

// called diagnoses readings whose clients have other names, and returns what is found of whom, and the culprits.
func called(shots []outage.Snapshot, name func(c *outage.Client) string) (told []string, culprits []outage.Culprit) {
	d := Diagnose(changed(shots, func(o *outage.Snapshot) {
		for i := range o.Clients {
			o.Clients[i].Name = name(&o.Clients[i])
		}
	})...)
	for _, f := range d.Findings {
		told = append(told, fmt.Sprintf("%s %.2f", f.Cause, f.Confidence))
		for _, c := range f.Culprits {
			told = append(told, fmt.Sprint(c.Service, c.Addr, c.By, c.Certainty, c.IDs))
		}
		culprits = append(culprits, f.Culprits...)
	}
	return told, culprits
}
