// Package images finds the images a run needs, before any container starts: Redis as the scenario asks for it, taken
// from the daemon, pulled, or made from Debian's packages; and Spillway's own binary as an image of one file.
//
// The harness asks and starts what it is given. This package starts no container, never gives what it made an official
// name, and never lets a stand-in pass for the image asked for: Image.Note says what ran instead, and why.
package images

import (
	"context"
	"errors"
	"fmt"
	"sync"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/moby/moby/client"
	"golang.org/x/sync/singleflight"
)

// Label marks the images that Spillway made. Its values are LabelSelf and LabelRedis.
const (
	Label      = "spillway.image"
	LabelSelf  = "self"
	LabelRedis = "redis"
)

// Image is an image that is on the daemon now.
type Image struct {
	Ref    string // what to run
	Asked  string // what the scenario names
	Digest string // the image's id, sha256:...
	Note   string // why another image runs than was asked for; empty when it is the one
}

// Resolver finds images. Its zero value with Docker set is ready; it must not be copied, and is safe for concurrent use:
// what two scenarios ask for is fetched or made once. A registry or a recipe that failed is not tried again.
type Resolver struct {
	Docker *client.Client
	// Progress, if set, gets a short line before anything that takes seconds. It may be called concurrently.
	Progress func(string)
	// Auth, if set, returns the registry credentials for a reference, encoded as the Docker API wants them, or "".
	Auth func(ref string) string

	flights singleflight.Group
	pulling sync.Mutex // one pull at a time, so that a registry that does not answer is asked once

	mu     sync.Mutex
	failed map[string]error // by "registry NAME", "pull REF" or "make RECIPE"
}

// Redis returns the image for ref: the daemon's, else the registry's, else one made from Debian's packages.
// When there is none, the error is a *MissingError.
func (r *Resolver) Redis(ctx context.Context, ref string) (Image, error) {
	name, err := reference.ParseNormalizedNamed(ref)
	if err != nil {
		return Image{}, fmt.Errorf("image %q: %w", ref, err)
	}
	return once(ctx, &r.flights, "redis "+ref, func() (Image, error) { return r.redis(ctx, ref, name) })
}

func (r *Resolver) redis(ctx context.Context, ref string, name reference.Named) (Image, error) {
	if own, ok := parseOwn(name); ok {
		return r.ownRedis(ctx, ref, own)
	}
	id, err := r.local(ctx, ref)
	if err != nil || id != "" {
		return Image{Ref: ref, Asked: ref, Digest: id}, err
	}
	id, err = r.pull(ctx, ref, reference.Domain(name))
	var why *pullError
	if errors.As(err, &why) {
		return r.standIn(ctx, ref, name, why)
	}
	return Image{Ref: ref, Asked: ref, Digest: id}, err
}

// standIn finds or makes what Debian has in place of ref.
func (r *Resolver) standIn(ctx context.Context, ref string, name reference.Named, why *pullError) (Image, error) {
	missing := &MissingError{Asked: ref, Tried: []string{"this Docker daemon does not have it", why.Error()}}
	rec, err := recipeFor(name)
	if err != nil {
		return Image{}, missing.because(err)
	}
	made, err := r.made(ctx, rec)
	if err != nil {
		return Image{}, missing.because(err)
	}
	note := fmt.Sprintf("%s is not here, and its registry %s; made from Debian %s's %s %s",
		ref, why.meaning, rec.Suite, rec.Product, made.version)
	return Image{Ref: made.ref, Asked: ref, Digest: made.id, Note: note}, nil
}

// ownRedis resolves a name of Spillway's own: it is never asked of a registry, where somebody else could hold it.
func (r *Resolver) ownRedis(ctx context.Context, ref string, own ownRef) (Image, error) {
	missing := &MissingError{Asked: ref}
	rec, err := recipeNamed(own)
	if err != nil {
		return Image{}, missing.because(err)
	}
	if own.version != "" {
		id, err := r.local(ctx, ref)
		if err != nil || id != "" {
			return Image{Ref: ref, Asked: ref, Digest: id}, err
		}
	}
	made, err := r.made(ctx, rec)
	if err != nil {
		return Image{}, missing.because(err)
	}
	if own.version != "" && own.version != made.version {
		return Image{}, missing.because(fmt.Errorf("make: Debian %s has %s %s now: ask for %s", rec.Suite, rec.Product, made.version, rec.repository()))
	}
	return Image{Ref: made.ref, Asked: ref, Digest: made.id}, nil
}

// local returns the id of an image of the daemon, or "" if it has none of that name.
func (r *Resolver) local(ctx context.Context, ref string) (string, error) {
	found, err := r.Docker.ImageInspect(ctx, ref)
	switch {
	case cerrdefs.IsNotFound(err):
		return "", nil
	case err != nil:
		return "", fmt.Errorf("look for image %q: %w", ref, err)
	}
	return found.ID, nil
}

// once runs f for one caller of a key at a time and gives the others its result. A caller that waited for one that was
// cancelled tries for itself.
func once[T any](ctx context.Context, flights *singleflight.Group, key string, f func() (T, error)) (T, error) {
	for {
		mine := false
		got, err, _ := flights.Do(key, func() (any, error) {
			mine = true
			return f()
		})
		if cancelled(err) && !mine && ctx.Err() == nil {
			continue
		}
		return got.(T), err
	}
}

func cancelled(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

func (r *Resolver) remember(key string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failed == nil {
		r.failed = make(map[string]error)
	}
	r.failed[key] = err
}

func (r *Resolver) recall(key string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed[key]
}

func (r *Resolver) say(format string, args ...any) {
	if r.Progress != nil {
		r.Progress(fmt.Sprintf(format, args...))
	}
}
