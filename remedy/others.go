package remedy

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"spillway/outage"
)

const (
	// applying is how the name of a connection ends through which a plan is carried out: spillway:<pid>:remedy-apply.
	applying = ":remedy-apply"
	// stale is how long such a connection may say nothing, in seconds, before nobody is taken to be behind it.
	stale = 60
)

// Others says which other remedies are being carried out on the same Redis, one text each: connections that say by their
// name that they apply a plan, except the one whose id is self. 0 is no connection's id.
func Others(clients []outage.Client, self int64) []string {
	var list []string
	for _, c := range clients {
		if c.Ours() && strings.HasSuffix(c.Name, applying) && c.ID != self && c.Idle < stale {
			list = append(list, fmt.Sprintf("another remedy is at work: %s from %s", c.Name, c.Addr))
		}
	}
	slices.Sort(list)
	return list
}

// atWork asks Redis for other remedies that are carried out now; what it does not tell is taken for none.
func atWork(ctx context.Context, r Redis) (string, error) {
	id, err := self(ctx, r)
	if err != nil {
		return "", err
	}
	reply, err := r.Do(ctx, "CLIENT", "LIST")
	if err != nil && answered(err) == "" {
		return "", err
	}
	text, _ := reply.(string)
	var clients []outage.Client
	for _, c := range clientLines(text) {
		clients = append(clients, c)
	}
	if others := Others(clients, id); len(others) > 0 {
		return others[0], nil
	}
	return "", nil
}

// self returns the id of our own connection, or 0 where the server does not tell.
func self(ctx context.Context, r Redis) (int64, error) {
	reply, err := r.Do(ctx, "CLIENT", "ID")
	if err != nil && answered(err) == "" {
		return 0, err
	}
	id, _ := reply.(int64)
	return id, nil
}
