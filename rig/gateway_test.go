package rig

import "testing"

func TestWhoIsBehindAGatewayHasItsAddress(t *testing.T) {
	var p Processes
	first, nat, own, again, other := p.address(""), p.address("nat"), p.address(""), p.address("nat"), p.address("proxy")
	if again != nat {
		t.Errorf("behind nat: %s and %s", nat, again)
	}
	seen := map[string]bool{first: true, nat: true, own: true, other: true}
	if len(seen) != 4 {
		t.Errorf("addresses are handed out twice: %v", seen)
	}
}
