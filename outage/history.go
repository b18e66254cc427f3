package outage

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"time"
)

// HistoryVersion is written into every history; Read accepts this version and older ones.
const HistoryVersion = 1

// History is one run of one scenario: a header and every event of every actor, in order, on one clock.
type History struct {
	Header Header
	Events []Event
}

// Header is the first line of a history file.
type Header struct {
	Version  int       `json:"version"`
	Scenario string    `json:"scenario"`
	Seed     int64     `json:"seed"`
	Started  time.Time `json:"started"` // the zero of the clock
	Spillway string    `json:"spillway"`
	// Responder is who answered the outage: spillway, none, exec:PATH or human.
	Responder string `json:"responder"`
	Target    Target `json:"target"`
	// Definition is the scenario as it was run, settings applied, so that the history can be judged by itself.
	Definition json.RawMessage `json:"definition"`
}

// Target is the Redis that was driven.
type Target struct {
	Kind    string `json:"kind"`            // container or process
	Image   string `json:"image,omitempty"` // the image that ran, which may stand in for the one asked for
	Asked   string `json:"asked,omitempty"` // the image that the scenario names
	Digest  string `json:"digest,omitempty"`
	Product string `json:"product"` // redis, valkey, redict
	Version string `json:"version"`
	Note    string `json:"note,omitempty"` // why another image ran than was asked for, and the like
}

// Event is one thing that happened. Exactly one of the pointers is set.
type Event struct {
	At    Duration `json:"at"`
	Actor string   `json:"actor"` // rig, redis, observer, responder, or the name of an instance

	Phase     *Phase     `json:"phase,omitempty"`
	Instance  *Instance  `json:"instance,omitempty"`
	Attempt   *Attempt   `json:"attempt,omitempty"`
	Opened    *Opened    `json:"opened,omitempty"`
	Snapshot  *Snapshot  `json:"snapshot,omitempty"`
	Diagnosis *Diagnosis `json:"diagnosis,omitempty"`
	Plan      *Plan      `json:"plan,omitempty"`
	Action    *Action    `json:"action,omitempty"`
	Command   *Command   `json:"command,omitempty"`
	Note      *Note      `json:"note,omitempty"`
}

// Phase is a part of a run. The order is prepare, steady, load, respond, fix, hold, end.
type Phase string

// The phases of a run.
const (
	Prepare Phase = "prepare" // images, network, Redis, observer
	Steady  Phase = "steady"  // healthy services only; a canary of each must answer
	Load    Phase = "load"    // the whole fleet, until the outage is there
	Respond Phase = "respond" // the responder may act
	Fix     Phase = "fix"     // the culprit is redeployed
	Hold    Phase = "hold"    // it must stay clear
	End     Phase = "end"     // nothing more is judged
)

// Command is what a responder that is not built in sent to Redis through the line kept open for it, and the answer.
type Command struct {
	Args  []string `json:"args"`
	Reply string   `json:"reply"` // shortened to its first line and 200 bytes
	Error bool     `json:"error,omitempty"`
	// Closed is how many other connections disappeared while it ran, where the rig could count them; -1 where it could not.
	Closed int `json:"closed"`
}

// Note is free text: a line of a runbook's output, or what the rig had to do differently.
type Note struct {
	Text string `json:"text"`
	// Broken marks a rig that failed: nothing can be concluded from the run.
	Broken bool `json:"broken,omitempty"`
}

// Write writes h as JSON Lines: the header, then the events ordered by time.
func (h History) Write(w io.Writer) error {
	buf := bufio.NewWriter(w)
	enc := json.NewEncoder(buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(h.Header); err != nil {
		return fmt.Errorf("write history header: %w", err)
	}
	events := slices.Clone(h.Events)
	slices.SortStableFunc(events, func(a, b Event) int { return cmp.Compare(a.At, b.At) })
	for i := range events {
		if err := enc.Encode(&events[i]); err != nil {
			return fmt.Errorf("write history event %d: %w", i+1, err)
		}
	}
	return buf.Flush()
}

// ReadHistory reads what Write wrote. An error names the line.
func ReadHistory(r io.Reader) (History, error) {
	var h History
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 64<<20)
	for n := 1; lines.Scan(); n++ {
		if n == 1 {
			if err := json.Unmarshal(lines.Bytes(), &h.Header); err != nil {
				return h, fmt.Errorf("line 1: history header: %w", err)
			}
			if h.Header.Version < 1 || h.Header.Version > HistoryVersion {
				return h, fmt.Errorf("line 1: history version %d: this Spillway reads 1 to %d", h.Header.Version, HistoryVersion)
			}
			continue
		}
		var e Event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return h, fmt.Errorf("line %d: %w", n, err)
		}
		h.Events = append(h.Events, e)
	}
	if err := lines.Err(); err != nil {
		return h, err
	}
	if h.Header.Version == 0 {
		return h, fmt.Errorf("empty history")
	}
	return h, nil
}
