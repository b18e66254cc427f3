package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/viper"

	"spillway/observe"
	"spillway/outage"
	"spillway/watch"
)

// watcher reads a Redis for a watch, and holds its slot.
type watcher struct {
	options observe.Options
	flags   *viper.Viper // by which options came about
	outside *outside
	every   time.Duration
	looks   int           // after which it ends; 0 for never
	wait    time.Duration // for a slot, where it ends at all
	begin   time.Time
	watch   watch.Watch
	hook    *hook // nil where nothing is to be run
	show    func(watch.View) error

	conn   *observe.Conn
	reader observe.Reader
	peeks  []outage.Peek // since the latest look
	seen   bool          // Redis was seen once: from then on, nothing is the end
}

const (
	// keepAlive is how often the connection says something: a timeout of one second must not reap it.
	keepAlive = 500 * time.Millisecond
	// readLimit is how long an answer may take. A server that is stalled for as long as that keeps us no slot anyway.
	readLimit = time.Minute
	// slowAfter is how long an answer may take before that is shown.
	slowAfter = 2 * time.Second
	// retryEvery is how often a Redis that is not there is tried again.
	retryEvery = time.Second
)

func (w *watcher) now() outage.Duration { return outage.Duration(time.Since(w.begin)) }

// run watches until ctx ends, or for as many looks as asked.
func (w *watcher) run(ctx context.Context) error {
	defer func() {
		if w.conn != nil {
			closeQuietly(w.conn)
		}
	}()
	stop := w.hook.start(ctx)
	defer stop()
	for n := 0; w.looks == 0 || n < w.looks; {
		if err := w.slot(ctx); err != nil {
			return err
		}
		snap, listed, err := w.look(ctx)
		if err == nil && listed {
			n++
		}
		if err == nil && (w.looks == 0 || n < w.looks) {
			w.peeks, err = observe.Rest(ctx, snap, w.now, w.every, w.pause, w.peek)
		}
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.As(err, new(showError)):
			return err
		case err != nil:
			if err := w.lost(err); err != nil {
				return err
			}
		}
	}
	return w.hook.finish(ctx, w.note)
}

// showError is a view that could not be shown, such as on a closed pipe.
type showError struct{ error }

func (w *watcher) display() error {
	if err := w.show(w.watch.View(w.now())); err != nil {
		return showError{err}
	}
	return nil
}

func (w *watcher) note(text string) { w.watch.Note(w.now(), text) }

// slot connects, and keeps trying for as long as it may.
func (w *watcher) slot(ctx context.Context) error {
	over, shown := time.Now().Add(w.wait), time.Time{}
	for w.conn == nil {
		var conn *observe.Conn
		err := w.during("no answer to the connect yet", func() (err error) {
			conn, err = observe.Dial(ctx, w.options)
			return err
		})
		pause := slotEvery
		switch {
		case err == nil:
			w.use(conn)
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.As(err, new(showError)):
			return err
		case !maybeFull(err) && !w.seen:
			return &exit{exitInconclusive, err.Error(), unreachable(w.flags, w.options, err)}
		case w.looks > 0 && time.Now().Add(slotEvery).After(over):
			return &exit{exitInconclusive, fmt.Sprintf("no slot came free in %s: %s", w.wait, refused(err)), noSlot(w.options, err)}
		case !maybeFull(err):
			pause = retryEvery
		case errors.Is(err, observe.ErrFull):
			w.watch.Turned()
		}
		if time.Since(shown) >= retryEvery {
			shown = time.Now()
			w.refused(ctx, err)
			if err := w.display(); err != nil {
				return err
			}
		}
		if err := sleepFor(ctx, pause); err != nil {
			return err
		}
	}
	return nil
}

// refused says that there is no slot, and what can be done without one.
func (w *watcher) refused(ctx context.Context, err error) {
	if !maybeFull(err) {
		w.watch.Lost(w.now(), "not connected: "+err.Error())
		return
	}
	meant := []string{meanwhileCommand(w.options)}
	if w.outside != nil {
		meant = nil
		w.watch.Outside(strings.Split(w.outside.tell(ctx), "\n"))
	}
	w.watch.Lost(w.now(), "trying for a slot: "+refused(err), meant...)
}

func (w *watcher) use(conn *observe.Conn) {
	w.conn, w.seen = conn, true
	w.reader = observe.Reader{Conn: conn, Now: w.now}
	if w.outside != nil {
		w.reader.Host = w.outside.host
	}
}

// lost gives the connection up. A view of that is shown; a cause that ends the watch is returned.
func (w *watcher) lost(err error) error {
	closeQuietly(w.conn)
	w.conn, w.peeks = nil, nil
	w.watch.Lost(w.now(), "connection lost: "+err.Error())
	return w.display()
}

// look reads once, with the clients where Redis can afford it.
func (w *watcher) look(ctx context.Context) (snap outage.Snapshot, listed bool, err error) {
	reading, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	began, listed := time.Now(), w.watch.Due(w.now())
	err = w.during("no answer yet", func() (err error) {
		if listed {
			snap, err = w.reader.Snapshot(reading)
		} else {
			snap, err = w.reader.Glance(reading)
		}
		return err
	})
	if err != nil {
		return snap, false, err
	}
	took := outage.Duration(time.Since(began))
	if listed {
		snap.Peeks = w.peeks
		for _, f := range w.watch.Look(snap, took) {
			if said := w.hook.add(f, w.watch.View(w.now())); said != "" {
				w.note(said)
			}
		}
	} else {
		w.watch.Glance(snap, took)
	}
	return snap, listed, w.display()
}

// peek reads in the middle of a second, where Redis can afford a look at the end of it.
func (w *watcher) peek(ctx context.Context) (peek outage.Peek, err error) {
	if !w.watch.Due(w.now() + outage.Duration(w.every)) {
		return peek, errTooDear
	}
	ctx, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	err = w.during("no answer yet", func() (err error) {
		peek, err = w.reader.Peek(ctx)
		return err
	})
	return peek, err
}

var errTooDear = errors.New("a list of clients takes Redis too long")

// during waits for what talks to Redis, and shows that it has to.
func (w *watcher) during(what string, talk func() error) error {
	done := make(chan error, 1)
	go func() { done <- talk() }()
	slow := time.NewTicker(slowAfter)
	defer slow.Stop()
	for {
		select {
		case err := <-done:
			return err
		case <-slow.C:
			w.watch.Lost(w.now(), what)
			if err := w.display(); err != nil {
				return errors.Join(err, <-done)
			}
		}
	}
}

// pause waits for the next look, and lets Redis know that we are there.
func (w *watcher) pause(ctx context.Context, d time.Duration) error {
	end := time.NewTimer(d)
	defer end.Stop()
	alive := time.NewTicker(keepAlive)
	defer alive.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-end.C:
			return nil
		case said := <-w.hook.said():
			w.note(said)
			if err := w.display(); err != nil {
				return err
			}
		case <-alive.C:
			if err := w.ping(ctx); err != nil {
				return err
			}
		}
	}
}

func (w *watcher) ping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readLimit)
	defer cancel()
	return w.during("no answer yet", func() error {
		_, err := w.conn.Pipeline(ctx, [][]string{{"PING"}})
		return err
	})
}
