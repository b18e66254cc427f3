package observe

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
)

const (
	maxReply    = 64 << 20 // bytes of one reply; a CLIENT LIST of 100,000 clients has 32 MB
	maxElements = 1 << 20  // values of one reply
	maxDepth    = 8        // arrays within arrays
	maxLine     = 64 << 10 // bytes of a status, an error or a length

	tlsAlert = 21 // the first byte of a TLS alert
)

// protocolError is a reply that breaks RESP2 or a bound: the connection cannot be used on.
type protocolError string

func (e protocolError) Error() string { return "not a Redis reply: " + string(e) }

// decoder reads one reply. Its bounds are used up by what is read, so each reply needs a new one.
type decoder struct {
	r        *bufio.Reader
	bytes    int64
	elements int
}

// readReply reads one RESP2 value: string, int64, []any, nil, or Error, which is a value here.
func readReply(r *bufio.Reader, limit int64) (any, error) {
	// A TLS server answers what is no TLS with an alert, and no reply begins so.
	if first, err := r.Peek(1); err == nil && first[0] == tlsAlert {
		return nil, ErrSpeaksTLS
	}
	d := decoder{r: r, bytes: limit, elements: maxElements}
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
		return Error(rest), nil
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
	var buf bytes.Buffer
	if _, err := io.CopyN(&buf, d.r, n+2); err != nil {
		return "", partial(err, 1)
	}
	b := buf.Bytes()
	if !bytes.HasSuffix(b, []byte("\r\n")) {
		return "", protocolError("a string longer than it said")
	}
	return string(b[:n]), nil
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
