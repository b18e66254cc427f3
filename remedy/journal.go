package remedy

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"spillway/outage"
)

// JournalVersion is written into every journal; Undo reads this version and older ones.
const JournalVersion = 1

// A journal is JSON Lines: a header, then for each action an entry before it takes effect and one after it. An entry
// without its second half is an action of which nobody knows whether it took effect.
type journalHeader struct {
	Journal string       `json:"journal"`
	Version int          `json:"version"`
	Started time.Time    `json:"started"`
	Cause   outage.Cause `json:"cause"`
	Node    string       `json:"node,omitempty"` // the address of one of many; see Applier
}

type journalEntry struct {
	Stage  string        `json:"stage"` // before or after
	N      int           `json:"n"`     // counts the changes of one journal from 1
	Action outage.Action `json:"action"`
}

const (
	journalName  = "spillway-remedy"
	stageBefore  = "before"
	stageAfter   = "after"
	journalStart = `{"journal":`
	// maxJournal bounds what is read of a journal: one of 100,000 victims has 40 MB.
	maxJournal = 64 << 20
)

// journal writes entries; one without a writer writes nothing.
type journal struct {
	w io.Writer
	n int
}

func (j *journal) open(cause outage.Cause, node string) error {
	return j.write(journalHeader{Journal: journalName, Version: JournalVersion, Started: time.Now().UTC(), Cause: cause, Node: node})
}

// before records what a is about to do; when it returns, that is on its way to the disk or on it.
func (j *journal) before(a outage.Action) error {
	j.n++
	a.Commands, a.Frees = shorten(a), nil
	return j.write(journalEntry{stageBefore, j.n, a})
}

// after records what became of the action that before recorded last.
func (j *journal) after(a outage.Action) error {
	a.Commands, a.Victims, a.Frees = nil, nil, nil
	return j.write(journalEntry{stageAfter, j.n, a})
}

// shorten leaves out the commands that close connections: their victims say the same.
func shorten(a outage.Action) []string {
	if a.Kind == outage.KillClients || a.Kind == outage.ResetSockets {
		return nil
	}
	return a.Commands
}

// write writes one line in one call, so that a crash cuts at most the last one, and syncs where the writer can.
func (j *journal) write(v any) error {
	if j.w == nil {
		return nil
	}
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	if _, err := j.w.Write(append(outage.HarmlessJSON(text), '\n')); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	if s, ok := j.w.(interface{ Sync() error }); ok {
		if err := s.Sync(); err != nil {
			return fmt.Errorf("journal: %w", err)
		}
	}
	return nil
}

// change is what a journal says of one action.
type change struct {
	before outage.Action
	after  *outage.Action // nil when the journal ends before it
}

// Journal is what a remedy wrote down of what it did.
type Journal struct {
	Started time.Time // zero when it was cut before anything was changed
	Cause   outage.Cause
	// Node is what Applier.Node was: empty for a journal of a single Redis, and for one that was cut before anything was changed.
	Node string
	// Torn says that it ends in the middle of a line: whoever wrote it was killed, or the disk was full. What that line was
	// about to say is not missed: nothing takes effect before it is written down whole.
	Torn    bool
	changes []change
}

// Unfinished returns the action of which the journal has no end: it may have taken effect; ok is false when there is none.
func (j Journal) Unfinished() (a outage.Action, ok bool) {
	if n := len(j.changes); n > 0 && j.changes[n-1].after == nil {
		return j.changes[n-1].before, true
	}
	return outage.Action{}, false
}

// ReadJournal reads what --apply wrote, also if its last line was cut. A journal that was cut before its first entry has
// no changes, since nothing takes effect before it is written down.
func ReadJournal(r io.Reader) (Journal, error) {
	whole := &io.LimitedReader{R: r, N: maxJournal + 1}
	in := bufio.NewReader(whole)
	var j Journal
	for n := 1; ; n++ {
		text, err := in.ReadBytes('\n')
		if whole.N == 0 {
			return Journal{}, fmt.Errorf("read journal: it is longer than %d MB, which no remedy writes", maxJournal>>20)
		}
		ended := err != nil
		if err != nil && !errors.Is(err, io.EOF) {
			return Journal{}, fmt.Errorf("read journal: %w", err)
		}
		if ended && !(n == 1 && !headerBegun(text)) {
			j.Torn = len(text) > 0
			return j, nil // the last line was cut, or there is none
		}
		if n == 1 {
			err = j.readHeader(text)
		} else {
			j.changes, err = readEntry(j.changes, text)
		}
		if err != nil {
			return Journal{}, fmt.Errorf("journal line %d: %w", n, err)
		}
	}
}

// headerBegun reports whether text may be the beginning of a journal, none included.
func headerBegun(text []byte) bool {
	start := []byte(journalStart)
	return bytes.HasPrefix(text, start) || bytes.HasPrefix(start, text)
}

func (j *Journal) readHeader(text []byte) error {
	var h journalHeader
	if err := json.Unmarshal(text, &h); err != nil || h.Journal != journalName {
		return errors.New("this is no journal of a remedy")
	}
	if h.Version < 1 || h.Version > JournalVersion {
		return fmt.Errorf("version %d: this Spillway reads 1 to %d", h.Version, JournalVersion)
	}
	j.Started, j.Cause, j.Node = h.Started, h.Cause, h.Node
	return nil
}

func readEntry(changes []change, text []byte) ([]change, error) {
	var e journalEntry
	if err := json.Unmarshal(text, &e); err != nil {
		return nil, err
	}
	switch {
	case e.Stage == stageBefore && e.N == len(changes)+1:
		return append(changes, change{before: e.Action}), nil
	case e.Stage == stageAfter && e.N == len(changes) && e.N > 0:
		changes[e.N-1].after = &e.Action
		return changes, nil
	}
	return nil, fmt.Errorf("entry %q %d does not follow what is before it", e.Stage, e.N)
}
