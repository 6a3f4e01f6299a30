package host

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"path"
	"slices"
	"strings"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/render"
)

// ware is a file as it shall be on a machine.
type ware struct {
	path   string // in the bundle
	data   []byte
	placed // Before and Kept are empty
}

// waresOf are the files that go to a machine. Invalid when one says no place, or a text is not coded as it says.
func (mf *manifest) waresOf(files []render.File, machine string) ([]ware, error) {
	var out []ware
	for _, f := range files {
		if f.Placed == nil || !slices.ContainsFunc(f.Placed.Hosts, func(h render.Host) bool { return h.Name == machine }) {
			continue
		}
		w, err := mf.ware(f)
		if err != nil {
			return nil, err
		}
		out = append(out, w)
	}
	return out, nil
}

func (mf *manifest) ware(f render.File) (ware, error) {
	w := ware{path: f.Path, data: []byte(f.Text)}
	if f.Placed.Base64 {
		var err error
		if w.data, err = base64.StdEncoding.DecodeString(f.Text); err != nil {
			return w, fault.Newf(fault.Invalid, "%s is not coded in base64: %w; correct the workload and plan again", f.Path, err)
		}
	}
	if f.Placed.Block && len(w.data) > 0 && w.data[len(w.data)-1] != '\n' {
		w.data = append(w.data, '\n')
	}
	thing := string(f.Subject)
	w.placed = placed{
		At: f.Placed.Path, Thing: thing, Digest: journey.DigestOf(f), Sum: sum(w.data), Mode: perm(f.Mode), Owner: "root", Group: "root",
		Block: f.Placed.Block, Units: f.Placed.Units,
	}
	if f.Placed.Owner != "" {
		w.Owner = f.Placed.Owner
	}
	if f.Placed.Group != "" {
		w.Group = f.Placed.Group
	}
	if w.At == "" {
		w.At, w.Page = path.Join(mf.home(thing), "current", f.Path), true
	}
	if !path.IsAbs(w.At) || path.Clean(w.At) != w.At || w.At == "/" || strings.ContainsRune(w.At, 0) {
		return w, fault.Newf(fault.Invalid, "%s: %q is no place on a machine; plan again", f.Path, w.At)
	}
	return w, nil
}

// block is the part of a shared file that is the expansion's, and where it is; false when there is none.
func block(data []byte, expansion string) (from, to int, inner []byte, ok bool) {
	first, last := marks(expansion)
	from = lineAt(data, 0, first)
	if from < 0 {
		return 0, 0, nil, false
	}
	begin := min(from+len(first)+1, len(data))
	end := lineAt(data, begin, last)
	if end < 0 {
		return from, begin, nil, true // its end was taken away, and what follows may be anybody's
	}
	return from, min(end+len(last)+1, len(data)), data[begin:end], true
}

// marks stand around what is an expansion's in a shared file.
func marks(expansion string) (first, last string) {
	return "# BEGIN caravan " + expansion, "# END caravan " + expansion
}

// lineAt is where a line stands in a text; -1 when it does not.
func lineAt(data []byte, from int, line string) int {
	for at := from; at < len(data); {
		end := bytes.IndexByte(data[at:], '\n')
		if end < 0 {
			end = len(data) - at
		}
		if string(data[at:at+end]) == line {
			return at
		}
		at += end + 1
	}
	return -1
}

// splice is a shared file with the expansion's part in it, which is whole lines.
func splice(data, inner []byte, expansion string) []byte {
	first, last := marks(expansion)
	part := first + "\n" + string(inner) + last + "\n"
	if from, to, _, ok := block(data, expansion); ok {
		return slices.Concat(data[:from], []byte(part), data[to:])
	}
	if len(data) > 0 && data[len(data)-1] != '\n' {
		return slices.Concat([]byte(part), data) // so that nothing needs to be added to what is there
	}
	return slices.Concat(data, []byte(part))
}

// cut is a shared file without the expansion's part.
func cut(data []byte, expansion string) []byte {
	from, to, _, ok := block(data, expansion)
	if !ok {
		return data
	}
	return slices.Concat(data[:from], data[to:])
}

// seen is what there is of a file: its own part of a shared one.
func (w placed) seen(e entry, expansion string) entry {
	if !w.Block || e.kind != regular {
		return e
	}
	_, _, inner, ok := block(e.data, expansion)
	if !ok {
		return entry{}
	}
	e.data = inner
	return e
}

// is tells whether an entry is the file, whole.
func (w placed) is(e entry) bool {
	return e.kind == regular && sum(e.data) == w.Sum && (w.Block || e.mode == w.Mode && e.owner == w.Owner && e.group == w.Group)
}

// verdict is what putting a file in place means.
type verdict struct {
	what journey.What
	why  string // it is in the way; "" when it is not
	keep bool   // what is there was not made here, and is kept to be brought back
	note string // what people should know although it is in nobody's way
}

// judge says what putting a file into its place means. Known is what is recorded of the place; pristine tells whether what is there
// is a package's own file as it brought it.
func judge(w ware, e entry, known *placed, expansion string, force bool, pristine func(at string, data []byte) bool) verdict {
	there := w.seen(e, expansion)
	switch {
	case there.kind == nothing && e.kind == nothing, w.Block && there.kind == nothing && e.kind == regular:
		return verdict{what: journey.Created}
	case there.kind != regular:
		return verdict{why: "something that is no file is in the way; move it away and run the move again"}
	case w.is(there) && known != nil:
		return verdict{what: journey.Unchanged}
	case sum(there.data) == w.Sum && known != nil:
		return verdict{what: journey.Updated, note: fmt.Sprintf("its owner or mode was changed to %s:%s %04o", there.owner, there.group, there.mode)}
	case known != nil && (sum(there.data) == known.Sum || sum(there.data) == known.Before):
		return verdict{what: journey.Updated}
	case known == nil && !w.Block && pristine(w.At, there.data):
		return verdict{what: journey.Updated, keep: true, note: "replaces the file that its package brought; it comes back with an undo"}
	case known == nil && w.is(there):
		return verdict{what: journey.Unchanged, keep: true}
	case force:
		return verdict{what: journey.Updated, keep: known == nil && !w.Block}
	case known != nil:
		return verdict{why: "was edited since it was written; move the change into services/ or expansions/, or run again with --force to lose it"}
	}
	return verdict{why: "is there and was not made by caravan; move it away, or run again with --force to overwrite it (it is kept, and comes back with an undo)"}
}
