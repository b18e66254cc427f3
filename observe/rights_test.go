package observe

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"spillway/outage"
)

// What was not allowed to be read is not asked for, and only a refusal counts: what Redis makes of a command without sense does not.
func TestRights(t *testing.T) {
	const noperm = "NOPERM no permissions"
	for name, test := range map[string]struct {
		missing []outage.Missing
		config  string // what CONFIG SET answers
		kill    string
		asked   []string
		want    []string
	}{
		"may both":           {nil, "ERR Unknown option or number of arguments for CONFIG SET", "ERR value is not an integer or out of range", []string{"CONFIG SET", "CLIENT KILL"}, nil},
		"may neither":        {nil, noperm, noperm, []string{"CONFIG SET", "CLIENT KILL"}, []string{"CONFIG SET", "CLIENT KILL"}},
		"may not set":        {nil, noperm, "ERR syntax error", []string{"CONFIG SET", "CLIENT KILL"}, []string{"CONFIG SET"}},
		"may not read":       {[]outage.Missing{{What: "CONFIG GET", Why: noperm}, {What: "CLIENT LIST", Why: noperm}}, "", "", nil, []string{"CONFIG GET", "CLIENT LIST"}},
		"may not read a few": {[]outage.Missing{{What: "CONFIG GET save", Why: noperm}}, "ERR x", "ERR x", []string{"CONFIG SET", "CLIENT KILL"}, []string{"CONFIG GET save"}},
	} {
		t.Run(name, func(t *testing.T) {
			serve, commands := heard(func(words ...string) string {
				switch words[0] {
				case "CONFIG":
					return "-" + test.config + "\r\n"
				case "CLIENT":
					return "-" + test.kill + "\r\n"
				}
				return "+PONG\r\n"
			})
			addr := listen(t, serve)
			snap := outage.Snapshot{Missing: test.missing}
			if err := Rights(t.Context(), dialTo(t, Options{Addr: addr}), &snap); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, m := range snap.Missing {
				got = append(got, m.What)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			var asked []string
			for _, command := range commands() {
				if words := strings.Fields(command); len(words) > 1 {
					asked = append(asked, words[0]+" "+words[1])
				}
			}
			if diff := cmp.Diff(test.asked, asked); diff != "" {
				t.Errorf("-want +asked\n%s", diff)
			}
		})
	}
	for _, p := range probes {
		if last := p.args[len(p.args)-1]; strings.ContainsAny(last, "0123456789") {
			t.Errorf("%s %s could be taken for a number", p.what, last)
		}
	}
}
