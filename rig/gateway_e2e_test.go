//go:build e2e && linux

package rig

import (
	"fmt"
	"slices"
	"sync"
	"testing"
)

func TestContainersBehind(t *testing.T) { testBehind(t, newContainers(t)) }

// testBehind starts instances side by side, as a run does: those behind one gateway share its address.
func testBehind(t *testing.T, c *Containers) {
	startRedis(t, c, server(50, 0, 0))
	ways := []string{"nat", "nat", "nat", ""}
	addrs := make([]string, len(ways))
	var starting sync.WaitGroup
	for i, way := range ways {
		starting.Go(func() {
			p, err := c.StartInstance(t.Context(), Instance{Name: fmt.Sprintf("api-%d", i+1), Behind: way})
			if err != nil {
				t.Error(err)
				return
			}
			addrs[i] = p.Addr
		})
	}
	starting.Wait()
	if t.Failed() {
		return
	}
	if addrs[0] == "" || addrs[0] != addrs[1] || addrs[1] != addrs[2] || slices.Contains(addrs[:3], addrs[3]) {
		t.Errorf("addresses %q: want three alike and one of its own", addrs)
	}
}
