package images

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/moby/moby/api/types/image"
	"github.com/moby/moby/client"
)

// Labels of an image made from Debian's packages.
const (
	labelRecipe  = "spillway.recipe"  // recipe.key, by which it is found again
	labelVersion = "spillway.version" // upstream's version
	labelPackage = "spillway.package" // the server's package with Debian's full version
)

// makeLimit bounds the making of one image: some 40 MB of indexes and packages, on a slow line.
const makeLimit = 5 * time.Minute

// madeImage is an image made from a recipe, on the daemon.
type madeImage struct{ ref, id, version string }

// made returns the image of rec, making it if the daemon has none.
func (r *Resolver) made(ctx context.Context, rec recipe) (madeImage, error) {
	return once(ctx, &r.flights, "make "+rec.key(), func() (madeImage, error) {
		found, err := r.find(ctx, rec)
		if err != nil || found.id != "" {
			return found, err
		}
		if err := r.make(ctx, rec); err != nil {
			return madeImage{}, err
		}
		found, err = r.find(ctx, rec)
		if err == nil && found.id == "" {
			err = errors.New("make: the daemon reports success and does not have the image")
		}
		return found, err
	})
}

// make makes the image of rec. A failure is remembered, unless the caller's context ended.
func (r *Resolver) make(ctx context.Context, rec recipe) error {
	key := "make " + rec.key()
	if err := r.recall(key); err != nil {
		return err
	}
	limited, cancel := context.WithTimeoutCause(ctx, makeLimit, fmt.Errorf("not done in %v", makeLimit))
	defer cancel()
	err := r.build(limited, rec)
	if ctx.Err() != nil {
		return fmt.Errorf("make %s: %w", rec.repository(), ctx.Err())
	}
	if err != nil {
		err = fmt.Errorf("make from Debian %s: %w", rec.Suite, reason(limited, err))
		r.remember(key, err)
	}
	return err
}

// find looks for the newest image of rec; an empty id means that there is none.
func (r *Resolver) find(ctx context.Context, rec recipe) (madeImage, error) {
	list, err := r.Docker.ImageList(ctx, client.ImageListOptions{
		Filters: make(client.Filters).Add("label", labelRecipe+"="+rec.key()),
	})
	if err != nil {
		return madeImage{}, fmt.Errorf("list images: %w", err)
	}
	var newest image.Summary
	var ref string
	for _, s := range list.Items {
		// An image that a user built on top of ours carries our labels too, under another name.
		for _, tag := range s.RepoTags {
			if strings.HasPrefix(tag, rec.repository()+":") && s.Created >= newest.Created {
				newest, ref = s, tag
			}
		}
	}
	return madeImage{ref: ref, id: newest.ID, version: newest.Labels[labelVersion]}, nil
}

// build makes the image of rec in a temporary directory, which is gone afterwards, and gives it to the daemon.
func (r *Resolver) build(ctx context.Context, rec recipe) (err error) {
	for _, tool := range []string{"apt-get", "apt-config", "dpkg-deb", "tar"} {
		if _, err := exec.LookPath(tool); err != nil {
			return hinted{fmt.Errorf("this machine has no %s", tool), "use a machine with apt and dpkg, as Debian and Ubuntu have them"}
		}
	}
	arch, err := r.arch(ctx)
	if err != nil {
		return err
	}
	r.say("making %s %s from Debian %s (once, about 10 s)", rec.Product, rec.Version, rec.Suite)
	dir, err := tempDir()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	debs, err := download(ctx, filepath.Join(dir, "apt"), rec, arch)
	if err != nil {
		return err
	}
	full, err := packageVersion(ctx, debs, rec.server())
	if err != nil {
		return err
	}
	root := filepath.Join(dir, "root")
	if err := unpack(ctx, root, debs); err != nil {
		return err
	}
	if err := finish(root, rec.Product); err != nil {
		return err
	}
	return r.importRoot(ctx, root, rec, full)
}

// arch returns the daemon's architecture in Go's words.
func (r *Resolver) arch(ctx context.Context) (string, error) {
	v, err := r.Docker.ServerVersion(ctx, client.ServerVersionOptions{})
	if err != nil {
		return "", fmt.Errorf("ask the daemon for its architecture: %w", err)
	}
	return v.Arch, nil
}

func (r *Resolver) importRoot(ctx context.Context, root string, rec recipe, full string) error {
	version := upstream(full)
	return tarOf(ctx, root, func(archive io.Reader) error {
		return r.load(ctx, archive, rec.repository()+":"+version, []string{
			`CMD ["redis-server","--protected-mode","no"]`,
			"ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
			"EXPOSE 6379/tcp",
			"WORKDIR /data",
			"LABEL " + Label + "=" + LabelRedis,
			"LABEL " + labelRecipe + "=" + rec.key(),
			"LABEL " + labelVersion + "=" + version,
			"LABEL " + labelPackage + "=" + rec.server() + "_" + full,
		})
	})
}

// upstream strips Debian's epoch and revision from a package version: 5:8.0.2-3+deb13u3 is 8.0.2.
func upstream(full string) string {
	if _, rest, ok := strings.Cut(full, ":"); ok {
		full = rest
	}
	if i := strings.LastIndex(full, "-"); i >= 0 {
		full = full[:i]
	}
	// A repacked source says so after a plus or a tilde, which a tag must not have.
	if i := strings.IndexAny(full, "+~"); i >= 0 {
		full = full[:i]
	}
	return full
}
