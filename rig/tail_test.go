package rig

import (
	"strings"
	"testing"
)

func TestTail(t *testing.T) {
	var last tail
	if _, err := last.Write([]byte("panic: one\n")); err != nil {
		t.Fatal(err)
	}
	if got := last.String(); got != "panic: one" {
		t.Errorf("got %q", got)
	}
	for range 100 {
		if n, err := last.Write([]byte(strings.Repeat("x", 1000))); n != 1000 || err != nil {
			t.Fatal(n, err)
		}
	}
	if _, err := last.Write([]byte("the end")); err != nil {
		t.Fatal(err)
	}
	if got := last.String(); len(got) != tailBytes || !strings.HasSuffix(got, "xthe end") {
		t.Errorf("kept %d bytes, ending in %q", len(got), got[max(0, len(got)-20):])
	}
}
