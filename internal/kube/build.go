package kube

import (
	"maps"
	"path"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resmap"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/render"
)

// kustomization is the file that makes a folder one of kustomize's.
const kustomization = "kustomization.yaml"

// tree is rendered files, and the folders among them that are built alone: those of services, stubs, datastores and namespaces.
type tree struct {
	owner string
	files map[string]render.File
	units []unit
}

// unit is a folder that is built alone, with all files that go into it.
type unit struct {
	folder string
	reads  []string // paths, sorted
}

// treeOf is files with newer ones in their place. Invalid when a kustomization among them cannot be read.
func treeOf(owner string, files, newer []render.File) (tree, error) {
	t := tree{owner: owner, files: map[string]render.File{}}
	for _, f := range slices.Concat(files, newer) {
		t.files[f.Path] = f
	}
	folders, err := t.kustomizations()
	if err != nil {
		return t, err
	}
	used := map[string]bool{}
	for _, k := range folders {
		for _, r := range k.reads {
			used[r] = true
		}
	}
	for _, folder := range slices.Sorted(maps.Keys(folders)) {
		if !used[folder] {
			t.open(folder, folders)
		}
	}
	return t, nil
}

// layer is a kustomization and what it reads: files and folders.
type layer struct {
	reads []string
	lists bool // does nothing but name other folders
}

func (t *tree) kustomizations() (map[string]layer, error) {
	out := map[string]layer{}
	for p, f := range t.files {
		if path.Base(p) != kustomization {
			continue
		}
		var k struct {
			Resources  []string `json:"resources"`
			Components []string `json:"components"`
			Patches    []struct {
				Path string `json:"path"`
			} `json:"patches"`
		}
		var keys map[string]any
		if err := yaml.Unmarshal([]byte(f.Text), &k); err != nil {
			return nil, fault.Newf(fault.Invalid, "%s: %w; render it again", p, err)
		}
		_ = yaml.Unmarshal([]byte(f.Text), &keys) // it was read before
		folder := path.Dir(p)
		l := layer{lists: true}
		for _, r := range slices.Concat(k.Resources, k.Components) {
			l.reads = append(l.reads, path.Join(folder, r))
		}
		for _, patch := range k.Patches {
			if patch.Path != "" {
				l.reads = append(l.reads, path.Join(folder, patch.Path))
			}
		}
		for key := range keys {
			l.lists = l.lists && slices.Contains([]string{"apiVersion", "kind", "resources"}, key)
		}
		for _, r := range l.reads {
			_, file := t.files[r]
			l.lists = l.lists && !file
		}
		out[folder] = l
	}
	return out, nil
}

// open adds a folder as a unit, or the folders it lists when it does no more than that.
func (t *tree) open(folder string, all map[string]layer) {
	l, ok := all[folder]
	if !ok || slices.ContainsFunc(t.units, func(u unit) bool { return u.folder == folder }) {
		return
	}
	if l.lists {
		for _, r := range l.reads {
			t.open(r, all)
		}
		return
	}
	t.units = append(t.units, unit{folder: folder, reads: t.closure(folder, all, map[string]bool{})})
}

// closure is every file that building a folder reads.
func (t *tree) closure(folder string, all map[string]layer, seen map[string]bool) []string {
	if seen[folder] {
		return nil
	}
	seen[folder] = true
	out := []string{path.Join(folder, kustomization)}
	for _, r := range all[folder].reads {
		if _, ok := all[r]; ok {
			out = append(out, t.closure(r, all, seen)...)
		} else if _, ok := t.files[r]; ok {
			out = append(out, r)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// folderOf is the folder whose inventory has a file: that of the unit that reads it, or else its own.
func (t *tree) folderOf(p string) string {
	for _, u := range t.units {
		if _, ok := slices.BinarySearch(u.reads, p); ok {
			return u.folder
		}
	}
	return path.Dir(p)
}

// touched are the units that any of some files goes into.
func (t *tree) touched(files []render.File) []unit {
	var out []unit
	for _, u := range t.units {
		if slices.ContainsFunc(files, func(f render.File) bool {
			_, ok := slices.BinarySearch(u.reads, f.Path)
			return ok
		}) {
			out = append(out, u)
		}
	}
	return out
}

// input is the digest of all that a unit is made from.
func (t *tree) input(u unit) estate.Digest {
	texts := make([]string, len(u.reads))
	for i, p := range u.reads {
		texts[i] = p + "\n" + t.files[p].Text
	}
	return shortDigest(texts)
}

// orphan reports a manifest that no kustomization names: nothing would ever be applied of it.
func (t *tree) orphan(f render.File) error {
	ext := path.Ext(f.Path)
	if ext != ".yaml" && ext != ".yml" || path.Base(f.Path) == kustomization || slices.ContainsFunc(t.units, func(u unit) bool { return slices.Contains(u.reads, f.Path) }) {
		return nil
	}
	return fault.Newf(fault.Invalid, "%s is in no kustomization, so nothing would be made of it; name it in the one of its folder", f.Path)
}

// build are the objects of a unit, each with the file it came from.
func (t *tree) build(u unit) ([]made, error) {
	disk := filesys.MakeFsInMemory()
	for _, p := range u.reads {
		text := t.files[p].Text
		if p == path.Join(u.folder, kustomization) && !strings.Contains(text, "\nbuildMetadata:") {
			text += "\nbuildMetadata: [originAnnotations]\n"
		}
		if err := disk.WriteFile("/"+p, []byte(text)); err != nil {
			return nil, err
		}
	}
	all, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(disk, "/"+u.folder)
	if err != nil {
		return nil, fault.Newf(fault.Invalid, "%s: %w; render it again, or mend the file that is named", u.folder, err)
	}
	return t.objects(u, all)
}

func (t *tree) objects(u unit, all resmap.ResMap) ([]made, error) {
	var out []made
	for _, r := range all.Resources() {
		origin, err := r.GetOrigin()
		if err != nil || origin == nil {
			return nil, fault.Newf(fault.Internal, "%s: kustomize does not say where %s comes from; please report it", u.folder, r.CurId())
		}
		if err := r.SetOrigin(nil); err != nil {
			return nil, err
		}
		text, err := r.MarshalJSON()
		if err != nil {
			return nil, fault.Newf(fault.Invalid, "%s: %w", u.folder, err)
		}
		var o unstructured.Unstructured
		if err := o.UnmarshalJSON(text); err != nil {
			return nil, fault.Newf(fault.Invalid, "%s: %w", u.folder, err)
		}
		if len(o.GetAnnotations()) == 0 {
			o.SetAnnotations(nil)
		}
		out = append(out, makeOf(&o, path.Join(u.folder, origin.Path), t.owner))
	}
	return out, nil
}
