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
	images  map[estate.ServiceName]string // that services run instead of those in the files
	files   map[string]render.File
	folders []string          // with a kustomization, sorted
	layers  map[string]layer  // those that were read
	alone   map[string][]unit // by the folder that reads a file
}

// unit is a folder that is built alone, with all files that go into it.
type unit struct {
	folder string
	reads  []string // paths, sorted
}

// layer is a kustomization and what it reads: files and folders.
type layer struct {
	reads   []string
	patches []string // of them, those that change what others make
	lists   bool     // does nothing but name other folders
}

// treeOf is files with newer ones in their place.
func treeOf(owner string, images map[estate.ServiceName]string, files, newer []render.File) *tree {
	t := &tree{owner: owner, images: images, files: make(map[string]render.File, len(files)), layers: map[string]layer{}, alone: map[string][]unit{}}
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
			if name != "" && key == "patches" {
				l.patches = append(l.patches, path.Join(folder, name))
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
	if known, ok := t.alone[folder]; ok {
		return known, nil
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
	t.alone[folder] = out
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
		if image := t.images[t.files[p].Subject]; image != "" {
			texts[i] += "\n" + image
		}
	}
	return shortDigest(texts)
}

// build are the objects of a unit, each with the file it came from.
func (t *tree) build(u unit) ([]made, error) {
	return t.builds.of(shortDigest([]string{t.owner, u.folder, string(t.input(u))}), func() ([]made, error) { return t.kustomize(u) })
}

func (t *tree) kustomize(u unit) ([]made, error) {
	disk := filesys.MakeFsInMemory()
	from := map[string]string{}
	for _, p := range u.reads {
		if err := disk.WriteFile("/"+p, []byte(t.files[p].Text)); err != nil {
			return nil, err
		}
		if t.patch(p) {
			continue
		}
		for _, key := range written(t.files[p].Text) {
			from[key] = p
		}
	}
	all, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(disk, "/"+u.folder)
	if err != nil {
		return nil, fault.Newf(fault.Invalid, "%s: %w; render it again, or mend the file that is named", u.folder, err)
	}
	return t.objects(u, all, from)
}

// patch reports whether a file only changes what others make.
func (t *tree) patch(p string) bool {
	for _, l := range t.layers {
		if slices.Contains(l.patches, p) {
			return true
		}
	}
	return false
}

// written are the keys of the objects that a file has, as they are called there. (Annotations by which kustomize would tell take a third of
// a build.)
func written(content string) []string {
	var out []string
	for doc := range strings.SplitSeq(content, "\n---") {
		var o struct {
			APIVersion string `json:"apiVersion"`
			Kind       string `json:"kind"`
			Metadata   struct {
				Name      string `json:"name"`
				Namespace string `json:"namespace"`
			} `json:"metadata"`
		}
		if yaml.Unmarshal([]byte(doc), &o) == nil && o.Kind != "" {
			group, _, ok := strings.Cut(o.APIVersion, "/")
			if !ok {
				group = ""
			}
			out = append(out, id{Group: group, Kind: o.Kind, Namespace: o.Metadata.Namespace, Name: o.Metadata.Name}.key())
		}
	}
	return out
}

// objects are what was built. One that no file has was generated by the kustomization.
func (t *tree) objects(u unit, all resmap.ResMap, from map[string]string) ([]made, error) {
	var out []made
	for _, r := range all.Resources() {
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
		origin := originOf(idOf(&o), from, path.Join(u.folder, kustomization))
		t.release(&o, t.files[origin].Subject)
		out = append(out, makeOf(&o, origin, t.owner))
	}
	return out, nil
}

// release lets the workload of a service run the image of the release in force. Its main container is the first.
func (t *tree) release(o *unstructured.Unstructured, service estate.ServiceName) {
	image := t.images[service]
	if image == "" || !slices.Contains(keepers, o.GetKind()) {
		return
	}
	containers, _, _ := unstructured.NestedSlice(o.Object, "spec", "template", "spec", "containers")
	if len(containers) == 0 {
		return
	}
	asMap(containers[0])["image"] = image
	_ = unstructured.SetNestedSlice(o.Object, containers, "spec", "template", "spec", "containers") // it is there
}

// keepers are the kinds of objects that keep the pods of a service running.
var keepers = []string{"Deployment", "StatefulSet"}

// originOf is the file that has an object, in its namespace or in none yet; the kustomization when none has.
func originOf(i id, from map[string]string, kustomization string) string {
	if p := from[i.key()]; p != "" {
		return p
	}
	i.Namespace = ""
	if p := from[i.key()]; p != "" {
		return p
	}
	return kustomization
}
