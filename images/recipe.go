package images

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/distribution/reference"
)

// recipe is how to make a Redis, or a fork of it, from one Debian suite.
type recipe struct {
	Product string // redis, valkey or redict
	Suite   string
	Version string // what the suite was last seen to have; the image is named by what its package says
	Major   string
	Extra   string // a package that only this suite needs
}

// recipes is everything that Debian has. The first of a product stands in for references that name no version.
var recipes = []recipe{
	{Product: "redis", Suite: "trixie", Version: "8.0", Major: "8"},
	{Product: "redis", Suite: "bookworm", Version: "7.0", Major: "7", Extra: "usr-is-merged"}, // or it drags in perl,
	{Product: "redis", Suite: "bullseye", Version: "6.0", Major: "6"},
	{Product: "valkey", Suite: "trixie", Version: "8.1", Major: "8"},
	{Product: "valkey", Suite: "sid", Version: "9.1", Major: "9"},
	{Product: "redict", Suite: "forky", Version: "7.3", Major: "7"},
}

// ownPrefix begins every name of an image made here; no official image has it.
const ownPrefix = "spillway/debian-"

// recipeRevision changes with what goes into an image, so that older ones are not taken for it.
const recipeRevision = "1"

func (r recipe) repository() string { return ownPrefix + r.Suite + "-" + r.Product }

// key is the value of the label by which an image already made is found.
func (r recipe) key() string { return r.Suite + "-" + r.Product + "/" + recipeRevision }

func (r recipe) server() string { return r.Product + "-server" }

// packages are the server, its client, and what a user's shell runbook leans on.
func (r recipe) packages() []string {
	all := []string{
		r.server(), r.Product + "-tools", "base-files", "base-passwd", "bash", "coreutils", "dash", "debianutils",
		"diffutils", "findutils", "grep", "hostname", "libc-bin", "mawk", "procps", "sed", "util-linux",
	}
	if r.Extra != "" {
		all = append(all, r.Extra)
	}
	return all
}

// recipeFor maps an official reference, or a mirror's copy of one, to what Debian has of the same major version.
func recipeFor(ref reference.Named) (recipe, error) {
	if _, ok := ref.(reference.Digested); ok {
		return recipe{}, errors.New("make: Debian cannot stand in for a reference that is pinned to a digest")
	}
	product := path.Base(reference.Path(ref))
	major := leadingNumber(tagOf(ref))
	var have []string
	for _, r := range recipes {
		if r.Product != product {
			continue
		}
		if major == "" || r.Major == major {
			return r, nil
		}
		have = append(have, r.Version)
	}
	if have == nil {
		return recipe{}, fmt.Errorf("make: Debian stands in for redis, valkey and redict, not for %s", product)
	}
	return recipe{}, fmt.Errorf("make: of %s, Debian has only %s", product, strings.Join(have, ", "))
}

// ownRef is a reference to an image made here; version is empty when none was asked for.
type ownRef struct{ suite, product, version string }

func parseOwn(ref reference.Named) (ownRef, bool) {
	rest, ok := strings.CutPrefix(reference.FamiliarName(ref), ownPrefix)
	if !ok {
		return ownRef{}, false
	}
	suite, product, _ := strings.Cut(rest, "-")
	return ownRef{suite: suite, product: product, version: tagOf(ref)}, true
}

func recipeNamed(own ownRef) (recipe, error) {
	var have []string
	for _, r := range recipes {
		if r.Suite == own.suite && r.Product == own.product {
			return r, nil
		}
		have = append(have, r.repository())
	}
	return recipe{}, fmt.Errorf("make: there is no such recipe, only %s", strings.Join(have, ", "))
}

// tagOf returns the tag of a reference; latest counts as none.
func tagOf(ref reference.Named) string {
	if t, ok := ref.(reference.Tagged); ok && t.Tag() != "latest" {
		return t.Tag()
	}
	return ""
}

// leadingNumber returns the digits that a tag begins with: 7 of 7.2-alpine, none of alpine.
func leadingNumber(tag string) string {
	n := strings.IndexFunc(tag, func(c rune) bool { return c < '0' || c > '9' })
	if n < 0 {
		return tag
	}
	return tag[:n]
}
