package rig

import (
	"bufio"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// fakeRedis is a listener that answers like Redis as far as lines and relays can tell.
type fakeRedis struct {
	addr     string
	listener net.Listener
	wg       sync.WaitGroup

	mu      sync.Mutex
	max     int // connections; 0 has no limit
	clients map[*fakeClient]bool
	heard   []string // commands, in order
	taken   int      // connections that were ever let in
}

type fakeClient struct {
	nc      net.Conn
	name    string
	multi   bool
	blocked bool
}

const refusal = "-ERR max number of clients reached\r\n"

// startFake runs a fake Redis until the test ends, on a port whose lower neighbour is free.
func startFake(t *testing.T) *fakeRedis {
	t.Helper()
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	f := &fakeRedis{addr: "127.0.0.1:" + strconv.Itoa(port), clients: map[*fakeClient]bool{}}
	if f.listener, err = net.Listen("tcp", f.addr); err != nil {
		t.Fatal(err)
	}
	f.wg.Go(f.accept)
	t.Cleanup(f.close)
	return f
}

func (f *fakeRedis) port() int {
	_, port, _ := net.SplitHostPort(f.addr)
	n, _ := strconv.Atoi(port)
	return n
}

func (f *fakeRedis) accept() {
	for {
		nc, err := f.listener.Accept()
		if err != nil {
			return
		}
		c := &fakeClient{nc: nc}
		f.mu.Lock()
		full := f.max > 0 && len(f.clients) >= f.max
		if !full {
			f.clients[c] = true
			f.taken++
		}
		f.mu.Unlock()
		if full {
			_, _ = nc.Write([]byte(refusal))
			_ = nc.Close()
			continue
		}
		f.wg.Go(func() {
			f.serve(c)
			f.drop(c)
		})
	}
}

func (f *fakeRedis) drop(c *fakeClient) {
	f.mu.Lock()
	delete(f.clients, c)
	f.mu.Unlock()
	_ = c.nc.Close()
}

func (f *fakeRedis) serve(c *fakeClient) {
	in := bufio.NewReader(c.nc)
	for {
		args, _, err := readCommand(in)
		if err != nil {
			return
		}
		if len(args) == 0 {
			continue
		}
		f.mu.Lock()
		f.heard = append(f.heard, strings.Join(args, " "))
		f.mu.Unlock()
		if _, err := c.nc.Write([]byte(f.answer(c, args))); err != nil {
			return
		}
	}
}

func (f *fakeRedis) answer(c *fakeClient, args []string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	words := strings.ToUpper(strings.Join(args, " "))
	switch {
	case c.blocked:
		return ""
	case words == "RESET":
		c.name, c.multi = "", false
		return "+RESET\r\n"
	case c.multi:
		return "+QUEUED\r\n"
	case words == "MULTI":
		c.multi = true
		return "+OK\r\n"
	case strings.HasPrefix(words, "CLIENT SETNAME "):
		c.name = args[2]
		return "+OK\r\n"
	case strings.HasPrefix(words, "PING "):
		return fmt.Sprintf("$%d\r\n%s\r\n", len(args[1]), args[1])
	case words == "PING":
		return "+PONG\r\n"
	case words == "NAME":
		return "+" + c.name + "\r\n"
	case words == "KILLME":
		_ = c.nc.Close()
		return ""
	case strings.HasPrefix(words, "CLIENT KILL "):
		return ":3\r\n"
	case strings.HasPrefix(words, "BIG "):
		n, _ := strconv.Atoi(args[1])
		return fmt.Sprintf("$%d\r\n%s\r\n", n, strings.Repeat("x", n))
	case words == "MONITOR":
		return "+OK\r\n+1.5 [0 127.0.0.1:1] \"PING\"\r\n+1.6 [0 127.0.0.1:1] \"PING\"\r\n"
	case strings.HasPrefix(words, "SUBSCRIBE "):
		return strings.Repeat("*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n", len(args)-1)
	case words == "BLPOP":
		c.blocked = true
		return ""
	case words == "SLOW":
		time.Sleep(100 * time.Millisecond)
		return "+slow\r\n"
	case strings.HasPrefix(words, "SELECT"):
		return "+OK\r\n"
	}
	return "-ERR unknown command\r\n"
}

// limit sets maxclients.
func (f *fakeRedis) limit(n int) {
	f.mu.Lock()
	f.max = n
	f.mu.Unlock()
}

// kill closes the connections of a name and returns how many there were.
func (f *fakeRedis) kill(prefix string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for c := range f.clients {
		if strings.HasPrefix(c.name, prefix) {
			_ = c.nc.Close()
			n++
		}
	}
	return n
}

// names lists the names of the connections.
func (f *fakeRedis) names() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var names []string
	for c := range maps.Keys(f.clients) {
		names = append(names, c.name)
	}
	slices.Sort(names)
	return names
}

// commands lists what was heard.
func (f *fakeRedis) commands() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.heard)
}

// everTaken counts the connections that were ever let in.
func (f *fakeRedis) everTaken() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.taken
}

func (f *fakeRedis) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.clients)
}

func (f *fakeRedis) close() {
	_ = f.listener.Close()
	f.mu.Lock()
	for c := range f.clients {
		_ = c.nc.Close()
	}
	f.mu.Unlock()
	f.wg.Wait()
}

// caller is the far side of a connection: what redis-cli is to a line.
type caller struct {
	t  *testing.T
	nc net.Conn
	in *bufio.Reader
}

func dial(t *testing.T, addr string) *caller {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	return newCaller(t, nc)
}

func newCaller(t *testing.T, nc net.Conn) *caller {
	t.Helper()
	t.Cleanup(func() { _ = nc.Close() })
	_ = nc.SetDeadline(time.Now().Add(10 * time.Second))
	return &caller{t, nc, bufio.NewReader(nc)}
}

func (c *caller) send(text string) {
	c.t.Helper()
	if _, err := c.nc.Write([]byte(text)); err != nil {
		c.t.Fatal(err)
	}
}

// want reads text and nothing else.
func (c *caller) want(text string) {
	c.t.Helper()
	got := make([]byte, len(text))
	for n := 0; n < len(got); {
		m, err := c.in.Read(got[n:])
		n += m
		if err != nil {
			c.t.Fatalf("got %q, then %v; wanted %q", got[:n], err, text)
		}
	}
	if string(got) != text {
		c.t.Fatalf("got %q, wanted %q", got, text)
	}
}

// do sends an inline command and wants an answer.
func (c *caller) do(command, answer string) {
	c.t.Helper()
	c.send(command + "\r\n")
	c.want(answer)
}

// wantEnd wants the connection to be closed, with nothing before.
func (c *caller) wantEnd() {
	c.t.Helper()
	var late net.Error
	if b, err := c.in.ReadByte(); err == nil {
		c.t.Fatalf("got %q instead of the end", b)
	} else if errors.As(err, &late) && late.Timeout() {
		c.t.Fatal("the connection stays open")
	}
}
