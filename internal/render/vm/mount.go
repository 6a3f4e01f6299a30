package vm

import (
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/render"
	"example.org/caravan/internal/workload"
)

// document is a file the process finds at a path. It lies elsewhere on the machine and is shown to this process alone, so that two
// services may each have their /etc/app.conf.
type document struct {
	at     string         // where the process finds it: absolute
	from   string         // where it lies on the machine: absolute
	pieces []render.Piece // none when the release brings it
	mode   uint32
	given  bool // it is in the workload, not in the release
	base64 bool // the text is
}

// documents lists a process's files by path.
func (e environment) documents(p program) ([]document, error) {
	var out []document
	for _, at := range slices.Sorted(maps.Keys(p.container.Files)) {
		d, err := e.document(p, at, p.container.Files[at])
		if err != nil {
			return nil, fault.Newf(fault.KindOf(err), "%s: file %s: %w", p.of.Name, at, err)
		}
		out = append(out, d)
	}
	return out, nil
}

// hidden reports whether a part of the document is kept elsewhere, and with it the whole.
func (d document) hidden() bool { return slices.ContainsFunc(d.pieces, render.Piece.Hidden) }

func (e environment) document(p program, at string, f workload.File) (document, error) {
	if !isPath(at) {
		return document{}, fault.Newf(fault.Invalid, "%q is no path for a unit; write it absolute, as /etc/app/app.conf, of letters, digits and . _ + - alone", at)
	}
	if f.Source != "" && !isPath(path.Join("/", f.Source)) {
		return document{}, fault.Newf(fault.Invalid, "its source %q is no path of a release; write it as config/app.conf, of letters, digits and . _ + - alone", f.Source)
	}
	d := document{at: at, from: path.Join(p.root, "current", f.Source), mode: 0o644}
	if f.Mode != "" {
		mode, err := strconv.ParseUint(f.Mode, 8, 32)
		if err != nil || mode > 0o777 {
			return document{}, fault.Newf(fault.Invalid, "mode %q is no octal number up to 777", f.Mode)
		}
		d.mode = uint32(mode)
	}
	switch {
	case f.Source != "":
		return d, nil
	case f.BinaryContent != "":
		d.pieces, d.base64 = []render.Piece{{Text: f.BinaryContent}}, true
	case f.NoExpand:
		d.pieces = []render.Piece{{Text: f.Content}}
	default:
		var err error
		if d.pieces, err = p.of.Value(f.Content); err != nil {
			return document{}, err
		}
	}
	d.given = true
	d.from = path.Join("/etc", e.org, p.name, "files", at)
	if d.hidden() {
		d.from = path.Join(e.secretFolder(), p.name, at)
	}
	return d, nil
}

// isPath tells whether a path can stand in a unit as it is, where blanks, colons and percent signs mean something.
func isPath(s string) bool {
	return path.IsAbs(s) && path.Clean(s) == s && s != "/" && isPlain(s) && !strings.ContainsAny(s, ":@=,")
}

// volume is a directory that outlives the process and the release. It is the process's own, below /var/lib.
type volume struct {
	at       string // where the process finds it: absolute
	folder   string // below /var/lib
	readOnly bool
}

// volumes lists a process's volumes by path.
func (e environment) volumes(p program) ([]volume, error) {
	var out []volume
	seen := map[string]string{}
	for _, at := range slices.Sorted(maps.Keys(p.container.Volumes)) {
		if !isPath(at) {
			return nil, fault.Newf(fault.Invalid, "%s: %q is no path of a volume; write it absolute, as /var/lib/app, of letters, digits and . _ + - alone", p.of.Name, at)
		}
		v := p.container.Volumes[at]
		name := workload.NameOf(strings.Trim(at, "/"))
		if other, taken := seen[name]; taken {
			return nil, fault.Newf(fault.Invalid, "%s: the volumes %s and %s would be one folder, %s; rename one of them", p.of.Name, other, at, name)
		}
		seen[name] = at
		out = append(out, volume{at: at, folder: path.Join(e.org, workload.NameOf(string(p.of.Name)), name), readOnly: v.ReadOnly})
	}
	return out, nil
}

// secretFolder is where what must not be in a bundle is put on a machine.
func (e environment) secretFolder() string { return path.Join("/etc", e.org, "secrets") }
