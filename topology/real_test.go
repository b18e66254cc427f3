package topology

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"spillway/observe"
)

// servers are folders of testdata: what six servers answered, with replica 7006 stopped and 7999 met in vain; and three Sentinels
// of which 26381 was stopped, a master at 6380, a replica at 6381 and one at 6382 that was stopped.
func servers(t *testing.T) []string {
	t.Helper()
	all, err := filepath.Glob("testdata/*-*")
	if err != nil || len(all) != 6 {
		t.Fatalf("%d servers, %v", len(all), err)
	}
	return all
}

// answering is a connection whose server answers with replies, whatever it is asked.
func answering(t testing.TB, replies ...string) *observe.Conn {
	t.Helper()
	client, server := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		go io.Copy(io.Discard, server)
		io.WriteString(server, strings.Join(replies, ""))
		server.Close()
	}()
	conn := observe.NewConn(client)
	t.Cleanup(func() {
		conn.Close()
		<-done
	})
	return conn
}

func recorded(t *testing.T, dir string, names ...string) (replies []string) {
	t.Helper()
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join(dir, name+".resp"))
		if err != nil {
			t.Fatal(err)
		}
		replies = append(replies, string(data))
	}
	return replies
}

var plain = cmp.Options{cmpopts.IgnoreUnexported(Node{})}

// expected makes nodes of address, role and what is said against each.
func expected(self string, nodes ...[3]string) []Node {
	var all []Node
	for _, n := range nodes {
		all = append(all, Node{Name: n[0], Addr: n[0], Role: Role(n[1]), Against: n[2], Self: n[0] == self})
	}
	return all
}

func TestRealClusters(t *testing.T) {
	for _, dir := range servers(t) {
		roles := map[string]string{}
		view, err := Cluster(t.Context(), answering(t, recorded(t, dir, "nodes", "shards", "myid")...), observe.Options{Addr: "127.0.0.1:7001"})
		if err != nil || len(view.Doubts) > 0 {
			t.Errorf("%s: %v, %q", dir, err, view.Doubts)
		}
		masters := 0
		for _, n := range view.Nodes {
			roles[n.Addr] = string(n.Role) + " " + n.Against
			if n.Self != (n.Addr == "127.0.0.1:7001") {
				t.Errorf("%s: %s is the one that was asked: %v", dir, n.Addr, n.Self)
			}
			if n.Role == Master {
				masters++
			}
		}
		want := map[string]string{
			"127.0.0.1:7001": "master ", "127.0.0.1:7002": "master ", "127.0.0.1:7003": "master ", "127.0.0.1:7004": "replica ",
			"127.0.0.1:7005": "replica ", "127.0.0.1:7006": "replica fail", "127.0.0.1:7999": " handshake",
		}
		// The preferred endpoint is the number, also where a name is announced, unless the administrator says otherwise.
		if diff := cmp.Diff(want, roles); diff != "" || masters != 3 {
			t.Errorf("%s, %d masters (-want +got):\n%s", dir, masters, diff)
		}
	}
}

// Each of the two answers does where the other one is refused.
func TestRealClustersOfOneAnswer(t *testing.T) {
	const refused = "-NOPERM User viewer has no permissions to run the command\r\n"
	for _, dir := range servers(t) {
		answers := recorded(t, dir, "nodes", "shards", "myid")
		view, err := Cluster(t.Context(), answering(t, answers[0], refused, refused), observe.Options{Addr: "127.0.0.1:7001"})
		if err != nil || len(view.Nodes) != 7 || len(view.Doubts) > 0 {
			t.Errorf("%s by NODES: %v %+v", dir, err, view)
		}
		view, err = Cluster(t.Context(), answering(t, refused, answers[1], answers[2]), observe.Options{Addr: "127.0.0.1:7001"})
		if strings.Contains(dir, "redis-6") {
			if err == nil || !strings.Contains(err.Error(), "NOPERM") {
				t.Errorf("%s has no SHARDS: %v", dir, err)
			}
			continue
		}
		// A node that was met in vain is in no shard.
		if err != nil || len(view.Nodes) != 6 || !view.Nodes[0].Self || view.Nodes[5].Against != "fail" {
			t.Errorf("%s by SHARDS: %v %+v", dir, err, view)
		}
	}
}

func TestRealSentinels(t *testing.T) {
	want := expected("127.0.0.1:26379", [3]string{"127.0.0.1:6380", "master"}, [3]string{"127.0.0.1:6381", "replica"},
		[3]string{"127.0.0.1:6382", "replica", "s_down, disconnected"}, [3]string{"127.0.0.1:26379", "sentinel"},
		[3]string{"127.0.0.1:26380", "sentinel"}, [3]string{"127.0.0.1:26381", "sentinel", "s_down, disconnected"})
	for _, dir := range servers(t) {
		answers := recorded(t, dir, "addr", "master", "replicas", "sentinels", "masters")
		view, err := Watched(t.Context(), answering(t, answers...), observe.Options{Addr: "127.0.0.1:26379"}, "mymaster")
		if diff := cmp.Diff(want, view.Nodes, plain); diff != "" || err != nil || len(view.Doubts) > 0 {
			t.Errorf("%s: %v %q (-want +got):\n%s", dir, err, view.Doubts, diff)
		}
		addr, err := MasterOf(t.Context(), answering(t, answers[0]), "mymaster")
		if addr != "127.0.0.1:6380" || err != nil {
			t.Errorf("%s: the master is %q, %v", dir, addr, err)
		}
	}
}

func TestRealRefusals(t *testing.T) {
	for _, dir := range servers(t) {
		answers := recorded(t, dir, "noaddr", "nomaster", "nomaster", "nomaster", "masters")
		_, err := Watched(t.Context(), answering(t, answers...), observe.Options{Addr: "127.0.0.1:26379"}, "mymasters")
		var e *UnknownName
		if !asUnknown(err, &e) || e.Nearest() != "mymaster" || len(e.Known) != 2 || !strings.Contains(err.Error(), `"cache"`) {
			t.Errorf("%s, a name that it does not know: %v", dir, err)
		}
		other := recorded(t, dir, "nosentinel")[0]
		_, err = Watched(t.Context(), answering(t, other, other, other, other, other), observe.Options{}, "mymaster")
		if err == nil || !strings.Contains(err.Error(), "unknown command") || asUnknown(err, &e) {
			t.Errorf("%s, no Sentinel: %v", dir, err)
		}
		other = recorded(t, dir, "nocluster")[0]
		if _, err = Cluster(t.Context(), answering(t, other, other, other), observe.Options{}); !errors.Is(err, ErrNoCluster) {
			t.Errorf("%s, no cluster: %v", dir, err)
		}
	}
}
