package main

import (
	"testing"

	"spillway/scenarios"
)

func TestLargeScenariosRunAlone(t *testing.T) {
	for limit, want := range map[int]int64{60: 1, 4999: 1, 5000: 4, 10000: 4} {
		if got := slotsOf(scenarios.Scenario{Redis: scenarios.Redis{MaxClients: limit}}, 4); got != want {
			t.Errorf("maxclients %d: %d of 4 slots, want %d", limit, got, want)
		}
	}
}
