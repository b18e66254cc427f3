package images

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/moby/moby/client"
)

// daemon is a Docker daemon without images whose pulls go as the test says.
type daemon struct {
	pull  func(*http.Request) (*http.Response, error)
	pulls atomic.Int32
}

func (d *daemon) RoundTrip(req *http.Request) (*http.Response, error) {
	switch {
	case strings.HasSuffix(req.URL.Path, "/images/create"):
		d.pulls.Add(1)
		return d.pull(req)
	case strings.HasSuffix(req.URL.Path, "/images/json"):
		return answer(req, http.StatusOK, "[]"), nil
	case strings.HasSuffix(req.URL.Path, "/version"):
		return answer(req, http.StatusOK, `{"Arch":"amd64"}`), nil
	}
	return answer(req, http.StatusNotFound, `{"message":"No such image"}`), nil
}

func answer(req *http.Request, status int, body string) *http.Response {
	return &http.Response{
		StatusCode: status, Request: req, Body: io.NopCloser(strings.NewReader(body)),
		Header: http.Header{"Content-Type": {"application/json"}},
	}
}

func resolver(t *testing.T, d *daemon) *Resolver {
	t.Helper()
	c, err := client.New(client.WithHTTPClient(&http.Client{Transport: d}), client.WithAPIVersion("1.41"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return &Resolver{Docker: c}
}

func refuse(message string) func(*http.Request) (*http.Response, error) {
	return func(req *http.Request) (*http.Response, error) {
		return answer(req, http.StatusInternalServerError, `{"message":"`+message+`"}`), nil
	}
}

const noHost = `Get \"https://registry.example/v2/\": dial tcp: lookup registry.example: no such host`

func TestMissingSaysWhatWasTried(t *testing.T) {
	t.Setenv("PATH", "")
	_, err := resolver(t, &daemon{pull: refuse(noHost)}).Redis(t.Context(), "redis:8")
	var missing *MissingError
	if !errors.As(err, &missing) {
		t.Fatalf("got %v", err)
	}
	want := `no image for redis:8
  tried: this Docker daemon does not have it
  tried: pull: its registry does not answer: Get "https://registry.example/v2/": dial tcp: lookup registry.example: no such host
  tried: make from Debian trixie: this machine has no apt-get
hint: use a machine with apt and dpkg, as Debian and Ubuntu have them; or bring the image here from a machine that has it: docker save redis:8 | docker load`
	if err.Error() != want {
		t.Errorf("got\n%s\nwant\n%s", err, want)
	}
}

func TestDeadRegistryIsAskedOnce(t *testing.T) {
	t.Setenv("PATH", "")
	d := &daemon{pull: refuse(noHost)}
	r := resolver(t, d)
	var wg sync.WaitGroup
	for _, ref := range []string{"redis:8", "redis:8", "redis:7", "valkey/valkey:8"} {
		wg.Go(func() {
			if _, err := r.Redis(t.Context(), ref); err == nil {
				t.Errorf("%s: no error", ref)
			}
		})
	}
	wg.Wait()
	if n := d.pulls.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
	if _, err := r.Redis(t.Context(), "other.registry/redis:8"); err == nil || d.pulls.Load() != 2 {
		t.Errorf("another registry must be asked: %d, %v", d.pulls.Load(), err)
	}
}

func TestMissingImageDoesNotCondemnTheRegistry(t *testing.T) {
	t.Setenv("PATH", "")
	d := &daemon{pull: refuse("manifest for redis:8.99 not found: manifest unknown: manifest unknown")}
	r := resolver(t, d)
	for range 2 {
		_, err := r.Redis(t.Context(), "redis:8.99")
		if err == nil || !strings.Contains(err.Error(), "its registry has no such image: manifest for redis:8.99") {
			t.Errorf("got %v", err)
		}
	}
	if n := d.pulls.Load(); n != 1 {
		t.Errorf("the same image was asked for %d times", n)
	}
	if _, err := r.Redis(t.Context(), "redis:7"); err == nil || d.pulls.Load() != 2 {
		t.Errorf("another image must be asked for: %d, %v", d.pulls.Load(), err)
	}
}

// A registry behind a firewall that drops packets never answers, neither at first nor in the middle.
func TestSilentRegistryIsGivenUp(t *testing.T) {
	t.Setenv("PATH", "")
	silent := func(req *http.Request) (*http.Response, error) {
		<-req.Context().Done()
		return nil, req.Context().Err()
	}
	stalls := func(req *http.Request) (*http.Response, error) {
		out, in := io.Pipe()
		go func() {
			io.WriteString(in, `{"status":"Pulling from library/redis"}`+"\n")
			<-req.Context().Done()
			in.CloseWithError(req.Context().Err())
		}()
		resp := answer(req, http.StatusOK, "")
		resp.Body = out
		return resp, nil
	}
	tests := []struct {
		name string
		pull func(*http.Request) (*http.Response, error)
		want time.Duration
	}{{"from the start", silent, firstWord}, {"in the middle", stalls, nextWord}}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				_, err := resolver(t, &daemon{pull: tt.pull}).Redis(t.Context(), "redis:8")
				if err == nil || !strings.Contains(err.Error(), "does not answer: no word from it in time") {
					t.Errorf("got %v", err)
				}
				if took := time.Since(start); took != tt.want {
					t.Errorf("given up after %v, want %v", took, tt.want)
				}
			})
		})
	}
}

func TestCancellationIsNotAFailureOfTheRegistry(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	d := &daemon{pull: func(req *http.Request) (*http.Response, error) {
		cancel()
		return nil, context.Canceled
	}}
	r := resolver(t, d)
	_, err := r.Redis(ctx, "redis:8")
	var missing *MissingError
	if !errors.Is(err, context.Canceled) || errors.As(err, &missing) || len(r.failed) != 0 {
		t.Errorf("got %v, remembered %v", err, r.failed)
	}
}

func TestInvalidReference(t *testing.T) {
	d := &daemon{}
	for _, ref := range []string{"", "Redis:8", "redis:8 "} {
		_, err := resolver(t, d).Redis(t.Context(), ref)
		if err == nil || !strings.Contains(err.Error(), "invalid reference format") {
			t.Errorf("%q: %v", ref, err)
		}
	}
}

func TestOwnNameIsNeverPulled(t *testing.T) {
	t.Setenv("PATH", "")
	d := &daemon{pull: refuse(noHost)}
	for _, ref := range []string{"spillway/debian-trixie-redis", "spillway/debian-trixie-redis:8.0.2", "spillway/debian-trixie-memcached"} {
		if _, err := resolver(t, d).Redis(t.Context(), ref); err == nil {
			t.Errorf("%s: no error", ref)
		}
	}
	if n := d.pulls.Load(); n != 0 {
		t.Errorf("a registry was asked %d times", n)
	}
}

func TestClassify(t *testing.T) {
	tests := []struct {
		text, meaning string
		silent        bool
	}{
		{"pull access denied for redict, repository does not exist or may require 'docker login'", "has no such image or wants a login", false},
		{"toomanyrequests: You have reached your pull rate limit", "limits its pulls", false},
		{"manifest for redis:8.99 not found: manifest unknown", "has no such image", false},
		{"no matching manifest for linux/s390x in the manifest list entries", "has it for other platforms only", false},
		{`Get "https://r/v2/": dial tcp: lookup r: no such host`, "does not answer", true},
		{`Get "https://r/v2/": net/http: request canceled while waiting for connection`, "does not answer", true},
		{"dial tcp 127.0.0.1:1: connect: connection refused", "does not answer", true},
	}
	for _, tt := range tests {
		got := classify(errors.New("Error response from daemon: " + tt.text + "\nmore"))
		if got.meaning != tt.meaning || got.silent != tt.silent || got.text != tt.text {
			t.Errorf("%s:\n%+v", tt.text, got)
		}
	}
}

// The one who waits for a caller that gives up must not be given its cancellation.
func TestOnceOutlivesItsFirstCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &Resolver{}
		first, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		run := func(ctx context.Context, want error) {
			_, err := once(ctx, &r.flights, "key", func() (int, error) {
				select {
				case <-ctx.Done():
					return 0, ctx.Err()
				case <-time.After(time.Minute):
					return 1, nil
				}
			})
			if !errors.Is(err, want) {
				t.Errorf("got %v, want %v", err, want)
			}
		}
		wg.Go(func() { run(first, context.Canceled) })
		synctest.Wait()
		wg.Go(func() { run(t.Context(), nil) })
		synctest.Wait()
		cancel()
		wg.Wait()
	})
}
