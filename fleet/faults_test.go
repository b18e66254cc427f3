package fleet

import (
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"spillway/outage"
)

// TestWorkersOfServersThatLie has workers talk to a server that is none: they go on, count nothing as an answer, hold no memory
// that such a server names, and end when they are told to.
func TestWorkersOfServersThatLie(t *testing.T) {
	endless := func(begin, part string) func(*server, net.Conn) {
		parts := []byte(strings.Repeat(part, 1+(8<<10)/len(part)))
		return func(s *server, c net.Conn) {
			hang(s, c)
			s.wg.Go(func() {
				_, err := io.WriteString(c, begin)
				for err == nil {
					_, err = c.Write(parts)
				}
			})
		}
	}
	once := func(text string) func(*server, net.Conn) {
		return func(s *server, c net.Conn) {
			hang(s, c)
			_, _ = io.WriteString(c, text)
		}
	}
	for name, lie := range map[string]func(*server, net.Conn){
		"another protocol": once("HTTP/1.1 400 Bad Request\r\n\r\n"), "a string of 1 GB": endless("$1000000000\r\n", "x"),
		"a string of 1 GB that does not come": once("$1000000000\r\n"), "a billion values": endless("*1000000000\r\n", ":1\r\n"),
		"arrays within arrays": endless("", "*1\r\n"), "a negative length": once("$-5\r\n"), "a map of a billion": once("%1000000000\r\n"),
		"escape codes": once("\x1b]0;owned\a\r\n"), "closes in the middle": func(_ *server, c net.Conn) { _, _ = io.WriteString(c, "$100\r\nabc"); _ = c.Close() },
	} {
		for _, workload := range []string{"pooled", "leaky"} {
			t.Run(name+", "+workload, func(t *testing.T) {
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				s := newServer(t, 0, lie)
				sp := spec(workload, s.addr())
				sp.Service.Rate = 20
				w := launch(t, t.Context(), sp)
				time.Sleep(500 * time.Millisecond)
				if err := w.stop(); err != nil {
					t.Fatal(err)
				}
				if n := w.count(like{outage.OpRequest, outage.OK}); n > 0 {
					t.Errorf("%d requests are said to be answered: %v", n, w.summary())
				}
				runtime.ReadMemStats(&after)
				if grown := (after.TotalAlloc - before.TotalAlloc) >> 20; grown > 200 {
					t.Errorf("%d MB were allocated", grown)
				}
			})
		}
	}
}
