package main

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"spillway/outage"
)

// A disk that is full: /dev/full takes nothing. The history is kept elsewhere, whole, and the message says where.
func TestFaultDiskFull(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("this system has no /dev/full")
	}
	t.Setenv("TMPDIR", t.TempDir())
	out := t.TempDir()
	path := filepath.Join(out, "leak", historyFile)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/dev/full", path); err != nil {
		t.Fatal(err)
	}
	err := saveHistory(out, "leak", outage.History{Header: outage.Header{Version: outage.HistoryVersion, Scenario: "leak"}})
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("got %v, want that no space is left", err)
	}
	if _, err := os.Lstat(path); !os.IsNotExist(err) {
		t.Errorf("a torn history is left: %v", err)
	}
	m := regexp.MustCompile(`it is in (\S+) instead`).FindStringSubmatch(err.Error())
	if m == nil {
		t.Fatalf("nothing says where it is: %v", err)
	}
	f, err := os.Open(filepath.Join(m[1], historyFile))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if h, err := outage.ReadHistory(f); err != nil || h.Header.Scenario != "leak" {
		t.Errorf("kept %+v, %v", h, err)
	}
}

// Where there is no room at all, that is said, and nothing is left half done.
func TestFaultNoRoomAtAll(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", file) // no folder
	err := saveHistory(file, "leak", outage.History{})
	if err == nil || strings.Contains(err.Error(), "instead") || !strings.Contains(err.Error(), "keep history: ") {
		t.Errorf("got %v", err)
	}
}
