// Package image knows what an image of a release holds: the release's files as one layer over a base, labels that say which layer and
// folder that is, and an SBOM. Files come in, the bytes of a layer and of an SBOM come out, the same for the same files; and the layer
// of an image comes back as the archive that machines unpack, looked through entry by entry.
//
// It talks to no registry and looks at no disk: files bring their own way to be read.
package image

import (
	"cmp"
	"io"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
)

// Labels that say what an image is of. Those of OCI are of its image-spec, annotations.md.
const (
	LabelTitle      = "org.opencontainers.image.title"
	LabelVersion    = "org.opencontainers.image.version"
	LabelRevision   = "org.opencontainers.image.revision"
	LabelBaseName   = "org.opencontainers.image.base.name"
	LabelBaseDigest = "org.opencontainers.image.base.digest"
	LabelLayer      = "caravan.example.org/layer"  // digest of the release's layer, not compressed
	LabelFolder     = "caravan.example.org/folder" // where the release is in the image
	LabelSBOM       = "caravan.example.org/sbom"   // digest of the SBOM
)

// Spec is what an image shall be.
type Spec struct {
	Service    estate.ServiceName `json:"service"`
	Version    string             `json:"version"`
	Revision   string             `json:"revision,omitempty"` // commit it was built from
	Folder     string             `json:"folder"`             // absolute; the release's files are below it
	Directory  string             `json:"directory"`          // absolute; the process starts in it
	Entrypoint []string           `json:"entrypoint"`         // the first word is absolute, or looked for in PATH
	Base       string             `json:"base"`               // reference, or Scratch
	Platform   string             `json:"platform,omitempty"` // "linux/amd64"
}

// Scratch is the base that holds nothing.
const Scratch = "scratch"

// versionForm is what a version may be: an image's tag (OCI distribution-spec), and the name of a folder.
var versionForm = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$`)

// CheckVersion is Invalid for what cannot be a tag.
func CheckVersion(v string) error {
	if !versionForm.MatchString(v) {
		return fault.Newf(fault.Invalid, "%q is no version: write letters, digits and . _ -, at most 128, not beginning with . or -", v)
	}
	return nil
}

// Check is Invalid when no image can be made so.
func (s Spec) Check() error {
	if err := CheckVersion(s.Version); err != nil {
		return err
	}
	for _, at := range []string{s.Folder, s.Directory} {
		if !path.IsAbs(at) || path.Clean(at) != at || at == "/" {
			return fault.Newf(fault.Invalid, "%s: %q is no folder for a release; write an absolute path in the annotation caravan.example.org/directory of its workload", s.Service, at)
		}
	}
	if len(s.Entrypoint) == 0 {
		return fault.Newf(fault.Invalid, "%s: its workload says no command, so the image would start nothing; write one", s.Service)
	}
	return nil
}

// Labels are those of an image with this layer and SBOM, over a base of this digest.
func (s Spec) Labels(layer, base, sbom string) map[string]string {
	all := map[string]string{
		LabelTitle: string(s.Service), LabelVersion: s.Version, LabelRevision: s.Revision, LabelBaseDigest: base,
		LabelLayer: layer, LabelFolder: s.Folder, LabelSBOM: sbom,
	}
	if s.Base != Scratch {
		all[LabelBaseName] = s.Base
	}
	maps.DeleteFunc(all, func(_, v string) bool { return v == "" })
	return all
}

// layerForm is what a layer's digest may be (OCI image-spec, descriptor).
var layerForm = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// ReleaseOf is the layer and the folder that labels name; nothing when they are not what Labels writes.
func ReleaseOf(labels map[string]string) (layer, folder string, ok bool) {
	layer, folder = labels[LabelLayer], labels[LabelFolder]
	if !layerForm.MatchString(layer) || !path.IsAbs(folder) || path.Clean(folder) != folder || folder == "/" {
		return "", "", false
	}
	return layer, folder, true
}

// File is a file, folder or link of a release.
type File struct {
	Path       string // below the release's folder: slash-separated, clean
	Folder     bool
	Link       string // where a symbolic link leads; "" for what is none
	Executable bool
	Size       int64
	Open       func() (Content, error) // nil for what is no file
}

// Content is what a file holds.
type Content interface {
	io.ReadCloser
	io.ReaderAt
}

// What a release may hold at most, so that neither a hostile archive nor a mistake fills machines.
const (
	MaxFiles = 200_000
	MaxBytes = 4 << 30
)

// Sort gives files in the order of a layer, which is that of their paths. Invalid when some cannot be in a release: their paths or links
// lead out of it, two have one path, something lies below what is no folder, or it is too much.
func Sort(files []File) ([]File, error) {
	out := slices.Clone(files)
	slices.SortFunc(out, func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
	kinds := make(map[string]File, len(out))
	var size int64
	for i, f := range out {
		if err := f.check(); err != nil {
			return nil, err
		}
		if i > 0 && out[i-1].Path == f.Path {
			return nil, fault.Newf(fault.Invalid, "%s is in the release twice; leave one of them out", f.Path)
		}
		kinds[f.Path], size = f, size+f.Size
	}
	if len(out) > MaxFiles || size > MaxBytes {
		return nil, fault.Newf(fault.Invalid, "the release has %d files of %d MiB, more than the %d files or %d MiB that are taken; leave out what does not run", len(out), size>>20, MaxFiles, MaxBytes>>20)
	}
	if len(out) == 0 {
		return nil, fault.Newf(fault.Invalid, "the release holds no file; name the folder that was built")
	}
	for _, f := range out {
		for dir := path.Dir(f.Path); dir != "."; dir = path.Dir(dir) {
			if above, ok := kinds[dir]; ok && !above.Folder {
				return nil, fault.Newf(fault.Invalid, "%s lies below %s, which is no folder; leave one of them out", f.Path, dir)
			}
		}
	}
	return out, nil
}

func (f File) check() error {
	if !within(f.Path) {
		return fault.Newf(fault.Invalid, "%q leads out of the release; leave it out", f.Path)
	}
	if f.Link != "" && !stays(f.Path, f.Link) {
		return fault.Newf(fault.Invalid, "%s is a link to %s, out of the release; put what it leads to into the release", f.Path, f.Link)
	}
	return nil
}

// within reports whether a path is a clean one below a folder.
func within(p string) bool {
	return p != "" && p != "." && !path.IsAbs(p) && path.Clean(p) == p && p != ".." && !strings.HasPrefix(p, "../") && !strings.ContainsRune(p, 0)
}

// stays reports whether a link at a path leads to something below the same folder. It may go up only at its beginning: behind a name, which
// may be another link, up leads elsewhere than it says.
func stays(p, link string) bool {
	if path.IsAbs(link) || strings.ContainsRune(link, 0) {
		return false
	}
	down := false
	for word := range strings.SplitSeq(link, "/") {
		if word == ".." && down {
			return false
		}
		down = down || word != ".." && word != "." && word != ""
	}
	to := path.Join(path.Dir(p), link)
	return to != ".." && !strings.HasPrefix(to, "../")
}
