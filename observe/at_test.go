package observe

import (
	"crypto/tls"
	"testing"
)

func TestAt(t *testing.T) {
	for name, test := range map[string]struct{ asked, chosen, addr, want string }{
		"numbers":                     {"10.0.0.1:6379", "10.0.0.1", "10.0.0.2:6380", "10.0.0.2"},
		"numbers, not set yet":        {"10.0.0.1:6379", "", "10.0.0.2:6380", "10.0.0.2"},
		"names":                       {"redis-1.example:6379", "redis-1.example", "redis-2.example:6379", "redis-2.example"},
		"asked by name, known by one": {"redis.example:6379", "redis.example", "10.0.0.2:6379", "redis.example"},
		"not set yet":                 {"redis.example:6379", "", "10.0.0.2:6379", "redis.example"},
		"a number has a name":         {"10.0.0.1:6379", "10.0.0.1", "redis-2.example:6379", "redis-2.example"},
		"a name was asked for":        {"10.0.0.1:6379", "redis.example", "10.0.0.2:6379", "redis.example"},
		"IPv6":                        {"[fd00::1]:6379", "fd00::1", "[fd00::2]:6379", "fd00::2"},
		"a unix socket":               {"/run/redis.sock", "", "10.0.0.2:6379", "10.0.0.2"},
	} {
		o := Options{Addr: test.asked, Username: "ops", Password: "p", DB: 3, Name: "spillway:1:x", TLS: &tls.Config{ServerName: test.chosen}}
		got := o.At(test.addr)
		if got.TLS.ServerName != test.want || o.TLS.ServerName != test.chosen {
			t.Errorf("%s: checked for %q, want %q; the first for %q", name, got.TLS.ServerName, test.want, o.TLS.ServerName)
		}
		if got.Addr != test.addr || got.network() != "tcp" || got.Username != "ops" || got.Password != "p" || got.DB != 0 || got.Name != o.Name {
			t.Errorf("%s: %+v", name, got.String())
		}
	}
	if got := (Options{Network: "unix", Addr: "/run/redis.sock"}).At("10.0.0.2:6379"); got.TLS != nil || got.network() != "tcp" {
		t.Errorf("%#v", got)
	}
}
