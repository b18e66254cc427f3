package fleet

import (
	"net"

	"spillway/outage"
)

// ports gathers the source ports that an instance took. It is pure: whoever owns it says what time it is.
type ports struct {
	since outage.Duration // when the first of them was taken
	taken []int
}

func (p *ports) add(now outage.Duration, port int) {
	if len(p.taken) == 0 {
		p.since = now
	}
	p.taken = append(p.taken, port)
}

// take returns what was gathered, dated so that no connection is older than the event that tells of it, and starts afresh.
func (p *ports) take(spec Spec) []outage.Event {
	if len(p.taken) == 0 {
		return nil
	}
	e := outage.Event{At: p.since, Actor: spec.Instance, Opened: &outage.Opened{
		Service: spec.Service.Service, Instance: spec.Instance, Ports: p.taken,
	}}
	*p = ports{}
	return []outage.Event{e}
}

// opened notes the source port of a new connection.
func (r *recorder) opened(c net.Conn) {
	addr, ok := c.LocalAddr().(*net.TCPAddr)
	if !ok {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ports.add(r.now(), addr.Port)
}
