package remedy

import (
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"

	"spillway/outage"
)

// Selection narrows which of the connections that the diagnosis names are closed. It only takes away, and the zero value
// takes nothing away. Of one list any entry is enough; of several lists each has to fit; and to be ignored beats to be matched.
//
// Names, users and libraries are globs as Redis has them: * and ? and [a-z], in which / is a letter like others.
// Addresses are an IP address, a CIDR, ip:port for a single connection, or the path of a unix socket.
type Selection struct {
	MatchName, MatchAddr, MatchUser, MatchLib []string
	IgnoreName, IgnoreAddr                    []string
}

// narrowing is one list of a Selection, by the flag that a person gives for it.
type narrowing struct {
	flag     string
	ignore   bool
	patterns []string
	fits     func(pattern string, c outage.Client) bool
	of       func(c outage.Client) string // what the pattern is held against
}

func (s Selection) narrowings() []narrowing {
	name := func(c outage.Client) string { return c.Name }
	user := func(c outage.Client) string { return c.User }
	lib := func(c outage.Client) string { return c.LibName }
	glob := func(of func(outage.Client) string) func(string, outage.Client) bool {
		return func(pattern string, c outage.Client) bool { return globMatches(pattern, of(c)) }
	}
	addr := func(pattern string, c outage.Client) bool { return addrMatches(pattern, c.Addr) }
	return []narrowing{
		{"match-name", false, s.MatchName, glob(name), name},
		{"match-addr", false, s.MatchAddr, addr, outage.Client.Host},
		{"match-user", false, s.MatchUser, glob(user), user},
		{"match-lib", false, s.MatchLib, glob(lib), lib},
		{"ignore-name", true, s.IgnoreName, glob(name), name},
		{"ignore-addr", true, s.IgnoreAddr, addr, outage.Client.Host},
	}
}

// byWhatOnlyRedisShows reports whether more is asked for than an address.
func (s Selection) byWhatOnlyRedisShows() bool {
	return len(s.MatchName)+len(s.MatchUser)+len(s.MatchLib)+len(s.IgnoreName) > 0
}

// spares says which flag takes a connection away; empty when none does.
func (s Selection) spares(c outage.Client) string {
	why := ""
	for _, n := range s.narrowings() {
		if len(n.patterns) == 0 {
			continue
		}
		fits := slices.ContainsFunc(n.patterns, func(p string) bool { return n.fits(p, c) })
		switch {
		case n.ignore && fits:
			return fmt.Sprintf("--%s %s", n.flag, strings.Join(n.patterns, " "))
		case !n.ignore && !fits && why == "":
			why = fmt.Sprintf("not --%s %s", n.flag, strings.Join(n.patterns, " "))
		}
	}
	return why
}

// Nothing is the error of a Selection that makes no sense where it is used: an expression that matches nothing must not
// mean everything, and one that leaves nothing is no plan.
type Nothing struct {
	Flag    string   // without dashes; empty when the flags leave nothing only together
	Pattern string   // as it was given
	Of      int      // how many connections it was held against
	There   []string // what it could have matched, most frequent first; a name may be empty
}

func (e *Nothing) Error() string {
	switch {
	case e.Of == 0:
		return "the diagnosis has no evidence against any connection, so there is none to choose from"
	case e.Flag == "":
		return fmt.Sprintf("together the flags that choose leave none of the %d connections that the diagnosis has evidence against", e.Of)
	case strings.HasPrefix(e.Flag, "ignore"):
		return fmt.Sprintf("--%s %s matches none of the %d connections of this Redis", e.Flag, e.Pattern, e.Of)
	}
	return fmt.Sprintf("--%s %s matches none of the %d connections that the diagnosis has evidence against", e.Flag, e.Pattern, e.Of)
}

// Server is one of those that a Selection is held against: what is found there, and what is connected.
type Server struct {
	Diagnosis outage.Diagnosis
	Clients   []outage.Client
}

// Check reports an expression that matches nothing on any of the servers, as a *Nothing. What is matched has to be among the
// connections that a diagnosis has evidence against; what is ignored only has to be connected.
func (s Selection) Check(servers ...Server) error {
	var accused, connected []outage.Client
	for _, server := range servers {
		accused, connected = append(accused, server.accused()...), append(connected, server.Clients...)
	}
	any := false
	for _, n := range s.narrowings() {
		any = any || len(n.patterns) > 0
		among := accused
		if n.ignore {
			among = connected
		}
		for _, p := range n.patterns {
			if !slices.ContainsFunc(among, func(c outage.Client) bool { return n.fits(p, c) }) {
				return &Nothing{n.flag, p, len(among), frequent(among, n.of)}
			}
		}
	}
	if any && !slices.ContainsFunc(accused, func(c outage.Client) bool { return s.spares(c) == "" }) {
		return &Nothing{Of: len(accused)}
	}
	return nil
}

// accused are the connections that the diagnosis has evidence against.
func (s Server) accused() []outage.Client {
	named := map[int64]bool{}
	for _, f := range s.Diagnosis.Findings {
		for _, c := range f.Culprits {
			for _, id := range c.IDs {
				named[id] = true
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(s.Clients), func(c outage.Client) bool { return !named[c.ID] })
}

// frequent lists what of says of the clients, once each, the most frequent first.
func frequent(clients []outage.Client, of func(outage.Client) string) []string {
	count := map[string]int{}
	for _, c := range clients {
		count[of(c)]++
	}
	list := sortedKeys(count)
	slices.SortStableFunc(list, func(a, b string) int { return count[b] - count[a] })
	return list
}

// CheckGlob says why text is no pattern for a name; nil when it is one.
func CheckGlob(text string) error {
	if text == "" {
		return fmt.Errorf("a glob, such as api-*; an empty one matches nothing")
	}
	if _, err := path.Match(text, ""); err != nil {
		return fmt.Errorf(`a glob, such as api-* or web-[0-9]; for a [ itself write \[`)
	}
	return nil
}

// globMatches takes / for a letter like others, as Redis does and path.Match does not. No name has a 0 in it.
func globMatches(pattern, name string) bool {
	plain := strings.NewReplacer("/", "\x00")
	ok, err := path.Match(plain.Replace(pattern), plain.Replace(name))
	return ok && err == nil
}

// CheckAddr says why text is no address of clients; nil when it is one.
func CheckAddr(text string) error {
	if strings.HasPrefix(text, "/") {
		return nil // a unix socket
	}
	if p, err := netip.ParsePrefix(text); err == nil {
		if p != p.Masked() {
			return fmt.Errorf("%s for the whole network, or %s for the host", p.Masked(), p.Addr())
		}
		return nil
	}
	_, err := netip.ParseAddr(strings.Trim(text, "[]"))
	if _, errPort := netip.ParseAddrPort(text); err == nil || errPort == nil {
		return nil
	}
	return fmt.Errorf("an address as CLIENT LIST shows it, such as 10.0.0.7, 10.0.0.0/24, 10.0.0.7:41234 or /run/redis.sock; it has no host names")
}

// addrMatches holds an address of CLIENT LIST against a host, a network or one connection.
func addrMatches(pattern, addr string) bool {
	host := outage.Host(addr)
	if pattern == addr || pattern == host {
		return true
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	ip = ip.Unmap().WithZone("")
	if p, err := netip.ParsePrefix(pattern); err == nil {
		return p.Contains(ip)
	}
	want, err := netip.ParseAddr(strings.Trim(pattern, "[]"))
	if err == nil {
		return want.Unmap().WithZone("") == ip
	}
	pair, err := netip.ParseAddrPort(pattern)
	there, errThere := netip.ParseAddrPort(addr)
	return err == nil && errThere == nil && pair == there
}
