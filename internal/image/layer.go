package image

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	"example.org/caravan/internal/fault"
)

// epoch is the time of everything in a layer: when it was built is no part of what it is.
var epoch = time.Unix(0, 0)

// Layer writes sorted files as a layer with them below a folder. Equal files give equal bytes: all is root's, of 1970, and its mode says
// whether it can be run and nothing else.
func Layer(w io.Writer, folder string, files []File) error {
	out := tar.NewWriter(w)
	made := map[string]bool{}
	for _, f := range files {
		at := path.Join(folder, f.Path)
		if err := folders(out, path.Dir(at), made); err != nil {
			return err
		}
		if f.Folder {
			if err := folders(out, at, made); err != nil {
				return err
			}
			continue
		}
		if err := add(out, at, f); err != nil {
			return err
		}
	}
	return out.Close()
}

// folders writes those of a path that are not there yet, outer ones first.
func folders(out *tar.Writer, at string, made map[string]bool) error {
	if at == "/" || at == "." || made[at] {
		return nil
	}
	if err := folders(out, path.Dir(at), made); err != nil {
		return err
	}
	made[at] = true
	return out.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: strings.TrimPrefix(at, "/") + "/", Mode: 0o755, ModTime: epoch, Format: tar.FormatPAX})
}

func add(out *tar.Writer, at string, f File) error {
	h := &tar.Header{Typeflag: tar.TypeReg, Name: strings.TrimPrefix(at, "/"), Mode: mode(f.Executable), Size: f.Size, ModTime: epoch, Format: tar.FormatPAX}
	if f.Link != "" {
		h.Typeflag, h.Linkname, h.Mode, h.Size = tar.TypeSymlink, f.Link, 0o777, 0
		return out.WriteHeader(h)
	}
	if err := out.WriteHeader(h); err != nil {
		return err
	}
	in, err := f.Open()
	if err != nil {
		return err
	}
	n, err := io.Copy(out, in)
	if errors.Is(err, tar.ErrWriteTooLong) || err == nil && n != f.Size {
		err = fault.Newf(fault.Conflict, "%s changed while it was read; build the release somewhere where nobody writes, and run it again", f.Path)
	}
	return errors.Join(err, in.Close())
}

func mode(executable bool) int64 {
	if executable {
		return 0o755
	}
	return 0o644
}

// Archive reads a layer and writes what is below its folder as an archive to be unpacked on a machine, and gives its paths. Invalid, and
// what was written is not to be used, when anything in it is not what Layer writes: it lies elsewhere, leads elsewhere, is neither file
// nor folder nor link, or is too much.
func Archive(w io.Writer, layer io.Reader, folder string) ([]string, error) {
	a := &archive{in: tar.NewReader(layer), out: tar.NewWriter(w), folder: strings.TrimPrefix(folder, "/"), links: map[string]bool{}}
	for {
		h, err := a.in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fault.Newf(fault.Invalid, "the layer of the image is damaged: %w; build the image again", err)
		}
		if err := a.take(h); err != nil {
			return nil, err
		}
	}
	if len(a.paths) == 0 {
		return nil, fault.Newf(fault.Invalid, "the layer of the image has nothing below %s; build the image again", folder)
	}
	return a.paths, a.out.Close()
}

// archive is a layer on its way to machines.
type archive struct {
	in     *tar.Reader
	out    *tar.Writer
	folder string
	paths  []string
	links  map[string]bool
	size   int64
}

// take passes one entry on.
func (a *archive) take(h *tar.Header) error {
	name := strings.TrimSuffix(h.Name, "/")
	below, inside := strings.CutPrefix(name, a.folder+"/")
	if h.Typeflag == tar.TypeDir && (name == a.folder || strings.HasPrefix(a.folder, name+"/")) {
		return nil
	}
	if !inside || !within(below) {
		return a.strange(h, "lies outside of "+a.folder)
	}
	for dir := path.Dir(below); dir != "."; dir = path.Dir(dir) {
		if a.links[dir] {
			return a.strange(h, "lies beyond a link")
		}
	}
	if a.links[below] {
		return a.strange(h, "is there twice")
	}
	a.size += h.Size
	if a.paths = append(a.paths, below); len(a.paths) > MaxFiles || a.size > MaxBytes {
		return a.strange(h, fmt.Sprintf("is more than %d files or %d MiB", MaxFiles, MaxBytes>>20))
	}
	return a.pass(h, below)
}

func (a *archive) pass(h *tar.Header, below string) error {
	next := &tar.Header{Typeflag: h.Typeflag, Name: below, Mode: mode(h.Mode&0o100 != 0), ModTime: epoch, Format: tar.FormatPAX}
	switch h.Typeflag {
	case tar.TypeDir:
		next.Name += "/"
	case tar.TypeSymlink:
		if !stays(below, h.Linkname) {
			return a.strange(h, "is a link out of it, to "+h.Linkname)
		}
		a.links[below] = true
		next.Linkname, next.Mode = h.Linkname, 0o777
	case tar.TypeReg:
		if Holed(h) {
			return a.strange(h, "is a sparse file")
		}
		next.Size = h.Size
	default:
		return a.strange(h, "is neither file, folder nor link")
	}
	if err := a.out.WriteHeader(next); err != nil {
		return err
	}
	_, err := io.Copy(a.out, a.in)
	return err
}

// Holed reports whether an entry is a sparse file, of which an archive holds parts alone: a few bytes may say that they are gigabytes, and
// its content is not where that of others is.
func Holed(h *tar.Header) bool {
	for record := range h.PAXRecords { // three versions of them name different ones (GNU tar manual, Sparse Formats)
		if strings.HasPrefix(record, "GNU.sparse.") {
			return true
		}
	}
	return h.Typeflag == tar.TypeGNUSparse
}

func (a *archive) strange(h *tar.Header, what string) error {
	return fault.Newf(fault.Invalid, "the layer of the image: %q %s; build the image again with caravan image", h.Name, what)
}
