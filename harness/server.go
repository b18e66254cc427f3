package harness

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"

	"spillway/observe"
	"spillway/outage"
	"spillway/remedy"
	"spillway/rig"
	"time"
)

// server is the Redis under test with our connections to it, opened before the load.
type server struct {
	mu        sync.Mutex // held during a snapshot, and during a restart
	spec      rig.Server
	redis     *rig.Redis
	watching  *observe.Conn // the observer's connection
	answering *observe.Conn // the responder's
	suspects  []string      // hosts whose clients have long been idle: to be knocked at
	down      error         // why a restart left no server

	latest sync.Mutex
	window []outage.Snapshot // the latest snapshots, oldest first
	found  outage.Diagnosis
	seen   chan struct{} // closed and replaced at each diagnosis
}

// What the watch loop keeps and how often it looks.
const (
	watchEvery  = time.Second
	watchWindow = 10                     // snapshots
	lookLimit   = observe.DefaultTimeout // for one reading: a server that is silent for so long is not merely busy
)

// watchEvery is the time from one snapshot to the next.
func (r *Runner) watchEvery() time.Duration { return cmp.Or(r.Watch, watchEvery) }

// startServer starts Redis and connects to it.
func (r *run) startServer(ctx context.Context, spec rig.Server) error {
	s := &r.server
	redis, err := r.machine.StartRedis(ctx, spec)
	if err != nil {
		return fmt.Errorf("start Redis: %w", err)
	}
	s.spec, s.redis = spec, redis
	watching, err := r.connect(ctx, "observer")
	if err != nil {
		return err
	}
	s.watching = watching
	answering, err := r.connect(ctx, "responder")
	if err != nil {
		return err
	}
	s.answering = answering
	first, err := r.reader().Snapshot(ctx)
	if err != nil {
		return fmt.Errorf("first snapshot: %w", err)
	}
	if first.Info["cluster_enabled"] == "1" {
		if err := r.ownSlots(ctx); err != nil {
			return err
		}
	}
	target := redis.Target
	target.Product, target.Version = first.Product(), first.Version()
	r.rec.setTarget(target)
	return nil
}

// connect opens an admin connection under our own name, which the diagnosis ignores.
func (r *run) connect(ctx context.Context, role string) (*observe.Conn, error) {
	nc, err := r.server.redis.Dial(ctx)
	if err != nil {
		return nil, err
	}
	c := observe.NewConn(nc)
	if _, err := c.Do(ctx, "CLIENT", "SETNAME", "spillway:"+r.id+":"+role); err != nil {
		return nil, fmt.Errorf("name the %s's connection: %w", role, err)
	}
	return c, nil
}

// reader takes snapshots through the observer.
func (r *run) reader() *observe.Reader {
	return &observe.Reader{
		Conn: r.server.watching,
		Host: r.server.redis.Host(func() []string { return r.server.suspects }),
		Now:  r.rec.now,
	}
}

// watch takes a snapshot each second, or as often as asked, and diagnoses the latest ones, until the run ends.
func (r *run) watch(ctx context.Context) error {
	for {
		peeks, err := r.rest(ctx)
		if err != nil {
			return nil
		}
		err = r.look(ctx, peeks)
		if err != nil && ctx.Err() == nil && r.external() {
			err = r.reopen(ctx, err)
		}
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			if errors.Is(err, errRestart) { // that the old server has ended is no news
				return err
			}
			return fmt.Errorf("watch Redis: %w", r.server.redis.Why(ctx, err))
		}
	}
}

// rest waits for the next look, and peeks meanwhile.
func (r *run) rest(ctx context.Context) ([]outage.Peek, error) {
	r.server.latest.Lock()
	n := len(r.server.window)
	if n == 0 {
		r.server.latest.Unlock()
		return nil, sleep(ctx, r.watchEvery())
	}
	last := r.server.window[n-1]
	r.server.latest.Unlock()
	return observe.Rest(ctx, last, r.rec.now, r.watchEvery(), sleep, func(ctx context.Context) (outage.Peek, error) {
		r.server.mu.Lock()
		defer r.server.mu.Unlock()
		reading, cancel := context.WithTimeout(ctx, lookLimit)
		defer cancel()
		return r.reader().Peek(reading)
	})
}

// How long the observer may be without a connection, and how often it tries for a new one.
const (
	blindLimit = 10 * time.Second
	knockEvery = 200 * time.Millisecond
)

// reopen replaces the observer's connection: a person or a runbook may have closed every client there is. While Redis
// is full the observer is refused like anybody else.
func (r *run) reopen(ctx context.Context, why error) error {
	s := &r.server
	s.mu.Lock()
	defer s.mu.Unlock()
	err := waitFor(ctx, "a new connection of the observer", blindLimit, func() (bool, string) {
		c, err := r.connect(ctx, "observer")
		if err != nil {
			_ = sleep(ctx, knockEvery)
			return false, err.Error()
		}
		_ = s.watching.Close()
		s.watching = c
		return true, ""
	})
	if err != nil {
		return errors.Join(why, err)
	}
	r.rec.note("the observer's connection was closed, and it opened another: "+why.Error(), false)
	return nil
}

// look takes one snapshot and diagnoses. peeks were taken since the one before.
func (r *run) look(ctx context.Context, peeks []outage.Peek) error {
	s := &r.server
	s.mu.Lock()
	if s.down != nil {
		s.mu.Unlock()
		return s.down
	}
	reading, cancel := context.WithTimeout(ctx, lookLimit) // a run may have a deadline of its own, and a much later one
	defer cancel()
	snap, err := r.reader().Snapshot(reading)
	if err == nil {
		s.suspects = suspects(snap.Clients)
		// With a timeout set, Redis would reap the responder's connection before it is needed. One that broke shows when it is.
		_, _ = s.answering.Do(ctx, "PING")
	}
	s.mu.Unlock()
	if err != nil {
		return err
	}
	if r.Outside != nil && 2*snap.Slots() > snap.MaxClients() {
		r.lookOutside(reading, &snap)
	}
	snap.Peeks = peeks
	slim := snap.Slim()
	r.rec.put(outage.Event{At: snap.At, Actor: "observer", Snapshot: &slim})

	s.latest.Lock()
	defer s.latest.Unlock()
	s.window = append(s.window, snap)
	if extra := len(s.window) - watchWindow; extra > 0 {
		s.window = append(s.window[:0], s.window[extra:]...)
	}
	s.found = r.diagnose(s.window...)
	found := s.found
	r.rec.add("spillway", outage.Event{Diagnosis: &found})
	if s.seen != nil {
		close(s.seen)
	}
	s.seen = make(chan struct{})
	return nil
}

// lookOutside shows the server's sockets at the time of a snapshot to whoever wants them.
func (r *run) lookOutside(ctx context.Context, s *outage.Snapshot) {
	held, err := r.server.redis.Held(ctx)
	if err != nil {
		r.rec.note("a look from outside failed: "+err.Error(), false)
		return
	}
	r.Outside(outage.Outside{At: s.At, Process: s.Process, Listen: s.Listen, Held: held})
}

// next waits for the next diagnosis and returns it with the snapshot that it ends with.
func (s *server) next(ctx context.Context) (outage.Diagnosis, outage.Snapshot, error) {
	s.latest.Lock()
	if s.seen == nil {
		s.seen = make(chan struct{})
	}
	seen := s.seen
	s.latest.Unlock()
	select {
	case <-ctx.Done():
		return outage.Diagnosis{}, outage.Snapshot{}, context.Cause(ctx)
	case <-seen:
	}
	s.latest.Lock()
	defer s.latest.Unlock()
	return s.found, s.window[len(s.window)-1], nil
}

// Whom the observer knocks at.
const (
	suspectIdle = 3 // seconds: every client of a host must have been idle so long
	controls    = 4 // hosts with fresh clients, asked too: where they do not answer either, silence means nothing
)

// suspects returns the hosts all of whose clients have been idle for a while, and some others as controls.
func suspects(clients []outage.Client) []string {
	least := map[string]int64{}
	for _, c := range clients {
		if c.Ours() {
			continue
		}
		idle, seen := least[c.Host()]
		if !seen || c.Idle < idle {
			least[c.Host()] = c.Idle
		}
	}
	var hosts, others []string
	for host, idle := range least {
		if idle >= suspectIdle {
			hosts = append(hosts, host)
		} else {
			others = append(others, host)
		}
	}
	if len(hosts) == 0 {
		return nil
	}
	return append(hosts, others[:min(controls, len(others))]...)
}

// Do implements remedy.Redis on whatever connection the responder has now: a restart replaces it.
func (s *server) Do(ctx context.Context, args ...string) (any, error) {
	return s.answering.Do(ctx, args...)
}

// Pipeline implements remedy.Redis.
func (s *server) Pipeline(ctx context.Context, commands [][]string) ([]any, error) {
	return s.answering.Pipeline(ctx, commands)
}

// serverHost implements remedy.Host: what somebody on the server's host can do.
type serverHost struct{ *run }

// RaiseNofile implements remedy.Host.
func (h serverHost) RaiseNofile(ctx context.Context, limit int64) error {
	return h.server.redis.RaiseNofile(ctx, limit)
}

// errRestart is a restart that failed half way: there is no server to watch any more.
var errRestart = errors.New("restart Redis")

// Restart implements remedy.Host: the server starts again with another file descriptor limit. Where that fails the
// run ends with its error, and not with that of whoever misses the old server next.
func (h serverHost) Restart(ctx context.Context, nofile int64) error {
	s := &h.server
	s.mu.Lock()
	defer s.mu.Unlock()
	err := h.machine.StopRedis(ctx, s.redis)
	if err != nil {
		err = fmt.Errorf("stop Redis: %w", err)
	} else {
		spec := s.spec
		spec.Nofile = int(nofile)
		err = h.startServer(ctx, spec)
	}
	if err != nil {
		s.down = fmt.Errorf("%w with %d file descriptors: %w", errRestart, nofile, err)
		return s.down
	}
	s.latest.Lock()
	s.window = nil // ids, ages and counters begin anew
	s.latest.Unlock()
	return nil
}

var (
	_ remedy.Redis = (*server)(nil)
	_ remedy.Host  = serverHost{}
)
