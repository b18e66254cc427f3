package fleet

import "context"

// workload is how the clients of an instance behave. It ends with ctx, closes what it opened, and returns an error
// only when the rig broke.
type workload func(ctx context.Context, h *host) error

type namedWorkload struct {
	name  string
	run   workload
	needs needs
}

// needs are the settings that a workload cannot do without.
type needs struct{ rate, pool, connections bool }

// workloads are the ones there are: a new one is a file and a line here.
var workloads = []namedWorkload{
	{"leaky", leaky, needs{rate: true}},
	{"pooled", pooled, needs{rate: true, pool: true}},
	{"idle", idle, needs{connections: true}},
	{"subscriber", subscriber, needs{connections: true}},
	{"blocked", blocked, needs{connections: true}},
	{"silent", silent, needs{connections: true}},
	{"reconnecting", reconnecting, needs{rate: true, connections: true}},
	{"bursting", bursting, needs{rate: true, connections: true}},
	{"transaction", transaction, needs{rate: true, connections: true}},
}
