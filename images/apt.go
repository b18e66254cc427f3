package images

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// MirrorEnv names Debian mirrors beside those that this machine's apt is told to use, separated by spaces: for machines
// of another distribution, and for suites that Debian has taken off its mirrors.
const MirrorEnv = "SPILLWAY_DEBIAN_MIRROR"

// debianArch maps Go's names of architectures to Debian's, where they differ.
var debianArch = map[string]string{"386": "i386", "arm": "armhf", "ppc64le": "ppc64el"}

// keyrings hold Debian's archive keys, best first. Only what one of them has signed is taken, from whatever mirror.
var keyrings = []string{
	"/usr/share/keyrings/debian-archive-keyring.pgp",
	"/usr/share/keyrings/debian-archive-keyring.gpg",
}

// download fetches the packages of rec and all they depend on, and returns the files. It uses a private apt in dir: the
// machine's own packages, lists and settings are neither used nor touched, but for its mirrors and how it reaches them.
func download(ctx context.Context, dir string, rec recipe, arch string) ([]string, error) {
	apt, err := newApt(ctx, dir, arch)
	if err != nil {
		return nil, err
	}
	known := mirrors(ctx)
	if len(known) == 0 {
		return nil, hinted{errors.New("apt knows no mirror here"), "name a Debian mirror in " + MirrorEnv}
	}
	var tried []string
	for _, mirror := range known {
		debs, err := apt.fetch(ctx, mirror, rec)
		if err == nil {
			return debs, nil
		}
		if ctx.Err() != nil {
			return nil, err
		}
		tried = append(tried, fmt.Sprintf("%s: %v", mirror, err))
	}
	return nil, hinted{errors.New(strings.Join(tried, "; ")), "make a Debian mirror reachable (apt-get update shows whether one is), or name one in " + MirrorEnv}
}

// apt is a private apt: its own lists, cache and status in dir.
type apt struct{ dir, arch, keyring string }

func newApt(ctx context.Context, dir, arch string) (*apt, error) {
	a := &apt{dir: dir, arch: arch}
	if d, ok := debianArch[arch]; ok {
		a.arch = d
	}
	for _, k := range keyrings {
		if _, err := os.Stat(k); err == nil {
			a.keyring = k
			break
		}
	}
	if a.keyring == "" {
		return nil, hinted{fmt.Errorf("no archive keys of Debian in %s", keyrings[0]), "install debian-archive-keyring"}
	}
	for _, sub := range []string{"etc/empty", "lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return nil, err
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "status"), nil, 0o644); err != nil {
		return nil, err
	}
	host, err := command(ctx, nil, "apt-config", "dump", "Acquire")
	if err != nil {
		return nil, err
	}
	return a, os.WriteFile(a.config(), []byte(aptConfig(dir, a.arch, host)), 0o644)
}

func (a *apt) config() string { return filepath.Join(a.dir, "apt.conf") }

// aptConfig replaces the machine's settings, hooks above all, and keeps how it reaches its mirrors: proxies and the like.
// Credentials stay in the machine's netrc files, which apt goes on reading.
func aptConfig(dir, arch, host string) string {
	lines := []string{
		fmt.Sprintf("Dir %q;", dir),
		fmt.Sprintf("Dir::State %q;", dir),
		`Dir::State::status "status";`,
		`Dir::Cache "cache";`,
		`Dir::Log "log";`,
		`Dir::Etc "etc";`,
		`Dir::Etc::parts "empty";`,
		`Dir::Etc::sourceparts "empty";`,
		`Dir::Etc::preferencesparts "empty";`,
		`Dir::Etc::netrc "/etc/apt/auth.conf";`,
		`Dir::Etc::netrcparts "/etc/apt/auth.conf.d";`,
		fmt.Sprintf("APT::Architecture %q;", arch),
		fmt.Sprintf("APT::Architectures { %q; };", arch),
		`APT::Sandbox::User "root";`, // the temporary directory is closed to apt's own user
		`Acquire::Languages "none";`,
		`Acquire::Retries "1";`,
		`Acquire::http::Timeout "10";`,
		`Acquire::https::Timeout "10";`,
	}
	for line := range strings.Lines(host) {
		if reaches.MatchString(line) {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	// A suite that has left support is still signed, but its release file has run out.
	lines = append(lines, `Acquire::Check-Valid-Until "false";`)
	return strings.Join(lines, "\n") + "\n"
}

// reaches are the settings of a machine that say how it reaches a mirror.
var reaches = regexp.MustCompile(`^Acquire::(https?|socks|ForceIPv|Check-Date|Retries)`)

// release is the first file that apt wants of a suite.
var release = regexp.MustCompile(`^'(\S+?)/?/dists/[a-z]+/InRelease'`)

// mirrors returns where to look for Debian: what this machine's apt is told to use, then what MirrorEnv names. Mirrors of
// something else may be among them: what they have is not signed by Debian, and is refused.
func mirrors(ctx context.Context) []string {
	out, err := command(ctx, nil, "apt-get", "update", "--print-uris")
	if err != nil {
		out = "" // a machine whose own apt is broken can still be told of a mirror
	}
	return mirrorsFrom(out, os.Getenv(MirrorEnv))
}

func mirrorsFrom(uris, named string) []string {
	var found []string
	for line := range strings.Lines(uris) {
		if m := release.FindStringSubmatch(line); m != nil && !slices.Contains(found, m[1]) {
			found = append(found, m[1])
		}
	}
	for _, mirror := range strings.Fields(named) {
		if !slices.Contains(found, mirror) {
			found = append(found, mirror)
		}
	}
	return found
}

func (a *apt) fetch(ctx context.Context, mirror string, rec recipe) ([]string, error) {
	line := fmt.Sprintf("deb [arch=%s signed-by=%s] %s %s main\n", a.arch, a.keyring, mirror, rec.Suite)
	if err := os.WriteFile(filepath.Join(a.dir, "etc", "sources.list"), []byte(line), 0o644); err != nil {
		return nil, err
	}
	env := []string{"APT_CONFIG=" + a.config()}
	// Without the option, apt takes a mirror that does not answer for a matter of a warning.
	if _, err := command(ctx, env, "apt-get", "update", "-q", "-o", "APT::Update::Error-Mode=any"); err != nil {
		return nil, err
	}
	args := append([]string{"install", "-q", "-y", "--download-only", "--no-install-recommends"}, rec.packages()...)
	if _, err := command(ctx, env, "apt-get", args...); err != nil {
		return nil, err
	}
	debs, err := filepath.Glob(filepath.Join(a.dir, "cache", "archives", "*.deb"))
	if err == nil && len(debs) == 0 {
		err = fs.ErrNotExist
	}
	return debs, err
}

// packageVersion reads the full version of a package from its file.
func packageVersion(ctx context.Context, debs []string, name string) (string, error) {
	for _, deb := range debs {
		if strings.HasPrefix(filepath.Base(deb), name+"_") {
			v, err := command(ctx, nil, "dpkg-deb", "--field", deb, "Version")
			return strings.TrimSpace(v), err
		}
	}
	return "", fmt.Errorf("apt did not download %s", name)
}
