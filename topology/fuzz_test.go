package topology

import (
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"spillway/observe"
)

// FuzzAnswers takes any bytes for the answers of a server: no panic, and no address that could not be one.
func FuzzAnswers(f *testing.F) {
	for _, answers := range wholeAnswers(f) {
		f.Add(answers)
	}
	f.Fuzz(checkAnswers)
}

// wholeAnswers are what two servers answered, all at once.
func wholeAnswers(t testing.TB) (all [][]byte) {
	t.Helper()
	for _, names := range [][]string{{"nodes", "shards", "myid"}, {"addr", "master", "replicas", "sentinels", "masters"}} {
		for _, server := range []string{"redis-6.0.16", "valkey-9.1.2"} {
			var answers []byte
			for _, name := range names {
				data, err := os.ReadFile(filepath.Join("testdata", server, name+".resp"))
				if err != nil {
					t.Fatal(err)
				}
				answers = append(answers, data...)
			}
			all = append(all, answers)
		}
	}
	return all
}

// TestDamagedAnswers damages what servers answered in some places, the same ones every time.
func TestDamagedAnswers(t *testing.T) {
	draw := rand.New(rand.NewPCG(7, 11))
	for _, whole := range wholeAnswers(t) {
		for range 100 {
			damaged := slices.Clone(whole)
			for range 1 + draw.IntN(4) {
				at := draw.IntN(len(damaged))
				switch draw.IntN(4) {
				case 0:
					damaged[at] = byte(draw.IntN(256))
				case 1:
					damaged[at] = "*$:-+0129 /.\r\n"[draw.IntN(14)]
				case 2:
					damaged = slices.Delete(damaged, at, min(len(damaged), at+draw.IntN(40)))
				case 3:
					damaged = slices.Insert(damaged, at, whole[:draw.IntN(len(whole))]...)
				}
				if len(damaged) == 0 {
					damaged = []byte{0}
				}
			}
			checkAnswers(t, damaged)
		}
	}
}

func checkAnswers(t *testing.T, answers []byte) {
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
