package fleet

import (
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"spillway/outage"
)

func TestARawConnectionLooksLikeTheOthersOfItsService(t *testing.T) {
	h := testHost(t, "127.0.0.1:6379")
	if got := strings.Join(h.introduction(), ""); got != command("CLIENT", "SETNAME", "api-client") {
		t.Errorf("named: %q", got)
	}
	s := &h.spec.Service
	s.ClientName, s.Unnamed, s.LibName, s.DB = "", true, "jedis", 3
	want := []string{command("CLIENT", "SETINFO", "lib-name", "jedis"), command("SELECT", "3")}
	if got := h.introduction(); !slices.Equal(got, want) {
		t.Errorf("without a name: %q", got)
	}
	s.LibName, s.DB = "", 0
	if got := h.introduction(); len(got) != 0 {
		t.Errorf("without anything: %q", got)
	}
}

func TestAClientOfGoRedisShowsWhatItIsTold(t *testing.T) {
	h := testHost(t, "127.0.0.1:6379")
	s := &h.spec.Service
	var o redis.Options
	h.identify(&o)
	if o.ClientName != "api-client" || o.DisableIdentity || o.OnConnect != nil || o.DB != 0 {
		t.Errorf("%+v", o)
	}
	s.ClientName, s.Unnamed, s.LibName, s.DB = "", true, "jedis", 3
	o = redis.Options{}
	h.identify(&o)
	if o.ClientName != "" || !o.DisableIdentity || o.OnConnect == nil || o.DB != 3 {
		t.Errorf("%+v", o)
	}
}

// The server of this test knows no CLIENT SETINFO, as none before 7.2 does.
func TestALibraryNameThatNobodyKnowsDoesNoHarm(t *testing.T) {
	s := newServer(t, -1, nil)
	sp := spec("pooled", s.addr())
	sp.Service.ClientName, sp.Service.Unnamed, sp.Service.LibName = "", true, "jedis"
	w := launch(t, t.Context(), sp)
	w.until(10, like{outage.OpRequest, outage.OK})
	w.until(1, like{outage.OpHeld, outage.OK})
	if err := w.stop(); err != nil {
		t.Fatal(err)
	}
	for _, a := range w.attempts(like{}) {
		if a.Outcome != outage.OK {
			t.Errorf("%+v", a)
		}
	}
}

func TestASpecWithoutANameSaysSo(t *testing.T) {
	sp := spec("pooled", "127.0.0.1:6379")
	sp.Service.ClientName = ""
	if sp.check() == nil {
		t.Error("no name, and not unnamed")
	}
	sp.Service.Unnamed = true
	if err := sp.check(); err != nil {
		t.Error(err)
	}
}

// Behind a gateway the source ports say whose a connection is; elsewhere the address does.
func TestAnInstanceBehindAGatewayTellsItsPorts(t *testing.T) {
	for gateway, tells := range map[string]bool{"": false, "nat": true} {
		s := newServer(t, -1, nil)
		sp := spec("idle", s.addr())
		sp.Service.Connections, sp.Service.Behind = 3, gateway
		w := launch(t, t.Context(), sp)
		w.until(3, like{outage.OpRequest, outage.OK})
		w.until(1, like{outage.OpHeld, outage.OK})
		if err := w.stop(); err != nil {
			t.Fatal(err)
		}
		var told []int
		for _, e := range w.seen() {
			if e.Opened == nil {
				continue
			}
			if e.Opened.Service != "api" || e.Opened.Instance != "api-1" || e.Actor != "api-1" || e.At < sp.Now {
				t.Errorf("%+v %+v", e, e.Opened)
			}
			told = append(told, e.Opened.Ports...)
		}
		slices.Sort(told)
		if n := len(slices.Compact(told)); tells && n < 4 || !tells && n != 0 {
			t.Errorf("behind %q: %d ports told", gateway, n)
		}
	}
}

func TestPortsAreDatedByTheFirst(t *testing.T) {
	var p ports
	sp := spec("idle", "127.0.0.1:6379")
	if got := p.take(sp); got != nil {
		t.Errorf("%+v out of nothing", got)
	}
	p.add(3, 1003)
	p.add(5, 1005)
	got := p.take(sp)
	if len(got) != 1 || got[0].At != 3 || !slices.Equal(got[0].Opened.Ports, []int{1003, 1005}) || p.take(sp) != nil {
		t.Errorf("%+v", got)
	}
}
