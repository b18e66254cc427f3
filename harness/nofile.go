package harness

import (
	"context"
	"fmt"
	"time"

	"spillway/scenarios"
)

// lowerNofile lowers the file descriptor limit of the running server, which Redis does not notice until it runs out.
func (r *run) lowerNofile(ctx context.Context, f scenarios.Fault, begin time.Time) error {
	if err := sleep(ctx, f.At.Std()-time.Since(begin)); err != nil {
		return err
	}
	if err := r.server.redis.LowerNofile(ctx, int64(f.LowerNofile)); err != nil {
		return fmt.Errorf("lower-nofile at %s: %w", f.At, err)
	}
	r.rec.note(fmt.Sprintf("the file descriptor limit of the server was lowered to %d", f.LowerNofile), false)
	return nil
}
