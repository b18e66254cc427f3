package rig

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// OwnNetwork reports whether this process lives in a network namespace that has only a loopback, and may change its
// addresses: then each instance of a process run has an address that can be taken away. A container without a network
// is such a place; a host never is.
func OwnNetwork() bool {
	interfaces, err := net.Interfaces()
	if err != nil {
		return false
	}
	for _, i := range interfaces {
		if i.Flags&net.FlagUp != 0 && i.Flags&net.FlagLoopback == 0 {
			return false
		}
	}
	// An address that names no address is invalid only where a right one would be granted.
	nothing := make([]byte, unix.SizeofIfAddrmsg)
	nothing[0] = unix.AF_INET
	return errors.Is(change(unix.RTM_NEWADDR, 0, nothing), unix.EINVAL)
}

// newPrivateNet takes a part of 10.0.0.0/8 that nobody has, and gives Redis an address there.
func newPrivateNet(h home, run string) (*privateNet, error) {
	label := hostLabelOf(h, run)
	for range 100 {
		part := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(rand.IntN(256)), byte(rand.IntN(16)) << 4, 0}), privateBits)
		first := part.Addr().Next()
		// Whoever gets the first address has the rest: the kernel gives it once.
		err := addAddress(first, label)
		if errors.Is(err, unix.EEXIST) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("make a network of our own: add %s: %w", first, err)
		}
		n := &privateNet{net: part, label: label, last: first, hosts: map[netip.Addr]bool{first: true}}
		if err := addRoute(part, first); err != nil {
			return nil, errors.Join(fmt.Errorf("make a network of our own: add a route to %s: %w", part, err), n.close())
		}
		return n, nil
	}
	return nil, errors.New("make a network of our own: every part of 10.0.0.0/8 that was tried is taken")
}

// close removes every address; the route goes with that of Redis, which it names.
func (n *privateNet) close() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	var errs []error
	for addr := range n.hosts {
		errs = append(errs, deleteAddress(addr))
	}
	clear(n.hosts)
	return errors.Join(errs...)
}

// strayAddresses removes the addresses of runs that are over, and returns them.
func strayAddresses(h home, pick func(run string) bool) []Leftover {
	var removed []Leftover
	for _, a := range markedAddresses() {
		run, ours := runOfHostLabel(h, a.label)
		if ours && pick(run) && deleteAddress(a.addr) == nil {
			removed = append(removed, Leftover{Kind: "address", Name: a.addr.String(), Run: run})
		}
	}
	return removed
}

type marked struct {
	addr  netip.Addr
	label string
}

// markedAddresses lists the IPv4 addresses of this namespace that have a label of ours.
func markedAddresses() []marked {
	table, err := syscall.NetlinkRIB(unix.RTM_GETADDR, unix.AF_INET)
	if err != nil {
		return nil
	}
	messages, err := syscall.ParseNetlinkMessage(table)
	if err != nil {
		return nil
	}
	var found []marked
	for i := range messages {
		if messages[i].Header.Type != unix.RTM_NEWADDR {
			continue
		}
		attributes, err := syscall.ParseNetlinkRouteAttr(&messages[i])
		if err != nil {
			continue
		}
		var a marked
		for _, attribute := range attributes {
			switch attribute.Attr.Type {
			case unix.IFA_LOCAL:
				a.addr, _ = netip.AddrFromSlice(attribute.Value)
			case unix.IFA_LABEL:
				a.label = strings.TrimRight(string(attribute.Value), "\x00")
			}
		}
		if a.addr.IsValid() && strings.HasPrefix(a.label, hostLabelStart) {
			found = append(found, a)
		}
	}
	return found
}

// addAddress adds an address to the loopback. It stands alone, for the loopback answers for the whole of any network
// that it has an address of.
func addAddress(addr netip.Addr, label string) error {
	return changeAddress(unix.RTM_NEWADDR, unix.NLM_F_CREATE|unix.NLM_F_EXCL, addr, attribute(unix.IFA_LABEL, append([]byte(label), 0)))
}

// deleteAddress removes an address; one that is gone is success.
func deleteAddress(addr netip.Addr) error {
	err := changeAddress(unix.RTM_DELADDR, 0, addr, nil)
	if errors.Is(err, unix.EADDRNOTAVAIL) {
		return nil
	}
	return err
}

func changeAddress(kind, flags uint16, addr netip.Addr, more []byte) error {
	index, err := loopbackIndex()
	if err != nil {
		return err
	}
	body := []byte{unix.AF_INET, 32, 0, unix.RT_SCOPE_HOST} // family, prefix length, flags, scope
	body = binary.NativeEndian.AppendUint32(body, index)
	body = append(body, attribute(unix.IFA_LOCAL, addr.AsSlice())...)
	body = append(body, attribute(unix.IFA_ADDRESS, addr.AsSlice())...)
	return change(kind, flags, append(body, more...))
}

// addRoute makes packets to hosts that a network does not have go to the loopback, where they are dropped without a word.
// Without a route their sender would be told at once.
func addRoute(network netip.Prefix, from netip.Addr) error {
	index, err := loopbackIndex()
	if err != nil {
		return err
	}
	body := []byte{
		unix.AF_INET, byte(network.Bits()), 0, 0, // family, lengths of destination and source, type of service
		unix.RT_TABLE_MAIN, unix.RTPROT_STATIC, unix.RT_SCOPE_LINK, unix.RTN_UNICAST,
		0, 0, 0, 0, // flags
	}
	body = append(body, attribute(unix.RTA_DST, network.Addr().AsSlice())...)
	body = append(body, attribute(unix.RTA_PREFSRC, from.AsSlice())...)
	body = append(body, attribute(unix.RTA_OIF, binary.NativeEndian.AppendUint32(nil, index))...)
	return change(unix.RTM_NEWROUTE, unix.NLM_F_CREATE|unix.NLM_F_EXCL, body)
}

func loopbackIndex() (uint32, error) {
	lo, err := net.InterfaceByName("lo")
	if err != nil {
		return 0, err
	}
	return uint32(lo.Index), nil
}

// attribute encodes one attribute of a netlink message, padded to whole words.
func attribute(kind uint16, value []byte) []byte {
	a := binary.NativeEndian.AppendUint16(nil, uint16(unix.SizeofRtAttr+len(value)))
	a = append(binary.NativeEndian.AppendUint16(a, kind), value...)
	for len(a)%unix.NLMSG_ALIGNTO != 0 {
		a = append(a, 0)
	}
	return a
}

// change asks the kernel to change addresses or routes of this namespace, and returns its answer.
func change(kind, flags uint16, body []byte) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	message := binary.NativeEndian.AppendUint32(nil, uint32(unix.SizeofNlMsghdr+len(body)))
	message = binary.NativeEndian.AppendUint16(message, kind)
	message = binary.NativeEndian.AppendUint16(message, flags|unix.NLM_F_REQUEST|unix.NLM_F_ACK)
	message = binary.NativeEndian.AppendUint32(message, 1) // sequence number
	message = binary.NativeEndian.AppendUint32(message, 0) // the port of the sender: the kernel's choice
	if err := unix.Sendto(fd, append(message, body...), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	answer := make([]byte, 4096)
	n, _, err := unix.Recvfrom(fd, answer, 0)
	for errors.Is(err, unix.EINTR) {
		n, _, err = unix.Recvfrom(fd, answer, 0)
	}
	if err != nil {
		return err
	}
	if n < unix.SizeofNlMsghdr+4 || binary.NativeEndian.Uint16(answer[4:]) != unix.NLMSG_ERROR {
		return errors.New("netlink: the kernel's answer is not understood")
	}
	if code := int32(binary.NativeEndian.Uint32(answer[unix.SizeofNlMsghdr:])); code != 0 {
		return unix.Errno(-code)
	}
	return nil
}
