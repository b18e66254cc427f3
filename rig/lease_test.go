package rig

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// ownLeases gives a test a lock folder of its own.
func ownLeases(t *testing.T) {
	t.Helper()
	t.Setenv("TMPDIR", t.TempDir())
}

func newLease(t *testing.T) *Lease {
	t.Helper()
	lease, err := NewLease()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = lease.Release() })
	return lease
}

func TestLease(t *testing.T) {
	ownLeases(t)
	lease := newLease(t)
	if !lives(lease.Run) {
		t.Error("the run of a lease that this process holds does not live")
	}
	if lives("feedbeef") {
		t.Error("a run without a lock file lives")
	}
	if err := lease.Release(); err != nil {
		t.Fatal(err)
	}
	if lives(lease.Run) {
		t.Error("a run whose lease was released lives")
	}
	if _, err := os.Stat(leaseFile(lease.Run)); !os.IsNotExist(err) {
		t.Errorf("a released lease leaves its file: %v", err)
	}
}

func TestLeaseOfAnotherProcess(t *testing.T) {
	ownLeases(t)
	other := play(t, "lease")
	if !lives(other.said) {
		t.Fatal("a run that another process holds does not live")
	}
	newLease(t) // forgets those that are over
	if _, err := os.Stat(leaseFile(other.said)); err != nil {
		t.Errorf("the lock file of a living run was forgotten: %v", err)
	}
	other.kill()
	if lives(other.said) {
		t.Error("a run lives whose process was killed")
	}
	if _, err := os.Stat(leaseFile(other.said)); err != nil {
		t.Errorf("the test is void: a killed process left no lock file: %v", err)
	}
	newLease(t)
	if _, err := os.Stat(leaseFile(other.said)); !os.IsNotExist(err) {
		t.Error("the lock file of a killed run was not forgotten")
	}
}

func TestReleaseAfterTheFileIsGone(t *testing.T) {
	ownLeases(t)
	lease := newLease(t)
	if err := os.Remove(leaseFile(lease.Run)); err != nil {
		t.Fatal(err)
	}
	if err := lease.Release(); err != nil {
		t.Errorf("a temporary folder that was swept is no failure of the run: %v", err)
	}
}

// Runs that start and sweep at the same time must not forget each other.
func TestLeasesSideBySide(t *testing.T) {
	ownLeases(t)
	var starting sync.WaitGroup
	leases := make([]*Lease, 30)
	for i := range leases {
		starting.Go(func() {
			var err error
			if leases[i], err = NewLease(); err != nil {
				t.Error(err)
			}
		})
	}
	starting.Wait()
	if t.Failed() {
		return
	}
	for _, l := range leases {
		if _, err := os.Stat(leaseFile(l.Run)); err != nil {
			t.Errorf("a new lease was forgotten: %v", err)
		}
		if !lives(l.Run) {
			t.Errorf("run %s does not live", l.Run)
		}
		if err := l.Release(); err != nil {
			t.Error(err)
		}
	}
}

func TestLockFolderOfOthers(t *testing.T) {
	ownLeases(t)
	newLease(t)
	if err := os.Chmod(leaseDir(), 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := NewLease(); err == nil || !strings.Contains(err.Error(), "others may write to it") {
		t.Errorf("a lock folder that everybody may write to: %v", err)
	}
	foreign := "/" // root's
	if os.Getuid() == 0 {
		foreign = t.TempDir()
		if err := os.Chown(foreign, 65534, 65534); err != nil {
			t.Fatal(err)
		}
	}
	if err := checkPrivate(foreign); err == nil || !strings.Contains(err.Error(), "another user") {
		t.Errorf("a lock folder of another user: %v", err)
	}
}

func TestUnusableTemporaryFolder(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", file)
	if _, err := NewLease(); err == nil || !strings.Contains(err.Error(), "lock folder") {
		t.Errorf("got %v", err)
	}
	if !lives("feedbeef") {
		t.Error("where nobody can tell, a run must be taken for living")
	}
}

func TestHome(t *testing.T) {
	ownLeases(t)
	first, err := ownHome()
	if err != nil {
		t.Fatal(err)
	}
	again, err := ownHome()
	if err != nil {
		t.Fatal(err)
	}
	if first != again || !again.made(first.String()) {
		t.Errorf("the home changed from %s to %s", first, again)
	}
	renamed := home{"another-name/0", first.id}
	if !first.made(renamed.String()) {
		t.Error("a machine that was renamed does not know its own runs")
	}
	ownLeases(t) // the same machine and user, other lock files: a container of the same name, another TMPDIR
	other, err := ownHome()
	if err != nil {
		t.Fatal(err)
	}
	if other.made(first.String()) {
		t.Error("the runs of another lock folder pass for ours")
	}
	if !other.related(first.String()) || other.related(renamed.String()) {
		t.Errorf("related: %s and %s", other, first)
	}
}
