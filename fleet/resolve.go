package fleet

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"time"
)

// lookEvery bounds how often a name is looked up.
const lookEvery = time.Second

// resolver turns the name of Redis into an address, once, and again when a dial failed: hundreds of dials a second
// must not become hundreds of lookups.
type resolver struct {
	host, port string
	want       func(netip.Addr) bool
	lookup     func(ctx context.Context, network, host string) ([]netip.Addr, error)

	mu     sync.Mutex
	addr   string
	err    error
	fresh  bool
	looked time.Time
}

func newResolver(redis, local string) *resolver {
	host, port, _ := net.SplitHostPort(redis) // checked with the spec
	r := &resolver{host: host, port: port, lookup: net.DefaultResolver.LookupNetIP}
	r.want = func(netip.Addr) bool { return true }
	if ip, err := netip.ParseAddr(local); err == nil {
		v4 := ip.Unmap().Is4()
		r.want = func(a netip.Addr) bool { return a.Unmap().Is4() == v4 }
	}
	return r
}

// resolve returns the address to dial. A lookup that fails leaves the address known before.
func (r *resolver) resolve(ctx context.Context) (string, error) {
	if _, err := netip.ParseAddr(r.host); err == nil {
		return net.JoinHostPort(r.host, r.port), nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.fresh && (r.looked.IsZero() || time.Since(r.looked) >= lookEvery) {
		r.looked = time.Now()
		r.look(ctx)
	}
	if r.addr == "" {
		return "", r.err
	}
	return r.addr, nil
}

func (r *resolver) look(ctx context.Context) {
	ips, err := r.lookup(ctx, "ip", r.host)
	if err != nil {
		r.err = err
		return
	}
	for _, ip := range ips {
		if r.want(ip) {
			r.addr, r.fresh = net.JoinHostPort(ip.Unmap().String(), r.port), true
			return
		}
	}
	r.err = &net.DNSError{Err: "no address of the source address's kind", Name: r.host, IsNotFound: true}
}

// doubt makes a later dial look the name up again.
func (r *resolver) doubt() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fresh = false
}
