package fleet

import (
	"errors"
	"net"
	"regexp"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"spillway/outage"
)

const (
	// drainFor is how long to wait for the line of a server that has closed already: it left before the close did.
	drainFor = 50 * time.Millisecond
	// settled is the age at which a connection that never asked anything counts as accepted: Redis refuses at once,
	// so a close after that is a reaper or a kill.
	settled = time.Second
)

// sniffed is a connection that listens to the first line Redis sends on it. Bytes pass through as they are. It forwards
// SyscallConn, without which go-redis's check for stale connections is silently off.
type sniffed struct {
	net.Conn
	born time.Time
	// tell gets the verdict on the connection, at most once: none is given on one that its own client closed before
	// Redis had any reason to answer, such as a probe of go-redis that only dials.
	tell func(verdict, time.Duration)
	// closed is told once, when the client closes.
	closed func(*sniffed)

	judged  atomic.Bool
	asked   atomic.Bool // something was written
	reading atomic.Int32
	shut    atomic.Bool

	mu   sync.Mutex
	head []byte // the first line so far
	rest []byte // drained and not yet handed on
}

// SyscallConn lets go-redis peek at the socket.
func (c *sniffed) SyscallConn() (syscall.RawConn, error) {
	sc, ok := c.Conn.(syscall.Conn)
	if !ok {
		return nil, errors.ErrUnsupported
	}
	return sc.SyscallConn()
}

// Read reads, and judges the connection by the first line or by what came in its place.
func (c *sniffed) Read(p []byte) (int, error) {
	if c.judged.Load() {
		if n := c.replay(p); n > 0 {
			return n, nil
		}
		return bounded(p)(c.Conn.Read(p))
	}
	c.reading.Add(1)
	defer c.reading.Add(-1)
	n, err := bounded(p)(c.Conn.Read(p))
	c.heard(p[:n])
	if err != nil {
		c.failed(err)
	}
	return n, err
}

// tooLong is a length of 10 MB or of ten million values, and more: no workload asks for as much.
var tooLong = regexp.MustCompile(`(?:^|\n)[$*%~>]\d{8,}`)

var errTooLong = errors.New("an answer that is longer than any that was asked for")

// bounded refuses what was read into p when a length in it is too long: go-redis allocates what a length says, before it comes.
func bounded(p []byte) func(int, error) (int, error) {
	return func(n int, err error) (int, error) {
		if n > 0 && tooLong.Match(p[:n]) {
			return 0, errTooLong
		}
		return n, err
	}
}

// Write writes. When the first write finds the connection closed, the reason may still be waiting to be read.
func (c *sniffed) Write(p []byte) (int, error) {
	c.asked.Store(true)
	n, err := c.Conn.Write(p)
	if err != nil && !c.judged.Load() {
		if outcomeOf(err) == outage.Reset {
			_ = c.drain(drainFor)
		}
		c.failed(err)
	}
	return n, err
}

// Close closes. A connection that nobody read from is looked at once more: it may hold a refusal.
func (c *sniffed) Close() error {
	if c.shut.Swap(true) {
		return c.Conn.Close()
	}
	if !c.judged.Load() && c.reading.Load() == 0 {
		c.lastLook()
	}
	c.judged.Store(true) // whatever fails from here on, we did it
	if c.closed != nil {
		c.closed(c)
	}
	return c.Conn.Close()
}

// lastLook judges a connection that is being closed before anything was heard on it.
func (c *sniffed) lastLook() {
	switch outcomeOf(c.drain(time.Millisecond)) {
	case outage.Reset:
		c.judge(verdict{outcome: c.goneOutcome()})
	case outage.TimedOut:
		if !c.asked.Load() && time.Since(c.born) > settled {
			c.judge(verdict{outcome: outage.OK}) // dialled ahead of need, and still open
		}
	}
}

// await waits for Redis to speak first. A connection that it leaves open for long enough it has accepted, since it
// refuses at once; that took no longer than the dial.
func (c *sniffed) await() {
	c.reading.Add(1)
	defer c.reading.Add(-1)
	dialled := time.Since(c.born)
	switch err := c.drain(settled); {
	case err == nil:
	case outcomeOf(err) != outage.TimedOut:
		c.failed(err)
	case !c.judged.Swap(true):
		c.tell(verdict{outcome: outage.OK}, dialled)
	}
}

// drain reads what is there, keeps it for the next Read, and judges by it.
func (c *sniffed) drain(wait time.Duration) error {
	_ = c.Conn.SetReadDeadline(time.Now().Add(wait))
	defer func() { _ = c.Conn.SetReadDeadline(time.Time{}) }()
	buf := make([]byte, longest)
	n, err := c.Conn.Read(buf)
	c.mu.Lock()
	c.rest = append(c.rest, buf[:n]...)
	c.mu.Unlock()
	c.heard(buf[:n])
	return err
}

// replay hands on what drain took.
func (c *sniffed) replay(p []byte) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n
}

// heard takes the next bytes of the first line and judges when it is whole.
func (c *sniffed) heard(b []byte) {
	if len(b) == 0 || c.judged.Load() {
		return
	}
	c.mu.Lock()
	c.head = append(c.head, b[:min(len(b), longest)]...)
	head := c.head
	c.mu.Unlock()
	if head[0] != '-' {
		c.judge(verdict{outcome: outage.OK})
		return
	}
	for _, ch := range head {
		if ch == '\n' {
			c.judgeLine(string(head))
			return
		}
	}
	if len(head) >= longest {
		c.judgeLine(string(head))
	}
}

func (c *sniffed) judgeLine(line string) {
	line = cut(line)
	c.judge(verdict{outcome: outcomeOfLine(line), said: line})
}

// failed judges a connection on which reading or writing failed before a whole line was heard.
func (c *sniffed) failed(err error) {
	if c.shut.Load() || errors.Is(err, net.ErrClosed) {
		return
	}
	c.mu.Lock()
	head := string(c.head)
	c.mu.Unlock()
	if head != "" {
		c.judgeLine(head)
		return
	}
	v := verdict{outcome: outcomeOf(err), saw: sawOf(err)}
	if v.outcome == outage.Reset {
		v.outcome = c.goneOutcome()
	}
	c.judge(v)
}

// goneOutcome names a connection that was closed under us before Redis said anything.
func (c *sniffed) goneOutcome() outage.Outcome {
	if !c.asked.Load() && time.Since(c.born) > settled {
		return outage.Reset
	}
	return outage.Refused
}

func (c *sniffed) judge(v verdict) {
	if !c.judged.Swap(true) {
		c.tell(v, time.Since(c.born))
	}
}
