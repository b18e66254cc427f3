package observe

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"spillway/outage"
)

const (
	// ClosedPort is tcpmux, which nobody has served for decades: a live host resets a connect to it.
	ClosedPort = 1
	// MaxKnocks bounds the hosts of one Knock.
	MaxKnocks = 32
	// knockControls are hosts with fresh clients among them: where even those are silent, a firewall eats the knocks.
	knockControls = 4
)

// Knock asks hosts whether they are alive by a TCP connect to a port that is surely closed. A reset, and an accepted
// connection, are answers; silence for as long as within, and "no route to host", are none. A host about which nothing was learned
// (it is no IP address, or this machine cannot reach its network) is left out, and so are hosts beyond MaxKnocks.
//
// Firewalls that drop or reject make a live host silent: see that one with fresh clients answers before believing it.
func Knock(ctx context.Context, hosts []string, port int, within time.Duration) []outage.Peer {
	hosts = hosts[:min(len(hosts), MaxKnocks)]
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	known := make([]bool, len(hosts))
	peers := make([]outage.Peer, len(hosts))
	var wait sync.WaitGroup
	for i, host := range hosts {
		wait.Go(func() {
			peers[i].Host = host
			peers[i].Answers, known[i] = knock(ctx, host, port)
		})
	}
	wait.Wait()
	learned := []outage.Peer{}
	for i, peer := range peers {
		if known[i] {
			learned = append(learned, peer)
		}
	}
	return learned
}

func knock(ctx context.Context, host string, port int) (answers, known bool) {
	if _, err := netip.ParseAddr(host); err != nil {
		return false, false
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
	switch {
	case err == nil:
		_ = conn.Close()
		return true, true
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ECONNRESET):
		return true, true
	case errors.Is(ctx.Err(), context.Canceled):
		return false, false
	case isTimeout(err), errors.Is(err, syscall.EHOSTUNREACH):
		return false, true
	}
	return false, false
}

// knockable picks hosts to knock at: those whose freshest client has been idle longest, and some fresh ones as
// controls. Our own connections tell nothing about a host.
func knockable(clients []outage.Client) []string {
	freshest := map[string]int64{}
	for _, c := range clients {
		if c.Ours() {
			continue
		}
		host := c.Host()
		if _, err := netip.ParseAddr(host); err != nil {
			continue
		}
		if idle, seen := freshest[host]; !seen || c.Idle < idle {
			freshest[host] = c.Idle
		}
	}
	hosts := make([]string, 0, len(freshest))
	for host := range freshest {
		hosts = append(hosts, host)
	}
	slices.SortFunc(hosts, func(a, b string) int {
		return cmp.Or(cmp.Compare(freshest[b], freshest[a]), cmp.Compare(a, b))
	})
	if len(hosts) > MaxKnocks {
		hosts = append(hosts[:MaxKnocks-knockControls:MaxKnocks-knockControls], hosts[len(hosts)-knockControls:]...)
	}
	return hosts
}
