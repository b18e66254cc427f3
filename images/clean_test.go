package images

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/moby/client"
)

// shelf is a daemon with images, some of them in use; it keeps the names of those it was told to remove.
type shelf struct {
	images  string
	used    []string
	removed []string
}

func (s *shelf) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Method != http.MethodDelete {
		return answer(req, http.StatusOK, s.images), nil
	}
	_, ref, _ := strings.Cut(req.URL.Path, "/images/")
	if slices.Contains(s.used, ref) {
		return answer(req, http.StatusConflict, `{"message":"container 1 is using its referenced image"}`), nil
	}
	if req.URL.Query().Get("force") != "" {
		return answer(req, http.StatusInternalServerError, `{"message":"no image may be removed by force"}`), nil
	}
	s.removed = append(s.removed, ref)
	return answer(req, http.StatusOK, "[]"), nil
}

func (s *shelf) resolver(t *testing.T) *Resolver {
	t.Helper()
	c, err := client.New(client.WithHTTPClient(&http.Client{Transport: s}), client.WithAPIVersion("1.41"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return &Resolver{Docker: c}
}

func TestCleanLeavesWhatIsUsedOrNotOurs(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	s := &shelf{
		images: `[{"Id":"sha256:1","RepoTags":["spillway/self:1"]},
			{"Id":"sha256:2","RepoTags":["spillway/self:2"]},
			{"Id":"sha256:3","RepoTags":["spillway/debian-trixie-redis:8.0.2","mine:8"]},
			{"Id":"sha256:4","RepoTags":["built-on-top:1"]}]`,
		used: []string{"spillway/self:2"},
	}
	got, err := s.resolver(t).Clean(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"spillway/self:1", "spillway/debian-trixie-redis:8.0.2"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("said to be removed (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(want, s.removed); diff != "" {
		t.Errorf("removed (-want +got)\n%s", diff)
	}
}

func TestRemoveOlderKeepsThisAndRecentOnes(t *testing.T) {
	old, recent := time.Now().Add(-2*keepSelf).Unix(), time.Now().Unix()
	s := &shelf{images: fmt.Sprintf(`[{"Id":"1","Created":%d,"RepoTags":["spillway/self:mine"]},
		{"Id":"2","Created":%d,"RepoTags":["spillway/self:old","users:tag"]},
		{"Id":"3","Created":%d,"RepoTags":["spillway/self:of-a-run-that-starts"]}]`, old, old, recent)}
	if err := s.resolver(t).removeOlder(t.Context(), "spillway/self:mine"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"spillway/self:old"}, s.removed); diff != "" {
		t.Errorf("removed (-want +got)\n%s", diff)
	}
}
