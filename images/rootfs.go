package images

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// unpack lays the packages out in root, without running a line of them.
func unpack(ctx context.Context, root string, debs []string) error {
	// The links of a merged /usr come first: packages that still ship /bin or /lib must fill what the links point to.
	for _, d := range []string{"bin", "sbin", "lib", "lib64"} {
		if err := os.MkdirAll(filepath.Join(root, "usr", d), 0o755); err != nil {
			return err
		}
		if err := os.Symlink("usr/"+d, filepath.Join(root, d)); err != nil {
			return err
		}
	}
	for _, deb := range debs {
		err := piped(ctx, []string{"dpkg-deb", "--fsys-tarfile", deb}, func(pipe io.Reader) error {
			return untar(ctx, root, pipe)
		})
		if err != nil {
			return fmt.Errorf("unpack %s: %w", filepath.Base(deb), err)
		}
	}
	return nil
}

// untar leaves manuals and translations out: they are much of the bytes and no runbook reads them.
func untar(ctx context.Context, root string, from io.Reader) error {
	var errs strings.Builder
	cmd := program(ctx, "tar", "-x", "-p", "-C", root, "--keep-directory-symlink", "--no-same-owner",
		"--exclude=./usr/share/man", "--exclude=./usr/share/locale", "--exclude=./usr/share/info", "--exclude=./usr/share/doc/*/*.gz")
	cmd.Stdin, cmd.Stderr = from, &errs
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("tar: %w: %s", err, lastWords(errs.String()))
	}
	return nil
}

// tarOf gives root as a tar stream to use. Everything in it belongs to root, whoever unpacked it.
func tarOf(ctx context.Context, root string, use func(io.Reader) error) error {
	return piped(ctx, []string{"tar", "-c", "-C", root, "--owner=0", "--group=0", "--numeric-owner", "."}, use)
}

// finish does what the packages' own scripts would have done, as far as a Redis and a shell runbook need it.
func finish(root, product string) error {
	for _, l := range links(product) {
		if err := link(root, l.name, l.to); err != nil {
			return err
		}
	}
	for _, file := range []string{"passwd", "group"} {
		master, err := os.ReadFile(filepath.Join(root, "usr/share/base-passwd", file+".master"))
		if err != nil {
			return fmt.Errorf("make /etc/%s: %w", file, err)
		}
		if err := os.WriteFile(filepath.Join(root, "etc", file), master, 0o644); err != nil {
			return err
		}
	}
	for dir, mode := range map[string]fs.FileMode{"data": 0o777, "tmp": 0o777 | fs.ModeSticky, "root": 0o700} {
		path := filepath.Join(root, dir)
		if err := os.MkdirAll(path, mode); err != nil {
			return err
		}
		if err := os.Chmod(path, mode); err != nil { // what MkdirAll sets is cut by the umask
			return err
		}
	}
	for _, bin := range []string{"sh", "bash", "awk", "grep", "redis-server", "redis-cli"} {
		if _, err := os.Stat(filepath.Join(root, "usr/bin", bin)); err != nil {
			return fmt.Errorf("%s is not in Debian's packages as expected: %w", bin, err)
		}
	}
	return nil
}

type symlink struct{ name, to string }

// links are the names that package scripts make, and Redis's names for the programs of its forks, since runbooks and
// the command of the image use those.
func links(product string) []symlink {
	all := []symlink{
		{"usr/bin/sh", "dash"},
		{"usr/bin/awk", "mawk"},
		{"usr/bin/which", "which.debianutils"},
		{"usr/bin/" + product + "-server", product + "-check-rdb"},
		{"usr/bin/" + product + "-check-aof", product + "-check-rdb"},
	}
	if product == "redis" {
		return all
	}
	for _, tool := range []string{"server", "cli", "benchmark", "check-rdb", "check-aof"} {
		all = append(all, symlink{"usr/bin/redis-" + tool, product + "-" + tool})
	}
	return all
}

// link makes a link unless a package brought its own, or nothing is there to link to.
func link(root, name, to string) error {
	path := filepath.Join(root, name)
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if _, err := os.Lstat(filepath.Join(filepath.Dir(path), to)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return os.Symlink(to, path)
}
