package observe

import (
	"context"

	"spillway/outage"
)

// probes are commands that a remedy needs, in a form that no server carries out, whoever asks: what is answered tells whether the
// user may. None has a number for an id, so that no version can take it for a filter that fits.
var probes = []struct {
	what, needs string
	args        []string
}{
	{"CONFIG SET", "CONFIG GET", []string{"CONFIG", "SET", "spillway-may-i", "set"}},
	{"CLIENT KILL", "CLIENT LIST", []string{"CLIENT", "KILL", "ID", "spillway-may-i"}},
}

// Rights finds out whether the user of c may do what a remedy does, and names in snap.Missing what not. It changes nothing. What cannot be
// read is not asked for, since nothing is changed that was not read. An error means that the connection broke.
func Rights(ctx context.Context, c *Conn, snap *outage.Snapshot) error {
	var asked []string
	var cmds [][]string
	for _, p := range probes {
		if snap.Refused(p.needs) == "" {
			asked, cmds = append(asked, p.what), append(cmds, p.args)
		}
	}
	replies, err := c.Pipeline(ctx, cmds)
	for i, reply := range replies {
		if m := (outage.Missing{What: asked[i], Why: whyNot(reply)}); m.Refused() {
			snap.Missing = append(snap.Missing, m)
		}
	}
	return err
}
