package rig

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// Lease says that a run lives: a lock file that the operating system unlocks when the process ends, however it ends.
// What carries the label of a run whose lease is free may be removed.
type Lease struct {
	Run  string
	lock *flock.Flock
}

// leaseDir is where the lock files of this user's runs are.
func leaseDir() string {
	return filepath.Join(os.TempDir(), fmt.Sprintf("spillway-%d", os.Getuid()))
}

// NewLease takes a lease for a new run with a random id. It forgets those of runs that are over.
func NewLease() (*Lease, error) {
	unguard, err := guard()
	if err != nil {
		return nil, err
	}
	defer unguard()
	forgetLeases()
	run := randomID(4)
	lock := flock.New(leaseFile(run))
	locked, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock run %s: %w", run, err)
	}
	if !locked {
		return nil, fmt.Errorf("lock run %s: another run has this id", run)
	}
	return &Lease{Run: run, lock: lock}, nil
}

// Release gives the lease back; what the run made must be gone by then.
func (l *Lease) Release() error {
	// Closed first: an open file cannot be removed on every system. Whoever sweeps up may then remove it before us.
	err := l.lock.Close()
	if gone := os.Remove(l.lock.Path()); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
		err = errors.Join(err, gone)
	}
	return err
}

func leaseFile(run string) string { return filepath.Join(leaseDir(), filepath.Base(run)+".lock") }

// lives reports whether a process of this machine holds the lease of a run. Where it cannot tell, the run lives.
func lives(run string) bool {
	path := leaseFile(run)
	if _, err := os.Stat(path); err != nil {
		return !errors.Is(err, fs.ErrNotExist)
	}
	lock := flock.New(path)
	locked, err := lock.TryLock()
	if err != nil || !locked {
		return true
	}
	_ = lock.Close()
	return false
}

// guardLimit is how long others may hold the lock folder: they do for milliseconds, unless they were suspended.
const guardLimit = 5 * time.Second

// guard makes the lock folder ready and keeps others out of it, so that a new lease is not forgotten between the making
// of its file and its lock.
func guard() (release func(), err error) {
	dir := leaseDir()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make lock folder: %w", err)
	}
	if err := checkPrivate(dir); err != nil {
		return nil, fmt.Errorf("lock folder %s: %w; remove it, or set TMPDIR to a folder of your own", dir, err)
	}
	lock := flock.New(filepath.Join(dir, "guard"))
	for deadline := time.Now().Add(guardLimit); ; time.Sleep(5 * time.Millisecond) {
		locked, err := lock.TryLock()
		switch {
		case err != nil:
			return nil, fmt.Errorf("lock folder %s: %w", dir, err)
		case locked:
			return func() { _ = lock.Close() }, nil
		case time.Now().After(deadline):
			_ = lock.Close()
			return nil, fmt.Errorf("lock folder %s: another process has kept it locked for %s", dir, guardLimit)
		}
	}
}

// forgetLeases removes the lock files of runs that are over. The caller holds the guard.
func forgetLeases() {
	paths, _ := filepath.Glob(filepath.Join(leaseDir(), "*.lock"))
	for _, path := range paths {
		if run := strings.TrimSuffix(filepath.Base(path), ".lock"); !lives(run) {
			_ = os.Remove(path)
		}
	}
}

// home names the lock folder that can tell whether a run lives. The name of a machine and a user would not do: two
// containers, or two values of TMPDIR, share those and see different lock files.
type home struct {
	owner string // machine and user, for people
	id    string // random, kept in the lock folder
}

// ownHome returns the home of this process's runs.
func ownHome() (home, error) {
	unguard, err := guard()
	if err != nil {
		return home{}, err
	}
	defer unguard()
	path := filepath.Join(leaseDir(), "id")
	id, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(id) == 0 {
		id = []byte(randomID(8))
		err = os.WriteFile(path, id, 0o600)
	}
	if err != nil {
		return home{}, fmt.Errorf("name lock folder: %w", err)
	}
	machine, err := os.Hostname()
	if err != nil {
		machine = "unknown"
	}
	return home{fmt.Sprintf("%s/%d", machine, os.Getuid()), string(id)}, nil
}

// String is the value of hostLabel.
func (h home) String() string { return h.owner + "/" + h.id }

// made reports whether a label was written from this home; the machine may have got another name since.
func (h home) made(label string) bool { return strings.HasSuffix(label, "/"+h.id) }

// related reports whether a label names this machine and user, whatever the lock folder.
func (h home) related(label string) bool { return strings.HasPrefix(label, h.owner+"/") }

// randomID returns a random name of 2n letters.
func randomID(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}
