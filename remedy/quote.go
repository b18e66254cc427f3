package remedy

import (
	"strings"

	"spillway/outage"
)

// line writes a command so that it can be copied: at the prompt of redis-cli, and after the word redis-cli in a POSIX shell, it
// has exactly the words of args. An argument that has no such form, see copyable, is one that nobody must copy: it is quoted
// for redis-cli alone, and a shell takes it for a word that names nothing and runs nothing.
func line(args ...string) string {
	quoted := make([]string, len(args))
	for i, a := range args {
		quoted[i] = quote(a)
	}
	return strings.Join(quoted, " ")
}

// copyable reports whether redis-cli and a shell, an interactive one as well, can be told s in the same words. They differ in what
// they make of control characters, and of an exclamation mark between double quotes.
func copyable(s string) bool {
	return outage.Harmless(s) == s && (!strings.Contains(s, "!") || single(s))
}

func quote(s string) string {
	switch {
	case s == "":
		return `""`
	case !strings.ContainsFunc(s, special):
		return s
	case outage.Harmless(s) == s && single(s):
		return "'" + s + "'"
	}
	const digits = "0123456789abcdef"
	asIs := copyable(s)
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		switch c := s[i]; {
		case strings.IndexByte("\"\\$`", c) >= 0:
			b.WriteString(`\` + string(rune(c)))
		case c < ' ' || c == 0x7f || c == '!' || c > '~' && !asIs:
			b.WriteString(`\x` + digits[c>>4:c>>4+1] + digits[c&15:c&15+1])
		default:
			b.WriteByte(c)
		}
	}
	return b.String() + `"`
}

// single reports whether s may stand between single quotes: both take everything there as it is, but redis-cli knows \' as well.
func single(s string) bool { return !strings.Contains(s, "'") && !strings.HasSuffix(s, `\`) }

// special reports whether r means something to a shell or to redis-cli, or is not plain ASCII.
func special(r rune) bool {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("_./:@%+,-", r):
		return false
	}
	return true
}
