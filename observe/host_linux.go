package observe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
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

// Holders counts the established connections of the server by the host at the other end, most first. It needs no slot.
func (h LocalHost) Holders() ([]outage.Census, error) {
	table, port, err := h.table()
	if err != nil {
		return nil, fmt.Errorf("connections of process %d: %w", h.PID, err)
	}
	var s sockets
	s.add(table, port)
	holders := make([]outage.Census, 0, len(s.peers))
	for host, n := range s.peers {
		addr, err := parseAddr(host + ":0000")
		if err != nil {
			return nil, fmt.Errorf("connections of process %d: %w", h.PID, err)
		}
		holders = append(holders, outage.Census{Host: addr.Addr().String(), Count: n})
	}
	slices.SortFunc(holders, func(a, b outage.Census) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Host, b.Host))
	})
	return holders, nil
}

// table reads the TCP sockets where the process runs, and the port of the server among them.
func (h LocalHost) table() (table []byte, port int, err error) {
	if table, err = os.ReadFile(h.proc("net", "tcp")); err != nil {
		return nil, 0, err
	}
	// Absent where IPv6 is switched off.
	if six, err := os.ReadFile(h.proc("net", "tcp6")); err == nil {
		table = append(table, six...)
	}
	if h.Port > 0 {
		return table, h.Port, nil
	}
	port, err = h.listensOn(table)
	return table, port, err
}

// WithPort returns h with the port of the server, so that it is looked for once: that reads a link for each connection.
// With an error, which is ErrNoPort where the process listens at a unix socket alone, it returns h as it is.
func (h LocalHost) WithPort() (LocalHost, error) {
	_, port, err := h.table()
	if err != nil {
		return h, fmt.Errorf("connections of process %d: %w", h.PID, err)
	}
	h.Port = port
	return h, nil
}

func (h LocalHost) network(f *HostFacts) {
	table, port, err := h.table()
	h.Port = port
	if err != nil {
		f.missing("listen queue", err)
		f.missing("sockets", err)
		return
	}
	var s sockets
	s.add(table, h.Port)
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

// busOffset is how far above its port a node of a cluster listens for the others.
const busOffset = 10000

// listensOn finds the port of the process by its open sockets.
func (h LocalHost) listensOn(table []byte) (int, error) {
	open := map[string]bool{}
	entries, err := os.ReadDir(h.proc("fd"))
	if err != nil {
		return 0, fmt.Errorf("which port process %d listens on: %w", h.PID, err)
	}
	for _, entry := range entries {
		to, err := os.Readlink(h.proc("fd", entry.Name()))
		if inode, isSocket := strings.CutPrefix(to, "socket:["); err == nil && isSocket {
			open[strings.TrimSuffix(inode, "]")] = true
		}
	}
	ports := listening(table, open)
	for _, port := range ports {
		if !slices.Contains(ports, port-busOffset) {
			return port, nil
		}
	}
	return 0, fmt.Errorf("process %d %w", h.PID, ErrNoPort)
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
