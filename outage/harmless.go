package outage

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Harmless makes text from outside harmless where it leaves the program: names, settings and log lines are chosen by clients,
// and shown on terminals, in logs and documents. What it returns is one line of printable UTF-8: no control characters, no escape
// codes, nothing that reorders or hides text, and no command to GitHub Actions. What is taken out stays visible, as \x1b or \u202e;
// line breaks and tabs become spaces. Harmless text stays as it is.
func Harmless(s string) string {
	if !isASCII(s) {
		s = visible(s)
	}
	if strings.Contains(s, "::") || strings.Contains(s, "##[") {
		s = actionsCommand.ReplaceAllStringFunc(s, func(m string) string { return m[:1] + `\` + m[1:] })
	}
	return s
}

// actionsCommand is what GitHub's runner obeys in a line of output: the older form anywhere, the newer one where a line begins,
// be it after spaces, and so wherever text may be wrapped.
var actionsCommand = regexp.MustCompile(`##\[|(?i:::(?:add-mask|add-matcher|add-path|debug|echo|end-?group|error|group|internal-set-repo-path|` +
	`notice|remove-matcher|save-state|set-env|set-output|stop-commands|warning))`)

// isASCII reports whether s is printable ASCII, as nearly everything is.
func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

func visible(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			b.WriteString(`\x` + hex2(s[i]))
		case r == '\n' || r == '\r' || r == '\t':
			b.WriteByte(' ')
		case unicode.IsPrint(r):
			b.WriteRune(r)
		default:
			quoted := strconv.QuoteRuneToASCII(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		}
		i += size
	}
	return b.String()
}

const digits = "0123456789abcdef"

func hex2(c byte) string { return string([]byte{digits[c>>4], digits[c&15]}) }

// HarmlessJSON makes encoded JSON harmless for a terminal and a log, and leaves its meaning as it is: encoding/json escapes
// line breaks, but neither DEL and the control characters above it nor what reorders or hides text.
func HarmlessJSON(data []byte) []byte {
	var out []byte
	kept := 0 // of data, what is in out
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		switch {
		case r == '[' && i > 1 && data[i-1] == '#' && data[i-2] == '#':
		case r == '\n' || unicode.IsPrint(r):
			i += size
			continue
		}
		out = appendUnit(append(out, data[kept:i]...), r)
		i += size
		kept = i
	}
	if kept == 0 {
		return data
	}
	return append(out, data[kept:]...)
}

// appendUnit appends r as JSON escapes it: above the basic plane as two surrogates.
func appendUnit(b []byte, r rune) []byte {
	if r > 0xffff {
		r -= 0x10000
		return appendUnit(appendUnit(b, 0xd800+r>>10), 0xdc00+r&0x3ff)
	}
	return append(b, '\\', 'u', digits[r>>12&15], digits[r>>8&15], digits[r>>4&15], digits[r&15])
}
