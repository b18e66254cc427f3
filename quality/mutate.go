package main

import (
	"bufio"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// The words for what became of a mutant, by gremlins's names.
const (
	killed     = "KILLED"
	lived      = "LIVED"
	timedOut   = "TIMED OUT"
	notCovered = "NOT COVERED"
	notViable  = "NOT VIABLE"
)

// The tests of a mutant are given so many times what they take without one, and some seconds on top for a busy machine.
const (
	patience = 20
	grace    = 10 * time.Second
)

// memory is the most that the tests of a mutant may take, in KiB: a loop that never ends may also never stop to append.
const memory = 4 << 20

//go:embed switches.go.tmpl
var switches string

// mutate tries every mutant of the package in dir on the package's tests and writes what became of each as gremlins would.
// gremlins builds a test binary for each of them; here one holds them all, and an environment variable says which is on.
func mutate(ctx context.Context, tell io.Writer, dir, reportPath string) error {
	p, err := load(dir)
	if err != nil {
		return err
	}
	made, err := instrument(p)
	if err != nil {
		return err
	}
	scratch, err := os.MkdirTemp("", "spillway-mutants-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	copied, err := copyModule(dir, filepath.Join(scratch, "module"))
	if err != nil {
		return err
	}
	t := trier{name: dir, dir: copied, binary: filepath.Join(scratch, "tests")}
	if err := build(ctx, p, made, t); err != nil {
		return err
	}
	met, err := t.rehearse(ctx, filepath.Join(scratch, "met"))
	if err != nil {
		return err
	}
	files, err := t.all(ctx, tell, made.sites, met)
	if err != nil {
		return err
	}
	data, err := json.MarshalIndent(report{Files: files}, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(reportPath, append(data, '\n'), 0o644)
}

// copyModule copies the module that dir is in, so that tests of mutants may write what they like, and returns where the copy of dir is.
func copyModule(dir, to string) (copied string, err error) {
	here, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	root := here
	for {
		if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
			break
		}
		if filepath.Dir(root) == root {
			return "", fmt.Errorf("%s is in no module: no go.mod in it or above it", dir)
		}
		root = filepath.Dir(root)
	}
	inside, err := filepath.Rel(root, here)
	if err != nil {
		return "", err
	}
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (name == "bin" || name == "out" || name != "." && entry.Name()[0] == '.'):
			return filepath.SkipDir
		case entry.IsDir():
			return os.MkdirAll(filepath.Join(to, name), 0o755)
		case !entry.Type().IsRegular():
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, name), data, 0o644)
	})
	return filepath.Join(to, inside), err
}

// build makes one test binary with all mutants, in the copy.
func build(ctx context.Context, p *typed, made instrumented, t trier) error {
	last := made.sites[len(made.sites)-1]
	head := strings.NewReplacer("PACKAGE", p.pkg.Name(), "MUTANTS + 1", strconv.Itoa(last.first+len(last.kinds)))
	errs := []error{os.WriteFile(filepath.Join(t.dir, "mutant_switches.go"), []byte(head.Replace(switches)), 0o644)}
	for path, text := range made.sources {
		errs = append(errs, os.WriteFile(filepath.Join(t.dir, filepath.Base(path)), []byte(text), 0o644))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", "test", "-c", "-vet=off", "-o", t.binary, ".")
	cmd.Dir = t.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build the mutants of %s: %w\n%s", p.dir, err, out)
	}
	return nil
}

// trier runs the tests of a package that was copied to dir.
type trier struct {
	name, dir, binary string
	limit             time.Duration
}

// rehearse runs the tests without a mutant: they must pass. It returns which operators they met.
func (t *trier) rehearse(ctx context.Context, path string) (met map[int]bool, err error) {
	began := time.Now()
	t.limit = 10 * time.Minute
	status, out, err := t.run(ctx, "MUTANTS_MET="+path)
	if err != nil {
		return nil, err
	}
	if status != lived {
		return nil, fmt.Errorf("the tests of %s do not pass without a mutant:\n%s", t.name, out)
	}
	t.limit = patience*time.Since(began) + grace
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("the tests of %s meet none of its operators: %w", t.name, err)
	}
	met = map[int]bool{}
	lines := bufio.NewScanner(strings.NewReader(string(data)))
	for lines.Scan() {
		id, err := strconv.Atoi(lines.Text())
		if err != nil {
			return nil, err
		}
		met[id] = true
	}
	return met, lines.Err()
}

// all tries the mutants, on each processor one at a time.
func (t *trier) all(ctx context.Context, tell io.Writer, sites []site, met map[int]bool) ([]file, error) {
	var files []file
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.NumCPU())
	total, done := 0, 0
	for _, s := range sites {
		total += len(s.kinds)
	}
	for _, s := range sites {
		if len(files) == 0 || files[len(files)-1].Name != s.file {
			mu.Lock()
			files = append(files, file{Name: s.file})
			mu.Unlock()
		}
		at := len(files) - 1
		for i, kind := range s.kinds {
			group.Go(func() error {
				status, err := t.one(ctx, s, s.first+i, met[s.first])
				if err != nil {
					return err
				}
				mu.Lock()
				defer mu.Unlock()
				files[at].Mutations = append(files[at].Mutations, mutant{Type: kind, Status: status, Line: s.line, Column: s.column})
				done++
				if status == lived || status == timedOut || done%100 == 0 || done == total {
					_, _ = fmt.Fprintf(tell, "%d of %d: %s %s:%d:%d %s\n", done, total, status, s.file, s.line, s.column, kind)
				}
				return nil
			})
		}
	}
	return files, group.Wait()
}

func (t *trier) one(ctx context.Context, s site, number int, met bool) (string, error) {
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case s.never:
		return notViable, nil
	case !met:
		return notCovered, nil
	}
	status, _, err := t.run(ctx, "MUTANT="+strconv.Itoa(number))
	return status, err
}

// run runs the tests once, in the package's folder, as go test does.
func (t *trier) run(ctx context.Context, env string) (status string, out []byte, err error) {
	limited, cancel := context.WithTimeout(ctx, t.limit)
	defer cancel()
	cmd := exec.CommandContext(limited, "sh", "-c", `ulimit -v "$1"; shift; exec "$@"`, "sh", strconv.Itoa(memory), t.binary, "-test.failfast")
	cmd.Dir, cmd.Env = t.dir, append(os.Environ(), env)
	cmd.WaitDelay = time.Second
	out, err = cmd.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return "", out, ctx.Err()
	case limited.Err() != nil:
		return timedOut, out, nil
	case errors.As(err, &exit):
		return killed, out, nil
	case err != nil:
		return "", out, fmt.Errorf("run the tests of %s: %w", t.name, err)
	}
	return lived, out, nil
}
