package rig

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moby/moby/client"
)

// fakeDaemon is a Docker daemon that is slow, busy or broken in the ways that real ones are.
type fakeDaemon struct {
	mu         sync.Mutex
	containers map[string]int // id -> how often its removal is still refused
	networks   map[string]int
	late       []string                                // containers that appear after the first removal
	deletes    int                                     // requests to remove a container
	wait       func(http.ResponseWriter, int)          // answers the nth wait for a container; nil says that it is gone
	waits      int                                     //
	list       func(w http.ResponseWriter) (done bool) // answers a listing itself
}

// docker starts the daemon and returns what speaks to it.
func (f *fakeDaemon) docker(t *testing.T) *Docker {
	t.Helper()
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	api, err := client.New(client.WithHost("tcp://"+s.Listener.Addr().String()), client.WithAPIVersion("1.41"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = api.Close() })
	return &Docker{client: api}
}

func (f *fakeDaemon) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	kind, id, _ := strings.Cut(path, "/")
	id, verb, _ := strings.Cut(id, "/")
	switch {
	case r.Method == http.MethodGet && f.list != nil && f.list(w):
	case r.Method == http.MethodGet && kind == "containers":
		f.listing(w, f.containers, "Id")
	case r.Method == http.MethodGet:
		f.listing(w, f.networks, "Id")
	case verb == "wait" && f.wait != nil:
		f.waits++
		n := f.waits
		f.mu.Unlock()
		f.wait(w, n)
		f.mu.Lock()
	case verb == "wait":
		fail(w, http.StatusNotFound, "No such container: "+id)
	case r.Method == http.MethodDelete && kind == "containers":
		f.deletes++
		for _, name := range f.late {
			f.containers[name] = 0
		}
		f.late = nil
		f.remove(w, f.containers, id, "removal of container "+id+" is already in progress")
	case r.Method == http.MethodDelete && len(f.containers) > 0:
		fail(w, http.StatusForbidden, "network "+id+" has active endpoints")
	case r.Method == http.MethodDelete:
		f.remove(w, f.networks, id, "busy")
	default:
		fail(w, http.StatusNotImplemented, r.Method+" "+r.URL.Path)
	}
}

func (f *fakeDaemon) listing(w http.ResponseWriter, things map[string]int, key string) {
	found := []map[string]any{}
	for id := range things {
		found = append(found, map[string]any{key: id, "Name": id, "Labels": map[string]string{Label: "r1", hostLabel: "h"}})
	}
	_ = json.NewEncoder(w).Encode(found)
}

func (f *fakeDaemon) remove(w http.ResponseWriter, things map[string]int, id, busy string) {
	left, there := things[id]
	switch {
	case !there:
		fail(w, http.StatusNotFound, "No such thing: "+id)
	case left > 0:
		things[id]--
		fail(w, http.StatusConflict, busy)
	default:
		delete(things, id)
		w.WriteHeader(http.StatusNoContent)
	}
}

func fail(w http.ResponseWriter, code int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(map[string]string{"message": message})
}

func id(n int) string { return fmt.Sprintf("%064d", n) }

func TestRemove(t *testing.T) {
	f := &fakeDaemon{
		containers: map[string]int{id(1): 0, id(2): 3}, // the second is being removed by the daemon itself
		late:       []string{id(3)},                    // and a third comes from a request that was under way
		networks:   map[string]int{id(9): 0},
	}
	removed, err := f.docker(t).remove(t.Context(), "r1", "h")
	if err != nil {
		t.Fatal(err)
	}
	if len(f.containers)+len(f.networks) != 0 {
		t.Errorf("left: %v %v", f.containers, f.networks)
	}
	if len(removed) != 4 {
		t.Errorf("removed %v", removed)
	}
	if again, err := f.docker(t).remove(t.Context(), "r1", "h"); err != nil || len(again) != 0 {
		t.Errorf("removing nothing: %v, %v", again, err)
	}
}

func TestRemoveSaysWhatStays(t *testing.T) {
	f := &fakeDaemon{containers: map[string]int{id(1): 1000}, networks: map[string]int{id(9): 0}}
	f.wait = func(w http.ResponseWriter, _ int) { fail(w, http.StatusInternalServerError, "device or resource busy") }
	_, err := f.docker(t).remove(t.Context(), "r1", "h")
	if err == nil || !strings.Contains(err.Error(), "still there") || !strings.Contains(err.Error(), "already in progress") {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 150*time.Millisecond)
	defer cancel()
	start := time.Now()
	if _, err := f.docker(t).remove(ctx, "r1", "h"); err == nil || time.Since(start) > time.Second {
		t.Errorf("it went on for %s beyond its time: %v", time.Since(start), err)
	}
	f.list = func(w http.ResponseWriter) bool {
		fail(w, http.StatusInternalServerError, "database is locked")
		return true
	}
	if _, err := f.docker(t).remove(t.Context(), "r1", "h"); err == nil || !strings.Contains(err.Error(), "database is locked") {
		t.Errorf("got %v", err)
	}
}

// containersOf is a rig on a fake daemon, as far as following a container goes.
func containersOf(t *testing.T, f *fakeDaemon) *Containers {
	t.Helper()
	c := &Containers{docker: f.docker(t), run: "r1"}
	t.Cleanup(func() {
		if err := c.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return c
}

// The end of a container is not invented: a daemon that breaks off its answer is asked again.
func TestWatch(t *testing.T) {
	for _, tt := range []struct {
		name string
		wait func(http.ResponseWriter, int)
		exit int
	}{
		{"it ends", func(w http.ResponseWriter, _ int) { fmt.Fprint(w, `{"StatusCode":3}`) }, 3},
		{"broken off twice", func(w http.ResponseWriter, n int) {
			if n < 3 {
				w.WriteHeader(http.StatusOK)
				return
			}
			fmt.Fprint(w, `{"StatusCode":4}`)
		}, 4},
		{"gone in the meantime", func(w http.ResponseWriter, n int) {
			if n > 1 {
				fail(w, http.StatusNotFound, "No such container")
			}
		}, -1},
		{"always broken", func(w http.ResponseWriter, _ int) { fail(w, http.StatusInternalServerError, "no") }, -1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := containersOf(t, &fakeDaemon{wait: tt.wait})
			p := &Process{Name: "api-1", id: id(1), errors: &tail{}, done: make(chan struct{})}
			if err := c.watch(t.Context(), p); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			if exit, err := p.Wait(ctx); exit != tt.exit || err != nil {
				t.Errorf("exit code %d, %v", exit, err)
			}
		})
	}
}

// A container that outlives its run, and a daemon that says nothing more of it, do not hold up Close.
func TestCloseLeavesNobodyWaiting(t *testing.T) {
	release := make(chan struct{})
	f := &fakeDaemon{wait: func(w http.ResponseWriter, _ int) {
		w.WriteHeader(http.StatusOK)
		w.(http.Flusher).Flush()
		<-release
	}}
	c := containersOf(t, f)
	p := &Process{Name: "api-1", id: id(1), errors: &tail{}, done: make(chan struct{})}
	if err := c.watch(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	closed := make(chan error, 1)
	go func() { closed <- c.Close(ended()) }()
	select {
	case err := <-closed:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(5 * time.Second):
		t.Error("Close hangs")
	}
	close(release)
	<-p.done
}

// Neither a daemon that is not there nor one that never answers holds anybody up.
func TestNoDocker(t *testing.T) {
	silent, err := net.Listen("unix", filepath.Join(t.TempDir(), "silent.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	for name, host := range map[string]string{
		"nobody": "unix://" + filepath.Join(t.TempDir(), "nobody.sock"),
		"silent": "unix://" + silent.Addr().String(),
		"absurd": "what://is this",
	} {
		t.Run(name, func(t *testing.T) {
			// The home is empty, so that nothing in it names another daemon.
			got := play(t, "connect", "DOCKER_HOST="+host, "HOME="+t.TempDir()).said
			if !strings.HasPrefix(got, "true true ") {
				t.Errorf("is it ErrNoDocker, was it in time, what is it: %s", got)
			}
		})
	}
}
