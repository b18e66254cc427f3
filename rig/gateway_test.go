package rig

import "testing"

func TestWhoIsBehindAGatewayHasItsAddress(t *testing.T) {
	var p Processes
	address := func(behind string) string {
		addr, err := p.address(behind)
		if err != nil {
			t.Fatal(err)
		}
		return addr
	}
	first, nat, own, again, other := address(""), address("nat"), address(""), address("nat"), address("proxy")
	if again != nat {
		t.Errorf("behind nat: %s and %s", nat, again)
	}
	seen := map[string]bool{first: true, nat: true, own: true, other: true}
	if len(seen) != 4 {
		t.Errorf("addresses are handed out twice: %v", seen)
	}
}
