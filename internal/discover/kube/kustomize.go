package kube

import (
	"errors"
	"path"
	"slices"
	"strconv"
	"strings"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/syntax"
)

// kustomization is one kustomization file with what it refers to.
type kustomization struct {
	file, dir  string
	node       syntax.Node
	children   []*kustomization
	files      []string
	referenced bool   // by another kustomization
	group      int    // the same number for all that are connected
	namespace  string // of what it generates
}

func (r *reader) kustomization(f discover.File) {
	docs, err := syntax.YAML(f.Data)
	if err != nil {
		r.report.Broken(f, syntax.LineOf(err), errors.New("not read to its end as a kustomization; mend the YAML: "+err.Error()))
	}
	if len(docs) > 0 {
		r.kustomizations = append(r.kustomizations, &kustomization{file: f.Path, dir: f.Dir(), node: docs[0]})
	}
}

// list returns the items of several keys: Kustomize renamed some of them over time.
func (k *kustomization) list(keys ...string) []syntax.Node {
	var out []syntax.Node
	for _, key := range keys {
		n := k.node.Get(key)
		if n.Kind == syntax.Scalar {
			out = append(out, n)
		}
		out = append(out, n.Items...)
	}
	return out
}

func (k *kustomization) place(line int) estate.Place { return estate.Place{File: k.file, Line: line} }

// kustomize finds out how overlays call the objects of their bases. An object reached on several ways stays one.
func (r *reader) kustomize() {
	if len(r.kustomizations) == 0 {
		return
	}
	folders := map[string]*kustomization{}
	for i, k := range r.kustomizations {
		k.group = i
		folders[k.dir], folders[k.file] = k, k
	}
	for _, k := range r.kustomizations {
		r.connect(k, folders)
	}
	uses := map[string][]use{}
	for _, k := range r.kustomizations {
		if !k.referenced {
			walk(use{chain: []*kustomization{k}}, uses, 0)
		}
	}
	r.settle(uses)
	patches := make([][]*patch, len(r.kustomizations))
	files := map[string]bool{}
	for i, k := range r.kustomizations {
		patches[i] = r.patches(k)
		for _, p := range patches[i] {
			files[p.object.file] = p.object.file != k.file || files[p.object.file]
		}
	}
	byName := map[string][]*object{}
	for _, o := range r.objects {
		if o.patch = files[o.file]; !o.patch {
			byName[o.name] = append(byName[o.name], o)
		}
	}
	for i, k := range r.kustomizations {
		if len(patches[i]) > 0 {
			r.apply(k, patches[i], byName)
		}
	}
}

// connect resolves what a kustomization refers to.
func (r *reader) connect(k *kustomization, folders map[string]*kustomization) {
	for _, ref := range k.list("resources", "bases", "components") {
		if strings.Contains(ref.Value, "://") || strings.HasPrefix(ref.Value, "git@") || strings.HasPrefix(ref.Value, "github.com/") {
			r.report.Doubt(estate.Unsupported, k.place(ref.Line), "refers to something kept elsewhere, which was not fetched; add a copy of it to the tree if it runs services")
			continue
		}
		target := path.Join(k.dir, ref.Value)
		if child := folders[target]; child != nil && child != k {
			child.referenced = true
			k.children = append(k.children, child)
			r.join(k.group, child.group)
		} else if r.tree.Exists(target) {
			k.files = append(k.files, target)
		} else {
			r.report.Doubt(estate.Unresolved, k.place(ref.Line), "refers to "+target+", which is not in the tree; add it or drop the reference")
		}
	}
}

func (r *reader) join(a, b int) {
	for _, k := range r.kustomizations {
		if k.group == b {
			k.group = a
		}
	}
}

// use is one way on which objects are reached: the outermost overlay first.
type use struct{ chain []*kustomization }

// namespace is that of the outermost overlay that sets one.
func (u use) namespace() string {
	for _, k := range u.chain {
		if ns := k.node.Get("namespace").Value; ns != "" {
			return ns
		}
	}
	return ""
}

// rename is an object's name with all prefixes and suffixes.
func (u use) rename(name string) string {
	for _, k := range slices.Backward(u.chain) {
		name = k.node.Get("namePrefix").Value + name + k.node.Get("nameSuffix").Value
	}
	return name
}

// renamed is an image that an overlay replaces by another.
type renamed struct {
	from, to string
	place    estate.Place
}

// images lists the replacements of every overlay on the way.
func (u use) images() []renamed {
	var out []renamed
	for _, k := range u.chain {
		for _, n := range k.list("images") {
			to := n.Get("newName").Value
			if to == "" {
				to = n.Get("name").Value
			}
			if tag := n.Get("newTag").Value; tag != "" {
				to += ":" + tag
			} else if digest := n.Get("digest").Value; digest != "" {
				to += "@" + digest
			}
			out = append(out, renamed{n.Get("name").Value, to, k.place(n.Get("name").Line)})
		}
	}
	return out
}

// maxKustomizations bounds how deep overlays nest; references in a circle end here too.
const maxKustomizations = 12

// maxUses bounds the ways on which one file is reached.
const maxUses = 64

// walk notes every way on which a file is reached. Kustomizations themselves are noted under their own file.
func walk(u use, uses map[string][]use, depth int) {
	k := u.chain[len(u.chain)-1]
	if depth > maxKustomizations || len(uses[k.file]) >= maxUses {
		return
	}
	for _, f := range append([]string{k.file}, k.files...) {
		uses[f] = append(uses[f], u)
	}
	for _, child := range k.children {
		walk(use{chain: append(slices.Clone(u.chain), child)}, uses, depth+1)
	}
}

// settle puts objects into namespaces. Connected kustomizations that disagree leave their objects where they stand, with
// what each overlay calls them as further names.
func (r *reader) settle(uses map[string][]use) {
	namespaces := map[int][]string{}
	for _, k := range r.kustomizations {
		for _, u := range uses[k.file] {
			if ns := u.namespace(); !slices.Contains(namespaces[k.group], ns) {
				namespaces[k.group] = append(namespaces[k.group], ns)
			}
		}
	}
	for _, k := range r.kustomizations {
		k.namespace = "default"
		if agreed := namespaces[k.group]; len(agreed) == 1 && agreed[0] != "" {
			k.namespace = agreed[0]
		}
	}
	for _, o := range r.objects {
		for _, u := range uses[o.file] {
			outer := u.chain[0]
			o.images = append(o.images, u.images()...)
			agreed := namespaces[outer.group]
			if len(agreed) == 1 && agreed[0] != "" {
				o.namespace = agreed[0]
			}
			v := variant{name: u.rename(o.name), namespace: u.namespace(), place: outer.place(1)}
			if v.namespace == "" {
				v.namespace = o.namespace
			}
			if v.namespace == "" {
				v.namespace = "default"
			}
			if v.name != o.name || v.namespace != o.namespace {
				o.variants = append(o.variants, v)
			}
		}
	}
}

// generated adds the ConfigMaps a kustomization makes.
func (r *reader) generated(k *kustomization) {
	for _, g := range k.list("configMapGenerator") {
		name := g.Get("name")
		m := r.nearest(k.namespace+"/"+name.Value, k.dir)
		if m == nil {
			m = &configMap{name: name.Value, namespace: k.namespace, place: k.place(name.Line)}
			r.configMaps[k.namespace+"/"+name.Value] = append(r.configMaps[k.namespace+"/"+name.Value], m)
		}
		for _, literal := range g.Get("literals").Items {
			key, value, _ := strings.Cut(literal.Value, "=")
			m.entries = append(m.entries, entry{key, strings.Trim(value, `"'`), k.place(literal.Line)})
		}
		for _, file := range g.Get("files").Items {
			key, name, ok := strings.Cut(file.Value, "=")
			if !ok {
				key, name = path.Base(file.Value), file.Value
			}
			m.files = append(m.files, entry{key, path.Join(k.dir, name), k.place(file.Line)})
		}
		for _, env := range append(slices.Clone(g.Get("envs").Items), g.Get("env")) {
			m.entries = append(m.entries, r.envFile(k, env)...)
		}
	}
}

// envFile reads the variables of an env file a generator names.
func (r *reader) envFile(k *kustomization, n syntax.Node) []entry {
	if n.Value == "" {
		return nil
	}
	name := path.Join(k.dir, n.Value)
	data, ok := r.tree.Open(name)
	if !ok {
		r.report.Doubt(estate.Unresolved, k.place(n.Line), "refers to "+name+", which is not in the tree; add it or drop the reference")
		return nil
	}
	entries, err := syntax.Env(data, syntax.EnvShell)
	if err != nil {
		r.report.Broken(discover.File{Path: name}, syntax.LineOf(err), errors.New("not read to its end as an env file; mend the line: "+err.Error()))
	}
	var out []entry
	for _, e := range entries {
		out = append(out, entry{e.Key, e.Value, estate.Place{File: name, Line: e.Line}})
	}
	return out
}

// patch is what a kustomization lays on a workload: partial containers, and the image it is given instead.
type patch struct {
	object     *object
	target     syntax.Node // kind and name it is meant for
	containers []syntax.Node
	operations []syntax.Node // of a JSON patch
	layer      string
	single     bool // the only way the workload is used, so the patch replaces what it overrides
}

// patches lists a kustomization's patches of every spelling.
func (r *reader) patches(k *kustomization) []*patch {
	var out []*patch
	for _, n := range k.list("patchesStrategicMerge", "patches", "patchesJson6902") {
		written, file, target := n, "", n.Get("target")
		if n.Kind == syntax.Map {
			written = n.Get("patch")
			file = n.Get("path").Value
		} else if !strings.Contains(n.Value, "\n") {
			file = n.Value
		}
		out = append(out, r.patchDocuments(k, written, file, target)...)
	}
	return out
}

// patchDocuments reads a patch from its file, or from the text inside the kustomization.
func (r *reader) patchDocuments(k *kustomization, written syntax.Node, file string, target syntax.Node) []*patch {
	name, data, shift := k.file, []byte(written.Value), written.Line
	if file != "" {
		name, shift = path.Join(k.dir, file), 0
		var ok bool
		if data, ok = r.tree.Open(name); !ok {
			r.report.Doubt(estate.Unresolved, k.place(max(written.Line, 1)), "refers to "+name+", which is not in the tree; add it or drop the reference")
			return nil
		}
	}
	docs, err := syntax.YAML(data)
	if err != nil {
		r.report.Broken(discover.File{Path: name}, shift+syntax.LineOf(err), errors.New("not read to its end as a patch; mend the YAML: "+err.Error()))
	}
	var out []*patch
	for _, doc := range docs {
		doc = shifted(doc, shift)
		p := &patch{object: &object{kind: doc.Get("kind").Value, name: doc.At("metadata", "name").Value, node: doc, file: name, source: &source{data: data}}, target: target, layer: "kustomize " + k.dir}
		if doc.Kind == syntax.List {
			p.operations = doc.Items
		} else if p.containers = podSpec(p.object).Get("containers").Items; target.Kind != syntax.Map {
			p.target = doc
		}
		out = append(out, p)
	}
	return out
}

// shifted moves a tree parsed out of another file's text to its lines there.
func shifted(n syntax.Node, by int) syntax.Node {
	if by == 0 {
		return n
	}
	n.Line += by
	n.Items = slices.Clone(n.Items)
	for i := range n.Items {
		n.Items[i] = shifted(n.Items[i], by)
	}
	n.Pairs = slices.Clone(n.Pairs)
	for i := range n.Pairs {
		n.Pairs[i].Line += by
		n.Pairs[i].Value = shifted(n.Pairs[i].Value, by)
	}
	return n
}

// aim is the name and the kind of what a patch is meant for; an empty kind means any.
func (p *patch) aim() (name, kind string) {
	name = p.target.At("metadata", "name").Value
	if name == "" {
		name = p.target.Get("name").Value
	}
	return name, p.target.Get("kind").Value
}

// apply notes patches on the objects below a kustomization that they are meant for.
func (r *reader) apply(k *kustomization, patches []*patch, byName map[string][]*object) {
	roots := 0
	for _, other := range r.kustomizations {
		if other.group == k.group && !other.referenced {
			roots++
		}
	}
	below := map[string]bool{}
	k.reach(below)
	for _, p := range patches {
		p.single = roots == 1
		name, kind := p.aim()
		for _, o := range byName[name] {
			if below[o.file] && (kind == "" || kind == o.kind) {
				o.patches = append(o.patches, p)
			}
		}
	}
}

// reach collects the files a kustomization refers to, directly or through others.
func (k *kustomization) reach(files map[string]bool) {
	if files[k.file] {
		return
	}
	files[k.file] = true
	for _, f := range k.files {
		files[f] = true
	}
	for _, child := range k.children {
		child.reach(files)
	}
}

// overridden reports whether a patch replaces a variable for good.
func (w *workload) overridden(container, key string) bool {
	return w.layer == "" && slices.ContainsFunc(w.patches, func(p *patch) bool {
		return p.single && slices.ContainsFunc(p.partial(w), func(c syntax.Node) bool {
			return c.Get("name").Value == container && slices.ContainsFunc(c.Get("env").Items, func(e syntax.Node) bool { return e.Get("name").Value == key })
		})
	})
}

// patched reports what a patch sets.
func (r *reader) patched(w *workload, p *patch) {
	over := *p.object
	over.name, over.namespace, over.kind, over.group = w.name, w.namespace, w.kind, w.group
	laid := &workload{object: &over, layer: p.layer, volumes: podSpec(p.object).Get("volumes")}
	for _, c := range p.partial(w) {
		if image := c.Get("image"); image.Value != "" && c.Get("name").Value == w.main().Get("name").Value {
			r.see(&over, estate.Called, estate.NameImage, image.Value, image.Line)
		}
		r.container(laid, c)
	}
	r.keeps(laid, p.process(w))
	r.mounted(laid)
}

// partial is a patch as the containers it changes.
func (p *patch) partial(w *workload) []syntax.Node {
	out := slices.Clone(p.containers)
	for _, op := range p.operations {
		if c, ok := operation(w, op); ok {
			out = append(out, c)
		}
	}
	return out
}

// operation turns an operation of a JSON patch on a container's variables, image or arguments into a partial container.
func operation(w *workload, op syntax.Node) (syntax.Node, bool) {
	_, rest, ok := strings.Cut(op.Get("path").Value, "/spec/containers/")
	parts := strings.Split(rest, "/")
	at, err := strconv.Atoi(parts[0])
	if !ok || err != nil || at < 0 || at >= len(w.containers) || len(parts) < 2 || op.Get("op").Value == "remove" {
		return syntax.Node{}, false
	}
	base, value := w.containers[at], op.Get("value")
	partial := func(key string, v syntax.Node) (syntax.Node, bool) {
		return syntax.Node{Kind: syntax.Map, Line: value.Line, Pairs: []syntax.Pair{{Key: "name", Value: base.Get("name")}, {Key: key, Value: v}}}, true
	}
	switch {
	case parts[1] != "env":
		return partial(parts[1], value)
	case len(parts) == 2:
		return partial("env", value)
	case len(parts) == 4 && parts[3] == "value":
		i, err := strconv.Atoi(parts[2])
		if vars := base.Get("env").Items; err == nil && i >= 0 && i < len(vars) {
			value = syntax.Node{Kind: syntax.Map, Line: value.Line, Pairs: []syntax.Pair{{Key: "name", Value: vars[i].Get("name")}, {Key: "value", Value: value}}}
			return partial("env", syntax.Node{Kind: syntax.List, Items: []syntax.Node{value}})
		}
	case len(parts) == 3:
		return partial("env", syntax.Node{Kind: syntax.List, Items: []syntax.Node{value}})
	}
	return syntax.Node{}, false
}
