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
	a.Commands = shorten(a)
	return j.write(journalEntry{stageBefore, j.n, a})
}

// after records what became of the action that before recorded last.
func (j *journal) after(a outage.Action) error {
	a.Commands, a.Victims = nil, nil
	return j.write(journalEntry{stageAfter, j.n, a})
}

// shorten leaves out the commands of kill-clients: its victims say the same.
func shorten(a outage.Action) []string {
	if a.Kind == outage.KillClients {
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
	if _, err := j.w.Write(append(text, '\n')); err != nil {
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

// readJournal reads what a journal wrote, also if its last line was cut. A journal that was cut before its first entry
// has no changes, since nothing takes effect before it is written down.
func readJournal(r io.Reader) ([]change, error) {
	in := bufio.NewReader(r)
	var changes []change
	for n := 1; ; n++ {
		text, err := in.ReadBytes('\n')
		whole := err == nil
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("read journal: %w", err)
		}
		if !whole && !(n == 1 && !headerBegun(text)) {
			return changes, nil // the last line was cut, or there is none
		}
		if n == 1 {
			err = checkHeader(text)
		} else {
			changes, err = readEntry(changes, text)
		}
		if err != nil {
			return nil, fmt.Errorf("journal line %d: %w", n, err)
		}
	}
}

// JournalNode returns the node that a journal is of: what Applier.Node was. It is empty for a journal of a single Redis, and for
// one that was cut before anything was changed. It reads the journal's first line.
func JournalNode(journal io.Reader) (string, error) {
	text, err := bufio.NewReader(journal).ReadBytes('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read journal: %w", err)
	}
	if err != nil && headerBegun(text) {
		return "", nil
	}
	if err := checkHeader(text); err != nil {
		return "", fmt.Errorf("journal line 1: %w", err)
	}
	var h journalHeader
	err = json.Unmarshal(text, &h)
	return h.Node, err
}

// headerBegun reports whether text may be the beginning of a journal, none included.
func headerBegun(text []byte) bool {
	start := []byte(journalStart)
	return bytes.HasPrefix(text, start) || bytes.HasPrefix(start, text)
}

func checkHeader(text []byte) error {
	var h journalHeader
	if err := json.Unmarshal(text, &h); err != nil || h.Journal != journalName {
		return errors.New("this is no journal of a remedy")
	}
	if h.Version < 1 || h.Version > JournalVersion {
		return fmt.Errorf("version %d: this Spillway reads 1 to %d", h.Version, JournalVersion)
	}
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
