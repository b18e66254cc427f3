// Package remedy is what is done about a diagnosis: it plans actions, applies them, and undoes them.
//
// It stands after diagnose and before Redis:
//
//	Diagnosis + Snapshot -> Plan -> Apply -> Redis, and a journal -> Undo -> Redis
//
// Plan is pure: it talks to nobody and changes nothing. Apply checks every precondition again at the moment it acts,
// and writes what it is about to change into a journal first. Undo restores settings from that journal.
//
// The package refuses to choose victims by itself: it closes only connections that the diagnosis named by id, that have
// done nothing since, and never a replica, a link to a master, a monitor, a subscriber, a blocked client, one inside
// a transaction, one that asked not to be evicted, or one of Spillway's own. It never sends a CLIENT KILL that has no id.
package remedy

import (
	"context"
	"slices"

	"spillway/outage"
)

// Redis is the connection that a remedy acts through. Replies are string, int64, []any or nil.
//
// An error that Redis answered is a Go error too; it is told from a broken connection by a method RedisError(), as
// go-redis's errors have, or by its text, which begins with a word in capitals and a space. In a pipeline such an answer
// is an element of the result, an error among the replies, and the returned error means that the connection broke.
type Redis interface {
	Do(ctx context.Context, args ...string) (any, error)
	Pipeline(ctx context.Context, commands [][]string) ([]any, error)
}

// Host acts on the server's process, where somebody can.
type Host interface {
	// RaiseNofile sets the soft and the hard file descriptor limit of the running server.
	RaiseNofile(ctx context.Context, limit int64) error
	// Restart restarts the server under that limit, and returns when the new one answers.
	Restart(ctx context.Context, nofile int64) error
}

// Sockets acts on the server's connections from its own machine, where no slot is free.
type Sockets interface {
	// Held lists the established connections of the server.
	Held(ctx context.Context) ([]outage.Held, error)
	// Reset resets connections, each only while its cookie is the same, and returns for each what came of it: an error that is
	// fs.ErrNotExist when it is gone. The second error says that nothing could be done, or no more than the first says.
	Reset(ctx context.Context, victims []outage.Held) ([]error, error)
}

// Options bound a plan. The zero value plans only what can be done through Redis.
type Options struct {
	// IdleOver spares every connection that was idle for less; 0 is 2s, and 3s for idle-not-reaped and silent-connections. Whole seconds, rounded up.
	IdleOver outage.Duration
	// MaxVictims bounds how many connections the whole plan closes, the oldest first; 0 is no bound.
	MaxVictims int
	// Self is the id of the connection that read the snapshot, so that it is not taken for another remedy; 0 is unknown.
	Self int64
	// Select takes away from the connections that may be closed.
	Select Selection
	// Timeout is what set-timeout sets; 0 is 300s. Whole seconds, rounded up.
	Timeout outage.Duration
	// Keepalive is what set-keepalive sets; 0 is 60s. Whole seconds, rounded up.
	Keepalive outage.Duration
	// MaxClients is what raise-maxclients sets, within the file descriptor limit; 0 is what the diagnosis says is needed.
	MaxClients int
	// CanRaiseNofile says that a Host will be there that can raise the file descriptor limit of the running server.
	CanRaiseNofile bool
	// CanRestart allows a restart, which closes every connection once, where nothing gentler helps.
	CanRestart bool
	// Service bounds what may be sent, and has its own words for settings; nil is a Redis of one's own.
	Service Service
}

// narrow reports whether the options ask for fewer victims than the diagnosis has evidence against.
func (o Options) narrow() bool {
	return o.IdleOver > 0 || o.MaxVictims > 0 || slices.ContainsFunc(o.Select.narrowings(), func(n narrowing) bool { return len(n.patterns) > 0 })
}
