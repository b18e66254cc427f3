package fleet

import (
	"bufio"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"spillway/outage"
)

// primary answers replicas as Redis does: it takes no PSYNC while it still has something to say.
type primary struct {
	net.Listener
	mu   sync.Mutex
	acks map[string]int // by address
	bad  []string
}

func newPrimary(t *testing.T) *primary {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &primary{Listener: l, acks: map[string]int{}}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go p.serve(c)
		}
	}()
	return p
}

func (p *primary) serve(c net.Conn) {
	defer func() { _ = c.Close() }()
	r := bufio.NewReader(c)
	for {
		args, err := readCommand(r)
		if err != nil {
			return
		}
		switch strings.ToUpper(strings.Join(args[:min(2, len(args))], " ")) {
		case "REPLCONF ACK":
			p.mu.Lock()
			p.acks[c.RemoteAddr().String()]++
			p.mu.Unlock()
		case "PSYNC ?":
			_, _ = c.Write([]byte("+FULLRESYNC 0123456789012345678901234567890123456789 0\r\n$EOF:0123456789012345678901234567890123456789\r\nREDIS"))
		case "PING":
			_, _ = c.Write([]byte("+PONG\r\n"))
		default:
			if strings.EqualFold(args[0], "PSYNC") || r.Buffered() > 0 && strings.EqualFold(args[0], "REPLCONF") {
				p.mu.Lock()
				p.bad = append(p.bad, strings.Join(args, " "))
				p.mu.Unlock()
			}
			_, _ = c.Write([]byte("+OK\r\n"))
		}
	}
}

func (p *primary) acked() (replicas int, bad []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.acks), p.bad
}

func TestReplicasAttachAndAcknowledge(t *testing.T) {
	p := newPrimary(t)
	sp := spec("replica", p.Addr().String())
	sp.Service.Connections = 3
	w := launch(t, t.Context(), sp)
	w.until(3, like{outage.OpRequest, outage.OK})
	eventually(t, 20*time.Second, func() bool { n, _ := p.acked(); return n == 3 }, func() any { n, _ := p.acked(); return n })
	if _, bad := p.acked(); len(bad) > 0 {
		t.Errorf("not waited for the answer before: %q", bad)
	}
	if err := w.stop(); err != nil {
		t.Fatal(err)
	}
}

func TestReplicaAtTheLimit(t *testing.T) {
	s := newServer(t, 0, turnAway(full))
	sp := spec("replica", s.addr())
	sp.Service.Connections = 1
	w := launch(t, t.Context(), sp)
	w.until(2, like{outage.OpConnect, outage.Refused}) // it comes again
	if err := w.stop(); err != nil {
		t.Fatal(err)
	}
}

func TestDrainKeepsConnections(t *testing.T) {
	s := newServer(t, -1, nil)
	w := launch(t, t.Context(), spec("pooled", s.addr()))
	w.until(20, like{outage.OpRequest, outage.OK})
	held := s.named("api-client")
	w.send(Order{Do: Drain})
	// A moment after the order requests stand still while the canary goes on.
	quiet := func() bool {
		n, m := w.count(like{op: outage.OpRequest}), w.count(like{op: outage.OpHeld})
		eventually(t, 20*time.Second, func() bool { return w.count(like{op: outage.OpHeld}) > m+1 }, func() any { return w.summary() })
		return w.count(like{op: outage.OpRequest}) == n
	}
	eventually(t, 60*time.Second, quiet, func() any { return w.summary() })
	if now := s.named("api-client"); now < held {
		t.Errorf("%d connections of %d are left", now, held)
	}
	if err := w.stop(); err != nil {
		t.Fatal(err)
	}
}
