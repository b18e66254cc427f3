package rig

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// encode writes a command as Redis reads it.
func encode(args []string) []byte {
	b := fmt.Appendf(nil, "*%d\r\n", len(args))
	for _, a := range args {
		b = fmt.Appendf(b, "$%d\r\n%s\r\n", len(a), a)
	}
	return b
}

// Bounds of a command that a responder may send: far beyond any runbook's.
const (
	maxArgs = 1024
	maxArg  = 1 << 20
)

// readCommand reads one command, in array or inline form, and returns it parsed and as bytes to pass on.
func readCommand(in *bufio.Reader) (args []string, raw []byte, err error) {
	line, err := in.ReadString('\n')
	if err != nil {
		return nil, nil, err
	}
	if !strings.HasPrefix(line, "*") {
		args = strings.Fields(line)
		return args, encode(args), nil
	}
	n, err := strconv.Atoi(strings.TrimSpace(line[1:]))
	if err != nil || n < 0 || n > maxArgs {
		return nil, nil, fmt.Errorf("command of %q arguments", strings.TrimSpace(line[1:]))
	}
	for range n {
		size, err := in.ReadString('\n')
		if err != nil {
			return nil, nil, err
		}
		length, err := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(size, "$")))
		if err != nil || length < 0 || length > maxArg {
			return nil, nil, fmt.Errorf("argument of %q bytes", strings.TrimSpace(size))
		}
		arg := make([]byte, length+2)
		if _, err := io.ReadFull(in, arg); err != nil {
			return nil, nil, err
		}
		args = append(args, string(arg[:length]))
	}
	return args, encode(args), nil
}

// copyReply passes one answer on, whatever its shape, and returns its first line.
func copyReply(to io.Writer, from *bufio.Reader) (first string, err error) {
	for left := 1; left > 0; left-- {
		line, err := from.ReadString('\n')
		if err != nil {
			return first, err
		}
		if first == "" {
			first = strings.TrimRight(line, "\r\n")
		}
		if _, err := io.WriteString(to, line); err != nil {
			return first, err
		}
		n, err := strconv.Atoi(strings.TrimSpace(line[1:]))
		if err != nil || n < 0 {
			continue // a simple value, or a null
		}
		switch line[0] {
		case '$', '=', '!':
			if _, err := io.CopyN(to, from, int64(n)+2); err != nil {
				return first, err
			}
		case '*', '~', '>':
			left += n
		case '%', '|':
			left += 2 * n
		}
	}
	return first, nil
}
