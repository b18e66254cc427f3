package rig

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// reservedFDs is what Redis keeps for itself beyond maxclients (CONFIG_MIN_RESERVED_FDS).
const reservedFDs = 32

// limit is the file descriptor limit to start the server with. Without one in the scenario it is just enough for
// maxclients, so that nothing depends on what a daemon's default happens to be.
func (s Server) limit() int {
	if s.Nofile > 0 {
		return s.Nofile
	}
	return s.MaxClients + 2*reservedFDs
}

// clamped reports whether Redis will have to lower maxclients at start.
func (s Server) clamped() bool { return s.limit() < s.MaxClients+reservedFDs }

// redisCommand is the command line of the server, as a user would write it. Protected mode is off, since
// every client comes from an address of its own; the network is private instead.
func redisCommand(image string, s Server, port int) []string {
	cmd := []string{
		serverBinary(image),
		"--port", strconv.Itoa(port),
		"--protected-mode", "no",
		"--save", "",
		"--maxclients", strconv.Itoa(s.MaxClients),
		"--timeout", strconv.Itoa(int(s.Timeout.Seconds())),
	}
	if s.TCPKeepalive != nil {
		cmd = append(cmd, "--tcp-keepalive", strconv.Itoa(int(s.TCPKeepalive.Seconds())))
	}
	for _, name := range slices.Sorted(maps.Keys(s.Directives)) {
		cmd = append(cmd, "--"+name, s.Directives[name])
	}
	return cmd
}

// serverBinary is what an image calls its server: valkey and redict images need not have redis-server.
func serverBinary(image string) string {
	name := image[strings.LastIndexByte(image, '/')+1:]
	for _, product := range []string{"valkey", "redict"} {
		if strings.Contains(name, product) {
			return product + "-server"
		}
	}
	return "redis-server"
}
