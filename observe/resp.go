package observe

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// What a server may make us hold in memory. The largest honest reply is CLIENT LIST: 10,000 clients take 3 MB, 100,000 take 32 MB,
// and as many names of 64 KB as Redis has clients by default take 640 MB, which is an attack: that list is passed over, and INFO
// still tells.
const (
	maxReply    = 64 << 20 // bytes of the replies of one exchange
	maxSkipped  = 2 << 30  // bytes of a string that is read and thrown away, so that the connection can be used on
	maxElements = 1 << 20  // values of the replies of one exchange
	maxDepth    = 8        // arrays within arrays
	maxLine     = 64 << 10 // bytes of a status, an error or a length
	maxError    = 1 << 10  // bytes kept of an error: a person reads it

	tlsAlert = 21 // the first byte of a TLS alert
)

// protocolError is a reply that breaks RESP2 or a bound: the connection cannot be used on.
type protocolError string

func (e protocolError) Error() string { return "not a Redis reply: " + string(e) }

// oversize stands for a reply that was passed over because it was too long to hold.
type oversize int64

func (n oversize) Error() string {
	return fmt.Sprintf("an answer of %d MB, and no more than %d MB are read", int64(n)>>20, maxReply>>20)
}

// decoder reads the replies of one exchange. Its bounds are used up by what is read.
type decoder struct {
	r        *bufio.Reader
	bytes    int64
	elements int
}

func newDecoder(r *bufio.Reader, limit int64) *decoder {
	return &decoder{r: r, bytes: limit, elements: maxElements}
}

// reply reads one RESP2 value: string, int64, []any, nil, or Error or oversize, which are values here.
func (d *decoder) reply() (any, error) {
	// A TLS server answers what is no TLS with an alert, and no reply begins so.
	if first, err := d.r.Peek(1); err == nil && first[0] == tlsAlert {
		return nil, ErrSpeaksTLS
	}
	return d.value(0)
}

func (d *decoder) value(depth int) (any, error) {
	if d.elements--; d.elements < 0 {
		return nil, protocolError(fmt.Sprintf("more than %d values", maxElements))
	}
	line, err := d.line()
	if err != nil {
		return nil, err
	}
	if len(line) == 0 {
		return nil, protocolError("empty line")
	}
	kind, rest := line[0], line[1:]
	switch kind {
	case '+':
		return rest, nil
	case '-':
		return Error(rest[:min(len(rest), maxError)]), nil
	case ':', '$', '*':
	default:
		return nil, protocolError(fmt.Sprintf("it begins with %.40q", line))
	}
	n, err := strconv.ParseInt(rest, 10, 64)
	if err != nil {
		return nil, protocolError(fmt.Sprintf("%.40q has no number", line))
	}
	switch {
	case kind == ':':
		return n, nil
	case n == -1:
		return nil, nil
	case n < 0:
		return nil, protocolError(fmt.Sprintf("%.40q has a negative length", line))
	case kind == '$' && depth == 0 && n > d.bytes-2 && n <= maxSkipped:
		if _, err := io.CopyN(io.Discard, d.r, n+2); err != nil {
			return nil, partial(err, 1)
		}
		return oversize(n), nil
	case kind == '$':
		return d.bulk(n)
	}
	return d.array(n, depth+1)
}

// line reads up to CRLF, which it cuts off.
func (d *decoder) line() (string, error) {
	var long []byte
	for {
		part, err := d.r.ReadSlice('\n')
		if d.bytes -= int64(len(part)); d.bytes < 0 {
			return "", errTooLong
		}
		long = append(long, part...)
		if len(long) > maxLine {
			return "", protocolError(fmt.Sprintf("a line of more than %d bytes", maxLine))
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil {
			return "", partial(err, len(long))
		}
		return string(bytes.TrimSuffix(long[:len(long)-1], []byte("\r"))), nil
	}
}

const errTooLong = protocolError("longer than the bound")

// bulk grows with what arrives: a length alone must not allocate.
func (d *decoder) bulk(n int64) (string, error) {
	if n > d.bytes-2 {
		return "", protocolError(fmt.Sprintf("a string of %d bytes, %d allowed", n, max(d.bytes-2, 0)))
	}
	d.bytes -= n + 2
	var text strings.Builder
	text.Grow(int(min(n+2, 64<<10)))
	if _, err := io.CopyN(&text, d.r, n+2); err != nil {
		return "", partial(err, 1)
	}
	s, whole := strings.CutSuffix(text.String(), "\r\n")
	if !whole {
		return "", protocolError("a string longer than it said")
	}
	return s, nil
}

func (d *decoder) array(n int64, depth int) (any, error) {
	if depth > maxDepth {
		return nil, protocolError(fmt.Sprintf("more than %d arrays within each other", maxDepth))
	}
	if n > int64(d.elements) {
		return nil, protocolError(fmt.Sprintf("an array of %d values, %d allowed", n, d.elements))
	}
	list := make([]any, 0, min(n, 64))
	for range n {
		v, err := d.value(depth)
		if err != nil {
			return nil, partial(err, 1)
		}
		list = append(list, v)
	}
	return list, nil
}

// partial keeps an end in the middle of a reply apart from an end where a reply would begin.
func partial(err error, read int) error {
	if errors.Is(err, io.EOF) && read > 0 {
		return io.ErrUnexpectedEOF
	}
	return err
}

// encode writes commands as arrays of bulk strings, the only form that takes any bytes.
func encode(cmds [][]string) []byte {
	var b []byte
	for _, args := range cmds {
		b = fmt.Appendf(b, "*%d\r\n", len(args))
		for _, arg := range args {
			b = fmt.Appendf(b, "$%d\r\n", len(arg))
			b = append(append(b, arg...), "\r\n"...)
		}
	}
	return b
}
