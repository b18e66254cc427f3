package diagnose

import (
	"strings"
	"testing"
)

func TestServiceName(t *testing.T) {
	for name, want := range map[string]string{
		"api": "api", "api-1": "api", "api_12": "api", "api:12345": "api", "api-7f9c4-x2x": "api", "api-5d9f7c8b6d-x7k2p": "api",
		"api-bd9f7c8b6d-kzxkp": "api", "api-10.0.0.5": "api", "api@10.0.0.5:4411": "api", "api-3f2a9c0d1b2e": "api",
		"api-123e4567-e89b-12d3-a456-426614174000": "api", "checkout-worker": "checkout-worker", "web-blue": "web-blue",
		"WEB01(SE.Redis-v2.8.0)": "WEB01", "10.0.0.5:4411": "10.0.0.5", "-1": "-1", "api-facade": "api-facade",
		"bull:cXVldWU=": "bull:cXVldWU=", "lettuce#ClusterTopologyRefresh": "lettuce#ClusterTopologyRefresh",
		// Nothing but an id: a process's, a container's, a UUID, a ULID.
		"7": "", "40213": "", "3f2a9c0d1b2e": "", "3f2a9c0d1b2e(SE.Redis-v2.8.0)": "", "9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d": "",
		"9B1DEB4D-3B7D-4BAD-9BDD-2B0D7B3DCB6D:3": "", "01ARZ3NDEKTSV4RRFFQ69G5FAV": "",
		"9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d:worker-2": "worker", "3f2a9c0d1b2e@api": "api", "01ARZ3NDEKTSV4RRFFQ69G5FAV.mailer": "mailer",
		"api-9B1DEB4D-3B7D-4BAD-9BDD-2B0D7B3DCB6D": "api", "mailer:01ARZ3NDEKTSV4RRFFQ69G5FAV": "mailer", "worker.3f2a9c0d1b2e": "worker",
		"deadbeefcafe": "deadbeefcafe", "2-factor-auth": "2-factor-auth", "3f2a9c0d1b2e-": "3f2a9c0d1b2e-", "facadefacade-api": "facadefacade-api",
		"api#3": "api", "node.17": "node", "my-grpc-v2": "my-grpc-v2",
	} {
		if got := serviceName(name); got != want {
			t.Errorf("serviceName(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"api":                    "api",
		"api; rm -rf / #":        `"api; rm -rf / #"`,
		"\x1b[31mred":            `"\x1b[31mred"`,
		"$(reboot)":              `"$(reboot)"`,
		strings.Repeat("x", 100): strings.Repeat("x", 61) + "...",
	} {
		if got := clean(in); got != want {
			t.Errorf("clean(%q) = %s, want %s", in, got, want)
		}
	}
}

func TestMostly(t *testing.T) {
	few, first, second := face{user: "a"}, face{user: "b"}, face{user: "c"}
	for range 64 { // a map has another order each time
		if got := mostly(map[face]int{few: 1, first: 3, second: 3}); got != first {
			t.Fatalf("got %v, want the first in order of those that are there most often", got)
		}
	}
}
