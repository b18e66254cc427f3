package observe

import (
	"context"
	"errors"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"spillway/outage"
)

// deafHost listens without accepting until its queue is full. A backlog of 0 holds one connection.
func deafHost(t *testing.T) (string, int) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	port := name.(*unix.SockaddrInet4).Port
	for range 10 {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		nc, err := (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		cancel()
		if err != nil {
			return "127.0.0.1", port
		}
		t.Cleanup(func() { _ = nc.Close() })
	}
	t.Fatal("the queue never got full")
	return "", 0
}

// A listener whose queue is full drops the SYN, which is what a host that vanished looks like.
func TestKnockUnanswered(t *testing.T) {
	host, port := deafHost(t)
	start := time.Now()
	got := Knock(t.Context(), []string{host}, port, 300*time.Millisecond)
	if diff := cmp.Diff([]outage.Peer{{Host: host, Answers: false}}, got); diff != "" {
		t.Error(diff)
	}
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestDialOverflownQueue(t *testing.T) {
	host, port := deafHost(t)
	o := Options{Addr: net.JoinHostPort(host, strconv.Itoa(port)), Timeout: 300 * time.Millisecond}
	if _, err := Dial(t.Context(), o); !errors.Is(err, ErrUnanswered) {
		t.Errorf("got %v, want ErrUnanswered", err)
	}
}
