package topology

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"spillway/observe"
)

func asUnknown(err error, e **UnknownName) bool { return errors.As(err, e) }

func bulk(text string) string { return fmt.Sprintf("$%d\r\n%s\r\n", len(text), text) }

func array(parts ...string) string {
	return fmt.Sprintf("*%d\r\n%s", len(parts), strings.Join(parts, ""))
}

// words is an array of strings: names and values as a Sentinel answers them.
func words(text ...string) string {
	var parts []string
	for _, t := range text {
		parts = append(parts, bulk(t))
	}
	return array(parts...)
}

const refused = "-ERR unknown command\r\n"

func id(n int) string { return fmt.Sprintf("%040x", n) }

func TestClusterNodes(t *testing.T) {
	for name, test := range map[string]struct {
		lines string
		asked string
		want  []Node
	}{
		"alone and new: it does not know its address": {
			id(1) + " :7001@17001 myself,master - 0 0 0 connected", "10.0.0.1:7001",
			[]Node{{Name: "10.0.0.1:7001", Addr: "10.0.0.1:7001", Role: Master, Self: true}}},
		"alone, reached by a unix socket": {
			id(1) + " :7001@17001 myself,master - 0 0 0 connected", "/run/redis.sock",
			[]Node{{Name: "/run/redis.sock", Addr: "/run/redis.sock", Role: Master, Self: true}}},
		"IPv6, numbers in order": {
			id(1) + " fd00::1:7001@17001 myself,master - 0 0 0 connected\n" + id(2) + " fd00::1:999@17001 slave " + id(1) + " 0 0 0 connected\n" +
				id(3) + " fd00::1:6999@1 slave,fail? " + id(1) + " 0 0 0 connected", "[fd00::1]:7001",
			[]Node{{Name: "[fd00::1]:7001", Addr: "[fd00::1]:7001", Role: Master, Self: true},
				{Name: "[fd00::1]:999", Addr: "[fd00::1]:999", Role: Replica},
				{Name: "[fd00::1]:6999", Addr: "[fd00::1]:6999", Role: Replica, Against: "fail?"}}},
		"gone without an address": {
			id(1) + " 10.0.0.1:7001@1 myself,master - 0 0 0 connected\n" + id(2) + " :0@0 slave,fail,noaddr " + id(1) + " 0 0 0 disconnected", "10.0.0.1:7001",
			[]Node{{Name: "10.0.0.1:7001", Addr: "10.0.0.1:7001", Role: Master, Self: true}, {Name: "node 00000000", Role: Replica, Against: "fail, noaddr"}}},
		"the link is down and nobody says that it failed": {
			id(1) + " 10.0.0.1:7001@1 myself,master - 0 0 0 connected\n" + id(2) + " 10.0.0.2:7001@1 master - 0 0 0 disconnected", "10.0.0.1:7001",
			[]Node{{Name: "10.0.0.1:7001", Addr: "10.0.0.1:7001", Role: Master, Self: true}, {Name: "10.0.0.2:7001", Addr: "10.0.0.2:7001", Role: Master, Against: "disconnected"}}},
		"a port that TLS alone has": {
			id(1) + " 10.0.0.1:7001@1 myself,master - 0 0 0 connected\n" + id(2) + " 10.0.0.2:0@1 master - 0 0 0 connected", "10.0.0.1:7001",
			[]Node{{Name: "10.0.0.1:7001", Addr: "10.0.0.1:7001", Role: Master, Self: true}, {Name: "node 00000000", Role: Master, Against: "it announces no port without TLS: rediss:// reaches those that have one"}}},
		"hostile addresses": {
			id(1) + " 10.0.0.1:7001@1 myself,master - 0 0 0 connected\n" + id(2) + " $(reboot):7001@1 master - 0 0 0 connected\n" +
				id(3) + " ../../etc:7001@1 master - 0 0 0 connected\n" + id(4) + " \x1b[31mred:7001@1 master - 0 0 0 connected\n" +
				id(5) + " -oProxyCommand=x:7001@1 master - 0 0 0 connected\n" + id(6) + " 10.0.0.6:99999@1 master - 0 0 0 connected", "10.0.0.1:7001",
			[]Node{{Name: "10.0.0.1:7001", Addr: "10.0.0.1:7001", Role: Master, Self: true},
				{Name: "node 00000000", Role: Master, Against: "it announces no address that makes sense"},
				{Name: "node 00000000", Role: Master, Against: "it announces no address that makes sense"},
				{Name: "node 00000000", Role: Master, Against: "it announces no address that makes sense"},
				{Name: "node 00000000", Role: Master, Against: "it announces no address that makes sense"},
				{Name: "node 00000000", Role: Master, Against: "it announces no port that makes sense"}}},
	} {
		view, err := Cluster(t.Context(), answering(t, bulk(test.lines), refused, refused), observe.Options{Addr: test.asked})
		if diff := cmp.Diff(test.want, view.Nodes, plain); diff != "" || err != nil || len(view.Doubts) > 0 {
			t.Errorf("%s: %v %q (-want +got):\n%s", name, err, view.Doubts, diff)
		}
	}
}

func TestClusterShards(t *testing.T) {
	node := func(parts ...string) string { return array(parts...) }
	shard := func(nodes ...string) string {
		return array(bulk("slots"), "*0\r\n", bulk("nodes"), array(nodes...), bulk("new"), ":1\r\n")
	}
	nodes := array(shard(
		node(bulk("id"), bulk(id(1)), bulk("port"), ":7001\r\n", bulk("tls-port"), ":8001\r\n", bulk("ip"), bulk("10.0.0.1"), bulk("endpoint"), "$-1\r\n", bulk("role"), bulk("master")),
		node(bulk("id"), bulk(id(2)), bulk("port"), ":7002\r\n", bulk("tls-port"), ":8002\r\n", bulk("ip"), bulk("10.0.0.2"), bulk("endpoint"), bulk("?"), bulk("role"), bulk("replica"), bulk("health"), bulk("fail")),
		node(bulk("id"), bulk(id(3)), bulk("port"), ":7003\r\n", bulk("ip"), bulk("10.0.0.3"), bulk("endpoint"), bulk("redis-3.example"), bulk("role"), bulk("replica")),
	))
	o := observe.Options{Addr: "public.example:7001"}
	for name, test := range map[string]struct {
		tls  *tls.Config
		want []Node
	}{
		"plain": {nil, []Node{
			{Name: "public.example:7001", Addr: "public.example:7001", Role: Master, Self: true},
			{Name: "10.0.0.2:7002", Addr: "10.0.0.2:7002", Role: Replica, Against: "fail"},
			{Name: "redis-3.example:7003", Addr: "redis-3.example:7003", Role: Replica}}},
		"TLS": {&tls.Config{}, []Node{
			{Name: "public.example:8001", Addr: "public.example:8001", Role: Master, Self: true},
			{Name: "10.0.0.2:8002", Addr: "10.0.0.2:8002", Role: Replica, Against: "fail"},
			{Name: "node 00000000", Role: Replica, Against: "it announces no port with TLS"}}},
	} {
		o.TLS = test.tls
		view, err := Cluster(t.Context(), answering(t, refused, nodes, bulk(id(1))), o)
		if diff := cmp.Diff(test.want, view.Nodes, plain); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
}

func TestBrokenAnswers(t *testing.T) {
	good := id(1) + " 10.0.0.1:7001@1 myself,master - 0 0 0 connected\n"
	many := &strings.Builder{}
	for i := range maxNodes + 1 {
		fmt.Fprintf(many, "%s 10.0.%d.%d:7001@1 master - 0 0 0 connected\n", id(i), i/250, i%250)
	}
	for name, test := range map[string]struct {
		replies []string
		want    string // of the error; empty: a doubt
		doubt   string
	}{
		"a line that is no node":      {[]string{bulk(good + "what is this\n"), refused, refused}, "", "1 of 2 lines are no node"},
		"shards that make no sense":   {[]string{bulk(good), array(array(bulk("nodes"))), refused}, "", "names and values do not alternate"},
		"shards without nodes":        {[]string{bulk(good), array(array(bulk("nodes"), ":1\r\n")), refused}, "", "no list of nodes"},
		"a node without an id":        {[]string{bulk(good), array(array(bulk("nodes"), array(array()))), refused}, "", "without an id"},
		"names that are numbers":      {[]string{bulk(good), array(array(":1\r\n", ":1\r\n")), refused}, "", "unexpected kind, int64"},
		"shards that are a word":      {[]string{bulk(good), "+OK\r\n", refused}, "", "unexpected kind, string"},
		"nothing":                     {[]string{bulk(""), "*0\r\n", refused}, "there is no node in the answer", ""},
		"nothing but rubbish":         {[]string{bulk("what is this"), refused, refused}, "there is no node in the answer", ""},
		"numbers":                     {[]string{":7\r\n", ":7\r\n", ":7\r\n"}, "unexpected kind, int64", ""},
		"more than can be":            {[]string{bulk(many.String()), refused, refused}, "no more than 2000", ""},
		"refused":                     {[]string{"-NOPERM no\r\n", "-NOPERM no\r\n", refused}, "NOPERM", ""},
		"closed in the middle":        {[]string{bulk(good), "*2\r\n"}, "closed", ""},
		"an answer that is no answer": {[]string{"HTTP/1.1 400 Bad Request\r\n"}, "not a Redis reply", ""},
	} {
		view, err := Cluster(t.Context(), answering(t, test.replies...), observe.Options{Addr: "10.0.0.1:7001"})
		switch {
		case test.want == "" && (err != nil || len(view.Nodes) != 1 || len(view.Doubts) != 1 || !strings.Contains(view.Doubts[0], test.doubt)):
			t.Errorf("%s: %v %+v", name, err, view)
		case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
}

func TestBrokenSentinels(t *testing.T) {
	addr, none := words("10.0.0.1", "6379"), "*0\r\n"
	for name, test := range map[string]struct {
		replies []string
		want    string // of the error; empty: a doubt
		doubt   string
	}{
		"replicas refused":       {[]string{addr, none, "-NOPERM no\r\n", none, none}, "", "SENTINEL REPLICAS: NOPERM no"},
		"replicas are a word":    {[]string{addr, none, "+OK\r\n", none, none}, "", "unexpected kind"},
		"an odd replica":         {[]string{addr, none, array(words("ip")), none, none}, "", "entry 1: names and values"},
		"sentinels are a number": {[]string{addr, none, none, ":1\r\n", none}, "", "SENTINEL SENTINELS: an answer"},
		"an address of one word": {[]string{words("10.0.0.1"), none, none, none, none}, "no address and port", ""},
		"a port of numbers":      {[]string{array(bulk("h"), ":1\r\n"), none, none, none, none}, "no address and port", ""},
		"a hostile address":      {[]string{words("a b;c", "6379"), none, none, none, none}, "no address that makes sense", ""},
		"a port that is none":    {[]string{words("10.0.0.1", "0"), none, none, none, none}, "announces no port", ""},
		"denied":                 {[]string{"-NOAUTH Authentication required.\r\n", none, none, none, none}, "NOAUTH", ""},
		"it knows nobody":        {[]string{"*-1\r\n", none, none, none, none}, "nor any other", ""},
		"names are rubbish":      {[]string{"*-1\r\n", none, none, none, "+OK\r\n"}, "nor any other", ""},
	} {
		view, err := Watched(t.Context(), answering(t, test.replies...), observe.Options{Addr: "10.0.0.9:26379"}, "mymaster")
		switch {
		case test.want == "" && (err != nil || view.Nodes[0].Addr != "10.0.0.1:6379" || len(view.Doubts) != 1 || !strings.Contains(view.Doubts[0], test.doubt)):
			t.Errorf("%s: %v %+v", name, err, view)
		case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
}

// After a failover a Sentinel still lists the new master among the replicas, and what it holds against the old one is not the new one's.
func TestFailover(t *testing.T) {
	replies := []string{
		words("10.0.0.2", "6379"), words("ip", "10.0.0.1", "port", "6379", "flags", "s_down,o_down,master"),
		array(words("ip", "10.0.0.2", "port", "6379", "flags", "slave"), words("ip", "10.0.0.1", "port", "6379", "flags", "s_down,slave")), "*0\r\n", "*0\r\n",
	}
	view, err := Watched(t.Context(), answering(t, replies...), observe.Options{Addr: "10.0.0.9:26379"}, "mymaster")
	want := expected("10.0.0.9:26379", [3]string{"10.0.0.2:6379", "master"}, [3]string{"10.0.0.1:6379", "replica", "s_down"}, [3]string{"10.0.0.9:26379", "sentinel"})
	if diff := cmp.Diff(want, view.Nodes, plain); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestUnknownNameQuotes(t *testing.T) {
	e := &UnknownName{Name: "x\x1b[31m", Known: []string{"a\nhint: run this", strings.Repeat("b", 200)}}
	for range 20 {
		e.Known = append(e.Known, "more")
	}
	if text := e.Error(); strings.ContainsAny(text, "\x1b\n") || len(text) > 400 || !strings.Contains(text, "and 12 more") {
		t.Errorf("%q", text)
	}
	if got := (&UnknownName{Name: "x"}).Nearest(); got != "" {
		t.Errorf("the nearest of none is %q", got)
	}
}

// A server that never answers is given up, in the time that the context allows.
func TestSilence(t *testing.T) {
	client, server := net.Pipe()
	defer server.Close()
	go io.Copy(io.Discard, server)
	conn := observe.NewConn(client)
	defer conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := Cluster(ctx, conn, observe.Options{}); !errors.Is(err, observe.ErrSilent) {
		t.Errorf("got %v", err)
	}
}
