// Package artefact reads what a pipeline has built: a folder, an archive of one, or a Debian package. A path goes in, the files of a
// release come out, for internal/image to make a layer of.
package artefact

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/image"
)

// Artefact is a release as it was built. Its files can be read until it is closed.
type Artefact struct {
	Files []image.File
	spool *os.File // what an archive holds, not compressed; nil for a folder
}

// Close takes away what was unpacked on the way.
func (a *Artefact) Close() error {
	if a.spool == nil {
		return nil
	}
	return a.spool.Close()
}

// Open reads a folder, a tar (plain, .gz or .zst) or a .deb. Of a package the files are those below a folder, which is where the release
// is in it: "/srv/kopi/orders/current", or all of them when none are there. NotFound when there is nothing; Invalid when it is none of
// these.
func Open(ctx context.Context, name, folder string) (*Artefact, error) {
	info, err := os.Stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fault.Newf(fault.NotFound, "%s is not there; name the folder, .tar, .tar.gz, .tar.zst or .deb that was built with --from", name)
	case err != nil:
		return nil, fault.Newf(fault.Unavailable, "%w; make it readable", err)
	case info.IsDir():
		return directory(name + "/") // a walk does not begin with a link
	case !info.Mode().IsRegular():
		return nil, fault.Newf(fault.Invalid, "%s is neither file nor folder; name what was built with --from", name)
	}
	return archive(ctx, name, folder)
}

// directory is a folder as it is. What is neither file, folder nor link is refused.
func directory(root string) (*Artefact, error) {
	a := &Artefact{}
	err := filepath.WalkDir(root, func(full string, d fs.DirEntry, err error) error {
		if err != nil || full == root {
			return err
		}
		below, err := filepath.Rel(root, full)
		if err != nil {
			return err
		}
		f := image.File{Path: filepath.ToSlash(below), Folder: d.IsDir()}
		switch {
		case d.Type()&fs.ModeSymlink != 0:
			if f.Link, err = os.Readlink(full); err != nil {
				return err
			}
		case d.Type().IsRegular():
			info, err := d.Info()
			if err != nil {
				return err
			}
			f.Size, f.Executable = info.Size(), info.Mode()&0o100 != 0
			f.Open = func() (image.Content, error) { return os.Open(full) }
		case !d.IsDir():
			return fault.Newf(fault.Invalid, "%s is neither file, folder nor link; leave it out of the release", full)
		}
		a.Files = append(a.Files, f)
		return nil
	})
	if err == nil {
		a.Files, err = image.Sort(a.Files)
	}
	return a, unreadable(err)
}

// unreadable gives what the system says a kind.
func unreadable(err error) error {
	var f *fault.Error
	if err == nil || errors.As(err, &f) {
		return err
	}
	return fault.Newf(fault.Unavailable, "read the release: %w; make it readable and run it again", err)
}

// archive spools what is in an archive, so that its files can be read in another order than they come in.
func archive(ctx context.Context, name, folder string) (a *Artefact, err error) {
	spool, err := os.CreateTemp("", "caravan-release-*")
	if err != nil {
		return nil, fault.Newf(fault.Unavailable, "unpack %s: %w; make room in the folder for temporary files", name, err)
	}
	_ = os.Remove(spool.Name()) // it is read by what is open, and so nothing of it stays, whenever this program ends
	a = &Artefact{spool: spool}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.Close())
		}
	}()
	if strings.HasSuffix(name, ".deb") {
		err = a.unpackDeb(ctx, name)
	} else {
		err = a.unpack(name)
	}
	if err != nil {
		return a, err
	}
	if err := a.list(name); err != nil {
		return a, err
	}
	if strings.HasSuffix(name, ".deb") {
		a.Files = below(a.Files, folder)
	}
	a.Files, err = image.Sort(a.Files)
	return a, err
}

// unpackDeb has dpkg itself take the files out of a package, whatever they are compressed with.
func (a *Artefact) unpackDeb(ctx context.Context, name string) error {
	var complaints strings.Builder
	cmd := exec.CommandContext(ctx, "dpkg-deb", "--fsys-tarfile", "--", name)
	cmd.Stdout, cmd.Stderr = &bounded{to: a.spool, left: image.MaxBytes}, &complaints
	err := cmd.Run()
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return fault.Newf(fault.Unavailable, "read %s: dpkg-deb is not on this machine; run it on Debian, or give the folder or a tar with --from", name)
	case err != nil:
		first, _, _ := strings.Cut(strings.TrimSpace(complaints.String()), "\n")
		return fault.Newf(fault.Invalid, "%s cannot be unpacked: %w: %s; build the package again", name, err, first)
	}
	return nil
}

// bounded passes on so much and no more.
type bounded struct {
	to   io.Writer
	left int64
}

func (b *bounded) Write(p []byte) (int, error) {
	if b.left -= int64(len(p)); b.left < 0 {
		return 0, errTooMuch
	}
	return b.to.Write(p)
}

var errTooMuch = fmt.Errorf("it holds more than %d MiB", image.MaxBytes>>20)

// unpack spools a tar, which may be compressed: its first bytes say how.
func (a *Artefact) unpack(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return unreadable(err)
	}
	defer func() { _ = f.Close() }()
	in := bufio.NewReader(f)
	plain, err := uncompressed(in)
	if err == nil {
		_, err = io.Copy(&bounded{to: a.spool, left: image.MaxBytes}, plain)
	}
	if err != nil {
		return fault.Newf(fault.Invalid, "%s cannot be unpacked: %w; give a folder, .tar, .tar.gz, .tar.zst or .deb", name, err)
	}
	return nil
}

func uncompressed(in *bufio.Reader) (io.Reader, error) {
	magic, _ := in.Peek(4) // what is shorter is no archive, and tar says so
	switch {
	case strings.HasPrefix(string(magic), "\x1f\x8b"):
		return gzip.NewReader(in)
	case string(magic) == "\x28\xb5\x2f\xfd":
		const window = 128 << 20 // what zstd --long=27 makes
		d, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(window))
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	}
	return in, nil
}

// list finds out what is in the spool and where.
func (a *Artefact) list(name string) error {
	if _, err := a.spool.Seek(0, io.SeekStart); err != nil {
		return unreadable(err)
	}
	in := tar.NewReader(a.spool)
	known := map[string]image.File{}
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fault.Newf(fault.Invalid, "%s is no tar: %w; give a folder, .tar, .tar.gz, .tar.zst or .deb", name, err)
		}
		f, err := a.entry(h, known)
		if err != nil {
			return err
		}
		if f.Path == "." || h.Typeflag == tar.TypeXGlobalHeader {
			continue
		}
		if len(a.Files) > image.MaxFiles {
			return fault.Newf(fault.Invalid, "%s has more than %d files; leave out what does not run", name, image.MaxFiles)
		}
		known[f.Path] = f
		a.Files = append(a.Files, f)
	}
}

// entry is a file of a tar. A hard link is the file it leads to.
func (a *Artefact) entry(h *tar.Header, known map[string]image.File) (image.File, error) {
	if image.Holed(h) {
		return image.File{}, fault.Newf(fault.Invalid, "%s has holes that the archive leaves out; pack it again without --sparse", h.Name)
	}
	f := image.File{Path: path.Clean(strings.TrimPrefix(h.Name, "/")), Executable: h.Typeflag == tar.TypeReg && h.Mode&0o100 != 0}
	switch h.Typeflag {
	case tar.TypeDir:
		f.Folder = true
	case tar.TypeSymlink:
		f.Link = h.Linkname
	case tar.TypeLink:
		to, ok := known[path.Clean(strings.TrimPrefix(h.Linkname, "/"))]
		if !ok || to.Open == nil {
			return f, fault.Newf(fault.Invalid, "%s is a link to %s, which is no file before it in the archive; pack it again", h.Name, h.Linkname)
		}
		f.Size, f.Executable, f.Open = to.Size, to.Executable, to.Open
	case tar.TypeReg:
		at, err := a.spool.Seek(0, io.SeekCurrent)
		if err != nil {
			return f, unreadable(err)
		}
		size := h.Size
		f.Size, f.Open = size, func() (image.Content, error) { return part{io.NewSectionReader(a.spool, at, size)}, nil }
	case tar.TypeXGlobalHeader:
	default:
		return f, fault.Newf(fault.Invalid, "%s is neither file, folder nor link; leave it out of the release", h.Name)
	}
	return f, nil
}

// part is a file within the spool.
type part struct{ *io.SectionReader }

// Close leaves the spool open for the others.
func (part) Close() error { return nil }

// below are the files below a folder, by their paths from there; all of them when none are.
func below(files []image.File, folder string) []image.File {
	var out []image.File
	for _, f := range files {
		if rest, ok := strings.CutPrefix("/"+f.Path, folder+"/"); ok {
			f.Path = rest
			out = append(out, f)
		}
	}
	if len(out) == 0 {
		return files
	}
	return out
}
