package observe

import (
	"bufio"
	"io"
	"net"
	"strings"
	"sync"
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
			var lock sync.Mutex
			var asked []string
			addr := listen(t, func(nc net.Conn) {
				r := bufio.NewReader(nc)
				for {
					v, err := readReply(r, maxReply)
					if err != nil {
						return
					}
					words := v.([]any)
					reply := "+PONG\r\n"
					if len(words) > 1 {
						command := words[0].(string) + " " + words[1].(string)
						lock.Lock()
						asked = append(asked, command)
						lock.Unlock()
						reply = "-" + map[string]string{"CONFIG SET": test.config, "CLIENT KILL": test.kill}[command] + "\r\n"
					}
					_, _ = io.WriteString(nc, reply)
				}
			})
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
			lock.Lock()
			defer lock.Unlock()
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
