package fleet

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

func TestResolverLooksUpAgainOnlyAfterAFailedDialAndOnceASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		looked := 0
		answer := netip.MustParseAddr("10.0.0.1")
		var fail error
		r := newResolver("redis:6379", "")
		r.lookup = func(context.Context, string, string) ([]netip.Addr, error) {
			looked++
			return []netip.Addr{answer}, fail
		}
		step := func(want string, lookups int) {
			t.Helper()
			got, err := r.resolve(t.Context())
			if err != nil || got != want || looked != lookups {
				t.Fatalf("got %q, %v after %d lookups, want %q after %d", got, err, looked, want, lookups)
			}
		}
		step("10.0.0.1:6379", 1)
		time.Sleep(time.Minute)
		step("10.0.0.1:6379", 1) // no dial failed
		r.doubt()
		answer = netip.MustParseAddr("10.0.0.2")
		step("10.0.0.2:6379", 2)
		r.doubt()
		answer = netip.MustParseAddr("10.0.0.3")
		step("10.0.0.2:6379", 2) // within the second
		time.Sleep(time.Second)
		step("10.0.0.3:6379", 3)
		r.doubt()
		time.Sleep(time.Second)
		fail = errors.New("no name server")
		step("10.0.0.3:6379", 4) // what was known is kept
	})
}

func TestResolverTakesTheSourceAddressesKind(t *testing.T) {
	r := newResolver("redis:6379", "127.0.0.1")
	r.lookup = func(context.Context, string, string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("fd00::1"), netip.MustParseAddr("10.0.0.1")}, nil
	}
	if got, err := r.resolve(t.Context()); err != nil || got != "10.0.0.1:6379" {
		t.Errorf("got %q, %v", got, err)
	}
}
