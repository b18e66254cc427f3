package rig

import (
	"context"
	"fmt"
	"time"
)

// How long the end of a program may be known later than the end of its connections.
const (
	deathNotice = 2 * time.Second
	deathOrder  = 500 * time.Millisecond // between the end of the server and that of the observer, which ends with it
)

// Why adds to an error of a connection to Redis what became of the server, or of the observer in between: that a
// connection was closed is the lesser half of the news that the server is gone.
func (r *Redis) Why(ctx context.Context, err error) error {
	if err == nil || r.observer == nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), deathNotice)
	defer cancel()
	server, beside := r.observer.server, r.observer.process
	select {
	case <-server.done:
	case <-beside.done:
		select {
		case <-server.done:
		case <-time.After(deathOrder):
		}
	case <-ctx.Done():
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
