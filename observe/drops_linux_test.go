package observe

import (
	"net"
	"os"
	"strings"
	"testing"
)

// The namespace counts for all its listeners; whose queue is full must not be told of the others.
func TestDropsAreOfTheListener(t *testing.T) {
	quiet, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = quiet.Close() })
	_, full := deafHost(t) // which it became by not answering a connect

	for name, c := range map[string]struct {
		port  int
		drops bool
	}{
		"the full one": {full, true},
		"its neighbor": {quiet.Addr().(*net.TCPAddr).Port, false},
	} {
		f, err := LocalHost{PID: os.Getpid(), Port: c.port}.Look(t.Context())
		if err != nil || f.Listen == nil || f.Listen.Drops == nil {
			t.Fatalf("%s: %+v, %v, missing %v", name, f.Listen, err, f.Missing)
		}
		if n := *f.Listen.Drops; n > 0 != c.drops {
			t.Errorf("%s: %d drops", name, n)
		}
		if c.drops && f.Listen.Overflows < *f.Listen.Drops {
			t.Errorf("the namespace counts %d, its listener %d", f.Listen.Overflows, *f.Listen.Drops)
		}
	}
}

// Where the server lives in another network namespace its listener is not found here, and another of its port is no stand-in.
func TestDropsOfAnotherNamespace(t *testing.T) {
	here, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = here.Close() })
	if n, err := listenDrops(here.Addr().(*net.TCPAddr).Port, map[uint64]bool{1: true}); err == nil || !strings.Contains(err.Error(), "another network namespace") {
		t.Errorf("%d, %v", n, err)
	}
}

func TestParseListener(t *testing.T) {
	whole := make([]byte, inetDiagMessage)
	whole[inodeAt] = 7
	attribute := append([]byte{4 + 36, 0, inetDiagMeminfo, 0}, make([]byte, 36)...)
	attribute[4+4*meminfoDrops] = 9
	other := []byte{5, 0, 8, 0, 1, 0, 0, 0} // padded
	for name, c := range map[string]struct {
		b    []byte
		want listener
		ok   bool
	}{
		"whole":                {append(append(whole[:inetDiagMessage:inetDiagMessage], other...), attribute...), listener{7, 9}, true},
		"without the drops":    {append(whole[:inetDiagMessage:inetDiagMessage], other...), listener{inode: 7}, false},
		"an older kernel":      {append(whole[:inetDiagMessage:inetDiagMessage], append([]byte{4 + 32, 0, inetDiagMeminfo, 0}, make([]byte, 32)...)...), listener{inode: 7}, false},
		"a size that is a lie": {append(whole[:inetDiagMessage:inetDiagMessage], 200, 0, inetDiagMeminfo, 0), listener{inode: 7}, false},
		"cut short":            {whole[:20], listener{}, false},
	} {
		if got, ok := parseListener(c.b); got != c.want || ok != c.ok {
			t.Errorf("%s: %+v %v, want %+v %v", name, got, ok, c.want, c.ok)
		}
	}
}
