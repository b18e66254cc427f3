package rig

import (
	"bufio"
	"io"
	"slices"
	"sync"
)

// What is kept of a server's log: its beginning, where it says how it was clamped, and its end.
const (
	logHead = 60
	logTail = 140
)

// serverLog keeps the first and the last lines of a server's log.
type serverLog struct {
	mu   sync.Mutex
	head []string
	tail []string
}

// follow reads a log until it ends.
func (l *serverLog) follow(r io.Reader) {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadString('\n')
		if n := len(line); n > 0 {
			l.add(line[:min(n, 1024)])
		}
		if err != nil {
			return
		}
	}
}

func (l *serverLog) add(line string) {
	for len(line) > 0 && (line[len(line)-1] == '\n' || line[len(line)-1] == '\r') {
		line = line[:len(line)-1]
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.head) < logHead {
		l.head = append(l.head, line)
		return
	}
	if len(l.tail) == logTail {
		l.tail = slices.Delete(l.tail, 0, 1)
	}
	l.tail = append(l.tail, line)
}

func (l *serverLog) lines() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Concat(l.head, l.tail)
}

// last returns the latest line, for messages.
func (l *serverLog) last() string {
	lines := l.lines()
	if len(lines) == 0 {
		return "(empty)"
	}
	return lines[len(lines)-1]
}
