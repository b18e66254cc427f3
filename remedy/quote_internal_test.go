package remedy

import "testing"

// The words that need no quotes, to their ends, and what redis-cli alone is told in hexadecimal.
func TestQuoteAtTheEdges(t *testing.T) {
	for word, want := range map[string]string{
		"azAZ09": "azAZ09", "a": "a", "z": "z", "A": "A", "Z": "Z", "0": "0", "9": "9", "[": "'['", "{": "'{'", "`": "'`'", "@": "@", ";": "';'",
		"~": "'~'", "it's ~": `"it's ~"`, "it's!": `"it's\x21"`, "it's\x7f": `"it's\x7f"`, "it's\x1f": `"it's\x1f"`, "it's a b": `"it's a b"`,
		"it's! é": `"it's\x21 \xc3\xa9"`, "it's é": `"it's é"`, "it's!~": `"it's\x21~"`,
	} {
		if got := quote(word); got != want {
			t.Errorf("%q is written as %s, want %s", word, got, want)
		}
	}
}
