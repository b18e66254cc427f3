//go:build !linux

package rig

// raise cannot be done here: observers run on Linux only, in a container or beside a local server.
func (w Watchman) raise(int64) failure {
	return failure{"raising the limit of a running server needs Linux"}
}
