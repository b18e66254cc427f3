package rig

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"
	"golang.org/x/sync/errgroup"
)

// Leftover is something that an earlier run did not get to remove.
type Leftover struct {
	Kind string // container, network or process
	Name string
	Run  string
	Why  string // why it was kept, where that is not for its own good
}

func (l Leftover) String() string { return fmt.Sprintf("%s %s of run %s", l.Kind, l.Name, l.Run) }

// abandoned is the age from which an empty network is a leftover without a lease to ask: that of a run is empty for
// moments only.
const abandoned = time.Hour

// Clean removes what runs of this machine and user left behind, recognised by their labels and by their free lease.
// Runs that still live are left alone, and so is what runs of other machines made; those are returned as kept.
// Without the lock folder, as after a restart that emptied it, nothing tells a dead run's containers from a live one's.
func (d *Docker) Clean(ctx context.Context) (removed, kept []Leftover, err error) {
	home, err := ownHome()
	if err != nil {
		return nil, nil, err
	}
	found, err := d.leftovers(ctx, client.Filters{}.Add("label", Label))
	if err != nil {
		return nil, nil, err
	}
	var errs []error
	done := map[string]bool{}
	for _, f := range found {
		switch {
		case home.made(f.host) && !lives(f.Run):
			if done[f.Run] {
				continue
			}
			done[f.Run] = true
			gone, err := d.remove(ctx, f.Run, f.host)
			removed = append(removed, gone...)
			if stuck := new(StuckNetworkError); errors.As(err, &stuck) {
				kept = append(kept, Leftover{Kind: "network", Name: stuck.Network, Run: f.Run, Why: stuck.Error()})
				err = nil
			}
			errs = append(errs, err)
		case home.related(f.host) && d.removeAbandoned(ctx, f):
			removed = append(removed, f.Leftover)
		default:
			kept = append(kept, f.Leftover)
		}
	}
	if unguard, err := guard(); err == nil {
		forgetLeases()
		unguard()
	}
	return removed, kept, errors.Join(errs...)
}

// CleanImages removes the images that Spillway made. Those in use are kept.
func (d *Docker) CleanImages(ctx context.Context) ([]string, error) { return d.images.Clean(ctx) }

// removeAbandoned removes a network that has long been empty. The daemon refuses to remove one that is in use.
func (d *Docker) removeAbandoned(ctx context.Context, f labelled) bool {
	if f.Kind != "network" || lives(f.Run) || time.Since(f.created) < abandoned {
		return false
	}
	_, err := d.client.NetworkRemove(ctx, f.id, client.NetworkRemoveOptions{})
	return err == nil
}

// StuckNetworkError says that a network is empty and cannot be removed. Docker counts the endpoints of a network beside
// the endpoints themselves, and can lose count when several come and go at once; it counts anew when it starts.
type StuckNetworkError struct{ Network string }

func (e *StuckNetworkError) Error() string {
	return fmt.Sprintf("network %s is empty, and Docker believes that it is not: it goes after a restart of the daemon", e.Network)
}

// stuckTries is how often the daemon is asked again before an empty network is called stuck.
const stuckTries = 5

// removeTries is how often the removal of what is left is tried: a request that was under way may still make a
// container after the first look, and a daemon that is removing one itself refuses for a moment.
const removeTries = 20

// remove removes the containers of a run and then its networks, until nothing is left.
func (d *Docker) remove(ctx context.Context, run, host string) ([]Leftover, error) {
	filters := client.Filters{}.Add("label", Label+"="+run, hostLabel+"="+host)
	var removed []Leftover
	seen := map[string]bool{}
	var last error
	for try := range removeTries {
		found, err := d.leftovers(ctx, filters)
		if err != nil {
			return removed, errors.Join(last, err)
		}
		if len(found) == 0 {
			return removed, nil
		}
		last = d.removeAll(ctx, found)
		stuck := new(StuckNetworkError)
		if errors.As(last, &stuck) && len(found) == 1 && try >= stuckTries {
			return removed, stuck
		}
		for _, f := range found {
			if !seen[f.id] && (stuck.Network == "" || f.Name != stuck.Network) {
				seen[f.id] = true
				removed = append(removed, f.Leftover)
			}
		}
		if last == nil {
			continue // look at once whether something came after
		}
		select {
		case <-ctx.Done():
			return removed, last
		case <-time.After(100 * time.Millisecond):
		}
	}
	return removed, errors.Join(fmt.Errorf("run %s: something is still there after %d tries to remove it", run, removeTries), last)
}

func (d *Docker) removeAll(ctx context.Context, found []labelled) error {
	var containers errgroup.Group
	for _, f := range found {
		if f.Kind == "container" {
			containers.Go(func() error { return d.removeContainer(ctx, f.id) })
		}
	}
	errs := []error{containers.Wait()}
	for _, f := range found {
		if f.Kind != "network" {
			continue
		}
		if _, err := d.client.NetworkRemove(ctx, f.id, client.NetworkRemoveOptions{}); err != nil && !errdefs.IsNotFound(err) {
			errs = append(errs, fmt.Errorf("remove network %s: %w", f.Name, d.whyStuck(ctx, f, err)))
		}
	}
	return errors.Join(errs...)
}

// whyStuck tells a network that is in use from an empty one that Docker has lost count of.
func (d *Docker) whyStuck(ctx context.Context, f labelled, err error) error {
	if !strings.Contains(err.Error(), "active endpoints") {
		return err
	}
	n, inspectErr := d.client.NetworkInspect(ctx, f.id, client.NetworkInspectOptions{})
	if inspectErr != nil || len(n.Network.Containers) > 0 {
		return err
	}
	return &StuckNetworkError{Network: f.Name}
}

// removeContainer ends and removes a container. One that is gone, or being removed by the daemon, is success.
func (d *Docker) removeContainer(ctx context.Context, id string) error {
	_, err := d.client.ContainerRemove(ctx, id, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
	if err == nil || errdefs.IsNotFound(err) {
		return nil
	}
	if errdefs.IsConflict(err) { // "removal is already in progress"
		wait := d.client.ContainerWait(ctx, id, client.ContainerWaitOptions{Condition: "removed"})
		select {
		case <-wait.Result:
			return nil
		case waitErr := <-wait.Error:
			if errdefs.IsNotFound(waitErr) {
				return nil
			}
		}
	}
	return fmt.Errorf("remove container %.12s: %w", id, err)
}

type labelled struct {
	Leftover
	id, host string
	created  time.Time
}

// leftovers lists containers and networks by label.
func (d *Docker) leftovers(ctx context.Context, filters client.Filters) ([]labelled, error) {
	containers, err := d.client.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: filters})
	if err != nil {
		return nil, fmt.Errorf("list containers: %w", err)
	}
	networks, err := d.client.NetworkList(ctx, client.NetworkListOptions{Filters: filters})
	if err != nil {
		return nil, fmt.Errorf("list networks: %w", err)
	}
	var found []labelled
	for _, c := range containers.Items {
		name := c.ID[:12]
		if len(c.Names) > 0 {
			name = strings.TrimPrefix(c.Names[0], "/")
		}
		found = append(found, labelled{Leftover{Kind: "container", Name: name, Run: c.Labels[Label]}, c.ID, c.Labels[hostLabel], time.Unix(c.Created, 0)})
	}
	for _, n := range networks.Items {
		found = append(found, labelled{Leftover{Kind: "network", Name: n.Name, Run: n.Labels[Label]}, n.ID, n.Labels[hostLabel], n.Created})
	}
	return found, nil
}
