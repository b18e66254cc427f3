package outage

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRefused(t *testing.T) {
	s := Snapshot{Missing: []Missing{
		{"CONFIG GET", "NOPERM User mon has no permissions to run the 'config|get' command"},
		{"SLOWLOG", "ERR unknown command `SLOWLOG`, with args beginning with: `GET`, `128`, "},
		{"ACL LOG", "ERR unknown subcommand or wrong number of arguments for 'LOG'"},
		{"CLIENT KILL", "NOTSENT profile readonly does not allow CLIENT KILL"},
		{"CLIENT LIST", "not saved"},
		{"INFO", "BUSY Redis is busy running a script."},
		{"host", "open /proc/1/fd: permission denied"},
	}}
	for command, want := range map[string]bool{
		"CONFIG GET": true, "CONFIG GET timeout": true, "SLOWLOG GET": true, "ACL LOG": true, "CLIENT KILL": true,
		"CONFIG SET": false, "CLIENT LIST": false, "INFO": false, "CONFIG": false, "host": false, "SLOWLOGS": false,
	} {
		if got := s.Refused(command) != ""; got != want {
			t.Errorf("%s: refused %v, want %v", command, got, want)
		}
	}
	if diff := cmp.Diff(s.Missing[:4], s.Unread()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	for _, m := range s.Unread() {
		if m.Costs() == "" {
			t.Errorf("nobody says what %s costs", m.What)
		}
	}
	if got := (Missing{What: "CONFIG GET timeout"}).Costs(); got != "so it is not known what timeout is" {
		t.Errorf("of one setting: %q", got)
	}
}
