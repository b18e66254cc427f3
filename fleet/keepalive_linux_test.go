package fleet

import (
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

func TestTheDialerKeepsTheKeepaliveOfGoRedis(t *testing.T) {
	addr := newServer(t, -1, nil).addr()
	plain, err := redis.NewDialer(&redis.Options{})(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	ours, err := testHost(t, addr).dialer.dial(t.Context(), func(verdict, time.Duration) {})
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	if want, got := keepaliveOf(t, plain), keepaliveOf(t, ours); got != want || got[0] != 1 {
		t.Errorf("on, idle, interval, count: %v, go-redis has %v", got, want)
	}
}

func keepaliveOf(t *testing.T, c net.Conn) (got [4]int) {
	t.Helper()
	raw, err := c.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	options := [4][2]int{
		{syscall.SOL_SOCKET, syscall.SO_KEEPALIVE},
		{syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE},
		{syscall.IPPROTO_TCP, syscall.TCP_KEEPINTVL},
		{syscall.IPPROTO_TCP, syscall.TCP_KEEPCNT},
	}
	err = raw.Control(func(fd uintptr) {
		for i, o := range options {
			v, err := syscall.GetsockoptInt(int(fd), o[0], o[1])
			if err != nil {
				t.Error(err)
			}
			got[i] = v
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}
