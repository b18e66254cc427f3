// Package outage is Spillway's vocabulary: plain values that say what was seen and done, on one clock.
//
// Values flow one way through the other packages:
//
//	Scenario -> Attempts + Snapshots -> History -> Verdicts -> report
//
// and the only loop is the one under test:
//
//	Snapshot -> Diagnosis -> Action -> Redis
//
// The package imports nothing of Spillway and talks to nobody: no Redis, no Docker, no clock of its own.
package outage

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Duration is a time.Duration that reads `30s` in YAML and JSON and writes seconds as a JSON number, so that
// a history can be sorted and summed by any tool. The zero value is no time at all.
type Duration time.Duration

// Std returns d as a time.Duration.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// Seconds returns d in seconds.
func (d Duration) Seconds() float64 { return time.Duration(d).Seconds() }

// String writes d as Go does, without a trailing "0s" or "0m": 1h30m, 2m, 1.5s.
func (d Duration) String() string {
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// UnmarshalText reads a duration with a unit, such as 250ms, 30s or 1h30m. A bare number is an error, except 0.
func (d *Duration) UnmarshalText(text []byte) error {
	s := string(text)
	if s == "0" {
		*d = 0
		return nil
	}
	v, err := time.ParseDuration(s)
	if err != nil {
		if _, numErr := strconv.ParseFloat(s, 64); numErr == nil {
			return fmt.Errorf("%q has no unit: write %ss for seconds", s, s)
		}
		return fmt.Errorf("%q is no duration: write a number and a unit, as in 250ms, 30s or 10m", s)
	}
	*d = Duration(v)
	return nil
}

// MarshalText writes d as String does.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// MarshalJSON writes seconds as a number with up to six decimals.
func (d Duration) MarshalJSON() ([]byte, error) {
	return strconv.AppendFloat(nil, float64(time.Duration(d).Round(time.Microsecond))/float64(time.Second), 'f', -1, 64), nil
}

// UnmarshalJSON reads a number of seconds, or a string such as "30s".
func (d *Duration) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		var s string
		if err := json.Unmarshal(data, &s); err != nil {
			return err
		}
		return d.UnmarshalText([]byte(s))
	}
	var seconds float64
	if err := json.Unmarshal(data, &seconds); err != nil {
		return fmt.Errorf("duration: want seconds as a number, or a string such as \"30s\": %w", err)
	}
	*d = Duration(time.Duration(seconds * float64(time.Second)).Round(time.Microsecond))
	return nil
}
