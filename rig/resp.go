package rig

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// encode writes a command as Redis reads it.
func encode(args ...string) []byte {
	b := fmt.Appendf(nil, "*%d\r\n", len(args))
	for _, a := range args {
		b = fmt.Appendf(b, "$%d\r\n%s\r\n", len(a), a)
	}
	return b
}

// Bounds of a command that a responder may send, far beyond any runbook's; of its lines, as Redis has it; and of the
// lines of an answer: one of MONITOR holds a whole command.
const (
	maxArgs       = 64 << 10
	maxCommand    = 8 << 20
	maxLine       = 64 << 10
	maxAnswerLine = 8 << 20
)

// readLine reads a line of bounded length, with its end.
func readLine(in *bufio.Reader, most int) (string, error) {
	var line []byte
	for {
		part, err := in.ReadSlice('\n')
		line = append(line, part...)
		if len(line) > most {
			return "", errors.New("too big a line")
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return string(line), err
		}
	}
}

// readCommand reads one command, in array or inline form, and returns it parsed and as the bytes to pass on. Without
// args it is one that Redis does not answer.
func readCommand(in *bufio.Reader) (args []string, raw []byte, err error) {
	line, err := readLine(in, maxLine)
	if err != nil {
		return nil, nil, err
	}
	raw = []byte(line)
	if !strings.HasPrefix(line, "*") {
		return strings.Fields(line), raw, nil
	}
	n, err := strconv.Atoi(strings.TrimSpace(line[1:]))
	if err != nil || n > maxArgs {
		return nil, nil, fmt.Errorf("command of %.20q arguments", strings.TrimSpace(line[1:]))
	}
	for range n {
		head, err := readLine(in, maxLine)
		if err != nil {
			return nil, nil, err
		}
		size, isBulk := strings.CutPrefix(head, "$")
		length, err := strconv.Atoi(strings.TrimSpace(size))
		if err != nil || !isBulk || length < 0 || length > maxCommand-len(raw) {
			return nil, nil, fmt.Errorf("argument of %.20q bytes", strings.TrimSpace(head))
		}
		arg := make([]byte, length+2)
		if _, err := io.ReadFull(in, arg); err != nil {
			return nil, nil, err
		}
		args = append(args, string(arg[:length]))
		raw = append(append(raw, head...), arg...)
	}
	return args, raw, nil
}

// maxBulk is the longest string that Redis sends (proto-max-bulk-len).
const maxBulk = 512 << 20

// copyReply passes one answer on, whatever its shape. It calls first with the first line before anything is passed on.
func copyReply(to io.Writer, from *bufio.Reader, first func(line string)) error {
	for left := 1; left > 0; left-- {
		line, err := readLine(from, maxAnswerLine)
		if err != nil {
			return err
		}
		if first != nil {
			first(strings.TrimRight(line, "\r\n"))
			first = nil
		}
		if _, err := io.WriteString(to, line); err != nil {
			return err
		}
		n, err := strconv.ParseInt(strings.TrimSpace(line[1:]), 10, 64)
		if err != nil || n < 0 {
			continue // a simple value, or a null
		}
		if n > maxBulk {
			return fmt.Errorf("an answer of %d parts", n)
		}
		switch line[0] {
		case '$', '=', '!':
			if _, err := io.CopyN(to, from, n+2); err != nil {
				return err
			}
		case '*', '~', '>':
			left += int(n)
		case '%':
			left += 2 * int(n)
		case '|': // attributes come before the value that they describe
			left += 2*int(n) + 1
		}
	}
	return nil
}
