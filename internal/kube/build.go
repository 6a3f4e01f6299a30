package kube

import (
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

// tree is rendered files, and the folders among them that are built alone: those of services, stubs, datastores and namespaces. A step
// touches few of many, so only what is asked for is read.
type tree struct {
	owner   string
	builds  *Builds
	files   map[string]render.File
	folders []string         // with a kustomization, sorted
	layers  map[string]layer // those that were read
}

// unit is a folder that is built alone, with all files that go into it.
type unit struct {
	folder string
	reads  []string // paths, sorted
}

// layer is a kustomization and what it reads: files and folders.
type layer struct {
	reads []string
	lists bool // does nothing but name other folders
}

// treeOf is files with newer ones in their place.
func treeOf(owner string, files, newer []render.File) *tree {
	t := &tree{owner: owner, files: make(map[string]render.File, len(files)), layers: map[string]layer{}}
	for _, all := range [][]render.File{files, newer} {
		for _, f := range all {
			if _, known := t.files[f.Path]; !known && path.Base(f.Path) == kustomization {
				t.folders = append(t.folders, path.Dir(f.Path))
			}
			t.files[f.Path] = f
		}
	}
	slices.Sort(t.folders)
	return t
}

// layer reads the kustomization of a folder. Invalid when it is none.
func (t *tree) layer(folder string) (layer, error) {
	if l, ok := t.layers[folder]; ok {
		return l, nil
	}
	at := path.Join(folder, kustomization)
	var keys map[string]any
	if err := yaml.Unmarshal([]byte(t.files[at].Text), &keys); err != nil {
		return layer{}, fault.Newf(fault.Invalid, "%s: %w; render it again", at, err)
	}
	l := layer{lists: true}
	for key, value := range keys {
		l.lists = l.lists && slices.Contains([]string{"apiVersion", "kind", "resources"}, key)
		list, _ := value.([]any)
		for _, item := range list {
			name, _ := item.(string)
			if key == "patches" {
				name = text(asMap(item), "path")
			}
			if name != "" && slices.Contains([]string{"resources", "components", "patches"}, key) {
				l.reads = append(l.reads, path.Join(folder, name))
			}
		}
	}
	for _, r := range l.reads {
		_, file := t.files[r]
		l.lists = l.lists && !file
	}
	t.layers[folder] = l
	return l, nil
}

func (t *tree) isFolder(p string) bool {
	_, ok := slices.BinarySearch(t.folders, p)
	return ok
}

// reader is the folder whose kustomization reads a file; "" when none does.
func (t *tree) reader(p string) (string, error) {
	for folder := path.Dir(p); ; folder = path.Dir(folder) {
		if t.isFolder(folder) {
			l, err := t.layer(folder)
			if err != nil || p == path.Join(folder, kustomization) || slices.Contains(l.reads, p) {
				return folder, err
			}
		}
		if folder == "." || folder == "/" {
			return "", nil
		}
	}
}

// above are the folders that are built alone and read a folder: itself, when none reads it or those that do only list it.
func (t *tree) above(folder string, seen map[string]bool) ([]string, error) {
	l, err := t.layer(folder)
	if err != nil || l.lists || seen[folder] {
		return nil, err
	}
	seen[folder] = true
	var out []string
	for _, other := range t.folders {
		if other == folder || !strings.Contains(t.files[path.Join(other, kustomization)].Text, path.Base(folder)) {
			continue
		}
		by, err := t.layer(other)
		if err != nil {
			return nil, err
		}
		if by.lists || !slices.Contains(by.reads, folder) {
			continue
		}
		more, err := t.above(other, seen)
		if err != nil {
			return nil, err
		}
		out = append(out, more...)
	}
	if len(out) == 0 {
		out = []string{folder}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// units are those that a file goes into. Invalid when it is a manifest that none reads, of which nothing would ever be made.
func (t *tree) units(p string) ([]unit, error) {
	folder, err := t.reader(p)
	if err != nil {
		return nil, err
	}
	if ext := path.Ext(p); folder == "" && (ext == ".yaml" || ext == ".yml") {
		return nil, fault.Newf(fault.Invalid, "%s is in no kustomization, so nothing would be made of it; name it in the one of its folder", p)
	}
	if folder == "" {
		return nil, nil
	}
	names, err := t.above(folder, map[string]bool{})
	if err != nil {
		return nil, err
	}
	var out []unit
	for _, n := range names {
		reads, err := t.closure(n, map[string]bool{})
		if err != nil {
			return nil, err
		}
		out = append(out, unit{n, reads})
	}
	return out, nil
}

// closure is every file that building a folder reads.
func (t *tree) closure(folder string, seen map[string]bool) ([]string, error) {
	if seen[folder] {
		return nil, nil
	}
	seen[folder] = true
	out := []string{path.Join(folder, kustomization)}
	l, err := t.layer(folder)
	if err != nil {
		return nil, err
	}
	for _, r := range l.reads {
		if t.isFolder(r) {
			more, err := t.closure(r, seen)
			if err != nil {
				return nil, err
			}
			out = append(out, more...)
		} else if _, ok := t.files[r]; ok {
			out = append(out, r)
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// placed is where files are recorded: by path, the folder of the unit that reads one, or else its own; and the units, by folder.
func (t *tree) placed(paths []string) (folders map[string]string, units []unit, err error) {
	folders = map[string]string{}
	known := map[string]bool{}
	for _, p := range paths {
		if folders[p] != "" {
			continue
		}
		found, err := t.units(p)
		if err != nil {
			return nil, nil, err
		}
		folders[p] = path.Dir(p)
		for _, u := range found {
			if !known[u.folder] {
				known[u.folder] = true
				units = append(units, u)
			}
		}
		if len(found) > 0 {
			folders[p] = found[0].folder
		}
		for _, u := range found[:min(len(found), 1)] { // what else it reads is recorded there, too
			for _, other := range u.reads {
				if slices.Contains(paths, other) && folders[other] == "" {
					folders[other] = u.folder
				}
			}
		}
	}
	slices.SortFunc(units, func(x, y unit) int { return strings.Compare(x.folder, y.folder) })
	return folders, units, nil
}

// input is the digest of all that a unit is made from.
func (t *tree) input(u unit) estate.Digest {
	texts := make([]string, len(u.reads))
	for i, p := range u.reads {
		texts[i] = p + "\n" + t.files[p].Text
	}
	return shortDigest(texts)
}

// build are the objects of a unit, each with the file it came from.
func (t *tree) build(u unit) ([]made, error) {
	return t.builds.of(shortDigest([]string{t.owner, u.folder, string(t.input(u))}), func() ([]made, error) { return t.kustomize(u) })
}

func (t *tree) kustomize(u unit) ([]made, error) {
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
