package observe

import (
	"regexp"
	"strings"
)

// ParseInfo reads INFO, from Redis or as redis-cli saved it: one map for all sections. What is no field is left out.
func ParseInfo(text string) map[string]string {
	info := map[string]string{}
	for line := range strings.Lines(plain(text)) {
		line = strings.TrimRight(line, "\r\n")
		if name, value, ok := strings.Cut(line, ":"); ok && infoField.MatchString(name) {
			info[name] = value
		}
	}
	return info
}

// Module fields have upper case and dots; the names of commands in cmdstat_ fields have | and -.
var infoField = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.|-]*$`)

// ParseConfig reads what redis-cli prints for CONFIG GET, one or many of them, in any of its forms: name and value on
// alternating lines, numbered and quoted, and both of RESP3. Passwords are left out.
func ParseConfig(text string) map[string]string {
	config := map[string]string{}
	name := ""
	for line := range strings.Lines(strings.TrimPrefix(text, "\ufeff")) {
		line = strings.TrimRight(line, "\r\n")
		word, numbered := unnumber(line)
		if name != "" {
			config[name] = word
			name = ""
			continue
		}
		if isWarning(line) {
			continue
		}
		if n, value, ok := strings.Cut(word, `" => "`); ok && numbered {
			config[unquote(n+`"`)] = unquote(`"` + value)
			continue
		}
		switch n, value, ok := strings.Cut(word, " "); {
		case configName.MatchString(word):
			name = word
		case ok && configName.MatchString(n):
			config[n] = value
		}
	}
	for name := range config {
		if isSecret(name) {
			delete(config, name)
		}
	}
	return config
}

var (
	configName = regexp.MustCompile(`^[a-z][a-z0-9_.-]*$`)
	configItem = regexp.MustCompile(`^ *\d+[)#] (".*")$`)
)

// unnumber takes the number and, of a lone value, the quotes off a line such as ` 2) "10000"`.
func unnumber(line string) (string, bool) {
	m := configItem.FindStringSubmatch(line)
	if m == nil {
		return line, false
	}
	if strings.Contains(m[1], `" => "`) {
		return m[1], true
	}
	return unquote(m[1]), true
}

// isSecret reports whether a setting or an option of the command line holds a password.
func isSecret(name string) bool {
	name = strings.TrimLeft(name, "-")
	return name == "user" || strings.HasSuffix(name, "pass") || strings.HasSuffix(name, "auth")
}
