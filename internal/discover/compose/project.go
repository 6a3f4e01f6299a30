package compose

import (
	"cmp"
	"errors"
	"maps"
	"path"
	"slices"
	"strings"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/syntax"
)

// maxDepth bounds chains of include and extends; Compose files that refer in a circle end here too.
const maxDepth = 16

// reader holds what is read once and used by every project.
type reader struct {
	tree     discover.Tree
	report   *discover.Report
	docs     map[string]syntax.Node
	envs     map[string][]syntax.Entry
	extended map[string]map[string]bool // file → services other files extend
	included map[string]bool
	runnable map[string]int // "folder/service" → files that give it an image or a build
	doubted  map[string]bool
}

func readTree(files []discover.File, tree discover.Tree, report *discover.Report) {
	r := &reader{tree: tree, report: report, docs: map[string]syntax.Node{}, envs: map[string][]syntax.Entry{},
		extended: map[string]map[string]bool{}, included: map[string]bool{}, runnable: map[string]int{}, doubted: map[string]bool{}}
	for _, f := range files {
		r.parse(f.Path, f.Data)
	}
	for _, f := range files {
		r.note(f.Path)
	}
	for _, stack := range r.stacks(files) {
		r.stack(stack)
	}
}

func (r *reader) parse(file string, data []byte) syntax.Node {
	docs, err := syntax.YAML(data)
	if err != nil {
		r.report.Broken(discover.File{Path: file}, syntax.LineOf(err), errors.New("not read to its end as a Compose file; mend the YAML: "+err.Error()))
	}
	var doc syntax.Node
	if len(docs) > 0 {
		doc = docs[0]
	}
	if isFirstVersion(doc) {
		doc = syntax.Node{Kind: syntax.Map, Line: doc.Line, Pairs: []syntax.Pair{{Key: "services", Line: doc.Line, Value: doc}}}
	}
	r.docs[file] = doc
	return doc
}

// document is a parsed file, read now if the scan did not hand it in.
func (r *reader) document(file string) (syntax.Node, bool) {
	if doc, ok := r.docs[file]; ok {
		return doc, true
	}
	data, ok := r.tree.Open(file)
	if !ok {
		return syntax.Node{}, false
	}
	return r.parse(file, data), true
}

// note remembers which files and services are only parts of others.
func (r *reader) note(file string) {
	doc := r.docs[file]
	for _, inc := range includes(doc.Get("include"), file) {
		for _, f := range inc.files {
			r.included[f] = true
		}
	}
	for _, s := range doc.Get("services").Pairs {
		if runnable(s.Value) {
			r.runnable[path.Dir(file)+"/"+s.Key]++
		}
		ext := s.Value.Get("extends")
		from := ext.Get("file").Value
		if from == "" {
			continue
		}
		from = path.Join(path.Dir(file), from)
		if r.extended[from] == nil {
			r.extended[from] = map[string]bool{}
		}
		r.extended[from][ext.Get("service").Value] = true
	}
}

// stacks groups files into what Compose would load together: a file and its override. Files that others include are
// read with those.
func (r *reader) stacks(files []discover.File) [][]string {
	var out [][]string
	index := map[string]int{}
	ordered := slices.Clone(files)
	slices.SortStableFunc(ordered, func(a, b discover.File) int {
		stemA, overA := rank(a.Base())
		stemB, overB := rank(b.Base())
		return cmp.Or(cmp.Compare(a.Dir(), b.Dir()), cmp.Compare(defaultRank(stemA), defaultRank(stemB)), cmp.Compare(stemA, stemB), compareBool(overA, overB))
	})
	for _, f := range ordered {
		if r.included[f.Path] {
			continue
		}
		stem, override := rank(f.Base())
		key := f.Dir() + "/" + stem
		if i, ok := index[key]; ok && override {
			out[i] = append(out[i], f.Path)
			continue
		}
		index[key] = len(out)
		out = append(out, []string{f.Path})
	}
	return out
}

func defaultRank(stem string) int {
	if isDefault(stem) {
		return 0
	}
	return 1
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// project is the services of one stack.
type project struct {
	*reader
	dir      string // of its first file
	vars     variables
	services []*service
	index    map[string]int  // name → place in services
	files    map[string]text // configs and secrets: name → file
}

func (r *reader) stack(files []string) {
	dir := path.Dir(files[0])
	p := &project{reader: r, dir: dir, files: map[string]text{}, index: map[string]int{}, vars: newVariables()}
	p.environment(path.Join(dir, ".env"))
	for _, f := range files {
		p.load(f, dir, p.vars, 0)
	}
	stem, _ := rank(path.Base(files[0]))
	for _, s := range p.services {
		if !isDefault(stem) && r.extended[files[0]][s.name] {
			continue // a fragment for others to extend, which runs nowhere itself
		}
		p.emit(s)
	}
}

// environment adds the variables of a .env file that are not set yet.
func (p *project) environment(file string) {
	_, entries, _ := p.envEntries(file)
	for _, e := range entries {
		if _, ok := p.vars.values[e.Key]; !ok {
			p.vars.values[e.Key] = p.vars.expand(e.Value)
		}
	}
}

// envEntries reads an env file, or the example beside it when the file itself is kept out of the repository.
func (r *reader) envEntries(file string) (string, []syntax.Entry, bool) {
	for _, suffix := range []string{"", ".example", ".sample", ".dist", ".template", ".default"} {
		name := file + suffix
		if entries, ok := r.envs[name]; ok {
			return name, entries, true
		}
		data, ok := r.tree.Open(name)
		if !ok {
			continue
		}
		entries, err := syntax.Env(data, syntax.EnvCompose)
		if err != nil {
			r.report.Broken(discover.File{Path: name}, syntax.LineOf(err), errors.New("not read to its end as an env file; mend the line: "+err.Error()))
		}
		r.envs[name] = entries
		return name, entries, true
	}
	return file, nil, false
}

// load reads one file into the project: what it includes first, then its own services on top of those there are.
func (p *project) load(file, dir string, vars variables, depth int) {
	doc, ok := p.document(file)
	if !ok || depth > maxDepth {
		return
	}
	for _, inc := range includes(doc.Get("include"), file) {
		p.include(inc, vars, depth)
	}
	doc = vars.tree(doc)
	at := parser{file: file, dir: dir}
	for _, pair := range doc.Get("services").Pairs {
		if pair.Value.Kind != syntax.Map {
			continue
		}
		p.doubtful(file, pair, vars)
		p.add(p.resolve(at, doc, pair, vars, depth))
	}
	p.collectFiles(at, doc)
}

func (p *project) add(s *service) {
	if i, ok := p.index[s.name]; ok {
		place := p.services[i].place
		p.services[i] = p.services[i].merged(s)
		p.services[i].place = place
		return
	}
	p.index[s.name] = len(p.services)
	p.services = append(p.services, s)
}

// collectFiles notes which files the project's configs and secrets hold.
func (p *project) collectFiles(at parser, doc syntax.Node) {
	for _, section := range []string{"configs", "secrets"} {
		for _, pair := range doc.Get(section).Pairs {
			if f := at.text(pair.Value.Get("file")); f.value != "" && !path.IsAbs(f.value) {
				f.value = at.path(f.value)
				p.files[pair.Key] = f
			}
		}
	}
}

// resolve is a service with what it extends.
func (p *project) resolve(at parser, doc syntax.Node, pair syntax.Pair, vars variables, depth int) *service {
	s := at.service(pair)
	base := s.extends
	if base.value == "" {
		return s
	}
	if depth >= maxDepth {
		p.report.Doubt(estate.Unresolved, base.place, "extends goes in a circle or too deep; what it brings in was left out")
		return s
	}
	if base.file != "" && base.file != at.file {
		other, ok := p.document(base.file)
		if !ok {
			p.report.Doubt(estate.Unresolved, base.place, "extends a file that is not in the tree; add "+base.file+" or the source that holds it")
			return s
		}
		at, doc = parser{file: base.file, dir: path.Dir(base.file)}, vars.tree(other)
	}
	for _, candidate := range doc.Get("services").Pairs {
		if candidate.Key == base.value && candidate.Value.Kind == syntax.Map {
			return p.resolve(at, doc, candidate, vars, depth+1).merged(s)
		}
	}
	p.report.Doubt(estate.Unresolved, base.place, "extends a service that its file does not have; name one that exists")
	return s
}

// inclusion is one entry of include.
type inclusion struct {
	files []string
	dir   string
	envs  []string
	place estate.Place
}

// includes lists what a file includes, paths root-relative.
func includes(n syntax.Node, file string) []inclusion {
	p := parser{file: file, dir: path.Dir(file)}
	var out []inclusion
	for _, item := range n.Items {
		inc := inclusion{place: estate.Place{File: file, Line: item.Line}}
		written := item
		if item.Kind == syntax.Map {
			written = item.Get("path")
			inc.envs = paths(p, item.Get("env_file"))
			if dir := item.Get("project_directory").Value; dir != "" {
				inc.dir = p.path(dir)
			}
		}
		if inc.files = paths(p, written); len(inc.files) == 0 {
			continue
		}
		if inc.dir == "" {
			inc.dir = path.Dir(inc.files[0])
		}
		out = append(out, inc)
	}
	return out
}

func paths(p parser, n syntax.Node) []string {
	var out []string
	for _, written := range n.Strings() {
		if !strings.Contains(written, "://") {
			out = append(out, p.path(written))
		}
	}
	return out
}

// include loads other files into the project, with the variables of their own folder under those of the project.
func (p *project) include(inc inclusion, vars variables, depth int) {
	inner := &project{reader: p.reader, vars: vars.with(maps.Clone(vars.values))}
	if len(inc.envs) == 0 {
		inc.envs = []string{path.Join(inc.dir, ".env")}
	}
	for _, env := range inc.envs {
		inner.environment(env)
	}
	for _, f := range inc.files {
		if _, ok := p.document(f); !ok {
			p.report.Doubt(estate.Unresolved, inc.place, "includes a file that is not in the tree; add "+f+" or the source that holds it")
			continue
		}
		p.load(f, inc.dir, inner.vars, depth+1)
	}
}

// doubtful asks about variables set nowhere, where their value decides an image or a port.
func (p *project) doubtful(file string, pair syntax.Pair, vars variables) {
	image := pair.Value.Get("image")
	repository := image.Value[strings.LastIndexByte(image.Value, '/')+1:]
	if name, ok := vars.unsetIn(beforeTag(repository)); ok {
		p.unset(name, "the image of "+pair.Key, estate.Place{File: file, Line: image.Line})
	}
	for _, item := range pair.Value.Get("ports").Items {
		for _, part := range []syntax.Node{item, item.Get("target"), item.Get("published")} {
			if name, ok := vars.unsetIn(part.Value); ok {
				p.unset(name, "a port of "+pair.Key, estate.Place{File: file, Line: part.Line})
			}
		}
	}
}

func beforeTag(image string) string {
	parts := splitPorts(image)
	return parts[0]
}

func (r *reader) unset(name, what string, place estate.Place) {
	if key := place.File + ":" + name; !r.doubted[key] {
		r.doubted[key] = true
		r.report.Doubt(estate.Unresolved, place, name+" is set nowhere, so "+what+" stays open; set it in .env beside the file or give it a default")
	}
}
