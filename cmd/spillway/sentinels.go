package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"spillway/observe"
	"spillway/topology"
)

// bySentinel asks the Sentinels, and takes the answer that comes first.
func (d *deployment) bySentinel(cmd *cobra.Command, s topology.Sentinels) error {
	o, err := address(cmd, d.flags, s.Redis)
	if err != nil {
		return err
	}
	guard := o // a Sentinel has users and passwords of its own
	guard.Username, guard.Password = os.Getenv("SPILLWAY_SENTINEL_USER"), os.Getenv("SPILLWAY_SENTINEL_PASSWORD")
	conn, view, err := d.ask(cmd.Context(), guard, s)
	if err != nil {
		return err
	}
	for _, addr := range s.Addrs { // one that the others do not know is not left out
		if !slices.ContainsFunc(view.Nodes, func(n topology.Node) bool { return topology.SameAddr(n.Addr, addr) }) {
			view.Nodes = append(view.Nodes, topology.Node{Name: addr, Addr: addr, Role: topology.Sentinel})
		}
	}
	d.take(view, conn, func(n topology.Node) observe.Options {
		if n.Role == topology.Sentinel {
			return guard
		}
		return o
	})
	return nil
}

// answer is what one Sentinel said.
type answer struct {
	addr string
	conn *observe.Conn
	view topology.View
	err  error
}

func (d *deployment) ask(ctx context.Context, guard observe.Options, s topology.Sentinels) (*observe.Conn, topology.View, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	answers := make(chan answer, len(s.Addrs))
	for _, addr := range s.Addrs {
		go func() {
			a := answer{addr: addr}
			o := guard.At(addr)
			if a.conn, a.err = d.slot(ctx, o, addr); a.err == nil {
				a.view, a.err = topology.Watched(ctx, a.conn, o, s.Name)
			}
			answers <- a
		}()
	}
	var first *answer
	var failed []answer
	for range s.Addrs {
		a := <-answers
		if a.err == nil && first == nil {
			first = &a
			cancel() // the others are read later, with their time to wait for a slot
			continue
		}
		if a.conn != nil {
			closeQuietly(a.conn)
		}
		failed = append(failed, a)
	}
	if first == nil {
		return nil, topology.View{}, unheard(s.Name, failed)
	}
	return first.conn, first.view, nil
}

// unheard says why no Sentinel told of the master: that none knows the name says more than that another one is away.
func unheard(name string, failed []answer) error {
	hint, said := "is the port a Sentinel's? Its own is 26379", ""
	for _, a := range failed {
		var unknown *topology.UnknownName
		switch {
		case errors.As(a.err, &unknown):
			hint := "the name is what `sentinel monitor NAME …` gave it"
			if near := unknown.Nearest(); near != "" {
				hint = fmt.Sprintf("did you mean /%s?", strings.Trim(fmt.Sprintf("%.60q", near), `"`))
			}
			return usage(fmt.Sprintf("%s: %v", a.addr, unknown), hint)
		case isDenied(a.err):
			hint = "a Sentinel's own user and password are read from SPILLWAY_SENTINEL_USER and SPILLWAY_SENTINEL_PASSWORD; those of the URL are for the servers it watches"
		case maybeFull(a.err), errors.As(a.err, new(*exit)) && strings.Contains(a.err.Error(), "no slot came free"):
			hint = "a Sentinel has a limit of clients, too: clients that leak connections to it leave none; name another Sentinel, or --wait longer"
		}
		said += fmt.Sprintf("\n%s: %s", a.addr, oneLine(a.err))
	}
	return &exit{exitInconclusive, fmt.Sprintf("no Sentinel told of %q:%s", name, said), hint}
}

func isDenied(err error) bool {
	return errors.Is(err, observe.ErrDenied) || strings.Contains(err.Error(), "NOAUTH") || strings.Contains(err.Error(), "WRONGPASS")
}

// compare says so where a Sentinel names another master than the one that was asked first.
func (n *node) compare(ctx context.Context, d *deployment) {
	addr, err := topology.MasterOf(ctx, n.conn, d.name)
	if err != nil || slices.ContainsFunc(d.nodes, func(m *node) bool { return m.Role == topology.Master && m.Addr == addr }) {
		return
	}
	complain("", fmt.Sprintf("%s names another master of %q: %q", n.Name, d.name, addr))
}

// unite leaves out a Sentinel that is there twice, by a name and by a number: its run_id tells.
func (d *deployment) unite() {
	seen := map[string]bool{}
	d.nodes = slices.DeleteFunc(d.nodes, func(n *node) bool {
		if len(n.snaps) == 0 || n.Role != topology.Sentinel {
			return false
		}
		id := n.snaps[0].Info["run_id"]
		twice := id != "" && seen[id]
		seen[id] = true
		if twice {
			closeQuietly(n.conn)
		}
		return twice
	})
}
