package chef

import (
	"path"
	"strings"

	"example.org/caravan/internal/discover/chef/ruby"
	"example.org/caravan/internal/estate"
)

// fact is something a recipe says, to be reported once the node's attributes are complete.
type fact struct {
	kind  factKind
	key   string
	value *value
	place estate.Place
	path  []string          // of a reference
	vars  map[string]*value // of a template, or what else the fact has
	book  *cookbook
}

type factKind uint8

const (
	runsUnit    factKind = iota // a service resource or container
	hasPackage                  // a package resource
	searches                    // a search for other nodes
	sets                        // a setting that a resource passes on
	refersTo                    // an attribute the recipe reads
	rendersFile                 // a template; value is the path of the file
	definesUnit                 // a unit whose content the recipe spells out
	namesHost                   // a line for the hosts file: key is the name, value the address
)

// watcher looks for facts in one recipe.
type watcher struct {
	book   *cookbook
	recipe string
	file   string
}

// units and packages are the resources that say what a host runs.
var (
	units    = map[string]bool{"service": true, "systemd_unit": true, "runit_service": true, "docker_container": true, "supervisor_service": true, "poise_service": true}
	packages = map[string]bool{"package": true, "apt_package": true, "yum_package": true, "dnf_package": true, "rpm_package": true}
	finders  = map[string]bool{"search": true, "partial_search": true, "search_for_nodes": true}
)

func (w *watcher) look(in *interpreter, b *bearer, e ruby.Expr) {
	if e.Kind == ruby.Call && e.Recv == nil && len(e.Args) > 0 {
		w.resource(in, b, e)
	}
	w.deep(in, b, e, 0)
}

// resource reads a resource declaration: its name and the properties in its block that name others.
func (w *watcher) resource(in *interpreter, b *bearer, e ruby.Expr) {
	name, at := in.eval(e.Args[0]), in.place(e.Line)
	switch {
	case units[e.Text]:
		b.facts = append(b.facts, fact{kind: runsUnit, value: name, place: at})
		if content := property(in, e.Block, "content"); e.Text == "systemd_unit" && content != nil {
			b.facts = append(b.facts, fact{kind: definesUnit, value: content, vars: map[string]*value{"name": name}, place: at})
		}
	case packages[e.Text]:
		b.facts = append(b.facts, fact{kind: hasPackage, value: name, place: at})
	case e.Text == "template":
		w.template(in, b, e, name)
	case e.Text == "file":
		w.variables(in, b, e)
	case e.Text == "hostsfile_entry":
		for _, word := range []string{"hostname", "aliases"} {
			if v := property(in, e.Block, word); v != nil {
				b.facts = append(b.facts, fact{kind: namesHost, value: name, vars: map[string]*value{"names": v}, place: at})
			}
		}
	}
	for _, word := range []string{"environment", "env", "env_vars"} {
		w.settings(b, property(in, e.Block, word))
	}
}

// settings notes the entries of an environment: a table, or a list of NAME=value.
func (w *watcher) settings(b *bearer, v *value) {
	if v == nil {
		return
	}
	if v.shape == list {
		for _, item := range v.items {
			if item.shape != leaf || len(item.pieces) == 0 {
				continue
			}
			key, first, ok := strings.Cut(item.pieces[0].text, "=")
			if !ok || item.pieces[0].path != nil {
				continue
			}
			rest := *item
			rest.pieces = append([]piece{{text: first}}, item.pieces[1:]...)
			b.facts = append(b.facts, fact{kind: sets, key: key, value: &rest, place: item.place})
		}
		return
	}
	v.each("", never, func(key string, part *value) {
		b.facts = append(b.facts, fact{kind: sets, key: key, value: part, place: part.place})
	})
}

func (w *watcher) template(in *interpreter, b *bearer, e ruby.Expr, name *value) {
	source := property(in, e.Block, "source").word()
	if source == "" {
		source = path.Base(name.word()) + ".erb"
	}
	book := w.book
	if other := property(in, e.Block, "cookbook").word(); other != "" {
		book = b.repo.cookbooks.named(other, b.repo.root)
	}
	target := name
	if p := property(in, e.Block, "path"); p != nil {
		target = p
	}
	f := fact{kind: rendersFile, key: source, value: target, place: in.place(e.Line), vars: map[string]*value{}, book: book}
	if v := property(in, e.Block, "variables"); v != nil && v.shape == table {
		f.vars = v.fields
	}
	b.facts = append(b.facts, f)
}

// property is the argument of a property in a resource's block, nil when it is not set.
func property(in *interpreter, block []ruby.Expr, word string) *value {
	for _, e := range block {
		if e.Kind == ruby.Call && e.Recv == nil && e.Text == word && len(e.Args) > 0 {
			return in.eval(e.Args[0])
		}
	}
	return nil
}

// deep looks through one statement, but not into blocks and branches, which are statements of their own.
func (w *watcher) deep(in *interpreter, b *bearer, e ruby.Expr, depth int) {
	if depth > maxRefs*4 {
		return
	}
	if e.Kind == ruby.Index || e.Kind == ruby.Call && e.Recv != nil {
		if p, ok := in.eval(e).reference(); ok {
			b.facts = append(b.facts, fact{kind: refersTo, path: p, place: in.place(e.Line)})
			return
		}
	}
	if e.Kind == ruby.Call {
		w.search(in, b, e)
		if name, id, ok := in.bagCall(e); ok {
			w.item(in, b, name, id)
		}
	}
	if e.Recv != nil {
		w.deep(in, b, *e.Recv, depth+1)
	}
	if e.Kind == ruby.Sequence {
		return
	}
	for _, arg := range e.Args {
		w.deep(in, b, arg, depth+1)
	}
	for _, p := range e.Pairs {
		w.deep(in, b, p.Value, depth+1)
	}
	for _, arm := range e.Arms {
		for _, when := range arm.When {
			w.deep(in, b, when, depth+1)
		}
	}
}

// item notes the addresses in a data bag item that the recipe loads.
func (w *watcher) item(in *interpreter, b *bearer, name, id string) {
	item := in.bags[name][id]
	if item == nil {
		return
	}
	elsewhere := func(key string, _ *value) bool {
		env := strings.TrimPrefix(key, name+"."+id+".")
		return env != b.env && b.repo.environments[env] != nil
	}
	item.each(name+"."+id, elsewhere, func(key string, part *value) {
		if isEndpoint(part.word()) {
			b.facts = append(b.facts, fact{kind: sets, key: key, value: part, place: part.place})
		}
	})
}

// search notes search(:node, "role:redis AND chef_environment:…").
func (w *watcher) search(in *interpreter, b *bearer, e ruby.Expr) {
	if !finders[e.Text] || len(e.Args) == 0 {
		return
	}
	query := e.Args[0]
	if e.Text != "search_for_nodes" {
		if index := in.eval(e.Args[0]).word(); index != "node" || len(e.Args) < 2 {
			return
		}
		query = e.Args[1]
	}
	b.facts = append(b.facts, fact{kind: searches, value: in.eval(query), place: in.place(e.Line)})
}
