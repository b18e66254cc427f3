package rig

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
)

func reader(text string) *bufio.Reader { return bufio.NewReader(strings.NewReader(text)) }

func TestReadCommand(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		args     []string
		bad      bool
	}{
		{"array", "*2\r\n$6\r\nCLIENT\r\n$4\r\nLIST\r\n", []string{"CLIENT", "LIST"}, false},
		{"binary argument", "*2\r\n$4\r\nECHO\r\n$5\r\na\r\n\x00b\r\n", []string{"ECHO", "a\r\n\x00b"}, false},
		{"empty argument", "*2\r\n$4\r\nECHO\r\n$0\r\n\r\n", []string{"ECHO", ""}, false},
		{"inline", "CONFIG SET timeout 300\r\n", []string{"CONFIG", "SET", "timeout", "300"}, false},
		{"inline, quoted", "SET k \"a  b\"\n", []string{"SET", "k", "\"a", "b\""}, false},
		{"nothing", "\r\n", nil, false},
		{"no arguments", "*0\r\n", nil, false},
		{"fewer than none", "*-1\r\n", nil, false},
		{"too many", "*70000\r\n", nil, true},
		{"no number", "*x\r\n", nil, true},
		{"too long", "*1\r\n$9000000\r\n", nil, true},
		{"long in sum", "*3\r\n$4000000\r\n" + strings.Repeat("x", 4000000) + "\r\n$4999999\r\n", nil, true},
		{"negative length", "*1\r\n$-1\r\n", nil, true},
		{"no length", "*1\r\nPING\r\n", nil, true},
		{"endless line", strings.Repeat("x", maxLine+1), nil, true},
		{"cut off in a length", "*2\r\n$4\r\nECHO\r\n$", nil, true},
		{"cut off in an argument", "*1\r\n$4\r\nPI", nil, true},
		{"end", "", nil, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := reader(tt.in + "PING\r\n")
			if tt.bad {
				in = reader(tt.in)
			}
			args, raw, err := readCommand(in)
			if (err != nil) != tt.bad {
				t.Fatalf("error %v", err)
			}
			if tt.bad {
				return
			}
			if !slices.Equal(args, tt.args) {
				t.Errorf("read %q", args)
			}
			if string(raw) != tt.in {
				t.Errorf("passed on %q", raw)
			}
			if rest, _ := in.ReadString('\n'); rest != "PING\r\n" {
				t.Errorf("the next command reads %q", rest)
			}
		})
	}
}

func TestEncode(t *testing.T) {
	want := []string{"CLIENT", "", "a\r\nb"}
	args, _, err := readCommand(bufio.NewReader(bytes.NewReader(encode(want...))))
	if err != nil || !slices.Equal(args, want) {
		t.Errorf("got %q, %v", args, err)
	}
}

func TestCopyReply(t *testing.T) {
	for _, tt := range []struct{ name, reply, first string }{
		{"simple", "+OK\r\n", "+OK"},
		{"error", "-ERR max number of clients reached\r\n", "-ERR max number of clients reached"},
		{"integer", ":3\r\n", ":3"},
		{"bulk", "$5\r\na\r\nbc\r\n", "$5"},
		{"empty bulk", "$0\r\n\r\n", "$0"},
		{"null bulk", "$-1\r\n", "$-1"},
		{"null array", "*-1\r\n", "*-1"},
		{"nested", "*2\r\n*2\r\n:1\r\n$1\r\nx\r\n*0\r\n", "*2"},
		{"map", "%2\r\n+a\r\n:1\r\n+b\r\n*1\r\n:2\r\n", "%2"},
		{"set and verbatim", "~2\r\n=5\r\ntxt:a\r\n_\r\n", "~2"},
		{"long error", "!3\r\nERR\r\n", "!3"},
		{"attributes, then the value", "|1\r\n+ttl\r\n:9\r\n*1\r\n+v\r\n", "|1"},
		{"double, boolean, big number", "*3\r\n,1.5\r\n#t\r\n(12345678901234567890\r\n", "*3"},
		{"empty line", "\r\n", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			from := reader(tt.reply + "+next\r\n")
			var to strings.Builder
			var first []string
			err := copyReply(&to, from, func(line string) {
				first = append(first, line)
				if to.Len() > 0 {
					t.Error("something was passed on before the first line was told")
				}
			})
			if err != nil || to.String() != tt.reply || !slices.Equal(first, []string{tt.first}) {
				t.Errorf("passed on %q, first %q, %v", to.String(), first, err)
			}
			if rest, _ := from.ReadString('\n'); rest != "+next\r\n" {
				t.Errorf("the next answer reads %q", rest)
			}
		})
	}
}

func TestCopyReplyBroken(t *testing.T) {
	for _, reply := range []string{"", "+OK", "$5\r\nab", "*2\r\n:1\r\n", "*999999999999\r\n", "$9223372036854775807\r\n"} {
		if err := copyReply(io.Discard, reader(reply), nil); err == nil {
			t.Errorf("%q passed as an answer", reply)
		}
	}
	broken := errors.New("broken pipe")
	err := copyReply(writerFunc(func([]byte) (int, error) { return 0, broken }), reader("+OK\r\n"), nil)
	if !errors.Is(err, broken) {
		t.Errorf("a writer that fails: %v", err)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// What readCommand takes for a command it must pass on unchanged, and it must never take more memory than it says.
func FuzzReadCommand(f *testing.F) {
	for _, seed := range []string{
		"*2\r\n$6\r\nCLIENT\r\n$4\r\nLIST\r\n", "PING\r\n", "*0\r\n", "\r\n", "*1\r\n$-1\r\n", "*1\r\n$8388609\r\n",
		"*3\r\n$6\r\nCLIENT\r\n$4\r\nKILL\r\n$2\r\nID\r\n", "SET k \"a b\"\n", "*x", "*65536\r\n$0\r\n\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		in := bufio.NewReader(bytes.NewReader(data))
		var passed []byte
		for {
			args, raw, err := readCommand(in)
			if err != nil {
				break
			}
			if len(raw) > maxCommand+maxLine || len(args) > max(maxArgs, maxLine) {
				t.Fatalf("a command of %d bytes, %d arguments", len(raw), len(args))
			}
			passed = append(passed, raw...)
		}
		if !bytes.HasPrefix(data, passed) {
			t.Errorf("of %q it passed on %q", data, passed)
		}
	})
}
