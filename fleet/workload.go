package fleet

import "context"

// workload is how the clients of an instance behave. It ends with ctx, closes what it opened, and returns an error
// only when the rig broke.
type workload func(ctx context.Context, h *host) error

type namedWorkload struct {
	name string
	run  workload
}

// workloads are the ones there are: a new one is a file and a line here.
var workloads = []namedWorkload{
	{"leaky", leaky},
	{"pooled", pooled},
	{"idle", idle},
}
