package images

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"encoding/binary"
	"io"
	"strings"
	"testing"
)

// elfFile is the smallest file that debug/elf reads: a header and one program header.
func elfFile(t *testing.T, machine elf.Machine, prog elf.ProgType) *bytes.Reader {
	t.Helper()
	var buf bytes.Buffer
	h := elf.Header64{
		Type: uint16(elf.ET_EXEC), Machine: uint16(machine), Version: uint32(elf.EV_CURRENT),
		Phoff: 64, Ehsize: 64, Phentsize: 56, Phnum: 1,
	}
	copy(h.Ident[:], elf.ELFMAG)
	h.Ident[elf.EI_CLASS], h.Ident[elf.EI_DATA], h.Ident[elf.EI_VERSION] = byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)
	for _, part := range []any{h, elf.Prog64{Type: uint32(prog)}} {
		if err := binary.Write(&buf, binary.LittleEndian, part); err != nil {
			t.Fatal(err)
		}
	}
	return bytes.NewReader(buf.Bytes())
}

func TestCheckStatic(t *testing.T) {
	tests := []struct {
		name   string
		binary io.ReaderAt
		arch   string
		want   string
	}{
		{"static", elfFile(t, elf.EM_X86_64, elf.PT_LOAD), "amd64", ""},
		{"static for another architecture", elfFile(t, elf.EM_AARCH64, elf.PT_LOAD), "amd64",
			"made for EM_AARCH64, and the Docker daemon runs on amd64: build with CGO_ENABLED=0 GOOS=linux GOARCH=amd64"},
		{"dynamic", elfFile(t, elf.EM_AARCH64, elf.PT_INTERP), "arm64",
			"dynamically linked, and an image of one file has no libraries: build with CGO_ENABLED=0 GOOS=linux GOARCH=arm64"},
		{"a script", strings.NewReader("#!/bin/sh\n"), "amd64",
			"not a Linux binary: build with CGO_ENABLED=0 GOOS=linux GOARCH=amd64"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := checkStatic(tt.binary, tt.arch)
			if got := text(err); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestOneFile(t *testing.T) {
	archive, err := oneFile("spillway", []byte("program"))
	if err != nil {
		t.Fatal(err)
	}
	r := tar.NewReader(archive)
	h, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(r)
	if err != nil || h.Name != "spillway" || h.Mode != 0o755 || string(body) != "program" {
		t.Errorf("%+v, %q, %v", h, body, err)
	}
	if _, err := r.Next(); err != io.EOF {
		t.Errorf("more than one file: %v", err)
	}
}
