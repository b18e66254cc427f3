package rig

import (
	"context"
	"fmt"
	"sync"
)

// gateways are the containers whose network several instances share, so that Redis sees one source address for all of
// them, as behind NAT. Each is our own binary that waits for a spec and is never told one.
type gateways struct {
	mu     sync.Mutex
	byName map[string]*gateway
}

type gateway struct {
	mu      sync.Mutex // held while it starts: everybody behind it waits
	process *Process
}

func (g *gateways) named(name string) *gateway {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.byName == nil {
		g.byName = map[string]*gateway{}
	}
	if g.byName[name] == nil {
		g.byName[name] = &gateway{}
	}
	return g.byName[name]
}

// startBehind starts an instance in the network of a gateway, which the first of its instances starts.
func (c *Containers) startBehind(ctx context.Context, s spec, name string) (*Process, error) {
	way, err := c.gateway(ctx, name)
	if err != nil {
		return nil, err
	}
	s.behind = way.id
	p, err := c.launch(ctx, s)
	if err != nil {
		return nil, err
	}
	p.Addr = way.Addr
	return p, nil
}

func (c *Containers) gateway(ctx context.Context, name string) (*Process, error) {
	g := c.gateways.named(name)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.process != nil {
		return g.process, nil
	}
	p, err := c.launch(ctx, spec{name: name, image: c.own, cmd: []string{"role", "worker"}})
	if err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	if p.Addr, err = c.addr(ctx, p.id); err != nil {
		return nil, fmt.Errorf("start gateway %s: %w", name, err)
	}
	g.process = p
	return p, nil
}
