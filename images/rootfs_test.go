package images

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/moby/api/types/image"
)

// write makes files with their directories; a name that ends in a slash is a directory.
func write(t *testing.T, root string, names ...string) {
	t.Helper()
	for _, name := range names {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

var base = []string{
	"usr/bin/dash", "usr/bin/bash", "usr/bin/mawk", "usr/bin/grep", "etc/x",
	"usr/share/base-passwd/passwd.master", "usr/share/base-passwd/group.master",
}

func TestFinish(t *testing.T) {
	root := t.TempDir()
	write(t, root, append(base, "usr/bin/valkey-check-rdb", "usr/bin/valkey-cli")...)
	if err := finish(root, "valkey"); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, name := range []string{"sh", "awk", "valkey-server", "redis-server", "redis-cli"} {
		to, err := os.Readlink(filepath.Join(root, "usr/bin", name))
		if err != nil {
			t.Error(err)
		}
		got[name] = to
	}
	want := map[string]string{
		"sh": "dash", "awk": "mawk", "valkey-server": "valkey-check-rdb", "redis-server": "valkey-server", "redis-cli": "valkey-cli",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if _, err := os.Lstat(filepath.Join(root, "usr/bin/redis-benchmark")); err == nil {
		t.Error("a link to a program that is not there")
	}
	if data, err := os.Stat(filepath.Join(root, "data")); err != nil || data.Mode().Perm() != 0o777 {
		t.Errorf("/data: %v, %v", data, err)
	}
	if passwd, err := os.ReadFile(filepath.Join(root, "etc/passwd")); err != nil || len(passwd) == 0 {
		t.Errorf("/etc/passwd: %q, %v", passwd, err)
	}
}

func TestFinishKeepsWhatAPackageBrought(t *testing.T) {
	root := t.TempDir()
	write(t, root, append(base, "usr/bin/awk", "usr/bin/redis-server", "usr/bin/redis-cli")...)
	if err := finish(root, "redis"); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(root, "usr/bin/awk")); string(got) != "usr/bin/awk" {
		t.Errorf("awk was replaced: %q, %v", got, err)
	}
}

func TestFinishMissesTheServer(t *testing.T) {
	root := t.TempDir()
	write(t, root, append(base, "usr/bin/redis-cli")...)
	if err := finish(root, "redis"); err == nil || !strings.Contains(err.Error(), "redis-server is not in Debian's packages") {
		t.Errorf("got %v", err)
	}
}

func TestPipedEndsAWriterWhoseReaderGaveUp(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	gaveUp := errors.New("gave up")
	err := piped(ctx, []string{"sh", "-c", "while :; do echo x; done"}, func(io.Reader) error { return gaveUp })
	if !errors.Is(err, gaveUp) || ctx.Err() != nil {
		t.Errorf("got %v; context: %v", err, ctx.Err())
	}
	err = piped(ctx, []string{"sh", "-c", "echo E: broken >&2; exit 3"}, func(r io.Reader) error {
		_, err := io.Copy(io.Discard, r)
		return err
	})
	if text(err) != "sh: exit status 3: broken" {
		t.Errorf("got %v", err)
	}
}

func TestOwnNames(t *testing.T) {
	tests := []struct {
		name string
		in   image.Summary
		want []string
	}{
		{"ours", image.Summary{ID: "1", RepoTags: []string{"spillway/self:1", "spillway/debian-sid-valkey:9"}}, []string{"spillway/self:1", "spillway/debian-sid-valkey:9"}},
		{"ours, and a user's tag", image.Summary{ID: "1", RepoTags: []string{"mine:1", "spillway/self:1"}}, []string{"spillway/self:1"}},
		{"a user's build on top", image.Summary{ID: "1", RepoTags: []string{"mine:1"}}, nil},
		{"replaced by a newer one", image.Summary{ID: "1"}, []string{"1"}},
		{"replaced, as old daemons say it", image.Summary{ID: "1", RepoTags: []string{"<none>:<none>"}}, []string{"1"}},
		{"a step of a user's build", image.Summary{ID: "1", ParentID: "0"}, nil},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, ownNames(tt.in)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", tt.name, diff)
		}
	}
}

func TestRemoveStale(t *testing.T) {
	dir := t.TempDir()
	old := time.Now().Add(-3 * makeLimit)
	names := map[string]bool{ // whether it must go
		fmt.Sprintf("%s%s-%d-1", tempPrefix, pidNamespace(), os.Getpid()): false,
		fmt.Sprintf("%s%s-%d-1", tempPrefix, pidNamespace(), 1<<30):       pidNamespace() != "0",
		tempPrefix + "999-1-1": true, // of another namespace, and old
		tempPrefix + "999-1-2": false,
		"another-program":      false,
	}
	for name := range names {
		write(t, filepath.Join(dir, name), "root/file")
	}
	if err := os.Chtimes(filepath.Join(dir, tempPrefix+"999-1-1"), old, old); err != nil {
		t.Fatal(err)
	}
	if _, err := removeStale(dir); err != nil {
		t.Fatal(err)
	}
	for name, gone := range names {
		_, err := os.Stat(filepath.Join(dir, name))
		if errors.Is(err, os.ErrNotExist) != gone {
			t.Errorf("%s: %v, want gone: %v", name, err, gone)
		}
	}
}
