package observe

import (
	"context"
	"maps"

	"spillway/outage"
)

// glanced are the sections of INFO that a glance reads, one each: before 7.0 INFO takes only one.
var glanced = []string{"server", "clients", "stats", "replication", "commandstats"}

// Glance reads how many connections there are, and what else changes with every second, without listing them: it takes Redis
// some 0.1 ms, however many there are. An error means that the connection broke. It is not for concurrent use.
func (r *Reader) Glance(ctx context.Context) (outage.Snapshot, error) {
	var cmds [][]string
	for _, section := range glanced {
		cmds = append(cmds, []string{"INFO", section})
	}
	replies, err := r.Conn.Pipeline(ctx, cmds)
	snap := outage.Snapshot{At: r.now()}
	if err != nil {
		return snap, err
	}
	for _, reply := range replies {
		text, ok := reply.(string)
		if !ok {
			missing(&snap, "INFO", whyNot(reply))
			return snap, nil
		}
		if snap.Info == nil {
			snap.Info = map[string]string{}
		}
		maps.Copy(snap.Info, ParseInfo(text))
	}
	return snap, r.time(ctx, &snap)
}
