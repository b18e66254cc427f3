package observe

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

const (
	logHead = 40      // lines kept from the last start of the server: a lowered maxclients is said there
	logLast = 200     // lines kept from the end
	logLine = 1 << 10 // bytes kept of a line
	logTail = 8 << 20 // bytes read of a log file
)

// ReadLog keeps the part of a server's log that matters: the beginning of its last start, and the newest lines.
func ReadLog(r io.Reader) ([]string, error) {
	var log logKeeper
	lines := bufio.NewReaderSize(r, 64<<10)
	cont := false // in the rest of a long line
	for {
		part, err := lines.ReadSlice('\n')
		if !cont {
			log.add(strings.TrimRight(string(part[:min(len(part), logLine)]), "\r\n"))
		}
		cont = errors.Is(err, bufio.ErrBufferFull)
		switch {
		case cont || err == nil:
		case errors.Is(err, io.EOF):
			return log.lines(), nil
		default:
			return log.lines(), fmt.Errorf("read log: %w", err)
		}
	}
}

type logKeeper struct {
	head []string // from the last start on
	last []string // a ring of the newest lines that are not in head
	n    int      // lines that went through the ring
	seen bool     // a start was seen
}

func (k *logKeeper) add(line string) {
	if line == "" {
		return
	}
	// Redis, Valkey and Redict all say it so.
	if strings.Contains(line, "oO0OoO0OoO0Oo") && strings.Contains(line, "is starting") {
		*k = logKeeper{seen: true}
	}
	switch {
	case k.seen && len(k.head) < logHead:
		k.head = append(k.head, line)
	case len(k.last) < logLast:
		k.last = append(k.last, line)
		k.n++
	default:
		k.last[k.n%logLast] = line
		k.n++
	}
}

func (k *logKeeper) lines() []string {
	out := append([]string(nil), k.head...)
	if len(k.last) < logLast {
		return append(out, k.last...)
	}
	oldest := k.n % logLast
	return append(append(out, k.last[oldest:]...), k.last[:oldest]...)
}

// readTail reads up to n bytes from the end of a file, without the line that the beginning cuts.
func readTail(path string, n int64) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return "", fmt.Errorf("log %s: %w", path, err)
	}
	from := max(size-n, 0)
	text, err := io.ReadAll(io.NewSectionReader(f, from, n))
	if err != nil {
		return "", err
	}
	if from > 0 {
		_, rest, _ := strings.Cut(string(text), "\n")
		return rest, nil
	}
	return string(text), nil
}
