package images

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tempPrefix begins the name of every directory an image is made in. Then come the namespace and the number of the
// process, by which Clean knows a directory whose process was killed.
const tempPrefix = "spillway-image-"

// tempDir makes such a directory, and takes the opportunity to remove those of killed processes.
func tempDir() (string, error) {
	if _, err := removeStale(os.TempDir()); err != nil {
		return "", err
	}
	return os.MkdirTemp("", fmt.Sprintf("%s%s-%d-", tempPrefix, pidNamespace(), os.Getpid()))
}

// pidNamespace tells whose process numbers we mean: containers may share a directory for temporary files.
func pidNamespace() string {
	link, _ := os.Readlink("/proc/self/ns/pid") // pid:[4026531836]
	if n := strings.Trim(link, "pid:[]"); n != "" {
		return n
	}
	return "0"
}

// removeStale removes what makers of images left behind when they were killed, and returns what it removed.
func removeStale(dir string) ([]string, error) {
	found, err := filepath.Glob(filepath.Join(dir, tempPrefix+"*"))
	if err != nil {
		return nil, err
	}
	var removed []string
	var errs []error
	for _, path := range found {
		if !stale(path) {
			continue
		}
		err := os.RemoveAll(path)
		switch {
		case errors.Is(err, os.ErrPermission): // another user's: theirs to remove
		case err != nil:
			errs = append(errs, err)
		default:
			removed = append(removed, path)
		}
	}
	return removed, errors.Join(errs...)
}

// stale reports whether nobody makes an image in path any more: its process is gone, or, where that cannot be told,
// it is older than any making lasts.
func stale(path string) bool {
	parts := strings.Split(strings.TrimPrefix(filepath.Base(path), tempPrefix), "-")
	if len(parts) == 3 && parts[0] == pidNamespace() && parts[0] != "0" {
		if pid, err := strconv.Atoi(parts[1]); err == nil {
			_, err := os.Stat(fmt.Sprintf("/proc/%d", pid))
			return errors.Is(err, os.ErrNotExist)
		}
	}
	info, err := os.Lstat(path)
	return err == nil && time.Since(info.ModTime()) > 2*makeLimit
}
