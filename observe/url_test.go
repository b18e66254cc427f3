package observe

import (
	"fmt"
	"strings"
	"testing"
)

func TestParseURL(t *testing.T) {
	for text, want := range map[string]string{
		"redis://h":                               "tcp h:6379 user= password= db=0 tls=false",
		"redis://h:7000/2":                        "tcp h:7000 user= password= db=2 tls=false",
		"redis://u:p%40%2F@h/":                    "tcp h:6379 user=u password=p@/ db=0 tls=false",
		"redis://:p@[::1]:7000":                   "tcp [::1]:7000 user= password=p db=0 tls=false",
		"rediss://u:p@h":                          "tcp h:6379 user=u password=p db=0 tls=true",
		"unix:///run/r.sock?db=1":                 "unix /run/r.sock user= password= db=1 tls=false",
		"unix://u:p@/run/with%20space/redis.sock": "unix /run/with space/redis.sock user=u password=p db=0 tls=false",
	} {
		o, err := ParseURL(text)
		got := fmt.Sprintf("%s %s user=%s password=%s db=%d tls=%v", o.Network, o.Addr, o.Username, o.Password, o.DB, o.TLS != nil)
		if err != nil || got != want {
			t.Errorf("%s: %s, %v; want %s", text, got, err, want)
		}
	}
}

func TestParseURLRefuses(t *testing.T) {
	for _, text := range []string{
		"", "h:6379", "localhost", "http://h", "redis:h", "redis://", "redis://h:0", "redis://h:99999", "redis://h:x", "redis://h/x",
		"redis://h/1/2", "redis://h?db=1", "redis://h#1", "redis://user@h", "unix://run/r.sock", "unix://", "unix:///r?x=1", "redis://h/-1",
		"redis://u:SECRET/x@h", "redis://u:SE#CRET@h", "redis://u:SECRET%zz@h", "redis://u:1/SECRET@h", "redis://u:SE?CRET@h:1", "redis://u:99999/@SECRET",
	} {
		o, err := ParseURL(text)
		if err == nil {
			t.Errorf("%s: %v, want an error", text, o)
			continue
		}
		for _, part := range []string{"SECRET", "CRET", "99999"} {
			if strings.Contains(err.Error(), part) {
				t.Errorf("%s: the error shows a part of the password: %v", text, err)
			}
		}
	}
}

func TestOptionsHideThePassword(t *testing.T) {
	for _, text := range []string{"redis://u:SECRET@h:1/2", "rediss://:SECRET@h:1", "unix://:SECRET@/r.sock"} {
		o, err := ParseURL(text)
		if err != nil {
			t.Fatal(err)
		}
		for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
			if got := fmt.Sprintf(format, o); strings.Contains(got, "SECRET") {
				t.Errorf("%s of %s is %s", format, text, got)
			}
		}
		again, err := ParseURL(o.String())
		if err != nil || again.Addr != o.Addr || again.DB != o.DB || again.Username != o.Username || (again.TLS != nil) != (o.TLS != nil) {
			t.Errorf("%s written as %s reads %v, %v", text, o, again, err)
		}
	}
}
