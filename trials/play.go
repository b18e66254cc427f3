package trials

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"spillway/diagnose"
	"spillway/harness"
	"spillway/observe"
	"spillway/outage"
)

// Played is what came of a trial.
type Played struct {
	History outage.History
	// Looks are what each diagnosis of the run saw.
	Looks []Look
	// Outside are the looks at the server's sockets, in order.
	Outside []outage.Outside
	// Err is what broke the rig.
	Err error
}

// Look is a diagnosis and the snapshots that it rests on.
type Look struct {
	Diagnosis outage.Diagnosis
	Window    []outage.Snapshot
}

// Player plays a trial.
type Player interface {
	Play(ctx context.Context, t Trial) Played
}

// Rig plays trials on a real Redis.
type Rig struct {
	// Runner is how; it is copied for each trial.
	Runner harness.Runner
	// Responder and Image replace those of the scenario; empty leaves them.
	Responder string
	Image     string
}

// Play implements Player.
func (r Rig) Play(ctx context.Context, t Trial) Played {
	var p Played
	var mu sync.Mutex
	runner := r.Runner
	runner.Seed = t.Seed
	runner.Diagnose = func(window ...outage.Snapshot) outage.Diagnosis {
		d := diagnose.Diagnose(window...)
		mu.Lock()
		defer mu.Unlock()
		p.Looks = append(p.Looks, Look{d, slices.Clone(window)})
		return d
	}
	runner.Outside = func(o outage.Outside) {
		mu.Lock()
		defer mu.Unlock()
		p.Outside = append(p.Outside, o)
	}
	s := t.Scenario
	s.Responder = cmp.Or(r.Responder, s.Responder)
	s.Redis.Image = cmp.Or(r.Image, s.Redis.Image)
	h, err := runner.Run(ctx, s)
	mu.Lock()
	defer mu.Unlock()
	p.History, p.Err = h, err
	return p
}

// Play plays the trials side by side and scores each. It tells of each score as it comes. The scores are in the order of the trials; those that ctx cut off are left out.
//
// With out, each trial leaves a folder there: the scenario, the history, what the judged diagnosis saw, saved dumps and the score.
func Play(ctx context.Context, player Player, list []Trial, parallel int, out string, tell func(Score)) ([]Score, error) {
	scores := make([]*Score, len(list))
	var mu sync.Mutex
	var problems []error
	one := func(i int) {
		if ctx.Err() != nil {
			return
		}
		score, err := play(ctx, player, list[i], out)
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			problems = append(problems, err)
		}
		if ctx.Err() != nil {
			return
		}
		scores[i] = &score
		if tell != nil {
			tell(score)
		}
	}
	var group errgroup.Group
	group.SetLimit(parallel)
	for i := range list {
		group.Go(func() error { one(i); return nil })
	}
	_ = group.Wait() // problems has them
	var done []Score
	for _, s := range scores {
		if s != nil {
			done = append(done, *s)
		}
	}
	return done, errors.Join(problems...)
}

// play plays one trial and keeps what it leaves. Without out the dumps are saved all the same, in a folder that goes away:
// what is scored is what was read back.
func play(ctx context.Context, player Player, t Trial, out string) (Score, error) {
	began := time.Now()
	p := player.Play(ctx, t)
	folder := ""
	if out == "" {
		temporary, err := os.MkdirTemp("", "spillway-trial-")
		if err != nil {
			return Score{}, fmt.Errorf("trial %s: %w", t.ID(), err)
		}
		defer func() { _ = os.RemoveAll(temporary) }()
		folder = temporary
	} else {
		folder = filepath.Join(out, t.folder())
	}
	look := p.judged(t)
	dumps, err := saveDumps(filepath.Join(folder, "dumps"), look, t.Gap)
	if err != nil {
		return Score{}, fmt.Errorf("trial %s: %w", t.ID(), err)
	}
	score := t.score(p, dumps)
	score.Took = outage.Duration(time.Since(began))
	if out == "" {
		return score, nil
	}
	return score, keep(folder, t, p, look, score)
}

func (t Trial) folder() string {
	if t.Healthy {
		return fmt.Sprintf("h%03d", t.Number)
	}
	return fmt.Sprintf("%03d", t.Number)
}

// saveDumps writes what redis-cli would have shown to somebody who looks at the time of the diagnosis, and a gap before,
// and reads it back: the earlier dump first. Where the window has only one snapshot there is one dump.
func saveDumps(dir string, look *Look, gap time.Duration) ([]outage.Snapshot, error) {
	if look == nil || len(look.Window) == 0 {
		return nil, nil
	}
	last := len(look.Window) - 1
	chosen := look.Window[last:]
	for i := last - 1; i >= 0; i-- {
		// The nearest that is a gap away, or else the oldest.
		if i == 0 || look.Window[last].At-look.Window[i].At >= outage.Duration(gap) {
			chosen = []outage.Snapshot{look.Window[i], look.Window[last]}
			break
		}
	}
	if err := observe.WriteFiles(dir, chosen...); err != nil {
		return nil, err
	}
	return observe.ReadFiles(observe.Files{Dir: dir})
}

// keep writes the files of a trial.
func keep(folder string, t Trial, p Played, look *Look, score Score) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return fmt.Errorf("keep trial %s: %w", t.ID(), err)
	}
	history, err := os.Create(filepath.Join(folder, "history.jsonl"))
	if err != nil {
		return fmt.Errorf("keep trial %s: %w", t.ID(), err)
	}
	errs := []error{
		p.History.Write(history), history.Close(),
		os.WriteFile(filepath.Join(folder, "scenario.yaml"), t.YAML, 0o644),
		writeJSON(filepath.Join(folder, scoreFile), score),
	}
	if look != nil {
		window, err := json.Marshal(look.Window) // thousands of clients: no indent
		errs = append(errs, err, os.WriteFile(filepath.Join(folder, "window.json"), window, 0o644))
		if looks := p.outside(look); len(looks) > 0 {
			sockets, err := json.Marshal(looks)
			errs = append(errs, err, os.WriteFile(filepath.Join(folder, "outside.json"), sockets, 0o644))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("keep trial %s: %w", t.ID(), err)
	}
	return nil
}

func writeJSON(path string, v any) error {
	text, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}
