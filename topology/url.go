package topology

import (
	"errors"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// Sentinels is a Sentinel URL taken apart.
type Sentinels struct {
	Addrs []string // of the Sentinels, host:port
	Name  string   // of the master that they watch
	// Redis is a URL of the first Sentinel's address, with the user, the password and TLS that its servers are reached by. It may hold a password.
	Redis string
}

// errURL says nothing of the text it is about: there may be a password in it.
var errURL = errors.New("not a Sentinel URL: write redis+sentinel://[user:password@]host[:port][,host2[:port2]]/NAME, or rediss+sentinel://… " +
	"for TLS, with special characters of a password as %XX")

const sentinelPort = "26379"

// ParseSentinels reads redis+sentinel://host[:port][,host2[:port2]]/NAME as Python's limits, redisvl and Celery's kin write it, and
// rediss+sentinel:// for TLS. User and password are the servers'; a Sentinel has its own. is reports whether text is a
// Sentinel's URL at all. No error shows a password.
func ParseSentinels(text string) (s Sentinels, is bool, err error) {
	scheme, rest, found := strings.Cut(text, "://")
	if scheme = strings.ToLower(scheme); !found || !strings.Contains(scheme, "sentinel") {
		return Sentinels{}, false, nil
	}
	redis, ok := map[string]string{"redis+sentinel": "redis", "rediss+sentinel": "rediss"}[scheme]
	if !ok || strings.ContainsAny(rest, "?#") {
		return Sentinels{}, true, errURL
	}
	// By hand: net/url takes a list of hosts for a port that is wrong.
	authority, path, _ := strings.Cut(rest, "/")
	user, hosts := "", authority
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		user, hosts = authority[:at+1], authority[at+1:]
	}
	for host := range strings.SplitSeq(hosts, ",") {
		addr, err := sentinelAddr(host)
		if err != nil {
			return Sentinels{}, true, err
		}
		s.Addrs = append(s.Addrs, addr)
	}
	name, db, _ := strings.Cut(strings.TrimSuffix(path, "/"), "/")
	if s.Name, err = url.PathUnescape(name); err != nil {
		return Sentinels{}, true, errURL
	}
	if s.Name == "" {
		return Sentinels{}, true, errors.New("sentinel URL: no name of a master after the hosts: write redis+sentinel://host/mymaster")
	}
	if n, err := strconv.Atoi(db); db != "" && (err != nil || n < 0) {
		return Sentinels{}, true, errors.New("sentinel URL: the database after the name is not a number")
	}
	s.Redis = redis + "://" + user + s.Addrs[0]
	return s, true, nil
}

// sentinelAddr adds the port that Sentinels have unless told otherwise.
func sentinelAddr(text string) (string, error) {
	host, port := text, sentinelPort
	if h, p, err := net.SplitHostPort(text); err == nil {
		host, port = h, p
	}
	addr, why := address(strings.Trim(host, "[]"), port)
	if why != "" {
		return "", errURL
	}
	return addr, nil
}
