package diagnose

import (
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"spillway/outage"
)

// label says what a service's name was taken from; by address, each host is a service of its own.
type label int

const (
	byAddress label = iota
	byLibrary
	byUser
	byName
)

// An id that nobody chose for a service: a UUID, a container's id or another hash, a ULID.
const anID = `(?i:[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|[0-9a-f]{12,64}|[0-7][0-9a-hjkmnp-tv-z]{25})`

// suffix is a shape of what instances of one service append to its name.
type suffix struct {
	shape *regexp.Regexp
	digit bool // only with a digit in it, or it may be a word
}

// suffixes are tried in this order, again and again.
var suffixes = []suffix{
	{regexp.MustCompile(`\(SE\.Redis-v[^)]*\)$`), false},          // StackExchange.Redis adds its version
	{regexp.MustCompile(`[-_:@/.]\d{1,3}(\.\d{1,3}){3}$`), false}, // the host's address
	{regexp.MustCompile(`[-_:@/.#]` + anID + `$`), true},
	{regexp.MustCompile(`-[bcdfghjklmnpqrstvwxz2456789]{4,10}-[bcdfghjklmnpqrstvwxz2456789]{3,5}$`), true}, // a pod: Kubernetes leaves out vowels, 0, 1 and 3
	{regexp.MustCompile(`[-_:][0-9a-f]{6,40}$`), true},                                                     // a shorter hash
	{regexp.MustCompile(`[-_.:#@/]\d+$`), false},                                                           // a number: instance, port, process
}

var (
	idAlone   = regexp.MustCompile(`^(?:` + anID + `|\d+)$`) // or a process's
	idInFront = regexp.MustCompile(`^` + anID + `[-_:@/.#]`)
)

// serviceName returns a client name without what tells the instances of a service apart; empty if it is nothing but an id.
func serviceName(name string) string {
	if _, err := netip.ParseAddr(outage.Host(name)); err == nil {
		return outage.Host(name)
	}
	name = withoutPrefix(name)
	for {
		if idAlone.MatchString(name) && strings.ContainsAny(name, "0123456789") {
			return ""
		}
		shorter := withoutSuffix(name)
		if shorter == "" || shorter == name {
			return name
		}
		name = shorter
	}
}

func withoutPrefix(name string) string {
	at := idInFront.FindStringIndex(name)
	if at == nil || at[1] == len(name) || !strings.ContainsAny(name[:at[1]], "0123456789") {
		return name
	}
	return name[at[1]:]
}

func withoutSuffix(name string) string {
	for _, s := range suffixes {
		if at := s.shape.FindStringIndex(name); at != nil && (!s.digit || strings.ContainsAny(name[at[0]:], "0123456789")) {
			return name[:at[0]]
		}
	}
	return name
}

// longest is how much of a name that a client chose goes into a text.
const longest = 64

var harmless = regexp.MustCompile(`^[\w.:#@/()+,=\[\]-]*$`)

// clean makes a string that a client chose fit to be shown: whatever is not plain is quoted, and all of it is cut.
func clean(s string) string {
	if len(s) > longest {
		s = strings.ToValidUTF8(s[:longest-3], "") + "..."
	}
	if harmless.MatchString(s) {
		return s
	}
	return strconv.QuoteToASCII(s)
}
