package observe

import (
	"regexp"
	"strconv"
	"strings"
)

// plain undoes what redis-cli and libraries do to a reply of many lines: quotes with \n in them, the type of a
// RESP3 verbatim string, a byte order mark of an editor.
func plain(text string) string {
	text = strings.TrimPrefix(text, "\ufeff")
	if line := strings.TrimSpace(text); len(line) >= 2 && line[0] == '"' && line[len(line)-1] == '"' && !strings.Contains(line, "\n") {
		text = unquote(line)
	}
	return strings.TrimPrefix(text, "txt:")
}

// unquote reads a string as redis-cli quotes it. What it does not know it leaves as it is.
func unquote(s string) string {
	if len(s) < 2 || s[0] != '"' || s[len(s)-1] != '"' {
		return s
	}
	s = s[1 : len(s)-1]
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		switch s[i] {
		case 'n':
			b.WriteByte('\n')
		case 'r':
			b.WriteByte('\r')
		case 't':
			b.WriteByte('\t')
		case 'a':
			b.WriteByte('\a')
		case 'b':
			b.WriteByte('\b')
		case 'x':
			if i+2 < len(s) {
				if n, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
					b.WriteByte(byte(n))
					i += 2
					continue
				}
			}
			b.WriteString(`\x`)
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// isWarning knows the line that redis-cli -a puts before everything else when stderr is saved too.
func isWarning(line string) bool { return strings.HasPrefix(line, "Warning: ") }

var errorReply = regexp.MustCompile(`^(?:\(error\) .*|[A-Z]{3,} .*|Could not connect to Redis.*|Error: .*|AUTH failed: .*)$`)

// saidInstead returns the error that redis-cli saved in place of an answer.
func saidInstead(text string) (why string, ok bool) {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || isWarning(line) {
			continue
		}
		return strings.TrimPrefix(line, "(error) "), errorReply.MatchString(line)
	}
	return "the file is empty", true
}
