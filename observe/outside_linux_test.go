package observe

import (
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	"spillway/outage"
)

// pair is both ends of a connection to a listener of this process.
func pair(t *testing.T, l net.Listener, network string) (client, served net.Conn) {
	t.Helper()
	client, err := net.Dial(network, l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	served, err = l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = served.Close() })
	return client, served
}

func listenAt(t *testing.T, network, addr string) (net.Listener, LocalHost) {
	t.Helper()
	l, err := net.Listen(network, addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l, LocalHost{PID: os.Getpid(), Port: l.Addr().(*net.TCPAddr).Port}
}

func heldBy(t *testing.T, h LocalHost, client net.Conn) outage.Held {
	t.Helper()
	held, err := h.Held(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(held, func(c outage.Held) bool { return c.Peer == client.LocalAddr().String() })
	if i < 0 {
		t.Fatalf("%s is not among %+v", client.LocalAddr(), held)
	}
	return held[i]
}

// What the kernel tells without a slot: who, how much was said, how long ago, and whether it was answered.
func TestHeld(t *testing.T) {
	l, h := listenAt(t, "tcp4", "127.0.0.1:0")
	client, served := pair(t, l, "tcp4")
	if c := heldBy(t, h, client); c.Received != 0 || c.Requests != 0 || !c.Answered() || c.Cookie == 0 || c.Local != l.Addr().String() {
		t.Errorf("one that never spoke: %+v", c)
	}
	talk := func(from, to net.Conn) {
		t.Helper()
		if _, err := io.WriteString(from, "PING\r\n"); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(to, make([]byte, 6)); err != nil {
			t.Fatal(err)
		}
	}
	talk(client, served)
	time.Sleep(30 * time.Millisecond)
	c := heldBy(t, h, client)
	if c.Received != 6 || c.Requests != 1 || c.Replies != 0 || c.Answered() {
		t.Errorf("one that waits for an answer: %+v", c)
	}
	if c.Quiet.Std() < 25*time.Millisecond {
		t.Errorf("quiet for %s after 30ms of silence", c.Quiet.Std())
	}
	talk(served, client)
	if c := heldBy(t, h, client); !c.Answered() || c.Replies != 1 || c.Told >= c.Quiet {
		t.Errorf("one that was answered: %+v", c)
	}
}

// Only what was seen is reset: not its neighbour, not the listening socket, not a later connection from the same port.
func TestResetHitsOnlyWhatWasSeen(t *testing.T) {
	for _, network := range []struct{ listen, addr, dial string }{
		{"tcp4", "127.0.0.1:0", "tcp4"}, {"tcp6", "[::1]:0", "tcp6"}, {"tcp", ":0", "tcp4"},
	} {
		t.Run(network.listen+" "+network.addr, func(t *testing.T) {
			if six, err := net.Listen("tcp6", "[::1]:0"); network.listen == "tcp6" && errors.Is(err, syscall.EADDRNOTAVAIL) {
				t.Skip("there is no IPv6 here, as in a container without a network")
			} else if err == nil {
				_ = six.Close()
			}
			l, h := listenAt(t, network.listen, network.addr)
			dial := func() net.Conn {
				_, port, _ := net.SplitHostPort(l.Addr().String())
				host := map[string]string{"tcp4": "127.0.0.1", "tcp6": "::1"}[network.dial]
				client, err := net.Dial(network.dial, net.JoinHostPort(host, port))
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = client.Close() })
				return client
			}
			victim, neighbour := dial(), dial()
			v := heldBy(t, h, victim)
			stale := v
			stale.Cookie++
			results, err := h.Reset(t.Context(), []outage.Held{stale, v, v})
			if errors.Is(err, os.ErrPermission) || len(results) == 3 && errors.Is(results[1], os.ErrPermission) {
				t.Skipf("it takes CAP_NET_ADMIN: %v; the tests on real Redis have it", results)
			}
			if err != nil || len(results) != 3 {
				t.Fatal(results, err)
			}
			if !errors.Is(results[0], os.ErrNotExist) || results[1] != nil || !errors.Is(results[2], os.ErrNotExist) {
				t.Errorf("another cookie, the victim, and it once more: %v", results)
			}
			_ = victim.SetReadDeadline(time.Now().Add(5 * time.Second))
			if _, err := victim.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("the victim reads %v", err)
			}
			heldBy(t, h, neighbour)
			heldBy(t, h, dial()) // it listens still
		})
	}
}

func TestResetRefusesWhatItCannotName(t *testing.T) {
	good := outage.Held{Cookie: 7, Local: "127.0.0.1:6379", Peer: "127.0.0.1:4711"}
	for name, spoil := range map[string]func(*outage.Held){
		"no cookie":    func(v *outage.Held) { v.Cookie = 0 },
		"any cookie":   func(v *outage.Held) { v.Cookie = noCookie },
		"no port":      func(v *outage.Held) { v.Peer = "127.0.0.1:0" },
		"no address":   func(v *outage.Held) { v.Peer = "/run/redis.sock:0" },
		"two families": func(v *outage.Held) { v.Peer = "[::1]:4711" },
		"no local":     func(v *outage.Held) { v.Local = "" },
	} {
		v := good
		spoil(&v)
		if d, err := newDestroy(v); err == nil {
			t.Errorf("%s: %+v", name, d)
		}
	}
	if _, err := newDestroy(good); err != nil {
		t.Error(err)
	}
}
