package images

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/moby/moby/client"
)

// How long a pull may go without a word. A registry that is there answers in one to three seconds, token included; one
// behind a firewall that drops packets never does. While layers come, the daemon reports several times a second.
const (
	firstWord = 10 * time.Second
	nextWord  = 30 * time.Second
)

var errSilent = errors.New("no word from it in time")

// pullError is why a pull failed.
type pullError struct {
	meaning string // what the registry did, as a predicate
	silent  bool   // it never answered: asking it for something else is no use
	text    string // the daemon's words
}

func (e *pullError) Error() string {
	return fmt.Sprintf("pull: its registry %s: %s", e.meaning, e.text)
}

// pull fetches ref and returns its id. An error is remembered, unless ctx ended or the daemon itself failed.
func (r *Resolver) pull(ctx context.Context, ref, registry string) (string, error) {
	r.pulling.Lock()
	defer r.pulling.Unlock()
	for _, key := range []string{"registry " + registry, "pull " + ref} {
		if err := r.recall(key); err != nil {
			return "", err
		}
	}
	r.say("pulling %s", ref)
	if err := r.pullOnce(ctx, ref); err != nil {
		return "", r.pullFailed(ctx, registry, ref, err)
	}
	id, err := r.local(ctx, ref)
	if err == nil && id == "" {
		err = fmt.Errorf("pull %s: the daemon reports success and does not have it", ref)
	}
	return id, err
}

func (r *Resolver) pullFailed(ctx context.Context, registry, ref string, err error) error {
	if ctx.Err() != nil || client.IsErrConnectionFailed(err) {
		return fmt.Errorf("pull %s: %w", ref, err)
	}
	why := classify(err)
	if why.silent {
		r.remember("registry "+registry, why)
	} else {
		r.remember("pull "+ref, why)
	}
	return why
}

func (r *Resolver) pullOnce(ctx context.Context, ref string) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silence := time.AfterFunc(firstWord, func() { cancel(errSilent) })
	defer silence.Stop()
	opts := client.ImagePullOptions{}
	if r.Auth != nil {
		opts.RegistryAuth = r.Auth(ref)
	}
	stream, err := r.Docker.ImagePull(ctx, ref, opts)
	if err != nil {
		return reason(ctx, err)
	}
	defer stream.Close()
	for msg, err := range stream.JSONMessages(ctx) {
		if err != nil {
			return reason(ctx, err)
		}
		if msg.Error != nil {
			return msg.Error
		}
		silence.Reset(nextWord)
	}
	return reason(ctx, nil)
}

// reason prefers the reason for which the context ended to the error that the end brought about.
func reason(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// answers are texts of registries that answered, each with what it means.
var answers = []struct{ part, meaning string }{
	{"toomanyrequests", "limits its pulls"},
	{"denied", "has no such image or wants a login"},
	{"unauthorized", "has no such image or wants a login"},
	{"authentication required", "has no such image or wants a login"},
	{"no basic auth credentials", "has no such image or wants a login"},
	{"manifest unknown", "has no such image"},
	{"no matching manifest", "has it for other platforms only"},
	{"not found", "has no such image"},
}

// classify tells a registry that said no from one that said nothing. The daemon gives both the same status code, so
// only the text can tell.
func classify(err error) *pullError {
	text, _, _ := strings.Cut(strings.TrimPrefix(err.Error(), "Error response from daemon: "), "\n")
	for _, a := range answers {
		if strings.Contains(strings.ToLower(text), a.part) {
			return &pullError{meaning: a.meaning, text: text}
		}
	}
	return &pullError{meaning: "does not answer", silent: true, text: text}
}
