package rig

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

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

// NewLease takes a lease for a new run with a random id.
func NewLease() (*Lease, error) {
	if err := os.MkdirAll(leaseDir(), 0o700); err != nil {
		return nil, fmt.Errorf("make lock folder: %w", err)
	}
	var id [4]byte
	if _, err := rand.Read(id[:]); err != nil {
		return nil, err
	}
	run := hex.EncodeToString(id[:])
	unguard, err := guard()
	if err != nil {
		return nil, err
	}
	defer unguard()
	lock := flock.New(filepath.Join(leaseDir(), run+".lock"))
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
	return errors.Join(os.Remove(l.lock.Path()), l.lock.Close())
}

// lives reports whether a process of this machine holds the lease of a run.
func lives(run string) bool {
	path := filepath.Join(leaseDir(), filepath.Base(run)+".lock")
	if _, err := os.Stat(path); err != nil {
		return false
	}
	lock := flock.New(path)
	locked, err := lock.TryLock()
	if err != nil || !locked {
		return true
	}
	_ = lock.Unlock()
	return false
}

// guard keeps a new lease from being forgotten between the making of its file and its lock.
func guard() (release func(), err error) {
	lock := flock.New(filepath.Join(leaseDir(), "guard"))
	if err := lock.Lock(); err != nil {
		return nil, fmt.Errorf("lock the lock folder: %w", err)
	}
	return func() { _ = lock.Close() }, nil
}

// forgetLeases removes the lock files of runs that are over.
func forgetLeases() {
	unguard, err := guard()
	if err != nil {
		return
	}
	defer unguard()
	paths, _ := filepath.Glob(filepath.Join(leaseDir(), "*.lock"))
	for _, path := range paths {
		if run := strings.TrimSuffix(filepath.Base(path), ".lock"); !lives(run) {
			_ = os.Remove(path)
		}
	}
}

// thisHost names the machine whose lock files count, so that runs which share a daemon from several machines
// leave each other alone.
func thisHost() string {
	name, err := os.Hostname()
	if err != nil || name == "" {
		return "unknown"
	}
	return fmt.Sprintf("%s/%d", name, os.Getuid())
}
