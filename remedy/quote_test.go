package remedy

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"spillway/outage"
)

// splitArgs is what redis-cli makes of a line: sdssplitargs of the server, rule by rule.
func splitArgs(line string) ([]string, error) {
	space := func(c byte) bool { return strings.IndexByte(" \t\n\v\f\r", c) >= 0 }
	var args []string
	for i := 0; ; {
		for i < len(line) && space(line[i]) {
			i++
		}
		if i == len(line) {
			return args, nil
		}
		var word []byte
		for quote := byte(0); ; i++ {
			switch {
			case i == len(line) && quote != 0:
				return nil, fmt.Errorf("%q is not closed", quote)
			case i == len(line), quote == 0 && space(line[i]):
			case quote == 0 && (line[i] == '"' || line[i] == '\''):
				quote = line[i]
				continue
			case quote == 0:
				word = append(word, line[i])
				continue
			case line[i] == quote:
				if i+1 < len(line) && !space(line[i+1]) {
					return nil, fmt.Errorf("%q follows a closing quote", line[i+1])
				}
				i++
			case quote == '\'' && strings.HasPrefix(line[i:], `\'`):
				word = append(word, '\'')
				i++
				continue
			case quote == '"' && hexEscape(line[i:]):
				var c byte
				_, _ = fmt.Sscanf(line[i+2:i+4], "%02x", &c)
				word = append(word, c)
				i += 3
				continue
			case quote == '"' && line[i] == '\\' && i+1 < len(line):
				i++
				c := line[i]
				if n := strings.IndexByte("nrtba", c); n >= 0 {
					c = "\n\r\t\b\a"[n]
				}
				word = append(word, c)
				continue
			default:
				word = append(word, line[i])
				continue
			}
			break
		}
		args = append(args, string(word))
	}
}

func hexEscape(s string) bool {
	return len(s) > 3 && s[:2] == `\x` && !strings.ContainsFunc(s[2:4], func(r rune) bool { return !strings.ContainsRune("0123456789abcdefABCDEF", r) })
}

// poison is what an attacker would have a shell, a terminal or redis-cli act on.
var poison = []string{
	"api", "$(touch PWNED)", "`touch PWNED`", "; touch PWNED #", ">PWNED", "| touch PWNED", "& touch PWNED &", "' ; touch PWNED; '", `" ; touch PWNED; "`,
	`\' ; touch PWNED #`, "\n touch PWNED\n", "$HOME", "${PATH}", "~", "*", "?", "[a-z]", "{a,b}", "!!", "!t", "^a^b", `\x41`, `\n`, `\`, `\\`, "'", `"`, " ", "", "-n", "=x",
	"a=b", "\x1b[2J", "\xff", "\u202e", "東京", "::error::x", "##[error]x", "#", "%s", "[::1]:6379",
}

func drawWord(t *rapid.T) string {
	word := strings.Join(rapid.SliceOfN(rapid.SampledFrom(poison), 0, 4).Draw(t, "parts"), "")
	return strings.ReplaceAll(word+rapid.String().Draw(t, "tail"), "\x00", "")
}

func TestLineForRedisCli(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		args := rapid.SliceOfN(rapid.Custom(drawWord), 1, 5).Draw(t, "args")
		text := line(args...)
		if got, err := splitArgs(text); err != nil || !slices.Equal(got, args) {
			t.Fatalf("%q is written as %s, and redis-cli reads %q, %v", args, text, got, err)
		}
		if all := !slices.ContainsFunc(args, func(a string) bool { return !copyable(a) }); all && outage.Harmless(text) != text {
			t.Fatalf("%q is shown as %q", text, outage.Harmless(text))
		}
	})
}

// TestLineForShells has shells run what is printed for copying, with a redis-cli that says what it was called with. Bash does it with its history, as at a prompt.
func TestLineForShells(t *testing.T) {
	for _, shell := range []string{"sh", "bash"} {
		path, err := exec.LookPath(shell)
		if err != nil && shell != "sh" {
			continue
		} else if err != nil {
			t.Fatal(err)
		}
		t.Run(shell, func(t *testing.T) { pasteInto(t, path, shell == "bash") })
	}
}

// pasteInto pastes lines into a shell, as into an interactive one where it has a history.
func pasteInto(t *testing.T, shell string, history bool) {
	lines := append([][]string{}, singles()...)
	generator := rapid.SliceOfN(rapid.Custom(drawWord), 1, 4)
	for seed := range 150 {
		lines = append(lines, generator.Example(seed))
	}
	home := t.TempDir()
	bin := filepath.Join(home, "bin")
	if err := os.Mkdir(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	program := func(name, text string) {
		if err := os.WriteFile(filepath.Join(bin, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	program("touch", "#!"+shell+"\nprintf 'PWNED\\0'; : > PWNED\n")
	var script strings.Builder
	// A function takes its words as a program does, and costs no process.
	script.WriteString("cli() { for word; do printf '%s\\0' \"$word\"; done; printf '\\1\\0'; }\n")
	if history {
		script.WriteString("set -o history\nset -H\n")
	}
	for _, args := range lines {
		fmt.Fprintf(&script, "cli %s\n", line(args...))
	}
	cmd := exec.CommandContext(t.Context(), shell)
	cmd.Dir, cmd.Env, cmd.Stdin = home, []string{"PATH=" + bin, "HOME=" + home, "LC_ALL=C.UTF-8"}, strings.NewReader(script.String())
	out, err := cmd.Output()
	if err != nil {
		var ended *exec.ExitError
		if errors.As(err, &ended) {
			t.Fatalf("%v: %s", err, ended.Stderr)
		}
		t.Fatal(err)
	}
	calls := bytes.Split(bytes.TrimSuffix(out, []byte("\x01\x00")), []byte("\x01\x00"))
	if len(calls) != len(lines) {
		t.Fatalf("%d calls of %d lines", len(calls), len(lines))
	}
	for i, args := range lines {
		want := strings.Join(args, "\x00") + "\x00"
		if all := !slices.ContainsFunc(args, func(a string) bool { return !copyable(a) }); all && string(calls[i]) != want {
			t.Errorf("%q is written as %s, and %s calls it with %q", args, line(args...), shell, calls[i])
		}
	}
	if entries, err := os.ReadDir(home); err != nil || len(entries) != 1 {
		t.Errorf("something else was run: %v, %v", entries, err)
	}
}

func singles() (lines [][]string) {
	for _, p := range poison {
		lines = append(lines, []string{p}, []string{"CLIENT", "KILL", "ID", "5", "ADDR", "a" + p}, []string{p + `\`, "x" + p + "'"}, []string{"it's " + p})
	}
	return lines
}

func TestHostileAddressesAreSpared(t *testing.T) {
	for addr, want := range map[string]string{
		"10.0.0.1:1": "", "[::1]:1": "", "/run/my $(id) redis.sock:0": "", "/run/it's.sock:0": "",
		"/run/it's!.sock:0": "at an address that no command can name", "10.0.0.1:1\x1b[2J": "at an address that no command can name",
		"/run/a\nCONFIG SET dir x:0": "at an address that no command can name", "##[error]:1": "at an address that no command can name",
	} {
		if got := unfit(outage.Client{ID: 1, Addr: addr, Multi: -1}, true, outage.Culprit{}); got != want {
			t.Errorf("%q: %q, want %q", addr, got, want)
		}
	}
}

func TestHostileUsersAndProcesses(t *testing.T) {
	p := &planner{s: &outage.Snapshot{Info: map[string]string{"process_id": "1; touch PWNED"}}}
	if got := p.pid(); got != "PID" {
		t.Errorf("a process id of %q", got)
	}
	for id, want := range map[string]string{"0": "PID", "-1": "PID", "1": "1"} {
		p.s.Info["process_id"] = id
		if got := p.pid(); got != want {
			t.Errorf("a process id of %s: %s", id, got)
		}
	}
	for _, e := range []outage.ACLEntry{{Reason: "auth"}, {Reason: "command", Object: "x\x1b"}} {
		user := "it's!"
		if e.Object != "" {
			user = "app"
		}
		if got := p.allow(user, e); !slices.Equal(got, []string{"ACL LIST"}) {
			t.Errorf("advice of %q", got)
		}
	}
}
