package outage

import (
	"regexp"
	"strings"
)

// refusal is how a server, or a profile, says that a command is not to be had: the user has no right to it, it was renamed or
// disabled, or it was not sent.
var refusal = regexp.MustCompile(`^(NOPERM|NOTSENT|ERR unknown (sub)?command)\b`)

// Refused reports whether the server does not let us have what is missing, rather than that it was not saved or broke off.
func (m Missing) Refused() bool { return refusal.MatchString(m.Why) }

// Refused says why a command is not to be had here, such as CONFIG GET; empty where nobody refused it. Of CONFIG GET it is so
// only where every setting was refused.
func (s *Snapshot) Refused(command string) (why string) {
	for _, m := range s.Missing {
		if m.Refused() && (m.What == command || strings.HasPrefix(command, m.What+" ")) {
			return m.Why
		}
	}
	return ""
}

// Unread lists what the server does not let us have, in the order in which it was asked.
func (s *Snapshot) Unread() []Missing {
	var list []Missing
	for _, m := range s.Missing {
		if m.Refused() {
			list = append(list, m)
		}
	}
	return list
}

// Costs says what cannot be known, or done, without what is missing, as the end of a sentence; empty where nobody can say.
func (m Missing) Costs() string {
	if setting, ok := strings.CutPrefix(m.What, "CONFIG GET "); ok {
		return "so it is not known what " + setting + " is"
	}
	return costs[m.What]
}

var costs = map[string]string{
	"INFO": "so it is not known how full the server is, whether it refuses clients, and which version it is",
	"CONFIG GET": "so it is not known whether timeout reaps idle connections, nor tcp-keepalive, protected mode and the length of the listen queue; " +
		"before 6.2 not even maxclients",
	"CLIENT LIST":   "so it is not known who holds the connections: nobody can be named, and no connection closed",
	"SLOWLOG":       "so it is not known which commands keep the server busy",
	"ACL LOG":       "so it is not known whom a password or an ACL turns away",
	"CLUSTER NODES": "so it is not known which nodes of the cluster are gone and take slots all the same",
	"CONFIG SET":    "so no setting can be changed from here",
	"CLIENT KILL":   "so no connection can be closed from here",
}
