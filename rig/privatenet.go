package rig

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
)

// privateNet is a run's own part of 10.0.0.0/8 on the loopback of a namespace that has nothing else, where each host of
// the run is one address. A packet to an address of it that no host has is dropped without a word, as on a network
// whose host vanished.
type privateNet struct {
	net   netip.Prefix
	label string // of every address, so that those of a killed run are told from those of one that lives

	mu    sync.Mutex
	last  netip.Addr
	hosts map[netip.Addr]bool
}

// privateBits is how large the part of a run is: 4,094 hosts, of which a run has dozens.
const privateBits = 20

// hostLabelStart begins the label of an address: the kernel wants the interface's name in front.
const hostLabelStart = "lo:"

// hostLabelOf marks a run's addresses. A label has room for 15 letters: those of the run, and some of the home's that
// can tell whether it lives.
func hostLabelOf(h home, run string) string {
	return hostLabelStart + run + h.id[:min(4, len(h.id))]
}

// runOfHostLabel is the run that an address belongs to, when it was made from this home.
func runOfHostLabel(h home, label string) (run string, ours bool) {
	run, ours = strings.CutPrefix(label, hostLabelStart)
	if !ours || len(h.id) < 4 {
		return "", false
	}
	run, ours = strings.CutSuffix(run, h.id[:4])
	return run, ours && run != ""
}

// server is the address where Redis listens.
func (n *privateNet) server() string { return n.net.Addr().Next().String() }

// add gives the network one more host. Addresses are not handed out twice: those of hosts that vanished stay theirs.
func (n *privateNet) add() (string, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	addr := n.last.Next()
	if !n.net.Contains(addr.Next()) {
		return "", fmt.Errorf("add a host to %s: no address is left", n.net)
	}
	if err := addAddress(addr, n.label); err != nil {
		return "", fmt.Errorf("add host %s: %w", addr, err)
	}
	n.last, n.hosts[addr] = addr, true
	return addr.String(), nil
}

// remove takes a host off the network. One that is gone is success.
func (n *privateNet) remove(host string) error {
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return fmt.Errorf("remove host %q: %w", host, err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.hosts[addr] {
		return nil
	}
	if err := deleteAddress(addr); err != nil {
		return fmt.Errorf("remove host %s: %w", addr, err)
	}
	delete(n.hosts, addr)
	return nil
}
