package rig

import (
	"strings"
	"testing"
)

func TestHostLabel(t *testing.T) {
	h := home{id: "0123456789abcdef"}
	label := hostLabelOf(h, "a1b2c3d4")
	if len(label) > 15 {
		t.Errorf("the label %s is longer than the kernel allows", label)
	}
	if run, ours := runOfHostLabel(h, label); !ours || run != "a1b2c3d4" {
		t.Errorf("%s is of run %q, ours %t", label, run, ours)
	}
	for _, other := range []string{"lo", "", "lo:1", "lo:0123", "eth0:a1b2c3d40123", hostLabelOf(home{id: "fedcba9876543210"}, "a1b2c3d4")} {
		if run, ours := runOfHostLabel(h, other); ours {
			t.Errorf("%q is taken for run %q of ours", other, run)
		}
	}
}

// Where a network is shared nothing of it is changed, and Cut says what it needs.
func TestSharedNetwork(t *testing.T) {
	p := &Processes{}
	seen := map[string]bool{}
	for range 600 {
		addr, err := p.address("")
		if err != nil || seen[addr] || !strings.HasPrefix(addr, "127.0.") {
			t.Fatalf("address %s, %v", addr, err)
		}
		seen[addr] = true
	}
	if host, err := p.serverHost(); host != "127.0.0.1" || err != nil || p.net != nil {
		t.Errorf("Redis listens on %s, %v", host, err)
	}
	if err := p.Cut(t.Context(), &Process{Addr: "127.0.1.3"}); err == nil || !strings.Contains(err.Error(), "container") {
		t.Errorf("cut: %v", err)
	}
}
