package harness

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"spillway/scenarios"
)

// Of a cluster.
const (
	hashSlots    = 16384
	clusterLimit = 15 * time.Second // for a node alone to call its cluster whole: it waits 2s after its start
	// deadPort is where the nodes that Redis is told to meet do not listen. Their addresses are its own loopback's, so that
	// nothing leaves the run.
	deadPort = "7000"
)

// ownSlots makes a server in cluster mode serve every key by itself.
func (r *run) ownSlots(ctx context.Context) error {
	args := make([]string, 0, hashSlots+2)
	args = append(args, "CLUSTER", "ADDSLOTS") // ADDSLOTSRANGE came with 7.0
	for slot := range hashSlots {
		args = append(args, strconv.Itoa(slot))
	}
	// After a restart it has them already, and says so.
	if _, err := r.server.watching.Do(ctx, args...); err != nil && !strings.Contains(err.Error(), "already busy") {
		return fmt.Errorf("give the node its slots: %w", err)
	}
	return waitFor(ctx, "the cluster of one", clusterLimit, func() (bool, string) {
		reply, err := r.server.watching.Do(ctx, "CLUSTER", "INFO")
		if err != nil {
			return false, err.Error()
		}
		text, _ := reply.(string)
		state, _, _ := strings.Cut(text, "\n")
		return strings.Contains(text, "cluster_state:ok"), strings.TrimSpace(state)
	})
}

// meet tells Redis of nodes that are not there, as an older cluster leaves them behind. It tries them until its node
// timeout, and counts two connections for each all that time.
func (r *run) meet(ctx context.Context, f scenarios.Fault, begin time.Time) error {
	if err := sleep(ctx, f.At.Std()-time.Since(begin)); err != nil {
		return err
	}
	commands := make([][]string, f.Meet)
	for i := range commands {
		commands[i] = []string{"CLUSTER", "MEET", fmt.Sprintf("127.1.1.%d", i+1), deadPort}
	}
	r.server.mu.Lock()
	defer r.server.mu.Unlock()
	replies, err := r.server.answering.Pipeline(ctx, commands)
	if err != nil {
		return fmt.Errorf("meet %d nodes: %w", f.Meet, err)
	}
	for i, reply := range replies {
		if said, failed := reply.(error); failed {
			return fmt.Errorf("%s: %w", strings.Join(commands[i], " "), said)
		}
	}
	return nil
}
