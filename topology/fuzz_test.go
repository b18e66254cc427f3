package topology

import (
	"net"
	"os"
	"path/filepath"
	"testing"

	"spillway/observe"
)

// FuzzAnswers takes any bytes for the answers of a server: no panic, and no address that could not be one.
func FuzzAnswers(f *testing.F) {
	for _, names := range [][]string{{"nodes", "shards", "myid"}, {"addr", "master", "replicas", "sentinels", "masters"}} {
		for _, server := range []string{"redis-6.0.16", "valkey-9.1.2"} {
			var all []byte
			for _, name := range names {
				data, err := os.ReadFile(filepath.Join("testdata", server, name+".resp"))
				if err != nil {
					f.Fatal(err)
				}
				all = append(all, data...)
			}
			f.Add(all)
		}
	}
	f.Fuzz(func(t *testing.T, answers []byte) {
		o := observe.Options{Addr: "127.0.0.1:7001"}
		cluster, clusterErr := Cluster(t.Context(), answering(t, string(answers)), o)
		watched, watchedErr := Watched(t.Context(), answering(t, string(answers)), o, "mymaster")
		if clusterErr == nil && len(cluster.Nodes) == 0 || watchedErr == nil && len(watched.Nodes) < 1 {
			t.Errorf("no error and no node: %+v %+v", cluster, watched)
		}
		seen := map[string]bool{}
		for _, n := range cluster.Nodes {
			checkNode(t, n)
			if n.Addr != "" && seen[n.Addr] {
				t.Errorf("%s is there twice", n.Addr)
			}
			seen[n.Addr] = true
		}
		for _, n := range watched.Nodes {
			checkNode(t, n)
		}
	})
}

func checkNode(t *testing.T, n Node) {
	t.Helper()
	host, port, err := net.SplitHostPort(n.Addr)
	if n.Addr != "" && (err != nil || !sane.MatchString(host) || port == "" || n.Name != n.Addr) || n.Addr == "" && (n.Against == "" || n.Name == "") {
		t.Errorf("a node that makes no sense: %+v", n)
	}
}

// FuzzParseSentinels takes any text for a URL: what is accepted can be connected to.
func FuzzParseSentinels(f *testing.F) {
	for _, text := range []string{"redis+sentinel://a:1,b,[::1]:3/mymaster", "rediss+sentinel://ops:s3%40cret@a/my%20master/3/", "redis-sentinel://a#x"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, is, err := ParseSentinels(text)
		if err != nil || !is {
			return
		}
		if s.Name == "" || len(s.Addrs) == 0 {
			t.Errorf("%q: %+v", text, s)
		}
		for _, addr := range s.Addrs {
			checkNode(t, Node{Name: addr, Addr: addr})
		}
	})
}
