package observe

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"spillway/outage"
)

// ParseLimits reads the file descriptor limits of /proc/PID/limits. "unlimited" becomes the largest int64.
func ParseLimits(text string) (outage.Process, error) {
	for line := range strings.Lines(text) {
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), "Max open files")
		if !ok {
			continue
		}
		values := strings.Fields(rest)
		if len(values) < 2 {
			return outage.Process{}, fmt.Errorf("limits: %q has no two values", strings.TrimSpace(line))
		}
		soft, softErr := limit(values[0])
		hard, hardErr := limit(values[1])
		if softErr != nil || hardErr != nil {
			return outage.Process{}, fmt.Errorf("limits: %q has no two numbers", strings.TrimSpace(line))
		}
		return outage.Process{NofileSoft: soft, NofileHard: hard}, nil
	}
	return outage.Process{}, fmt.Errorf("limits: no line \"Max open files\"")
}

func limit(value string) (int64, error) {
	if value == "unlimited" {
		return math.MaxInt64, nil
	}
	return strconv.ParseInt(value, 10, 64)
}

// parseArgs splits /proc/PID/cmdline and hides passwords. Redis overwrites its own command line with a title and
// leaves the rest of it filled with zeros.
func parseArgs(cmdline string) []string {
	var args []string
	secret := false
	for arg := range strings.SplitSeq(strings.TrimRight(cmdline, "\x00"), "\x00") {
		name, _, joined := strings.Cut(arg, " ") // `--requirepass x` may be one argument
		switch {
		case strings.HasPrefix(arg, "--"):
			secret = isSecret(name)
			if secret && joined {
				arg = name + " ***"
			}
		case secret:
			arg = "***"
		}
		args = append(args, arg)
	}
	return args
}

// sockets is what /proc/PID/net/tcp and tcp6 say of one port.
type sockets struct {
	listening bool
	inodes    map[uint64]bool // of the listening sockets
	queue     int
	troubled  []outage.Socket
	peers     map[string]int  // established, by the host at the other end as the kernel writes it
	seen      map[string]bool // established: the kernel lists a socket twice where others come and go while it is read
}

const (
	tcpEstablished = "01"
	tcpListen      = "0A"
)

// add reads the rows of one table. The kernel's columns are local address, remote address, state, tx:rx queue,
// timer, retransmits, uid, probes and inode; a listening socket shows its accept queue as rx, and its backlog nowhere.
func (s *sockets) add(table []byte, port int) {
	want := fmt.Appendf(nil, ":%04X", port)
	for row := range bytes.Lines(table) {
		var column [10][]byte
		n := 0
		for field := range bytes.FieldsSeq(row) {
			// Most rows of a busy host are not the server's: leave early.
			if n == 1 && !bytes.HasSuffix(field, want) {
				break
			}
			column[n] = field
			if n++; n == len(column) {
				break
			}
		}
		if n < len(column) {
			continue
		}
		tx, rx, _ := bytes.Cut(column[4], []byte(":"))
		switch string(column[3]) {
		case tcpListen:
			s.listening = true
			s.listener(column[9])
			s.queue = max(s.queue, int(parseHex(rx)))
		case tcpEstablished:
			both := string(column[1]) + string(column[2])
			if s.seen[both] {
				continue
			}
			if s.seen == nil {
				s.seen = map[string]bool{}
			}
			s.seen[both] = true
			s.established(string(column[2]), parseHex(tx), parseHex(column[6]), column[8])
		}
	}
}

// listening returns the ports of the listening sockets with these inodes, the lowest first.
func listening(table []byte, inodes map[string]bool) []int {
	var ports []int
	for row := range bytes.Lines(table) {
		column := bytes.Fields(row)
		if len(column) < 10 || string(column[3]) != tcpListen || !inodes[string(column[9])] {
			continue
		}
		if addr, err := parseAddr(string(column[1])); err == nil && !slices.Contains(ports, int(addr.Port())) {
			ports = append(ports, int(addr.Port()))
		}
	}
	slices.Sort(ports)
	return ports
}

func (s *sockets) listener(inode []byte) {
	if s.inodes == nil {
		s.inodes = map[uint64]bool{}
	}
	if n, err := strconv.ParseUint(string(inode), 10, 64); err == nil {
		s.inodes[n] = true
	}
}

func (s *sockets) established(peer string, tx, retransmits int64, probes []byte) {
	unanswered, _ := strconv.Atoi(string(probes)) // the one decimal column
	if s.peers == nil {
		s.peers = map[string]int{}
	}
	host, _, _ := strings.Cut(peer, ":")
	s.peers[host]++
	if tx == 0 && retransmits == 0 && unanswered == 0 {
		return
	}
	addr, err := parseAddr(peer)
	if err != nil {
		return
	}
	s.troubled = append(s.troubled, outage.Socket{Peer: addr.String(), SendQueue: tx, Retransmits: int(retransmits), Probes: unanswered})
}

func parseHex(b []byte) int64 {
	n, _ := strconv.ParseInt(string(b), 16, 64)
	return n
}

// parseAddr reads 0100007F:18EB: words of 32 bits in the byte order of the machine, and the port.
func parseAddr(s string) (netip.AddrPort, error) {
	host, port, _ := strings.Cut(s, ":")
	raw, err := hex.DecodeString(host)
	if err != nil || len(raw) != 4 && len(raw) != 16 {
		return netip.AddrPort{}, fmt.Errorf("%q is no address", s)
	}
	for i := 0; i < len(raw); i += 4 {
		binary.NativeEndian.PutUint32(raw[i:], binary.BigEndian.Uint32(raw[i:]))
	}
	addr, _ := netip.AddrFromSlice(raw)
	n, err := strconv.ParseUint(port, 16, 16)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("%q is no address", s)
	}
	return netip.AddrPortFrom(addr.Unmap(), uint16(n)), nil
}

// parseOverflows finds ListenOverflows in /proc/PID/net/netstat, which pairs a line of names with one of values.
func parseOverflows(netstat string) (int64, bool) {
	var names []string
	for line := range strings.Lines(netstat) {
		columns := strings.Fields(line)
		if len(columns) == 0 || columns[0] != "TcpExt:" {
			continue
		}
		if names == nil {
			names = columns
			continue
		}
		for i, name := range names {
			if name == "ListenOverflows" && i < len(columns) {
				return number(columns[i])
			}
		}
	}
	return 0, false
}
