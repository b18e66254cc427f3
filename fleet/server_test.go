package fleet

import (
	"bufio"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const full = "-ERR max number of clients reached"

// server is a listener that speaks just enough RESP for go-redis, serves so many connections and turns the rest away.
type server struct {
	ln   net.Listener
	deny func(*server, net.Conn) // what becomes of a connection beyond serves
	wg   sync.WaitGroup

	mu     sync.Mutex
	serves int                 // connections served at once; below 0 is no bound
	open   map[net.Conn]string // with their names
	turned int                 // connections turned away
	asked  int                 // GETs and SETs answered
	slow   time.Duration       // how long an answer takes
	most   int                 // the most that were open at once
	heard  map[string]int      // each SUBSCRIBE and BLPOP, and how often
}

// turnAway does as Redis does: the line, then the close, whatever the client may have sent.
func turnAway(line string) func(*server, net.Conn) {
	return func(_ *server, c net.Conn) {
		_, _ = c.Write([]byte(line + "\r\n"))
		_ = c.Close()
	}
}

func closeSilently(_ *server, c net.Conn) { _ = c.Close() }

// hang leaves the connection open and says nothing; the test's end closes it.
func hang(s *server, c net.Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open[c] = "hanging"
}

func newServer(t *testing.T, serves int, deny func(*server, net.Conn)) *server {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{ln: ln, deny: deny, serves: serves, open: map[net.Conn]string{}, heard: map[string]int{}}
	s.wg.Go(s.accept)
	t.Cleanup(s.close)
	return s
}

func (s *server) addr() string { return s.ln.Addr().String() }

func (s *server) close() {
	_ = s.ln.Close()
	s.kill("")
	s.wg.Wait()
}

// kill closes the open connections that bear name; "" closes all.
func (s *server) kill(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c, n := range s.open {
		if name == "" || n == name {
			_ = c.Close()
		}
	}
}

// serve changes how many connections are served.
func (s *server) serve(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.serves = n
}

// slowDown makes every answer take so long.
func (s *server) slowDown(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.slow = d
}

// counts returns the connections open now and turned away so far.
func (s *server) counts() (open, turned int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.open), s.turned
}

// answered returns how many GETs and SETs were answered.
func (s *server) answered() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// peak returns the most connections that were open at once.
func (s *server) peak() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.most
}

// named counts the open connections that bear name.
func (s *server) named(name string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, have := range s.open {
		if have == name {
			n++
		}
	}
	return n
}

// times returns how often it heard such commands, and about how many different things.
func (s *server) times(command string) (times, things int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for what, n := range s.heard {
		if strings.HasPrefix(what, command) {
			times, things = times+n, things+1
		}
	}
	return times, things
}

func (s *server) accept() {
	for {
		c, err := s.ln.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		ok := s.serves < 0 || len(s.open) < s.serves
		if ok {
			s.open[c] = ""
			s.most = max(s.most, len(s.open))
		} else {
			s.turned++
		}
		s.mu.Unlock()
		if !ok {
			s.deny(s, c)
			continue
		}
		s.wg.Go(func() { s.talk(c) })
	}
}

func (s *server) talk(c net.Conn) {
	defer func() {
		s.mu.Lock()
		delete(s.open, c)
		s.mu.Unlock()
		_ = c.Close()
	}()
	in := bufio.NewReader(c)
	for {
		args, err := readCommand(in)
		if err != nil {
			return
		}
		s.mu.Lock()
		slow := s.slow
		s.mu.Unlock()
		time.Sleep(slow)
		if _, err := c.Write([]byte(s.reply(c, args))); err != nil {
			return
		}
	}
}

func (s *server) reply(c net.Conn, args []string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch strings.ToLower(args[0]) {
	case "subscribe":
		s.heard["subscribe "+args[1]]++
		return fmt.Sprintf(">3\r\n$9\r\nsubscribe\r\n$%d\r\n%s\r\n:1\r\n", len(args[1]), args[1])
	case "blpop":
		s.heard["blpop "+args[1]]++
		return "" // no work
	case "hello":
		return "%2\r\n$6\r\nserver\r\n$5\r\nredis\r\n$5\r\nproto\r\n:3\r\n"
	case "ping":
		return "+PONG\r\n"
	case "set":
		s.asked++
	case "get":
		s.asked++
		return "_\r\n"
	case "client":
		if strings.EqualFold(args[1], "setname") {
			s.open[c] = args[2]
		} else if strings.EqualFold(args[1], "maint_notifications") {
			return "-ERR Unknown subcommand or wrong number of arguments for 'maint_notifications'\r\n"
		}
	}
	return "+OK\r\n"
}

// readCommand reads a command as clients send it: an array of strings.
func readCommand(in *bufio.Reader) ([]string, error) {
	line, err := in.ReadString('\n')
	if err != nil {
		return nil, err
	}
	n, err := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(line, "*")))
	if err != nil {
		return nil, err
	}
	args := make([]string, n)
	for i := range args {
		if _, err := in.ReadString('\n'); err != nil { // the length; no argument here has a line break in it
			return nil, err
		}
		arg, err := in.ReadString('\n')
		if err != nil {
			return nil, err
		}
		args[i] = strings.TrimSpace(arg)
	}
	return args, nil
}

// eventually waits until ok does, and says what it last saw when it does not.
func eventually(t *testing.T, within time.Duration, ok func() bool, saw func() any) {
	t.Helper()
	for deadline := time.Now().Add(within); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v; last saw %v", within, saw())
		}
	}
}
