package fleet

import (
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"

	"spillway/outage"
)

// ackEvery is how often a replica tells how far it is.
const ackEvery = time.Second

// firstReplicaPort is the port that the first replica of an instance says to listen on; the others follow.
const firstReplicaPort = 6379

// replica attaches itself as replicas do, once for each connection, takes the data and every write after it, and keeps
// none of it. What is turned away or cut off comes again after a second, as replicas do.
func replica(ctx context.Context, h *host) error {
	h.crowd(ctx, func(i int) func() {
		follow := h.attach(ctx, firstReplicaPort+i)
		return func() {
			for follow(); sleep(ctx, again); follow() {
				follow = h.attach(ctx, firstReplicaPort+i)
			}
		}
	})
	return nil
}

// attach opens a connection and asks for everything. What it returns follows until the connection ends.
func (h *host) attach(ctx context.Context, port int) (follow func()) {
	start := time.Now()
	conn, err := h.dialer.dial(ctx, func(v verdict, took time.Duration) { h.log.attempt(outage.OpConnect, v, took) })
	if err != nil {
		return func() {}
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	end := func() { stop(); _ = conn.Close() }
	// One read is enough to know: Redis answers PING, or refuses.
	err = greetAsReplica(conn, port)
	if ctx.Err() == nil {
		h.log.attempt(outage.OpRequest, requestVerdict(err, meetings{}), time.Since(start))
	}
	if err != nil {
		end()
		return func() {}
	}
	return func() {
		defer end()
		stream(ctx, conn)
	}
}

// greetAsReplica sends what a replica sends first. Each answer but the last is waited for: Redis takes no PSYNC while it
// still has something to say.
func greetAsReplica(conn net.Conn, port int) error {
	for _, command := range [][]string{
		{"PING"},
		{"REPLCONF", "listening-port", strconv.Itoa(port)},
		{"REPLCONF", "capa", "eof", "capa", "psync2"},
		{"PSYNC", "?", "-1"},
	} {
		if _, err := conn.Write(respCommand(command)); err != nil {
			return err
		}
		if command[0] == "PSYNC" {
			break
		}
		_ = conn.SetReadDeadline(time.Now().Add(canaryPatience))
		line, err := readLine(conn)
		if err != nil {
			return err
		}
		if line == "" || line[0] == '-' {
			return fmt.Errorf("%s as a replica: %.100q", command[0], line)
		}
		_ = conn.SetReadDeadline(time.Time{})
	}
	return nil
}

// readLine reads one line byte by byte, so that nothing of what follows is taken.
func readLine(r io.Reader) (string, error) {
	var line []byte
	var one [1]byte
	for len(line) < longest {
		if _, err := r.Read(one[:]); err != nil {
			return "", err
		}
		if one[0] == '\n' {
			break
		}
		line = append(line, one[0])
	}
	return string(line), nil
}

// stream takes what Redis sends and throws it away, and acknowledges once a second, also while the data comes: the first
// acknowledgement after it is what puts a replica online.
func stream(ctx context.Context, conn net.Conn) {
	ctx, cancel := context.WithCancel(ctx)
	var telling sync.WaitGroup
	defer telling.Wait()
	defer cancel()
	telling.Go(func() {
		for sleep(ctx, ackEvery) {
			if _, err := conn.Write(respCommand([]string{"REPLCONF", "ACK", "0"})); err != nil {
				return
			}
		}
	})
	_, _ = io.Copy(io.Discard, conn)
}

func respCommand(args []string) []byte {
	b := fmt.Appendf(nil, "*%d\r\n", len(args))
	for _, a := range args {
		b = fmt.Appendf(b, "$%d\r\n%s\r\n", len(a), a)
	}
	return b
}
