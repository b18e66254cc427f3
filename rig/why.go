package rig

import (
	"context"
	"fmt"
	"time"
)

// deathNotice is how much later the end of a program may be known than the end of its connections.
const deathNotice = 3 * time.Second

// Why adds to an error of a connection to Redis what became of the server, or of the observer in between: that a
// connection was closed is the lesser half of the news that the server is gone.
func (r *Redis) Why(ctx context.Context, err error) error {
	if err == nil || r.observer == nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	notice, cancel := context.WithTimeout(ctx, deathNotice)
	defer cancel()
	server, beside := r.observer.server, r.observer.process
	select {
	case <-server.done:
	case <-beside.done: // it ends with the server, whose end may be told later
		select {
		case <-server.done:
		case <-notice.Done():
		}
	case <-notice.Done():
		return err
	}
	if death := explainDeath(ctx, server, r.observer.log); death != nil {
		return fmt.Errorf("%w: %w", death, err)
	}
	if death := explainDeath(ctx, beside, nil); death != nil {
		return fmt.Errorf("%w: %w", death, err)
	}
	return err
}
