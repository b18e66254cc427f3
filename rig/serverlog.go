package rig

import (
	"bufio"
	"context"
	"io"
	"slices"
	"strings"
	"sync"
)

// What is kept of a server's log: its beginning, where it says how it was clamped, and its end.
const (
	logHead = 60
	logTail = 140
	logLine = 1024 // bytes of a line
)

// serverLog keeps the first and the last lines of a server's log.
type serverLog struct {
	ended chan struct{} // closed when the log has been read to its end

	mu   sync.Mutex
	head []string
	tail []string
}

func newServerLog() *serverLog { return &serverLog{ended: make(chan struct{})} }

// follow reads a log until it ends.
func (l *serverLog) follow(r io.Reader) {
	defer close(l.ended)
	lines := bufio.NewReaderSize(r, logLine)
	for rest := false; ; {
		line, more, err := lines.ReadLine()
		if err != nil {
			return
		}
		if !rest {
			l.add(string(line))
		}
		rest = more
	}
}

func (l *serverLog) add(line string) {
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

// lastWords is the end of what a program said, for messages: its stderr, and the last lines of its log, if it has one.
func lastWords(ctx context.Context, p *Process, log *serverLog) string {
	words := []string{}
	if log != nil {
		select { // what it said while it died may still be under way
		case <-log.ended:
		case <-ctx.Done():
		}
		lines := slices.DeleteFunc(log.lines(), func(line string) bool { return strings.TrimSpace(line) == "" })
		words = append(words, lines[max(0, len(lines)-3):]...)
	}
	if text := p.Errors(); text != "" {
		words = append(words, text)
	}
	if len(words) == 0 {
		return "(it said nothing)"
	}
	return strings.Join(words, "; ")
}
