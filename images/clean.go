package images

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/moby/moby/api/types/image"
	"github.com/moby/moby/api/types/jsonstream"
	"github.com/moby/moby/client"
)

// Clean removes the images that Spillway made and that no container uses, and the files that a killed Spillway left
// while making one; it returns what it removed. An image that somebody built on top of one, or gave a name of their
// own, stays.
func (r *Resolver) Clean(ctx context.Context) ([]string, error) {
	list, err := r.labelled(ctx, "")
	if err != nil {
		return nil, err
	}
	removed, err := removeStale(os.TempDir())
	errs := []error{err}
	for _, s := range list {
		for _, ref := range ownNames(s) {
			ok, err := r.remove(ctx, ref)
			if ok {
				removed = append(removed, ref)
			}
			errs = append(errs, err)
		}
	}
	return removed, errors.Join(errs...)
}

// ownNames returns the names by which an image of ours may be removed: its tags that we gave, or its id if it lost them
// all to a newer one. The labels alone do not make it ours, since builds on top inherit them.
func ownNames(s image.Summary) []string {
	var names []string
	tagged := false
	for _, tag := range s.RepoTags {
		if tag == "<none>:<none>" {
			continue
		}
		tagged = true
		if strings.HasPrefix(tag, selfRepository+":") || strings.HasPrefix(tag, ownPrefix) {
			names = append(names, tag)
		}
	}
	if !tagged && s.ParentID == "" {
		return []string{s.ID}
	}
	return names
}

// labelled lists the images that carry our label with a value, or with any.
func (r *Resolver) labelled(ctx context.Context, value string) ([]image.Summary, error) {
	label := Label
	if value != "" {
		label += "=" + value
	}
	list, err := r.Docker.ImageList(ctx, client.ImageListOptions{Filters: make(client.Filters).Add("label", label)})
	if err != nil {
		return nil, fmt.Errorf("list images: %w", err)
	}
	return list.Items, nil
}

// importResult reads the daemon's messages to their end and returns the error among them.
func importResult(stream io.Reader) error {
	dec := json.NewDecoder(stream)
	for {
		var msg jsonstream.Message
		err := dec.Decode(&msg)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("read the daemon's answer: %w", err)
		case msg.Error != nil:
			return msg.Error
		}
	}
}
