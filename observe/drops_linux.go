package observe

import (
	"encoding/binary"
	"errors"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// What the kernel's headers say of sock_diag, and golang.org/x/sys/unix does not.
const (
	sockDiagByFamily = 20
	inetDiagMeminfo  = 7            // INET_DIAG_SKMEMINFO, an attribute
	meminfoDrops     = 8            // SK_MEMINFO_DROPS, the ninth of its words
	stateListen      = 10           // TCP_LISTEN
	inetDiagRequest  = 4 + 4 + 48   // struct inet_diag_req_v2
	inetDiagMessage  = 4 + 48 + 4*5 // struct inet_diag_msg
	inodeAt          = inetDiagMessage - 4
)

// listenDrops sums what the kernel dropped at the listening sockets of these inodes since they were opened: the d of
// `ss -ltm`. It needs no capability, but sees only the network namespace of this process. That the inodes are found there
// is the proof that it is the server's.
func listenDrops(port int, inodes map[uint64]bool) (int64, error) {
	var sum int64
	found := 0
	for _, family := range []byte{unix.AF_INET, unix.AF_INET6} {
		table, err := listeners(family, port)
		if err != nil {
			return 0, fmt.Errorf("ask the kernel for listening sockets: %w", err)
		}
		for _, l := range table {
			if inodes[l.inode] {
				sum += l.drops
				found++
			}
		}
	}
	if found == 0 || found < len(inodes) {
		return 0, errors.New("the server's listening socket is in another network namespace")
	}
	return sum, nil
}

type listener struct {
	inode uint64
	drops int64
}

// listeners asks for the listening TCP sockets of a port.
func listeners(family byte, port int) ([]listener, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG)
	if err != nil {
		return nil, err
	}
	defer func() { _ = unix.Close(fd) }()
	// The kernel answers at once; a kernel that does not must not hold up a look.
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 1}); err != nil {
		return nil, err
	}
	if err := unix.Sendto(fd, diagRequest(family, port), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return nil, err
	}
	var found []listener
	answer := make([]byte, 1<<16)
	for {
		n, _, err := unix.Recvfrom(fd, answer, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, err
		}
		messages, err := syscall.ParseNetlinkMessage(answer[:n])
		if err != nil {
			return nil, err
		}
		for _, m := range messages {
			switch m.Header.Type {
			case unix.NLMSG_DONE:
				return found, nil
			case unix.NLMSG_ERROR:
				if len(m.Data) >= 4 {
					err = unix.Errno(-int32(binary.NativeEndian.Uint32(m.Data)))
				}
				return nil, err
			case sockDiagByFamily:
				if l, ok := parseListener(m.Data); ok {
					found = append(found, l)
				}
			}
		}
	}
}

func diagRequest(family byte, port int) []byte {
	b := binary.NativeEndian.AppendUint32(nil, unix.SizeofNlMsghdr+inetDiagRequest)
	b = binary.NativeEndian.AppendUint16(b, sockDiagByFamily)
	b = binary.NativeEndian.AppendUint16(b, unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	b = binary.NativeEndian.AppendUint32(b, 1) // sequence number
	b = binary.NativeEndian.AppendUint32(b, 0) // the port of the sender: the kernel's choice
	b = append(b, family, unix.IPPROTO_TCP, 1<<(inetDiagMeminfo-1), 0)
	b = binary.NativeEndian.AppendUint32(b, 1<<stateListen)
	b = binary.BigEndian.AppendUint16(b, uint16(port))
	return append(b, make([]byte, unix.SizeofNlMsghdr+inetDiagRequest-len(b))...) // any peer, any interface
}

// parseListener reads a struct inet_diag_msg and its attributes; ok is false where the kernel did not tell of drops.
func parseListener(b []byte) (l listener, ok bool) {
	if len(b) < inetDiagMessage {
		return l, false
	}
	l.inode = uint64(binary.NativeEndian.Uint32(b[inodeAt:]))
	for b = b[inetDiagMessage:]; len(b) >= unix.SizeofRtAttr; {
		size, kind := int(binary.NativeEndian.Uint16(b)), binary.NativeEndian.Uint16(b[2:])
		if size < unix.SizeofRtAttr || size > len(b) {
			break
		}
		if value := b[unix.SizeofRtAttr:size]; kind == inetDiagMeminfo && len(value) >= 4*(meminfoDrops+1) {
			l.drops, ok = int64(binary.NativeEndian.Uint32(value[4*meminfoDrops:])), true
		}
		b = b[min(len(b), (size+unix.NLMSG_ALIGNTO-1)&^(unix.NLMSG_ALIGNTO-1)):]
	}
	return l, ok
}
