package observe

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"spillway/outage"
)

// Outside looks at the server from its own machine, with no slot: what Look reads, and each of its TCP connections as sock_diag
// tells of it. Where the server runs in another network namespace it takes the right to enter that, CAP_SYS_ADMIN.
// At is left zero: the caller has the clock.
func (h LocalHost) Outside(ctx context.Context) (outage.Outside, error) {
	facts, err := h.Look(ctx)
	if err != nil {
		return outage.Outside{}, err
	}
	held, err := h.Held(ctx)
	if err != nil {
		return outage.Outside{}, err
	}
	return outage.Outside{Process: facts.Process, Listen: facts.Listen, Held: held, Missing: facts.Missing}, nil
}

// Held lists the established TCP connections of the server.
func (h LocalHost) Held(ctx context.Context) ([]outage.Held, error) {
	port := h.Port
	if port == 0 { // each table is read from the kernel's whole hash of sockets
		var err error
		if _, port, err = h.table(); err != nil {
			return nil, fmt.Errorf("connections of process %d: %w", h.PID, err)
		}
	}
	ns, err := h.namespace()
	if err != nil {
		return nil, err
	}
	defer func() { _ = ns.Close() }()
	handle, err := netlink.NewHandleAt(ns, unix.NETLINK_INET_DIAG)
	if err != nil {
		return nil, h.enterError(err)
	}
	defer handle.Close()
	if err := handle.SetSocketTimeout(time.Second); err != nil {
		return nil, err
	}
	held := []outage.Held{}
	for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
		sockets, err := handle.SocketDiagTCPInfo(family)
		// Connections came or went meanwhile, as they always do: what was told is good.
		if err != nil && !errors.Is(err, netlink.ErrDumpInterrupted) {
			return nil, fmt.Errorf("ask the kernel for the connections of process %d: %w", h.PID, err)
		}
		for _, s := range sockets {
			m := s.InetDiagMsg
			if m.State == netlink.TCP_ESTABLISHED && int(m.ID.SourcePort) == port && s.TCPInfo != nil {
				held = append(held, seen(m, s.TCPInfo))
			}
		}
	}
	return held, ctx.Err()
}

func seen(m *netlink.Socket, t *netlink.TCPInfo) outage.Held {
	milliseconds := func(n uint32) outage.Duration { return outage.Duration(time.Duration(n) * time.Millisecond) }
	return outage.Held{
		Cookie: int64(uint64(m.ID.Cookie[1])<<32 | uint64(m.ID.Cookie[0])),
		Local:  addrPort(m.ID.Source, m.ID.SourcePort), Peer: addrPort(m.ID.Destination, m.ID.DestinationPort),
		Quiet: milliseconds(t.Last_data_recv), Told: milliseconds(t.Last_data_sent),
		Received: int64(t.Bytes_received), Requests: int64(t.Data_segs_in), Replies: int64(t.Data_segs_out),
		SendQueue: int64(m.WQueue), Retransmits: int(t.Retransmits), Probes: int(t.Probes),
	}
}

func addrPort(ip []byte, port uint16) string {
	addr, _ := netip.AddrFromSlice(ip)
	return netip.AddrPortFrom(addr.Unmap(), port).String()
}

// namespace opens the network namespace of the server, or no handle where it is ours already: entering even that one would
// take a right.
func (h LocalHost) namespace() (netns.NsHandle, error) {
	there, err := os.Readlink(h.proc("ns", "net"))
	if err != nil {
		return netns.None(), h.enterError(err)
	}
	if here, err := os.Readlink("/proc/self/ns/net"); err == nil && here == there {
		return netns.None(), nil
	}
	ns, err := netns.GetFromPath(h.proc("ns", "net"))
	if err != nil {
		return netns.None(), h.enterError(err)
	}
	return ns, nil
}

// Prefix is what goes before a shell's command on this machine so that it sees the server's sockets: nothing, or nsenter.
func (h LocalHost) Prefix() string {
	ns, err := h.namespace()
	if err != nil || ns == netns.None() {
		return ""
	}
	_ = ns.Close()
	return fmt.Sprintf("nsenter -t %d -n ", h.PID)
}

func (h LocalHost) enterError(err error) error {
	return fmt.Errorf("look into the network namespace of process %d: %w", h.PID, err)
}

// Reset closes connections of the server by resetting their sockets, as `ss -K` does, and returns for each what came of it: nil, or an
// error that is os.ErrNotExist when the connection is gone. The kernel compares the cookie, so that
// neither a listening socket nor a later connection from the same port is ever hit. It takes CAP_NET_ADMIN there.
func (h LocalHost) Reset(ctx context.Context, victims []outage.Held) ([]error, error) {
	ns, err := h.namespace()
	if err != nil {
		return nil, err
	}
	defer func() { _ = ns.Close() }()
	socket, err := nl.GetNetlinkSocketAt(ns, netns.None(), unix.NETLINK_INET_DIAG)
	if err != nil {
		return nil, h.enterError(err)
	}
	defer socket.Close()
	if err := socket.SetReceiveTimeout(&unix.Timeval{Sec: 1}); err != nil {
		return nil, err
	}
	results := make([]error, 0, len(victims))
	for _, v := range victims {
		if err := ctx.Err(); err != nil {
			return results, err
		}
		destroy, err := newDestroy(v)
		if err == nil {
			req := nl.NewNetlinkRequest(nl.SOCK_DESTROY, unix.NLM_F_ACK)
			req.Sockets = map[int]*nl.SocketHandle{unix.NETLINK_INET_DIAG: {Socket: socket}}
			req.AddData(destroy)
			_, err = req.Execute(unix.NETLINK_INET_DIAG, 0)
		}
		results = append(results, explain(err))
	}
	return results, nil
}

// explain turns the kernel's refusals into words.
func explain(err error) error {
	switch {
	case errors.Is(err, unix.ESTALE): // another socket has the address
		return os.ErrNotExist
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("%w: it takes CAP_NET_ADMIN in the server's network namespace", err)
	case errors.Is(err, unix.EOPNOTSUPP):
		return fmt.Errorf("%w: this kernel was built without CONFIG_INET_DIAG_DESTROY", err)
	}
	return err
}

// destroy is a struct inet_diag_req_v2 that names one established connection.
type destroy struct {
	family        byte
	local, remote netip.AddrPort
	cookie        int64
}

// newDestroy refuses a victim without a cookie: the kernel would take any socket of that address for it, a listening one too.
func newDestroy(v outage.Held) (destroy, error) {
	local, err := netip.ParseAddrPort(v.Local)
	if err != nil {
		return destroy{}, err
	}
	remote, err := netip.ParseAddrPort(v.Peer)
	if err != nil {
		return destroy{}, err
	}
	if v.Cookie == 0 || v.Cookie == noCookie || remote.Port() == 0 || local.Addr().Is4() != remote.Addr().Is4() {
		return destroy{}, fmt.Errorf("%s is no connection that the kernel can be asked for", v.Peer)
	}
	d := destroy{unix.AF_INET, local, remote, v.Cookie}
	if remote.Addr().Is6() {
		d.family = unix.AF_INET6
	}
	return d, nil
}

const noCookie = -1 // INET_DIAG_NOCOOKIE, twice

// Len is the size of the request in bytes.
func (d destroy) Len() int { return inetDiagRequest }

// Serialize writes the request as the kernel reads it.
func (d destroy) Serialize() []byte {
	b := make([]byte, inetDiagRequest)
	b[0], b[1] = d.family, unix.IPPROTO_TCP
	binary.NativeEndian.PutUint32(b[4:], 1<<netlink.TCP_ESTABLISHED)
	id := b[8:]
	binary.BigEndian.PutUint16(id, d.local.Port())
	binary.BigEndian.PutUint16(id[2:], d.remote.Port())
	copy(id[4:20], d.local.Addr().AsSlice())
	copy(id[20:36], d.remote.Addr().AsSlice())
	binary.NativeEndian.PutUint32(id[40:], uint32(d.cookie))
	binary.NativeEndian.PutUint32(id[44:], uint32(uint64(d.cookie)>>32))
	return b
}
