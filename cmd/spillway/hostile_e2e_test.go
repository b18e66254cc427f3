//go:build e2e

package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// What Redis takes: of names and libraries everything from ! to ~, of users everything but spaces and zero.
var (
	nastyNames = []string{
		"$(touch${IFS}PWNED)", "`touch${IFS}PWNED`", "';touch${IFS}PWNED;'", `";touch${IFS}PWNED;"`, "id=1", "::error::owned", "##[error]owned", "<script>alert(1)</script>",
		`\x1b[2J\n`, "|](http://e)", "%s%n", "!!", "name=x;addr=1.2.3.4:5", strings.Repeat("x", 64<<10),
	}
	nastyUser = "u\x1b[2J\u2003id=1\u2003addr=1.2.3.4:5\u202e\xff'\"`$(touch PWNED)`"
)

// nasty opens connections of nasty names at TCP and at a unix socket, that say no more for a while: `nasty 14 /path.sock 5s`.
// So many are opened at each; they stay to the script's end.
func nasty(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	idle, err := time.ParseDuration(args[2])
	ts.Check(err)
	user := strings.ReplaceAll(nastyUser, " ", "")
	open := func(network, addr, user string, i int) {
		conn, err := net.Dial(network, addr)
		// The server listens at its socket a moment later than at its port.
		for over := time.Now().Add(10 * time.Second); err != nil && time.Now().Before(over); conn, err = net.Dial(network, addr) {
			time.Sleep(20 * time.Millisecond)
		}
		ts.Check(err)
		ts.Defer(func() { _ = conn.Close() })
		in := bufio.NewReader(conn)
		ask := func(args ...string) string {
			_, err := fmt.Fprintf(conn, "*%d\r\n", len(args))
			for _, a := range args {
				_, err = io.WriteString(conn, bulk(a))
			}
			ts.Check(err)
			answer, err := in.ReadString('\n')
			ts.Check(err)
			return answer
		}
		if user != "" {
			if said := ask("AUTH", user, "x"); said != "+OK\r\n" {
				ts.Fatalf("AUTH: %q", said)
			}
		}
		if said := ask("CLIENT", "SETNAME", nastyNames[i%len(nastyNames)]); said != "+OK\r\n" {
			ts.Fatalf("name %q: %q", nastyNames[i%len(nastyNames)], said)
		}
		ask("CLIENT", "SETINFO", "LIB-NAME", nastyNames[(i+1)%len(nastyNames)]) // an error before 7.2
		if i == 0 && user == "" {
			if said := ask("ACL", "SETUSER", strings.ReplaceAll(nastyUser, " ", ""), "on", "nopass", "+@all", "~*"); said != "+OK\r\n" {
				ts.Fatalf("ACL SETUSER: %q", said)
			}
		}
	}
	for i := range n {
		open("unix", args[1], "", i)
	}
	for i := range n {
		open("tcp", "127.0.0.1:"+ts.Getenv("PORT"), user, i)
	}
	time.Sleep(idle)
}
