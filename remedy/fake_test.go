package remedy_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"spillway/outage"
)

// reply is an error that Redis answers, without the method that marks one, as observe's are.
type reply string

func (e reply) Error() string { return string(e) }

// fake is Redis as far as a remedy sees it: CLIENT ID, LIST and KILL, and CONFIG GET and SET.
type fake struct {
	clients  map[int64]outage.Client
	config   map[string]string
	self     int64
	noListID bool              // before 6.2
	deny     map[string]string // "CONFIG SET" -> what is answered
	mostFDs  int               // maxclients above this is refused with an offer; 0 is no bound
	offer    int               // what is offered
	lie      string            // CONFIG SET says OK and stores this instead
	failAt   int               // the command from which the connection is broken, counted from 1; 0 never
	lostSet  bool              // the command that breaks still takes effect
	before   func(*fake, []string)

	sent   [][]string
	killed []int64
}

func newFake(clients ...outage.Client) *fake {
	f := &fake{self: 1, config: map[string]string{"timeout": "0", "tcp-keepalive": "300", "maxclients": "100"}, clients: map[int64]outage.Client{}}
	for _, c := range clients {
		f.clients[c.ID] = c
	}
	return f
}

func (f *fake) Do(_ context.Context, args ...string) (any, error) {
	if f.before != nil {
		f.before(f, args)
	}
	f.sent = append(f.sent, args)
	if f.failAt > 0 && len(f.sent) >= f.failAt {
		if f.lostSet && len(f.sent) == f.failAt {
			f.answer(args)
		}
		return nil, fmt.Errorf("read: %w", io.ErrUnexpectedEOF)
	}
	v := f.answer(args)
	if err, ok := v.(error); ok {
		return nil, err
	}
	return v, nil
}

func (f *fake) Pipeline(ctx context.Context, commands [][]string) ([]any, error) {
	var replies []any
	for _, c := range commands {
		v, err := f.Do(ctx, c...)
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return replies, err
		}
		if err != nil {
			v = err
		}
		replies = append(replies, v)
	}
	return replies, nil
}

func (f *fake) answer(args []string) any {
	name := strings.Join(args[:2], " ")
	if said, ok := f.deny[name]; ok {
		return reply(said)
	}
	switch name {
	case "CLIENT ID":
		return f.self
	case "CLIENT LIST":
		return f.list(args[2:])
	case "CLIENT KILL":
		return f.kill(args[2:])
	case "CONFIG GET":
		v, ok := f.config[args[2]]
		if !ok {
			return []any{}
		}
		return []any{args[2], v}
	case "CONFIG SET":
		return f.set(args[2], args[3])
	}
	return reply("ERR unknown command '" + name + "'")
}

func (f *fake) list(args []string) any {
	ids := slices.Sorted(maps.Keys(f.clients))
	if len(args) > 0 {
		if f.noListID || args[0] != "ID" {
			return reply("ERR syntax error")
		}
		ids = nil
		for _, a := range args[1:] {
			id, _ := strconv.ParseInt(a, 10, 64)
			ids = append(ids, id)
		}
	}
	var b strings.Builder
	for _, id := range ids {
		if c, ok := f.clients[id]; ok {
			fmt.Fprintf(&b, "id=%d addr=%s laddr=127.0.0.1:6379 fd=9 name=%s age=%d idle=%d flags=%s db=0 sub=%d psub=%d ssub=%d multi=%d watch=%d cmd=%s user=default lib-name= new-field=x\n",
				c.ID, c.Addr, c.Name, c.Age, c.Idle, c.Flags, c.Sub, c.PSub, c.SSub, c.Multi, c.Watch, cmp.Or(c.Cmd, "get"))
		}
	}
	return b.String()
}

// kill takes all filters together, as Redis does in the new form.
func (f *fake) kill(args []string) any {
	if len(args)%2 != 0 || len(args) == 0 {
		return reply("ERR syntax error")
	}
	var n int64
	for id, c := range f.clients {
		fits := id != f.self
		for pair := range slices.Chunk(args, 2) {
			switch pair[0] {
			case "ID":
				fits = fits && pair[1] == strconv.FormatInt(id, 10)
			case "ADDR":
				fits = fits && pair[1] == c.Addr
			default:
				return reply("ERR syntax error")
			}
		}
		if fits {
			delete(f.clients, id)
			f.killed = append(f.killed, id)
			n++
		}
	}
	return n
}

func (f *fake) set(param, value string) any {
	n, err := strconv.Atoi(value)
	if _, ok := f.config[param]; !ok || err != nil {
		return reply("ERR Unknown option or number of arguments for CONFIG SET - '" + param + "'")
	}
	if param == "maxclients" && f.mostFDs > 0 && n > f.mostFDs {
		return reply(fmt.Sprintf("ERR CONFIG SET failed (possibly related to argument 'maxclients') - The operating system is not able to handle the specified number of clients, try with %d", f.offer))
	}
	f.config[param] = value
	if f.lie != "" {
		f.config[param] = f.lie
	}
	return "OK"
}
