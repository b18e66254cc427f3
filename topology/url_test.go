package topology

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseSentinels(t *testing.T) {
	for text, want := range map[string]Sentinels{
		"redis+sentinel://a/mymaster":                            {[]string{"a:26379"}, "mymaster", "redis://a:26379"},
		"redis+sentinel://a:1,b,[::1]:3,[fd00::2]/mymaster":      {[]string{"a:1", "b:26379", "[::1]:3", "[fd00::2]:26379"}, "mymaster", "redis://a:1"},
		"rediss+sentinel://ops:s3%40cret@a:1,b:2/my%20master/3/": {[]string{"a:1", "b:2"}, "my master", "rediss://ops:s3%40cret@a:1"},
		"REDIS+SENTINEL://:p@a/x":                                {[]string{"a:26379"}, "x", "redis://:p@a:26379"},
	} {
		got, is, err := ParseSentinels(text)
		if diff := cmp.Diff(want, got); diff != "" || !is || err != nil {
			t.Errorf("%s: %v %v (-want +got):\n%s", text, is, err, diff)
		}
	}
	for text, want := range map[string]string{
		"redis+sentinel://a":                      "no name of a master",
		"redis+sentinel://a/":                     "no name of a master",
		"redis+sentinel:///mymaster":              "not a Sentinel URL",
		"redis+sentinel://a,,b/mymaster":          "not a Sentinel URL",
		"redis+sentinel://a:0/mymaster":           "not a Sentinel URL",
		"redis+sentinel://a:x/mymaster":           "not a Sentinel URL",
		"redis+sentinel://a b/mymaster":           "not a Sentinel URL",
		"redis+sentinel://a/mymaster/x":           "is not a number",
		"redis+sentinel://a/%zz":                  "not a Sentinel URL",
		"redis+sentinel://a/mymaster?timeout=1":   "not a Sentinel URL",
		"redis-sentinel://:s3cret@a#mymaster":     "redis+sentinel://",
		"sentinel://:s3cret@a/mymaster":           "redis+sentinel://",
		"redis+sentinel://:s3/cret@a:1/mymaster":  "not a Sentinel URL",
		"redis+sentinel://o:s3cret:@a:b/mymaster": "not a Sentinel URL",
	} {
		_, is, err := ParseSentinels(text)
		if !is || err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3") {
			t.Errorf("%s: %v %v, want %q", text, is, err, want)
		}
	}
	for _, text := range []string{"redis://a:6379", "rediss://sentinel.example:6379", "unix:///run/sentinel.sock", "redis+sentinel:a", ""} {
		if _, is, err := ParseSentinels(text); is || err != nil {
			t.Errorf("%q is a Sentinel's: %v %v", text, is, err)
		}
	}
}
