// Package trials measures how often the diagnosis is right: it draws random outages, and fleets that are well, runs them on a
// real Redis and scores what the diagnosis, the remedy and saved dumps made of them.
//
//	seed -> Trial -> Player -> Played -> Score -> Tally -> report
//
// A trial is its seed and its number: drawn again it is the same. What is drawn is a scenario like those of the
// catalogue, and must pass their validation. Who is judged never sees any of it: diagnose gets snapshots of Redis, and
// nothing here is imported by the packages under test.
package trials

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"spillway/outage"
	"spillway/scenarios"
)

// Trial is one random outage, or a fleet that is well.
type Trial struct {
	Number  int
	Seed    int64
	Healthy bool // nothing is wrong: its number counts apart
	Kind    string
	// Disguise is how the services show who they are: named, unnamed, misleading or nat.
	Disguise string
	Truth    Truth
	Scenario scenarios.Scenario
	// YAML is the scenario as a catalogue of one.
	YAML []byte
	// Gap is how far apart the two saved dumps are taken.
	Gap time.Duration
}

// Truth is what the diagnosis should say.
type Truth struct {
	Cause    outage.Cause   `json:"cause"`
	Also     []outage.Cause `json:"also,omitempty"`
	Culprits []string       `json:"culprits,omitempty"`
}

// ID is the number as the command line and folders have it: 17, or h17 of a healthy trial.
func (t Trial) ID() string { return id(t.Number, t.Healthy) }

func id(number int, healthy bool) string {
	if healthy {
		return "h" + strconv.Itoa(number)
	}
	return strconv.Itoa(number)
}

// ParseID reads what ID wrote.
func ParseID(text string) (number int, healthy bool, err error) {
	digits, healthy := strings.CutPrefix(text, "h")
	number, err = strconv.Atoi(digits)
	if err != nil || number < 1 {
		return 0, false, fmt.Errorf("%q is no trial: write its number, as in 17, or h17 of a healthy one", text)
	}
	return number, healthy, nil
}

// healthyStream keeps the random numbers of healthy trials apart from those of outages.
const healthyStream = 1 << 32

// Draw returns the trial of that number. The same seed and number give the same trial, whatever else a campaign has.
func Draw(seed int64, number int, healthy bool) (Trial, error) {
	stream := uint64(number)
	if healthy {
		stream += healthyStream
	}
	d := &drawing{rng: rng{rand.New(rand.NewPCG(uint64(seed), stream))}}
	kind := kindOf(seed, number, healthy)
	d.begin(fmt.Sprintf("trial-%s", id(number, healthy)), kind)
	kind.draw(d)
	t := Trial{
		Number: number, Seed: seed, Healthy: healthy, Kind: kind.Name,
		Disguise: d.disguise(),
		Gap:      time.Duration(d.between(1500, 4500)) * time.Millisecond,
	}
	var err error
	if t.YAML, t.Scenario, err = d.finish(); err != nil {
		return t, fmt.Errorf("trial %s of seed %d, %s: %w", t.ID(), seed, t.Kind, err)
	}
	e := t.Scenario.Expect
	t.Truth = Truth{Cause: e.Cause, Also: e.Also, Culprits: e.Culprits}
	return t, nil
}

// kindOf deals the kinds: each block of numbers has every kind as often as it weighs, in an order of its own.
func kindOf(seed int64, number int, healthy bool) Kind {
	var deck []Kind
	for _, k := range Kinds() {
		if k.Off == "" && k.Healthy == healthy {
			for range max(1, k.Weight) {
				deck = append(deck, k)
			}
		}
	}
	block, place := (number-1)/len(deck), (number-1)%len(deck)
	stream := uint64(block) + 1<<33
	if healthy {
		stream += healthyStream
	}
	order := rand.New(rand.NewPCG(uint64(seed), stream)).Perm(len(deck))
	return deck[order[place]]
}

// finish writes the scenario and reads it back, as whoever saves it will: what the catalogue's validation refuses is an error.
func (d *drawing) finish() ([]byte, scenarios.Scenario, error) {
	if d.flaw != "" {
		return nil, d.s, errors.New(d.flaw)
	}
	text, err := yaml.Marshal(scenarios.Catalogue{Version: 1, Scenarios: []scenarios.Scenario{d.s}})
	if err != nil {
		return nil, d.s, err
	}
	c, err := scenarios.Parse(d.s.Name+".yaml", text)
	if err != nil {
		return text, d.s, err
	}
	return text, c.Scenarios[0], nil
}

// Campaign is many trials.
type Campaign struct {
	N       int // outages
	Healthy int
	Seed    int64
	// Only are kinds to keep to; empty is all. Numbers are those of the whole campaign.
	Only []string
	// Number is the ID of a single trial to play; empty is all.
	Number string
}

// Draw returns the trials of a campaign: outages and healthy ones, mixed as evenly as their numbers allow.
func (c Campaign) Draw() ([]Trial, error) {
	if c.Number != "" {
		number, healthy, err := ParseID(c.Number)
		if err != nil {
			return nil, err
		}
		t, err := Draw(c.Seed, number, healthy)
		return []Trial{t}, err
	}
	outages, err := c.pick(c.N, false)
	if err != nil {
		return nil, err
	}
	well, err := c.pick(c.Healthy, true)
	if err != nil {
		return nil, err
	}
	return mix(outages, well), nil
}

// pick draws n trials of the kinds that are wanted.
func (c Campaign) pick(n int, healthy bool) ([]Trial, error) {
	var picked []Trial
	for number := 1; len(picked) < n && c.wants(healthy); number++ {
		if len(c.Only) > 0 && !slices.Contains(c.Only, kindOf(c.Seed, number, healthy).Name) {
			continue
		}
		t, err := Draw(c.Seed, number, healthy)
		if err != nil {
			return nil, err
		}
		picked = append(picked, t)
	}
	return picked, nil
}

// wants reports whether any kind that is drawn is among those to keep to.
func (c Campaign) wants(healthy bool) bool {
	return len(c.Only) == 0 || slices.ContainsFunc(Kinds(), func(k Kind) bool {
		return k.Off == "" && k.Healthy == healthy && slices.Contains(c.Only, k.Name)
	})
}

// mix takes from whichever list has more left.
func mix(a, b []Trial) []Trial {
	mixed := make([]Trial, 0, len(a)+len(b))
	for len(a)+len(b) > 0 {
		if len(a) >= len(b) {
			mixed, a = append(mixed, a[0]), a[1:]
		} else {
			mixed, b = append(mixed, b[0]), b[1:]
		}
	}
	return mixed
}
