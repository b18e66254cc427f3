package observe

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"spillway/outage"
)

// WriteFiles saves snapshots in dir as redis-cli would have: what ReadFiles reads, numbered by snapshot. Only what
// redis-cli shows is kept, and the log: nothing of /proc, of the listen queue or of sockets.
func WriteFiles(dir string, snapshots ...outage.Snapshot) error {
	for i, snap := range snapshots {
		folder := filepath.Join(dir, fmt.Sprint(i+1))
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return fmt.Errorf("save snapshot: %w", err)
		}
		for kind, text := range saved(snap) {
			if text == "" {
				continue
			}
			if err := os.WriteFile(filepath.Join(folder, kind+".txt"), []byte(text), 0o644); err != nil {
				return fmt.Errorf("save snapshot: %w", err)
			}
		}
	}
	return nil
}

// saved writes a snapshot as redis-cli prints it into a file: INFO, CONFIG GET '*', CLIENT LIST, and the server's log.
func saved(snap outage.Snapshot) dump {
	return dump{
		infoKind:    infoText(snap.Info),
		configKind:  configText(snap.Config),
		clientsKind: clientsText(snap.Clients),
		logKind:     linesText(snap.Log),
	}
}

func infoText(info map[string]string) string {
	var b strings.Builder
	b.WriteString("# INFO\r\n") // a field called txt must not come first: that is how a verbatim string begins
	for _, name := range slices.Sorted(maps.Keys(info)) {
		fmt.Fprintf(&b, "%s:%s\r\n", name, info[name])
	}
	return b.String()
}

// configText has name and value on alternating lines: an empty value is an empty line.
func configText(config map[string]string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(config)) {
		value := config[name]
		if strings.ContainsAny(value, "\r\n") || configItem.MatchString(value) {
			// As on a terminal, or a value of two lines would be two settings.
			fmt.Fprintf(&b, "1) %s\n2) %s\n", repr(name), repr(value))
			continue
		}
		fmt.Fprintf(&b, "%s\n%s\n", name, value)
	}
	return b.String()
}

// repr quotes s as redis-cli does on a terminal; unquote reads it.
func repr(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b.WriteString(`\` + string(rune(c)))
		case c < ' ' || c > '~':
			fmt.Fprintf(&b, `\x%02x`, c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String() + `"`
}

func clientsText(clients []outage.Client) string {
	var b strings.Builder
	for _, c := range clients {
		fmt.Fprintf(&b, "id=%d addr=%s laddr=%s fd=%d name=%s age=%d idle=%d flags=%s db=%d sub=%d psub=%d ssub=%d multi=%d watch=%d"+
			" qbuf=%d omem=%d tot-mem=%d cmd=%s user=%s lib-name=%s lib-ver=%s\n",
			c.ID, c.Addr, c.Laddr, c.FD, c.Name, c.Age, c.Idle, c.Flags, c.DB, c.Sub, c.PSub, c.SSub, c.Multi, c.Watch,
			c.Qbuf, c.Omem, c.TotMem, c.Cmd, c.User, c.LibName, c.LibVer)
	}
	return b.String()
}

func linesText(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	return strings.Join(lines, "\n") + "\n"
}
