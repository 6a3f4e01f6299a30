package host

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/url"
	"path"
	"slices"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/render"
)

// manifest is what Caravan made on a machine for one expansion, kept there. What is about to be done is in it before it is done, so
// whatever is on the machine and not in it was made by somebody else.
type manifest struct {
	Expansion string             `json:"expansion"`
	Peers     map[string]string  `json:"peers"`           // the machines that things were put on, by name, with their addresses
	Files     map[string]placed  `json:"files"`           // by their paths in the bundle
	Stale     []placed           `json:"stale,omitempty"` // that were placed elsewhere since, and are still to be taken away
	Folders   []string           `json:"folders,omitempty"`
	Things    map[string]outcome `json:"things,omitempty"` // by the names of services and datastores
}

// placed is a file on a machine.
type placed struct {
	At     string        `json:"at"` // absolute
	Thing  string        `json:"thing"`
	Digest estate.Digest `json:"digest"`           // of the rendered file
	Sum    string        `json:"sum"`              // of what is written, SHA-256
	Before string        `json:"before,omitempty"` // while it is being replaced: what may still be there
	Mode   uint32        `json:"mode"`
	Owner  string        `json:"owner"`
	Group  string        `json:"group"`
	Block  bool          `json:"block,omitempty"`
	Page   bool          `json:"page,omitempty"` // only people read it: it is in the release and nowhere else
	Units  []string      `json:"units,omitempty"`
	Kept   *kept         `json:"kept,omitempty"` // what was there before
}

// kept is where a file is that was there before Caravan's was.
type kept struct {
	Name  string `json:"name"` // below kept/
	Sum   string `json:"sum"`
	Mode  uint32 `json:"mode"`
	Owner string `json:"owner"`
	Group string `json:"group"`
}

// outcome is how something on a machine stands.
type outcome struct {
	Install  render.Install     `json:"install"`
	Releases map[string]release `json:"releases"`           // those that are kept, by their digests
	Release  string             `json:"release,omitempty"`  // the one in place
	Well     string             `json:"well,omitempty"`     // the last that was well
	Started  map[string]started `json:"started,omitempty"`  // units, with what they read when they were last started
	Out      bool               `json:"out,omitempty"`      // it was taken out of balance, and not yet put back
	Units    map[string]unit    `json:"units,omitempty"`    // as they were before
	Users    []string           `json:"users,omitempty"`    // that were made for it
	Packages []string           `json:"packages,omitempty"` // that were installed for it
	Without  []string           `json:"without,omitempty"`  // files of packages that were put away for it
}

// release is a version of all files of a service or datastore on a machine, by their paths in the bundle.
type release struct {
	Number int               `json:"number"` // counts up
	Files  map[string]placed `json:"files"`
}

// started is what a unit read when it was last started.
type started struct {
	Files string `json:"files"`          // digest of all
	Unit  string `json:"unit,omitempty"` // its own, and those laid over it
}

// sum is the digest of bytes.
func sum(data []byte) string {
	h := sha256.Sum256(data)
	return hex.EncodeToString(h[:])
}

// root is the folder of an expansion on a machine.
func root(expansion string) string { return path.Join(Folder, url.PathEscape(expansion)) }

func (mf *manifest) root() string { return root(mf.Expansion) }

// home is the folder of a service or datastore below it; that of the environment is called "_".
func (mf *manifest) home(thing string) string {
	return path.Join(mf.root(), "things", url.PathEscape(cmp.Or(thing, "_")))
}

// manifestAt is where the manifest is.
func manifestAt(expansion string) string { return path.Join(root(expansion), "manifest.json") }

// readManifest reads one; what is not there is empty. Invalid when it is damaged.
func readManifest(e entry, machine, expansion string) (*manifest, error) {
	mf := &manifest{}
	if e.kind == regular {
		if err := json.Unmarshal(e.data, mf); err != nil || mf.Expansion != expansion {
			return nil, fault.Newf(fault.Invalid, "%s: %s is damaged; restore it from a backup of the machine, or take %s away and move again with --force", machine, manifestAt(expansion), root(expansion))
		}
	}
	mf.Expansion = expansion
	if mf.Peers == nil {
		mf.Peers = map[string]string{}
	}
	if mf.Files == nil {
		mf.Files = map[string]placed{}
	}
	if mf.Things == nil {
		mf.Things = map[string]outcome{}
	}
	return mf, nil
}

// manifest is the one on the machine.
func (m *Machine) manifest(ctx context.Context, expansion string) (*manifest, error) {
	at := manifestAt(expansion)
	there, err := m.read(ctx, at)
	if err != nil {
		return nil, err
	}
	return readManifest(there[at], m.Name, expansion)
}

// add puts the manifest into a shipment.
func (mf *manifest) add(s *shipment) error {
	data, err := json.MarshalIndent(mf, "", "  ")
	if err != nil {
		return err
	}
	s.replace(manifestAt(mf.Expansion), entry{data: append(data, '\n'), mode: 0o644})
	return nil
}

// save writes it.
func (m *Machine) save(ctx context.Context, mf *manifest) error {
	s := newShipment()
	if err := mf.add(s); err != nil {
		return err
	}
	return m.put(ctx, mf.root(), s)
}

// change reads the manifest, changes it and writes it, while nobody else does.
func (m *Machine) change(ctx context.Context, expansion string, do func(*manifest)) error {
	free, err := m.lock(ctx)
	if err != nil {
		return err
	}
	defer free()
	mf, err := m.manifest(ctx, expansion)
	if err != nil {
		return err
	}
	do(mf)
	return m.save(ctx, mf)
}

// of are the paths of a thing's files, sorted.
func (mf *manifest) of(thing string) []string {
	var out []string
	for _, p := range slices.Sorted(maps.Keys(mf.Files)) {
		if mf.Files[p].Thing == thing {
			out = append(out, p)
		}
	}
	return out
}

// at is the file that is recorded at a place, and its path; "" when none is.
func (mf *manifest) at(place string) (string, placed) {
	for p, f := range mf.Files {
		if f.At == place {
			return p, f
		}
	}
	return "", placed{}
}

// identify is the name of a release with these files.
func identify(files map[string]placed) string {
	type content struct{ Path, At, Sum, Owner, Group string }
	var all []any
	for _, p := range slices.Sorted(maps.Keys(files)) {
		f := files[p]
		all = append(all, content{p, f.At, f.Sum, f.Owner, f.Group}, f.Mode, f.Units)
	}
	return string(estate.DigestOf(all))[len("sha256:"):][:12]
}

// reads is what a unit reads of a release.
func reads(files map[string]placed, name string) started {
	type content struct{ Path, At, Sum string }
	var s started
	var all []content
	for _, p := range slices.Sorted(maps.Keys(files)) {
		f := files[p]
		if !slices.Contains(f.Units, name) {
			continue
		}
		all = append(all, content{p, f.At, f.Sum})
		if path.Base(f.At) == name || path.Base(path.Dir(f.At)) == name+".d" {
			s.Unit += f.Sum
		}
	}
	s.Files = string(estate.DigestOf(all))
	return s
}
