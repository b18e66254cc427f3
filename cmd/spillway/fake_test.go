package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// fake is a Redis that refuses its first connections, then answers with what is saved in a folder, as --from reads it.
// What is not saved there it forbids, as a managed service does.
type fake struct {
	refuse   int64 // how many connections; below 0 all of them
	password string
	lie      string // what it does in place of answering INFO; see lies
	info     *string
	clients  *string
	config   map[string]string

	came     atomic.Int64
	listener net.Listener
	group    sync.WaitGroup
}

// startFake starts one and sets REDIS to its URL: `redis [-refuse N] [-password WORD] [-lie HOW] [FOLDER]`.
func startFake(ts *testscript.TestScript, _ bool, args []string) {
	f := &fake{}
	flags := flag.NewFlagSet("redis", flag.ContinueOnError)
	flags.Int64Var(&f.refuse, "refuse", 0, "")
	flags.StringVar(&f.password, "password", "", "")
	flags.StringVar(&f.lie, "lie", "", "")
	ts.Check(flags.Parse(args))
	if dir := flags.Arg(0); dir != "" {
		f.info, f.clients = saved(ts.MkAbs(filepath.Join(dir, "info.txt"))), saved(ts.MkAbs(filepath.Join(dir, "clients.txt")))
		if config := saved(ts.MkAbs(filepath.Join(dir, "config.txt"))); config != nil {
			f.config = map[string]string{}
			for words := strings.Fields(*config); len(words) > 1; words = words[2:] {
				f.config[words[0]] = words[1]
			}
		}
	}
	ts.Check(f.start())
	ts.Defer(f.stop)
	ts.Setenv("REDIS", "redis://"+f.listener.Addr().String())
	ts.Setenv("ADDR", f.listener.Addr().String())
}

func (f *fake) start() (err error) {
	if f.listener, err = net.Listen("tcp", "127.0.0.1:0"); err == nil {
		f.group.Go(f.serve)
	}
	return err
}

func (f *fake) stop() {
	_ = f.listener.Close()
	f.group.Wait()
}

func saved(path string) *string {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	text := string(data)
	return &text
}

func (f *fake) serve() {
	for {
		conn, err := f.listener.Accept()
		if err != nil {
			return
		}
		f.group.Go(func() {
			defer closeQuietly(conn)
			if n := f.came.Add(1); f.refuse < 0 || n <= f.refuse {
				_, _ = io.WriteString(conn, "-ERR max number of clients reached\r\n")
				return
			}
			f.converse(conn)
		})
	}
}

func (f *fake) converse(conn net.Conn) {
	in := bufio.NewReader(conn)
	known := f.password == ""
	for {
		args, err := request(in)
		if err != nil {
			return
		}
		reply := "-NOAUTH Authentication required.\r\n"
		switch {
		case strings.EqualFold(args[0], "AUTH"):
			known = args[len(args)-1] == f.password
			if reply = "+OK\r\n"; !known {
				reply = "-WRONGPASS invalid username-password pair or user is disabled.\r\n"
			}
		case known:
			reply = f.reply(args)
		}
		if lie, ok := lies[f.lie]; ok && strings.EqualFold(args[0], "INFO") {
			go func() { _, _ = io.Copy(io.Discard, in) }()
			for reply = lie.once; err == nil; reply = lie.forever {
				if _, err = io.WriteString(conn, reply); lie.forever == "" && err == nil {
					if lie.hangs {
						time.Sleep(15 * time.Second)
					}
					return
				}
			}
			return
		}
		if _, err := io.WriteString(conn, reply); err != nil {
			return
		}
	}
}

// lies are what a server that is none, or means harm, does in place of an answer.
var lies = map[string]struct {
	once, forever string
	hangs         bool
}{
	"close":   {once: "$100\r\nabc"},
	"hang":    {hangs: true},
	"line":    {once: "+", forever: strings.Repeat("x", 32<<10)},
	"array":   {once: "*1000000000\r\n", forever: strings.Repeat(":1\r\n", 8<<10)},
	"nested":  {forever: strings.Repeat("*1\r\n", 8<<10)},
	"huge":    {once: "$100000000000\r\n", forever: strings.Repeat("x", 32<<10)},
	"minus":   {once: "$-7\r\n"},
	"escapes": {once: "\x1b]0;owned\a::error::owned\r\n"},
}

func (f *fake) reply(args []string) string {
	name := strings.ToUpper(strings.Join(args[:min(2, len(args))], " "))
	switch {
	case name == "PING":
		return "+PONG\r\n"
	case strings.Contains(strings.Join(args, " "), "spillway-may-i"):
		return "-ERR so you may, and it makes no sense\r\n"
	case name == "CLIENT SETNAME":
		return "+OK\r\n"
	case strings.HasPrefix(name, "INFO") && f.info != nil:
		return bulk(*f.info)
	case name == "CLIENT LIST" && f.clients != nil:
		return bulk(*f.clients)
	case name == "CONFIG GET" && f.config != nil:
		if value, ok := f.config[args[2]]; ok {
			return "*2\r\n" + bulk(args[2]) + bulk(value)
		}
		return "*0\r\n"
	}
	return fmt.Sprintf("-NOPERM this user has no permissions to run the '%s' command\r\n", strings.ToLower(strings.ReplaceAll(name, " ", "|")))
}

func bulk(text string) string { return fmt.Sprintf("$%d\r\n%s\r\n", len(text), text) }

// request reads one command: an array of bulk strings.
func request(in *bufio.Reader) (args []string, err error) {
	var n, size int
	if _, err = fmt.Fscanf(in, "*%d\r\n", &n); err != nil || n < 1 {
		return nil, fmt.Errorf("no command: %w", io.ErrUnexpectedEOF)
	}
	for range n {
		if _, err = fmt.Fscanf(in, "$%d\r\n", &size); err != nil {
			return nil, err
		}
		text := make([]byte, size+2)
		if _, err = io.ReadFull(in, text); err != nil {
			return nil, err
		}
		args = append(args, string(text[:size]))
	}
	return args, nil
}
