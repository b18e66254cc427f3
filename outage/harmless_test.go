package outage_test

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"

	"spillway/outage"
)

func TestHarmless(t *testing.T) {
	for in, want := range map[string]string{
		"api-1":                     "api-1",
		"10.0.0.5:41234":            "10.0.0.5:41234",
		"[::ffff:10.0.0.5]:41234":   "[::ffff:10.0.0.5]:41234",
		"std::string":               "std::string",
		"a\x1b[2Jb":                 `a\x1b[2Jb`,
		"two\r\nlines":              "two  lines",
		"right\u202eleft\u200b":     `right\u202eleft\u200b`,
		"not\xffutf8":               `not\xffutf8`,
		"c1\u009b31m":               `c1\u009b31m`,
		"\U000e0041":                `\U000e0041`,
		"::error::pwned":            `:\:error::pwned`,
		"x::StoP-commands::tok":     `x:\:StoP-commands::tok`,
		":::warning file=a::":       `::\:warning file=a::`,
		"##[error]pwned":            `#\#[error]pwned`,
		"Zürich 東京 e\u0301":         "Zürich 東京 e\u0301",
		strings.Repeat("x", 64<<10): strings.Repeat("x", 64<<10),
	} {
		if got := outage.Harmless(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

// poison is what makes text hostile.
var poison = []string{
	"api", "\x1b[31m", "\x1b]8;;http://e\a", "\n", "\r", "\t", "::error::", "::stop-commands::x", "##[error]", "\x00", "\u202e", "\u2066", "\u200b", "\ufeff",
	"\xff\xfe", "\u2028", "\u0085", "\u00a0", "\x7f", "\u009b2J", "\U000e0041", "東", "e\u0301", `\`, `"`, "'", ":", "#", "[",
}

func hostile(t *rapid.T) string {
	return strings.Join(rapid.SliceOfN(rapid.SampledFrom(poison), 0, 8).Draw(t, "parts"), "") + rapid.String().Draw(t, "tail")
}

// obeyed is what GitHub's runner takes for a command, wherever a line may begin.
var obeyed = regexp.MustCompile(`(?i)##\[|::(error|stop-commands)`)

func TestHarmlessIsHarmless(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := hostile(t)
		got := outage.Harmless(in)
		if !utf8.ValidString(got) || strings.ContainsFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Fatalf("%q became %q", in, got)
		}
		if obeyed.MatchString(got) {
			t.Fatalf("%q became %q, which GitHub obeys", in, got)
		}
		if again := outage.Harmless(got); again != got {
			t.Fatalf("twice: %q, then %q", got, again)
		}
	})
}

func TestHarmlessJSONMeansTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := map[string]string{hostile(t): hostile(t), "other": hostile(t)}
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		enc.SetIndent("", " ")
		if err := enc.Encode(value); err != nil {
			t.Fatal(err)
		}
		got := outage.HarmlessJSON(b.Bytes())
		if strings.ContainsFunc(string(got), func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }) || bytes.Contains(got, []byte("##[")) {
			t.Fatalf("%q", got)
		}
		var before, after any
		if err := json.Unmarshal(b.Bytes(), &before); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(got, &after); err != nil {
			t.Fatalf("%v in %s", err, got)
		}
		one, _ := json.Marshal(before)
		two, _ := json.Marshal(after)
		if !bytes.Equal(one, two) {
			t.Fatalf("%s became %s", one, two)
		}
		if lines := bytes.Count(got, []byte("\n")); lines != bytes.Count(b.Bytes(), []byte("\n")) {
			t.Fatalf("%d lines in %q", lines, got)
		}
	})
}
