//go:build !linux

package rig

// raise cannot be done here: observers run on Linux only, in a container or beside a local server.
func (w Watchman) raise(int64) failure {
	return failure{"raising the limit of a running server needs Linux"}
}

// lower cannot be done here either.
func (w Watchman) lower(int64) failure {
	return failure{"lowering the limit of a running server needs Linux"}
}
