package observe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"spillway/outage"
)

// Look reads /proc. Of what it may not read it says so in Missing; only a process that does not exist is an error.
func (h LocalHost) Look(ctx context.Context) (HostFacts, error) {
	if err := ctx.Err(); err != nil {
		return HostFacts{}, err
	}
	if h.PID <= 0 {
		return HostFacts{}, errors.New("no process id of the server")
	}
	if _, err := os.Stat(h.proc()); err != nil {
		return HostFacts{}, fmt.Errorf("process %d: %w", h.PID, err)
	}
	var f HostFacts
	h.process(&f)
	h.network(&f)
	h.log(&f)
	return f, ctx.Err()
}

func (h LocalHost) root() string {
	if h.Root == "" {
		return "/proc"
	}
	return h.Root
}

func (h LocalHost) proc(name ...string) string {
	return filepath.Join(append([]string{h.root(), strconv.Itoa(h.PID)}, name...)...)
}

func (h LocalHost) process(f *HostFacts) {
	text, err := os.ReadFile(h.proc("limits"))
	if err != nil {
		f.missing("limits", err)
		return
	}
	p, err := ParseLimits(string(text))
	if err != nil {
		f.missing("limits", err)
		return
	}
	if cmdline, err := os.ReadFile(h.proc("cmdline")); err == nil {
		p.Args = parseArgs(string(cmdline))
	}
	if p.OpenFDs, err = countEntries(h.proc("fd")); err != nil {
		f.missing("file descriptors", err)
	}
	f.Process = &p
}

func (h LocalHost) network(f *HostFacts) {
	if h.Port <= 0 {
		f.missing("listen queue", errors.New("the port is not known"))
		f.missing("sockets", errors.New("the port is not known"))
		return
	}
	var s sockets
	table, err := os.ReadFile(h.proc("net", "tcp"))
	if err != nil {
		f.missing("listen queue", err)
		f.missing("sockets", err)
		return
	}
	s.add(table, h.Port)
	// Absent where IPv6 is switched off.
	if table, err = os.ReadFile(h.proc("net", "tcp6")); err == nil {
		s.add(table, h.Port)
	}
	f.Sockets = s.troubled
	if !s.listening {
		f.missing("listen queue", fmt.Errorf("nothing listens on port %d where process %d runs", h.Port, h.PID))
		return
	}
	f.Listen = &outage.Listen{Queue: s.queue, Backlog: h.somaxconn()}
	if drops, err := listenDrops(h.Port, s.inodes); err == nil {
		f.Listen.Drops = &drops
	} else {
		f.missing("drops of the listen queue", err)
	}
	netstat, err := os.ReadFile(h.proc("net", "netstat"))
	if err != nil {
		f.missing("overflows", err)
		return
	}
	f.Listen.Overflows, _ = parseOverflows(string(netstat))
}

// somaxconn is the kernel's bound for every backlog; the server's own tcp-backlog may be lower.
func (h LocalHost) somaxconn() int {
	text, err := os.ReadFile(filepath.Join(h.root(), "sys/net/core/somaxconn"))
	if err != nil {
		return 0
	}
	n, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	return n
}

func (h LocalHost) log(f *HostFacts) {
	if h.Log == "" {
		f.missing("log", errors.New("no file of it is known"))
		return
	}
	text, err := readTail(h.Log, logTail)
	if err == nil {
		f.Log, err = ReadLog(strings.NewReader(text))
	}
	if err != nil {
		f.missing("log", err)
	}
}

func (f *HostFacts) missing(what string, err error) {
	f.Missing = append(f.Missing, outage.Missing{What: what, Why: err.Error()})
}

func countEntries(dir string) (int, error) {
	d, err := os.Open(dir)
	if err != nil {
		return 0, err
	}
	defer func() { _ = d.Close() }()
	for n := 0; ; {
		names, err := d.Readdirnames(1024)
		n += len(names)
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}
