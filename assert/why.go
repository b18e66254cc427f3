package assert

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// whyNotKilled says why a CLIENT KILL closed nothing, in the words of what Redis compares.
func (r *run) whyNotKilled(c typed) string {
	filters := c.words[2:]
	if len(filters) == 1 { // the old form: one address
		if filters[0] == "ID" || filters[0] == "ADDR" || filters[0] == "TYPE" {
			return filters[0] + " wants a value, and alone it is taken for an address"
		}
		return "the old form wants an exact ip:port" + addressFault(c.Args[2])
	}
	if c.Error && strings.Contains(c.Reply, "syntax error") {
		return r.whySyntax(filters)
	}
	for i := 0; i+1 < len(filters); i += 2 {
		switch value := c.Args[2+i+1]; filters[i] {
		case "ADDR":
			return "ADDR wants an exact ip:port" + addressFault(value)
		case "LADDR":
			return "LADDR is the server's own end, an exact ip:port" + addressFault(value)
		case "TYPE":
			return "no client has type " + value + "; normal leaves out subscribers, replicas and the master link"
		case "USER":
			return "no client is logged in as " + value
		case "ID":
			return "no client has that id any more"
		}
	}
	if c.Error {
		return c.Reply
	}
	return "no client matched all the filters: they must hold together"
}

// addressFault says what is wrong with an address that no client has.
func addressFault(addr string) string {
	switch host, port, found := cutPort(addr); {
	case strings.HasPrefix(addr, "/"):
		return ", and no client is on that socket"
	case !found:
		return ", and this has no port"
	case port == "0" || port == "*":
		return ", and no client has port " + port
	case strings.ContainsAny(strings.ToLower(host), "ghijklmnopqrstuvwxyz"):
		return ", and host names are not resolved"
	}
	return ", and no client has this one (any more)"
}

func cutPort(addr string) (host, port string, found bool) {
	i := strings.LastIndexByte(addr, ':')
	if i < 0 || strings.HasSuffix(addr, "]") {
		return addr, "", false
	}
	return addr[:i], addr[i+1:], true
}

// newer are the filters that older servers answer with a syntax error.
var newer = map[string]string{
	"MAXAGE": "redis 7.4 or valkey 8.0", "LADDR": "redis 6.2",
	"IP": "valkey 9.0", "NAME": "valkey 9.0", "IDLE": "valkey 9.0", "FLAGS": "valkey 9.0", "DB": "valkey 9.0",
	"LIB-NAME": "valkey 9.0", "LIB-VER": "valkey 9.0", "CAPA": "valkey 9.0",
}

func (r *run) whySyntax(filters []string) string {
	here := strings.TrimSpace(r.header.Target.Product + " " + r.header.Target.Version)
	for _, f := range filters {
		since, known := newer[f]
		if !known && strings.HasPrefix(f, "NOT-") {
			since, known = "valkey 9.0", true
		}
		if known {
			return fmt.Sprintf("%s needs %s; this is %s", f, since, here)
		}
	}
	if i := slices.Index(filters, "ID"); i >= 0 && len(filters)-i > 2 {
		return "ID takes one id; several need valkey 8.1, this is " + here
	}
	return "syntax error: filters come in pairs of a name and a value"
}

var tryWith = regexp.MustCompile(`try with (\d+)`)

// refusals of commands that have a better explanation than their own text.
var refusedFor = []struct{ text, why string }{
	{"NOPERM", "the user has no permission for it"},
	{"NOAUTH", "the connection is not authenticated"},
	{"unknown command", "the command is renamed or disabled on this server"},
	{"BUSY", "a script blocks the server: SCRIPT KILL first"},
	{"without a config file", "the server was started without a config file, so there is nothing to rewrite"},
	{"Permission denied", "the server may not write its config file or the folder of it"},
}

// whyRefused says why Redis answered a command with an error.
func whyRefused(c typed) string {
	reply := strings.TrimPrefix(c.Reply, "-")
	if m := tryWith.FindStringSubmatch(reply); m != nil {
		return fmt.Sprintf("the file descriptor limit allows no more than %s clients; try CONFIG SET maxclients %s, or raise the limit first", m[1], m[1])
	}
	for _, known := range refusedFor {
		if strings.Contains(reply, known.text) {
			return known.why
		}
	}
	return reply
}
