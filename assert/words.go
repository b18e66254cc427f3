package assert

import (
	"fmt"
	"strings"

	"spillway/outage"
)

// within judges a time against its limit.
func within(took, limit outage.Duration, want string) Verdict {
	return Verdict{Outcome: passIf(took <= limit), Want: want, Got: short(took)}
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// list joins names for people; nobody when there are none.
func list(names []string) string {
	if len(names) == 0 {
		return "nobody"
	}
	return strings.Join(names, ", ")
}

// few joins the first of many parts and counts the rest.
func few(parts []string, most int) string {
	if len(parts) <= most {
		return strings.Join(parts, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(parts[:most], ", "), len(parts)-most)
}
