//go:build unix

package rig

import (
	"errors"
	"os"
	"syscall"
)

// checkPrivate refuses a folder that another user made or may write to: in a shared temporary folder anybody can take
// a name first.
func checkPrivate(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && int(stat.Uid) != os.Getuid() {
		return errors.New("it belongs to another user")
	}
	if !info.IsDir() || info.Mode().Perm()&0o022 != 0 {
		return errors.New("others may write to it")
	}
	return nil
}
