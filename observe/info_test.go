package observe

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseInfo(t *testing.T) {
	text := "txt:# Server\r\nredis_version:7.0.15\r\nos:Linux 6.1:0\r\nexecutable:\r\n\r\n# Commandstats\r\ncmdstat_client|list:calls=1,usec=2\r\nno field\r\n: x\r\ndb0:keys=1,expires=0\n"
	want := map[string]string{
		"redis_version": "7.0.15", "os": "Linux 6.1:0", "executable": "", "cmdstat_client|list": "calls=1,usec=2", "db0": "keys=1,expires=0",
	}
	if diff := cmp.Diff(want, ParseInfo(text)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]string{"a": "1", "b": "2"}, ParseInfo(`"# X\r\na:1\r\nb:2\r\n"`)); diff != "" {
		t.Error(diff)
	}
}

// Four forms of the same CONFIG GET '*' of one server, as redis-cli printed them.
func TestParseConfigForms(t *testing.T) {
	var want map[string]string
	for _, file := range []string{"saved/config.txt", "config-numbered.txt", "config-resp3.txt", "config-resp3-numbered.txt"} {
		text, err := os.ReadFile("testdata/" + file)
		if err != nil {
			t.Fatal(err)
		}
		for form, text := range map[string]string{"LF": string(text), "CRLF": strings.ReplaceAll(string(text), "\n", "\r\n")} {
			got := ParseConfig(text)
			for name, value := range map[string]string{
				"maxclients": "20", "tcp-backlog": "128", "timeout": "0", "bind": "* -::*", "unixsocket": "", "save": "",
				"client-output-buffer-limit": "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
			} {
				if v, ok := got[name]; v != value || !ok {
					t.Errorf("%s, %s: %s is %q, want %q", file, form, name, v, value)
				}
			}
			if len(got) < 150 {
				t.Errorf("%s, %s: %d settings", file, form, len(got))
			}
			for name, value := range got {
				if strings.Contains(value, "hunter2") || name == "requirepass" || name == "masterauth" {
					t.Errorf("%s: %s=%q is a secret", file, name, value)
				}
			}
			if want == nil {
				want = got
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s, %s:\n%s", file, form, diff)
			}
		}
	}
}

func TestParseConfigOddities(t *testing.T) {
	for text, want := range map[string]map[string]string{
		"": {},
		"Warning: Using a password\nmaxclients\n100\n\ntimeout\n0\n":           {"maxclients": "100", "timeout": "0"}, // joined outputs with an empty line between
		"unixsocket\n\nmaxclients\n7":                                          {"unixsocket": "", "maxclients": "7"},
		"maxclients":                                                           {},
		"1) \"logfile\"\n2) \"a\\\" => \\\"b\"\n":                              {"logfile": `a" => "b`},
		"requirepass\nx\ntls-key-file-pass\ny\nmaxclients\n1\nmasterauth\nz\n": {"maxclients": "1"},
	} {
		if diff := cmp.Diff(want, ParseConfig(text)); diff != "" {
			t.Errorf("%q:\n%s", text, diff)
		}
	}
}

func TestSaidInstead(t *testing.T) {
	for text, want := range map[string]string{
		"ERR max number of clients reached\n\n":                               "ERR max number of clients reached",
		"(error) NOAUTH Authentication required.\n":                           "NOAUTH Authentication required.",
		"Warning: Using a password\r\nNOPERM User mon has no permissions\r\n": "NOPERM User mon has no permissions",
		"Could not connect to Redis at h:1: Connection refused\n":             "Could not connect to Redis at h:1: Connection refused",
		"Error: Server closed the connection\n":                               "Error: Server closed the connection",
		"":                                                                    "the file is empty",
		"# Server\nredis_version:7\n":                                         "",
		"id=1 addr=a:1\n":                                                     "",
		"maxclients\n100\n":                                                   "",
		"1) \"maxclients\"\n":                                                 "",
		"Limit                     Soft Limit           Hard Limit           Units": "",
	} {
		got, ok := saidInstead(text)
		if ok != (want != "") || ok && got != want {
			t.Errorf("%q: %q, %v; want %q", text, got, ok, want)
		}
	}
}

func FuzzParseInfo(f *testing.F) {
	f.Add("# Server\r\nredis_version:7.0.15\r\nos:Linux\r\n")
	f.Add(`"# X\r\na:1\r\nb:\x4"`)
	f.Add("txt:a:b:c\n:\n::\n")
	f.Fuzz(func(t *testing.T, text string) {
		for name, value := range ParseInfo(text) {
			if name == "" || strings.ContainsAny(name, ":\n") || strings.Contains(value, "\n") {
				t.Fatalf("field %q: %q", name, value)
			}
		}
	})
}

func FuzzParseConfig(f *testing.F) {
	for _, seed := range []string{"maxclients\n100\n", " 1) \"maxclients\"\n 2) \"100\"\n", "1# \"a\" => \"b\"\n", "maxclients 100\n", "requirepass\nx\n", "1) \"a\n1# \" => \"\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for name := range ParseConfig(text) {
			if isSecret(name) {
				t.Fatalf("the secret %q", name)
			}
		}
	})
}
