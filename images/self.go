package images

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/client"
)

// selfRepository names the images of Spillway's own binary; the tag is the start of the file's hash.
const selfRepository = "spillway/self"

// keepSelf protects images of other builds from being removed under a run that is about to use them: between a run's
// first look and its last container lie minutes, never an hour.
const keepSelf = time.Hour

// Own returns the image of Spillway's own static Linux binary, importing it unless this very file was imported before.
// Images of older builds are removed, unless a container uses them.
func (r *Resolver) Own(ctx context.Context, binary string) (Image, error) {
	return once(ctx, &r.flights, "self "+binary, func() (Image, error) { return r.own(ctx, binary) })
}

func (r *Resolver) own(ctx context.Context, binary string) (Image, error) {
	data, err := os.ReadFile(binary)
	if err != nil {
		return Image{}, err
	}
	ref := fmt.Sprintf("%s:%.6x", selfRepository, sha256.Sum256(data))
	id, err := r.local(ctx, ref)
	if err != nil {
		return Image{}, err
	}
	if id == "" {
		if id, err = r.importSelf(ctx, binary, data, ref); err != nil {
			return Image{}, fmt.Errorf("import %s: %w", binary, err)
		}
	}
	if err := r.removeOlder(ctx, ref); err != nil {
		return Image{}, err
	}
	return Image{Ref: ref, Asked: ref, Digest: id}, nil
}

func (r *Resolver) importSelf(ctx context.Context, binary string, data []byte, ref string) (string, error) {
	arch, err := r.arch(ctx)
	if err != nil {
		return "", err
	}
	if err := checkStatic(bytes.NewReader(data), arch); err != nil {
		return "", err
	}
	archive, err := oneFile("spillway", data)
	if err != nil {
		return "", err
	}
	err = r.load(ctx, archive, ref, []string{`ENTRYPOINT ["/spillway"]`, "LABEL " + Label + "=" + LabelSelf})
	if err != nil {
		return "", err
	}
	return r.local(ctx, ref)
}

// machines maps Go's names of architectures to what an ELF file says.
var machines = map[string]elf.Machine{
	"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64, "arm": elf.EM_ARM, "386": elf.EM_386,
	"ppc64le": elf.EM_PPC64, "riscv64": elf.EM_RISCV, "s390x": elf.EM_S390,
}

// checkStatic refuses a binary that cannot run as the only file of an image on a daemon of the given architecture.
func checkStatic(binary io.ReaderAt, arch string) error {
	build := "build with CGO_ENABLED=0 GOOS=linux GOARCH=" + arch
	f, err := elf.NewFile(binary)
	if err != nil {
		return fmt.Errorf("not a Linux binary: %s", build)
	}
	defer f.Close()
	want, known := machines[arch]
	if known && f.Machine != want {
		return fmt.Errorf("made for %v, and the Docker daemon runs on %s: %s", f.Machine, arch, build)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return fmt.Errorf("dynamically linked, and an image of one file has no libraries: %s", build)
		}
	}
	return nil
}

// oneFile is a tar archive of one executable.
func oneFile(name string, data []byte) (io.Reader, error) {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(data))}); err != nil {
		return nil, err
	}
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	return &buf, w.Close()
}

// load imports a tar archive as an image with the given name and Dockerfile instructions.
func (r *Resolver) load(ctx context.Context, archive io.Reader, ref string, changes []string) error {
	source := client.ImageImportSource{Source: archive, SourceName: "-"}
	stream, err := r.Docker.ImageImport(ctx, source, ref, client.ImageImportOptions{Changes: changes})
	if err != nil {
		return fmt.Errorf("import %s: %w", ref, err)
	}
	defer stream.Close()
	// The daemon answers 200 before it has read the archive; what went wrong then stands in the stream.
	return importResult(stream)
}

func (r *Resolver) removeOlder(ctx context.Context, keep string) error {
	list, err := r.labelled(ctx, LabelSelf)
	if err != nil {
		return err
	}
	var errs []error
	for _, s := range list {
		if time.Since(time.Unix(s.Created, 0)) < keepSelf {
			continue
		}
		for _, tag := range s.RepoTags {
			if strings.HasPrefix(tag, selfRepository+":") && tag != keep {
				_, err := r.remove(ctx, tag)
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}

// remove removes an image by name or id, unless a container uses it: then it returns false.
func (r *Resolver) remove(ctx context.Context, ref string) (bool, error) {
	_, err := r.Docker.ImageRemove(ctx, ref, client.ImageRemoveOptions{PruneChildren: true})
	switch {
	case err == nil:
		return true, nil
	case cerrdefs.IsConflict(err), cerrdefs.IsNotFound(err):
		return false, nil
	}
	return false, fmt.Errorf("remove image %s: %w", ref, err)
}
