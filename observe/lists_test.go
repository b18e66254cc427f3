package observe

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"spillway/outage"
)

// The files are what redis-cli 7.0 saved of one log each, to a file, on a terminal, and there under RESP3.
func TestParseSlow(t *testing.T) {
	for _, form := range []string{"txt", "tty"} {
		text, err := os.ReadFile("testdata/lists/slowlog." + form)
		if err != nil {
			t.Fatal(err)
		}
		slow := ParseSlow(string(text))
		if len(slow) != 32 {
			t.Fatalf("%s: %d entries, want 32", form, len(slow))
		}
		for i, c := range slow {
			named := c.Addr == "192.168.0.5:53322" && c.Name == "report-1"
			if strings.HasPrefix(c.Command, "EVAL ") != named || c.Took <= 0 || i > 0 && c.ID != slow[i-1].ID-1 {
				t.Errorf("%s: entry %d: %+v", form, i, c)
			}
		}
	}
}

func TestParseACLLog(t *testing.T) {
	for _, form := range []string{"txt", "tty", "resp3"} {
		text, err := os.ReadFile("testdata/lists/acllog." + form)
		if err != nil {
			t.Fatal(err)
		}
		log := ParseACLLog(string(text))
		if len(log) != 1 || log[0].Count < 80 || log[0].Reason != "auth" || log[0].Object != "AUTH" || log[0].User != "report" || log[0].Age <= 0 || outage.Host(log[0].Addr) != "192.168.208.5" {
			t.Errorf("%s: %+v", form, log)
		}
	}
}

func TestListsOfNothing(t *testing.T) {
	for _, text := range []string{"", "\n", "(empty array)\n", "(empty list or set)\n"} {
		if !isEmptyList(text) {
			t.Errorf("%q is no empty list", text)
		}
	}
	snaps, err := ReadFiles(Files{Dir: folderOf(t, map[string]string{
		"info.txt": "redis_version:6.0.16\n", "slowlog.txt": "\n", "acllog.txt": "NOPERM this user has no permissions to run the 'acl' command\n",
	})})
	if err != nil {
		t.Fatal(err)
	}
	why := whyMissing(snaps[0])
	if diff := cmp.Diff("NOPERM this user has no permissions to run the 'acl' command", why["ACL LOG"]); diff != "" || why["SLOWLOG"] != "" {
		t.Errorf("missing: %v", why)
	}
}
