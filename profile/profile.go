// Package profile knows what managed services allow: which commands may be sent to them at all, and how a setting that
// CONFIG would set elsewhere is called there.
//
// It stands beside observe and remedy, which ask it through the functions they are given: a Guard before anything is sent,
// and the words of the plan. It refuses to guess: a command that is not in a service's list is not sent, and a setting of which
// the service's documentation says nothing is said to be unknown.
package profile

import (
	"fmt"
	"slices"
	"strings"
)

// Profile is one service. The zero value is a Redis of one's own: everything is allowed, and no other words are known.
type Profile struct {
	Name  string // what --profile takes
	Title string // how people call it
	// Managed says that a provider runs the server: its host, its files and its start are out of reach.
	Managed bool
	// ReadOnly says that nothing may be changed.
	ReadOnly bool
	// allowed are the commands that may be sent, with the subcommand where only some are; empty allows all.
	allowed []string
	// settings are the service's own words for settings: %s stands for the value. Beside those of redis.conf there are access, for users,
	// passwords and rights, and host, for what only the server's host knows.
	settings map[string][]string
}

// Find returns the profile of that name.
func Find(name string) (Profile, error) {
	for _, p := range profiles {
		if p.Name == name {
			return p, nil
		}
	}
	return Profile{}, fmt.Errorf("no profile %q: there are %s", name, strings.Join(Names(), ", "))
}

// Names are the names of all profiles, in the order of the table.
func Names() []string {
	var names []string
	for _, p := range profiles {
		names = append(names, p.Name)
	}
	return names
}

// Allows reports whether a command may be sent, and printed for people to send.
func (p Profile) Allows(args ...string) bool {
	if len(p.allowed) == 0 {
		return true
	}
	if len(args) == 0 {
		return false
	}
	name := strings.ToUpper(args[0])
	if slices.Contains(p.allowed, name) {
		return true
	}
	return len(args) > 1 && slices.Contains(p.allowed, name+" "+strings.ToUpper(args[1]))
}

// Guard says why a command is not sent; empty where it may be.
func (p Profile) Guard(args []string) string {
	if p.Allows(args...) {
		return ""
	}
	return fmt.Sprintf("profile %s does not allow %s", p.Name, strings.ToUpper(strings.Join(args[:min(2, len(args))], " ")))
}

// Setting says, in the service's own words, how a setting becomes value: a line each. Of a server that no provider runs there may be
// nothing to say.
func (p Profile) Setting(name, value string) []string {
	words, known := p.settings[name]
	if !known {
		if !p.Managed {
			return nil
		}
		return []string{fmt.Sprintf("%s has no way to set %s that is documented: ask its support", p.Title, name)}
	}
	lines := make([]string, len(words))
	for i, w := range words {
		lines[i] = strings.ReplaceAll(w, "%s", value)
	}
	return lines
}
