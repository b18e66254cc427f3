package remedy_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"spillway/outage"
	"spillway/remedy"
)

// liar is a Redis that changes its answers on their way.
type liar struct {
	*fake
	lie   func(args []string, said any) any
	extra int // replies of a pipeline too many, or too few
}

func (l liar) Do(ctx context.Context, args ...string) (any, error) {
	said, err := l.fake.Do(ctx, args...)
	if err != nil {
		return said, err
	}
	said = l.lie(args, said)
	if err, ok := said.(error); ok {
		return nil, err
	}
	return said, nil
}

func (l liar) Pipeline(ctx context.Context, commands [][]string) ([]any, error) {
	var replies []any
	for _, c := range commands {
		said, err := l.Do(ctx, c...)
		if err != nil {
			said = err
		}
		replies = append(replies, said)
	}
	for range l.extra {
		replies = append(replies, int64(1))
	}
	return replies[:max(0, min(len(replies), len(commands)+l.extra))], nil
}

// TestApplyToALiar: whatever the server answers, no more is said to be closed than was to be closed, nothing is sent against a
// connection whose line was not seen again, and what became of each is told.
func TestApplyToALiar(t *testing.T) {
	about := func(name string, said func(any) any) func([]string, any) any {
		return func(args []string, answer any) any {
			if strings.HasPrefix(strings.Join(args, " "), name) {
				return said(answer)
			}
			return answer
		}
	}
	always := func(v any) func(any) any { return func(any) any { return v } }
	replace := func(from, to string) func(any) any {
		return func(v any) any { return strings.ReplaceAll(v.(string), from, to) }
	}
	for name, test := range map[string]struct {
		lie    func([]string, any) any
		extra  int
		killed int // that are said to be
		sent   int // CLIENT KILL
		result string
	}{
		"kill closes a thousand":          {lie: about("CLIENT KILL", always(int64(1000))), killed: 3, sent: 3, result: "3 closed"},
		"kill closes less than none":      {lie: about("CLIENT KILL", always(int64(-1))), sent: 3, result: "3 gone"},
		"kill says OK":                    {lie: about("CLIENT KILL", always("OK")), sent: 3, result: "3 Redis did not say"},
		"kill says nothing":               {lie: about("CLIENT KILL", always(nil)), sent: 3, result: "3 Redis did not say"},
		"kill says lists":                 {lie: about("CLIENT KILL", always([]any{[]any{}})), sent: 3, result: "3 Redis did not say"},
		"kill is refused in escape codes": {lie: about("CLIENT KILL", always(reply("ERR \x1b[2J"))), sent: 3, result: "then Redis refused"},
		"more answers than asked":         {lie: about("", func(v any) any { return v }), extra: 5, killed: 3, sent: 3, result: "3 closed"},
		"fewer answers than asked":        {lie: about("", func(v any) any { return v }), extra: -2, killed: 1, sent: 3, result: "1 closed"},
		"the list is another's":           {lie: about("CLIENT LIST", replace("id=", "id=9")), result: "3 gone"},
		"the list is at other addresses":  {lie: about("CLIENT LIST", replace("addr=10.", "addr=11.")), result: "3 another connection"},
		"the list is a number":            {lie: about("CLIENT LIST", always(int64(3))), result: "CLIENT LIST answered a int64"},
		"the list is empty":               {lie: about("CLIENT LIST", always("")), result: "3 gone"},
		"the list is noise":               {lie: about("CLIENT LIST", always("\x00\xff=\n\n= id=\nid=99999999999999999999 addr=a\n")), result: "3 gone"},
		"the list has each line twice":    {lie: about("CLIENT LIST", func(v any) any { return v.(string) + replace("flags=N", "flags=S")(v).(string) }), result: "3 a replica"},
		"our id is a word":                {lie: about("CLIENT ID", always("x")), killed: 3, sent: 3, result: "3 closed"},
		"our id is a victim's":            {lie: about("CLIENT ID", always(int64(11))), killed: 2, sent: 2, result: "1 our own connection"},
	} {
		t.Run(name, func(t *testing.T) {
			server := liar{fake: newFake(many(3)...), lie: test.lie, extra: test.extra}
			actions, err := (&remedy.Applier{Redis: server}).Apply(t.Context(), kills(many(3)...))
			if err != nil {
				t.Fatal(err)
			}
			a, sent := actions[0], 0
			for _, c := range server.sent {
				if strings.HasPrefix(strings.Join(c, " "), "CLIENT KILL") {
					sent++
				}
			}
			if len(a.Killed) != test.killed || sent != test.sent || !strings.Contains(a.Result, test.result) || a.State == outage.Planned {
				t.Errorf("%d killed, %d sent, %s: %q", len(a.Killed), sent, a.State, a.Result)
			}
		})
	}
}

// TestSetOnALiar: a setting that cannot be read for certain is not changed.
func TestSetOnALiar(t *testing.T) {
	for name, said := range map[string]any{
		"another setting": []any{"dir", "/tmp"}, "words": "timeout", "an odd list": []any{"timeout"}, "no text": []any{"timeout", int64(0)},
		"no number": []any{"timeout", "0\r\nFLUSHALL"}, "nothing": nil, "lists": []any{[]any{"timeout", "0"}},
	} {
		t.Run(name, func(t *testing.T) {
			server := liar{fake: newFake(), lie: func(args []string, answer any) any {
				if args[1] == "GET" {
					return said
				}
				return answer
			}}
			actions, err := (&remedy.Applier{Redis: server}).Apply(t.Context(), outage.Plan{Actions: []outage.Action{setTimeout}})
			if err != nil || actions[0].State == outage.Done {
				t.Errorf("%+v, %v", actions, err)
			}
			for _, c := range server.sent {
				if c[1] == "SET" {
					t.Errorf("sent %q", c)
				}
			}
		})
	}
}

// TestLiarThatBreaks: a connection that breaks is an error, and never a success.
func TestLiarThatBreaks(t *testing.T) {
	broken := errors.New("read: not a Redis reply: it begins with \"HTTP\"")
	for _, at := range []string{"CLIENT ID", "CLIENT LIST", "CLIENT KILL"} {
		server := breaking{fake: newFake(many(3)...), at: at, err: broken}
		actions, err := (&remedy.Applier{Redis: server}).Apply(t.Context(), kills(many(3)...))
		if !errors.Is(err, broken) || actions[0].State != outage.Errored || len(actions[0].Killed) > 0 {
			t.Errorf("%s: %+v, %v", at, actions, err)
		}
	}
}

type breaking struct {
	*fake
	at  string
	err error
}

func (b breaking) Do(ctx context.Context, args ...string) (any, error) {
	if strings.HasPrefix(strings.Join(args, " "), b.at) {
		return nil, fmt.Errorf("CLIENT, 0 of 1 replies: %w", b.err)
	}
	return b.fake.Do(ctx, args...)
}

func (b breaking) Pipeline(ctx context.Context, commands [][]string) ([]any, error) {
	if strings.HasPrefix(strings.Join(commands[0], " "), b.at) {
		return nil, b.err
	}
	return b.fake.Pipeline(ctx, commands)
}
