package report

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestClean(t *testing.T) {
	for _, c := range []struct {
		in   string
		most int
		want string
	}{
		{"api-1", 0, "api-1"},
		{"a\x1b[2Jb", 0, `a\x1b[2Jb`},
		{"two\nlines\tand\r", 0, "two lines and "},
		{"right\u202eleft", 0, `right\u202eleft`},
		{"zero\u200bwidth", 0, `zero\u200bwidth`},
		{"not\xffutf8", 0, `not\xffutf8`},
		{"bell\a del\x7f c1\u009b", 0, `bell\a del\x7f c1\u009b`},
		{"Zürich 東京", 0, "Zürich 東京"},
		{"abcdef", 6, "abcdef"},
		{"abcdefg", 6, "abcde…"},
		{"東京東京", 6, "東京…"},
		{"e\u0301e\u0301e\u0301", 3, "e\u0301e\u0301e\u0301"},
		{"abc", 1, "…"},
	} {
		if got := Clean(c.in, c.most); got != c.want {
			t.Errorf("Clean(%q, %d) = %q, want %q", c.in, c.most, got, c.want)
		}
	}
}

// hostile draws names as an attacker would set them with CLIENT SETNAME, and worse.
func hostile(t *rapid.T, label string) string {
	parts := rapid.SliceOfN(rapid.SampledFrom([]string{
		"api", "\x1b[31m", "\x1b]0;title\a", "\n", "\r", "::error::", "]]>", "<script>", "&amp;", "|", "`", "[x](http://e)", "\x00", "\u202e", "\xff\xfe",
		"\ufffe", "\u2028", "東", "%0A", ",line=1", "\"", "'", "\x7f", "\u009b2J", strings.Repeat("x", 100),
	}), 1, 6).Draw(t, label)
	return strings.Join(parts, "") + rapid.String().Draw(t, label+" tail")
}

func TestCleanIsHarmless(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		most := rapid.IntRange(0, 40).Draw(t, "most")
		got := Clean(hostile(t, "name"), most)
		if !utf8.ValidString(got) {
			t.Fatalf("%q is no UTF-8", got)
		}
		for _, r := range got {
			if !unicode.IsPrint(r) {
				t.Fatalf("%q holds %U", got, r)
			}
		}
		if most > 0 && columns(got) > most {
			t.Fatalf("%q is %d columns wide, above %d", got, columns(got), most)
		}
		if again := Clean(got, most); again != got {
			t.Fatalf("cleaned twice: %q, then %q", got, again)
		}
	})
}

func TestWrapLosesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := Clean(hostile(t, "text"), 0)
		width := rapid.IntRange(2, 60).Draw(t, "width")
		lines := wrap(text, width)
		for _, l := range lines {
			if columns(l) > width {
				t.Fatalf("%q is wider than %d", l, width)
			}
		}
		squeeze := func(s string) string { return strings.Join(strings.Fields(s), "") }
		if got := squeeze(strings.Join(lines, " ")); got != squeeze(text) {
			t.Fatalf("wrapped %q to %q", text, lines)
		}
	})
}
