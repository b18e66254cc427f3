package images

import (
	"strings"
	"testing"

	"github.com/distribution/reference"
	"github.com/google/go-cmp/cmp"
)

func named(t *testing.T, ref string) reference.Named {
	t.Helper()
	n, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestRecipeFor(t *testing.T) {
	const digest = "@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	tests := []struct{ ref, want, err string }{
		{ref: "redis", want: "spillway/debian-trixie-redis"},
		{ref: "redis:latest", want: "spillway/debian-trixie-redis"},
		{ref: "redis:alpine", want: "spillway/debian-trixie-redis"},
		{ref: "redis:8", want: "spillway/debian-trixie-redis"},
		{ref: "redis:8.2.1-bookworm", want: "spillway/debian-trixie-redis"},
		{ref: "redis:7.2-alpine", want: "spillway/debian-bookworm-redis"},
		{ref: "docker.io/library/redis:7", want: "spillway/debian-bookworm-redis"},
		{ref: "registry.corp:5000/mirror/redis:6.2", want: "spillway/debian-bullseye-redis"},
		{ref: "localhost:5000/redis", want: "spillway/debian-trixie-redis"},
		{ref: "valkey/valkey", want: "spillway/debian-trixie-valkey"},
		{ref: "valkey/valkey:8.1", want: "spillway/debian-trixie-valkey"},
		{ref: "valkey/valkey:9", want: "spillway/debian-sid-valkey"},
		{ref: "registry.redict.io/redict:7", want: "spillway/debian-forky-redict"},
		{ref: "redis:5", err: "make: of redis, Debian has only 8.0, 7.0, 6.0"},
		{ref: "redis:80", err: "make: of redis, Debian has only 8.0, 7.0, 6.0"},
		{ref: "redis/redis-stack:7.2", err: "make: Debian stands in for redis, valkey and redict, not for redis-stack"},
		{ref: "redis" + digest, err: "make: Debian cannot stand in for a reference that is pinned to a digest"},
		{ref: "redis:7" + digest, err: "make: Debian cannot stand in for a reference that is pinned to a digest"},
	}
	for _, tt := range tests {
		got, err := recipeFor(named(t, tt.ref))
		if tt.err != "" {
			if err == nil || err.Error() != tt.err {
				t.Errorf("%s: error %v, want %q", tt.ref, err, tt.err)
			}
			continue
		}
		if err != nil || got.repository() != tt.want {
			t.Errorf("%s: %s, %v; want %s", tt.ref, got.repository(), err, tt.want)
		}
	}
}

func TestParseOwn(t *testing.T) {
	tests := []struct {
		ref  string
		want ownRef
		ok   bool
	}{
		{"spillway/debian-bookworm-redis", ownRef{"bookworm", "redis", ""}, true},
		{"spillway/debian-sid-valkey:latest", ownRef{"sid", "valkey", ""}, true},
		{"spillway/debian-bookworm-redis:7.0.15", ownRef{"bookworm", "redis", "7.0.15"}, true},
		{"spillway/debian-bookworm", ownRef{"bookworm", "", ""}, true},
		{"spillway/self:123", ownRef{}, false},
		{"registry.corp/spillway/debian-bookworm-redis", ownRef{}, false},
		{"redis:7", ownRef{}, false},
	}
	for _, tt := range tests {
		got, ok := parseOwn(named(t, tt.ref))
		if got != tt.want || ok != tt.ok {
			t.Errorf("%s: %+v, %v; want %+v, %v", tt.ref, got, ok, tt.want, tt.ok)
		}
	}
}

func TestRecipeNamed(t *testing.T) {
	for _, r := range recipes {
		got, err := recipeNamed(ownRef{suite: r.Suite, product: r.Product})
		if err != nil || got != r {
			t.Errorf("%s: %+v, %v", r.repository(), got, err)
		}
	}
	_, err := recipeNamed(ownRef{suite: "sid", product: "redis"})
	if err == nil || !strings.Contains(err.Error(), "spillway/debian-trixie-redis") {
		t.Errorf("an unknown recipe must name those there are: %v", err)
	}
}

func TestPackages(t *testing.T) {
	for _, r := range recipes {
		got := strings.Join(r.packages(), " ")
		if !strings.HasPrefix(got, r.Product+"-server "+r.Product+"-tools ") {
			t.Errorf("%s: %s", r.repository(), got)
		}
		if has := strings.HasSuffix(got, " usr-is-merged"); has != (r.Suite == "bookworm") {
			t.Errorf("%s: usr-is-merged: %v", r.repository(), has)
		}
	}
}

func TestUpstream(t *testing.T) {
	for full, want := range map[string]string{
		"5:8.0.2-3+deb13u3":  "8.0.2",
		"5:7.0.15-1~deb12u6": "7.0.15",
		"8.1.1+dfsg1-3":      "8.1.1",
		"9.1.2~rc1-1":        "9.1.2",
		"7.3.6":              "7.3.6",
	} {
		if got := upstream(full); got != want {
			t.Errorf("%s: %q, want %q", full, got, want)
		}
	}
}

func TestMirrorsFrom(t *testing.T) {
	uris := `'http://mirror.corp/debian/dists/bookworm/InRelease' mirror.corp_debian_dists_bookworm_InRelease 0 
'http://mirror.corp/debian/dists/bookworm-updates/InRelease' x 0 
'http://mirror.corp/debian-security/dists/bookworm-security/InRelease' x 0 
'http://mirror.corp/debian/dists/trixie/InRelease' x 0 
'http://mirror.corp/debian/dists/bookworm/main/binary-amd64/Packages.xz' x 0 
'https://other.example/debian/dists/stable/InRelease' x 0 
`
	named := "http://archive.corp/debian  http://mirror.corp/debian"
	want := []string{"http://mirror.corp/debian", "https://other.example/debian", "http://archive.corp/debian"}
	if diff := cmp.Diff(want, mirrorsFrom(uris, named)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if found := mirrorsFrom("", ""); len(found) != 0 {
		t.Errorf("nothing configured, and found %q", found)
	}
}

// The machine's proxy must be used, its hooks and its laxness about signatures must not.
func TestAptConfig(t *testing.T) {
	host := `Acquire "";
Acquire::AllowInsecureRepositories "1";
Acquire::http "";
Acquire::http::Proxy "http://proxy.corp:3128";
Acquire::https::CaInfo "/etc/ssl/corp.pem";
Acquire::Check-Date "false";
Acquire::Languages:: "en";
`
	got := aptConfig("/tmp/x", "arm64", host)
	for _, want := range []string{
		`Dir "/tmp/x";`, `APT::Architecture "arm64";`, `Acquire::http::Proxy "http://proxy.corp:3128";`,
		`Acquire::https::CaInfo "/etc/ssl/corp.pem";`, `Acquire::Check-Date "false";`, `Acquire::Languages "none";`,
	} {
		if !strings.Contains(got, want+"\n") {
			t.Errorf("without %s:\n%s", want, got)
		}
	}
	for _, bad := range []string{"AllowInsecure", `"en"`} {
		if strings.Contains(got, bad) {
			t.Errorf("with %s:\n%s", bad, got)
		}
	}
}

func TestLastWords(t *testing.T) {
	for text, want := range map[string]string{
		"W: slow\nE: Unable to locate package x\nE: more\n": "Unable to locate package x",
		"tar: first\ntar: last\n":                           "tar: last",
		"":                                                  "",
	} {
		if got := lastWords(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
