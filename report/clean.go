package report

import (
	"strings"
	"unicode"

	"spillway/outage"
)

// Clean makes text from outside harmless, as outage.Harmless does. Text wider than most columns is cut and ends in an ellipsis;
// most 0 cuts nothing.
func Clean(s string, most int) string {
	s = outage.Harmless(s)
	if most <= 0 || columns(s) <= most {
		return s
	}
	return cut(s, most-1) + "…"
}

// wide are the scripts and symbols that terminals draw two columns wide.
var wide = &unicode.RangeTable{
	R16: []unicode.Range16{
		{0x1100, 0x115f, 1}, {0x2e80, 0x303e, 1}, {0x3041, 0x33ff, 1}, {0x3400, 0x4dbf, 1}, {0x4e00, 0x9fff, 1},
		{0xa000, 0xa4cf, 1}, {0xac00, 0xd7a3, 1}, {0xf900, 0xfaff, 1}, {0xfe30, 0xfe6f, 1}, {0xff00, 0xff60, 1}, {0xffe0, 0xffe6, 1},
	},
	R32: []unicode.Range32{{0x1f300, 0x1f64f, 1}, {0x1f680, 0x1f6ff, 1}, {0x1f900, 0x1f9ff, 1}, {0x20000, 0x3fffd, 1}},
}

func runeColumns(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me):
		return 0
	case unicode.Is(wide, r):
		return 2
	}
	return 1
}

// columns is how wide a terminal draws s.
func columns(s string) int {
	n := 0
	for _, r := range s {
		n += runeColumns(r)
	}
	return n
}

// cut returns as much of s as fits into most columns.
func cut(s string, most int) string {
	n := 0
	for i, r := range s {
		if n += runeColumns(r); n > most {
			return s[:i]
		}
	}
	return s
}

// pad fills s up to width columns, on the left when right is set.
func pad(s string, width int, right bool) string {
	space := strings.Repeat(" ", max(0, width-columns(s)))
	if right {
		return space + s
	}
	return s + space
}

// wrap breaks s into lines of at most width columns, at spaces where it can.
func wrap(s string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(s) {
		for columns(word) > width {
			if line != "" {
				lines, line = append(lines, line), ""
			}
			head := cut(word, width)
			lines, word = append(lines, head), word[len(head):]
		}
		switch {
		case line == "":
			line = word
		case columns(line)+1+columns(word) <= width:
			line += " " + word
		default:
			lines, line = append(lines, line), word
		}
	}
	if line != "" || len(lines) == 0 {
		lines = append(lines, line)
	}
	return lines
}
