//go:build e2e

package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/moby/moby/client"

	"spillway/rig"
)

// thing is a container or network of a run.
type thing struct{ kind, id, run string }

// ours lists the containers and networks that runs of this process made, by their labels. It asks the daemon by
// itself: the product's own clean-up is what is under test.
func ours(ctx context.Context) ([]thing, error) {
	home, err := homeID()
	if home == "" || err != nil {
		return nil, err
	}
	api, err := client.New(client.FromEnv)
	if err != nil {
		return nil, err
	}
	defer api.Close()
	labelled := client.Filters{}.Add("label", rig.Label)
	containers, err := api.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: labelled})
	if err != nil {
		return nil, err
	}
	networks, err := api.NetworkList(ctx, client.NetworkListOptions{Filters: labelled})
	if err != nil {
		return nil, err
	}
	var found []thing
	add := func(kind, id string, labels map[string]string) {
		if strings.HasSuffix(labels["spillway.host"], "/"+home) {
			found = append(found, thing{kind, id[:12], labels[rig.Label]})
		}
	}
	for _, c := range containers.Items {
		add("container", c.ID, c.Labels)
	}
	for _, n := range networks.Items {
		add("network", n.ID, n.Labels)
	}
	return found, nil
}

// homeID is the name of this process's lock folder in labels; empty before its first run on Docker.
func homeID() (string, error) {
	paths, err := filepath.Glob(filepath.Join(os.TempDir(), "spillway-*", "id"))
	if err != nil || len(paths) == 0 {
		return "", err
	}
	id, err := os.ReadFile(paths[0])
	if err == nil && len(id) == 0 {
		err = errors.New("the lock folder has an empty name")
	}
	return string(id), err
}

// leftovers lists what runs of this process that are over left behind. Clean-up comes before the lease is given
// back, so what has no lease is left; a second look tells what another run was removing during the first.
func leftovers(ctx context.Context) ([]string, error) {
	abandoned := func() ([]thing, error) {
		found, err := ours(ctx)
		return slices.DeleteFunc(found, func(t thing) bool {
			locks, _ := filepath.Glob(filepath.Join(os.TempDir(), "spillway-*", t.run+".lock"))
			return len(locks) > 0
		}), err
	}
	first, err := abandoned()
	if err != nil || len(first) == 0 {
		return nil, err
	}
	time.Sleep(time.Second)
	second, err := abandoned()
	var left []string
	for _, t := range second {
		if slices.Contains(first, t) {
			left = append(left, fmt.Sprintf("%s %s of run %s", t.kind, t.id, t.run))
		}
	}
	return left, err
}
