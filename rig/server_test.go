package rig

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"spillway/outage"
	"spillway/scenarios"
)

func TestLimit(t *testing.T) {
	for _, tt := range []struct {
		maxClients, nofile int
		limit              int
		clamped            bool
	}{
		{maxClients: 100, limit: 164},
		{maxClients: 100, nofile: 132, limit: 132},
		{maxClients: 100, nofile: 131, limit: 131, clamped: true},
		{maxClients: 10000, nofile: 1024, limit: 1024, clamped: true},
	} {
		s := Server{Redis: scenarios.Redis{MaxClients: tt.maxClients, Nofile: tt.nofile}}
		if s.limit() != tt.limit || s.clamped() != tt.clamped {
			t.Errorf("maxclients %d, nofile %d: limit %d, clamped %v", tt.maxClients, tt.nofile, s.limit(), s.clamped())
		}
	}
}

func TestRedisCommand(t *testing.T) {
	keepalive := outage.Duration(time.Minute)
	got := redisCommand("registry:5000/valkey/valkey:8", Server{Redis: scenarios.Redis{
		MaxClients: 50, Timeout: outage.Duration(90 * time.Second), TCPKeepalive: &keepalive,
		Directives: map[string]string{"tcp-backlog": "64", "hz": "20"},
	}}, 6379)
	want := []string{"valkey-server", "--port", "6379", "--protected-mode", "no", "--save", "", "--maxclients", "50",
		"--timeout", "90", "--tcp-keepalive", "60", "--hz", "20", "--tcp-backlog", "64"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestServerBinary(t *testing.T) {
	for image, want := range map[string]string{
		"redis:8": "redis-server", "spillway/debian-trixie-redis:8.0.2": "redis-server",
		"valkey/valkey:8": "valkey-server", "spillway/debian-trixie-valkey:8.1.1": "valkey-server",
		"spillway/debian-forky-redict:7.3.6": "redict-server", "valkey.example.com/redis:7": "redis-server",
	} {
		if got := serverBinary(image); got != want {
			t.Errorf("%s: %s", image, got)
		}
	}
}
