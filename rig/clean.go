package rig

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/moby/moby/client"
	"golang.org/x/sync/errgroup"
)

// Leftover is something that an earlier run did not get to remove.
type Leftover struct {
	Kind string // container or network
	Name string
	Run  string
}

func (l Leftover) String() string { return fmt.Sprintf("%s %s of run %s", l.Kind, l.Name, l.Run) }

// Clean removes what runs of this machine and user left behind, recognised by their labels and by their free lease.
// Runs that still live are left alone, and so is what runs of other machines made; those are returned as kept.
func (d *Docker) Clean(ctx context.Context) (removed, kept []Leftover, err error) {
	found, err := d.leftovers(ctx, client.Filters{}.Add("label", Label))
	if err != nil {
		return nil, nil, err
	}
	var errs []error
	done := map[string]bool{}
	for _, f := range found {
		switch {
		case f.host != thisHost() || lives(f.Run):
			kept = append(kept, f.Leftover)
		case !done[f.Run]:
			done[f.Run] = true
			gone, err := d.remove(ctx, f.Run)
			removed = append(removed, gone...)
			errs = append(errs, err)
		}
	}
	forgetLeases()
	return removed, kept, errors.Join(errs...)
}

// CleanImages removes the images that Spillway made. Those in use are kept.
func (d *Docker) CleanImages(ctx context.Context) ([]string, error) { return d.images.Clean(ctx) }

// remove removes the containers of a run and then its networks. It repeats itself while something is left, since a
// request that was under way may still make a container after the first look.
func (d *Docker) remove(ctx context.Context, run string) ([]Leftover, error) {
	var removed []Leftover
	for range 3 {
		found, err := d.leftovers(ctx, client.Filters{}.Add("label", Label+"="+run))
		if err != nil {
			return removed, err
		}
		if len(found) == 0 {
			return removed, nil
		}
		if err := d.removeAll(ctx, found); err != nil {
			return removed, err
		}
		for _, f := range found {
			removed = append(removed, f.Leftover)
		}
	}
	return removed, nil
}

func (d *Docker) removeAll(ctx context.Context, found []labelled) error {
	var containers errgroup.Group
	for _, f := range found {
		if f.Kind == "container" {
			containers.Go(func() error { return d.removeContainer(ctx, f.id) })
		}
	}
	if err := containers.Wait(); err != nil {
		return err
	}
	for _, f := range found {
		if f.Kind != "network" {
			continue
		}
		if _, err := d.client.NetworkRemove(ctx, f.id, client.NetworkRemoveOptions{}); err != nil && !errdefs.IsNotFound(err) {
			return fmt.Errorf("remove network %s: %w", f.Name, err)
		}
	}
	return nil
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
		case err := <-wait.Error:
			if errdefs.IsNotFound(err) {
				return nil
			}
		}
	}
	return fmt.Errorf("remove container %.12s: %w", id, err)
}

type labelled struct {
	Leftover
	id, host string
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
		found = append(found, labelled{Leftover{"container", name, c.Labels[Label]}, c.ID, c.Labels[hostLabel]})
	}
	for _, n := range networks.Items {
		found = append(found, labelled{Leftover{"network", n.Name, n.Labels[Label]}, n.ID, n.Labels[hostLabel]})
	}
	return found, nil
}
