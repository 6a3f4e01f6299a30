package chef

import (
	"slices"
	"strings"

	"example.org/caravan/internal/discover/chef/ruby"
	"example.org/caravan/internal/estate"
)

// bearer is whatever a run list and attributes come together in: a node, or, where a repository has no nodes, a role,
// a policy or a lone cookbook.
type bearer struct {
	repo    *repo
	subject estate.Subject
	name    string
	env     string
	entries []entry             // the expanded run list
	books   map[string]bool     // cookbooks a recipe of which is run
	sources map[string][]*value // by level, the weakest first
	written levels              // by attribute files and recipes
	forced  levels
	all     *value // as the node sees it
	facts   []fact
}

// Bounds: how far one attribute may lead to the next, how many pieces a text may be made of, and how long it may get.
const (
	maxRefs   = 8
	maxPieces = 1000
	maxText   = 64 << 10
)

// text is a leaf as the node sees it: references followed, those that lead nowhere kept as written. False when any was kept.
func (b *bearer) text(v *value) (string, bool) {
	var out strings.Builder
	pieces := 0
	ok := b.print(&out, v, 0, &pieces)
	return out.String(), ok
}

func (b *bearer) print(out *strings.Builder, v *value, depth int, pieces *int) bool {
	if v == nil || v.shape != leaf {
		return false
	}
	all := true
	for _, p := range v.pieces {
		if *pieces++; out.Len() > maxText {
			return false
		}
		if p.path == nil {
			out.WriteString(p.text)
			continue
		}
		to := b.find(p.path)
		if to == nil || to.shape != leaf || depth >= maxRefs || *pieces > maxPieces {
			out.WriteString(p.text)
			all = false
			continue
		}
		all = b.print(out, to, depth+1, pieces) && all
	}
	return all
}

// find looks an attribute up, in the finished picture or, while it is still being made, from the strongest source down.
func (b *bearer) find(path []string) *value {
	if len(path) == 0 {
		return nil
	}
	if b.all != nil {
		return b.all.at(path...)
	}
	for _, v := range b.stack() {
		if found := v.at(path...); found != nil && found.shape != absent {
			return found
		}
	}
	return nil
}

// follow replaces a lone reference by what it leads to.
func (b *bearer) follow(v *value) *value {
	for range maxRefs {
		path, ok := v.reference()
		if !ok {
			return v
		}
		to := b.find(path)
		if to == nil {
			return v
		}
		v = to
	}
	return v
}

// stack lists all sources from the strongest to the weakest.
func (b *bearer) stack() []*value {
	var out []*value
	out = append(out, b.sources["automatic"]...)
	out = append(out, b.forced.override, b.source("override", 2), b.source("override", 1), b.written.override, b.source("override", 0))
	out = append(out, b.written.normal, b.source("normal", 0))
	return append(out, b.forced.byDefault, b.source("default", 2), b.source("default", 1), b.written.byDefault, b.source("default", 0))
}

func (b *bearer) source(level string, i int) *value {
	if s := b.sources[level]; i < len(s) {
		return s[i]
	}
	return nil
}

// finish joins all sources as Chef does: lists are joined within a level and replaced across levels.
func (b *bearer) finish() {
	byDefault := mergeAll(b.source("default", 0), b.written.byDefault, b.source("default", 1), b.source("default", 2), b.forced.byDefault)
	normal := mergeAll(b.source("normal", 0), b.written.normal)
	override := mergeAll(b.source("override", 0), b.written.override, b.source("override", 1), b.source("override", 2), b.forced.override)
	all := newTable(estate.Place{}, "")
	for _, level := range []*value{byDefault, normal, override, b.source("automatic", 0)} {
		all = merge(all, level, replaceLists)
	}
	b.all = all
}

func mergeAll(values ...*value) *value {
	var out *value
	for _, v := range values {
		out = merge(out, v, joinLists)
	}
	return out
}

// newBearer expands a run list and gathers the attributes of everything in it.
func (r *repo) newBearer(subject estate.Subject, name, env string, own levels, runList []entry) *bearer {
	b := &bearer{repo: r, subject: subject, name: name, env: env, books: map[string]bool{}, sources: map[string][]*value{}}
	var roles []*role
	b.entries, roles = r.expand(runList, env)
	for _, kind := range []string{"recipes", "roles"} {
		b.addRecorded(own.automatic.at(kind), strings.TrimSuffix(kind, "s"))
	}
	var byRole levels
	for _, role := range roles {
		byRole.byDefault = merge(byRole.byDefault, role.attributes.byDefault, joinLists)
		byRole.override = merge(byRole.override, role.attributes.override, joinLists)
		byRole.normal = merge(byRole.normal, role.attributes.normal, joinLists)
	}
	var byEnv levels
	if e := r.environments[env]; e != nil {
		byEnv = e.attributes
	}
	b.sources["default"] = []*value{own.byDefault, byEnv.byDefault, byRole.byDefault}
	b.sources["normal"] = []*value{merge(byRole.normal, own.normal, joinLists)}
	b.sources["override"] = []*value{own.override, byRole.override, byEnv.override}
	b.sources["automatic"] = []*value{own.automatic}
	b.includeRecipes()
	b.runCookbooks()
	b.finish()
	return b
}

// addRecorded adds what a saved node says it ran last time and the run list does not give.
func (b *bearer) addRecorded(names *value, kind string) {
	if names == nil {
		return
	}
	for _, item := range names.items {
		e, ok := parseEntry(kind+"["+item.word()+"]", item.place)
		if ok && !b.runs(e) {
			b.entries = append(b.entries, e)
		}
	}
}

func (b *bearer) runs(want entry) bool {
	return slices.ContainsFunc(b.entries, func(e entry) bool { return e.kind == want.kind && e.name == want.name })
}

// expand follows roles in roles. Roles come out in the order Chef lays their attributes over each other.
func (r *repo) expand(runList []entry, env string) (entries []entry, roles []*role) {
	seen := map[string]bool{}
	var follow func([]entry)
	follow = func(list []entry) {
		for _, e := range list {
			key := e.kind + " " + e.name
			if seen[key] {
				continue
			}
			seen[key] = true
			entries = append(entries, e)
			if e.kind != "role" {
				continue
			}
			role := r.roles[e.name]
			if role == nil {
				if len(r.roles) > 0 {
					r.report.doubt(estate.Unresolved, e.place, "there is no file for the role "+e.name+" that this run list names; add it or correct the name")
				}
				continue
			}
			follow(role.listFor(env))
			roles = append(roles, role)
		}
	}
	follow(runList)
	return entries, roles
}

// listFor is the role's run list in an environment.
func (r *role) listFor(env string) []entry {
	if list, ok := r.envLists[env]; ok && env != "" {
		return list
	}
	if list, ok := r.envLists["_default"]; ok && len(r.runList) == 0 {
		return list
	}
	return r.runList
}

// includeRecipes adds the recipes that the recipes of the run list include, as far as their cookbooks are in the tree.
func (b *bearer) includeRecipes() {
	for i := 0; i < len(b.entries); i++ {
		e := b.entries[i]
		if e.kind != "recipe" {
			continue
		}
		name, recipe := splitRecipe(e.name)
		b.books[name] = true
		book := b.repo.cookbooks.named(name, b.repo.root)
		if book == nil {
			continue
		}
		book.used = true
		for _, inc := range book.recipes[recipe].includes {
			if next, ok := parseEntry(inc.recipe, inc.place); ok && !b.runs(next) {
				b.entries = append(b.entries, next)
			}
		}
	}
}

// runCookbooks follows the attribute files of all cookbooks, those depended on first, then the recipes.
func (b *bearer) runCookbooks() {
	done := map[string]bool{}
	var load func(name string, depth int)
	load = func(name string, depth int) {
		book := b.repo.cookbooks.named(name, b.repo.root)
		if book == nil || done[name] || depth > maxRefs*4 {
			return
		}
		done[name] = true
		for _, dep := range book.depends {
			load(dep, depth+1)
		}
		for _, sc := range book.attributes {
			b.runScript(book, sc, nil)
		}
	}
	for _, e := range b.entries {
		if e.kind == "recipe" {
			name, _ := splitRecipe(e.name)
			load(name, 0)
		}
	}
	for _, e := range b.entries {
		if e.kind != "recipe" {
			continue
		}
		name, recipe := splitRecipe(e.name)
		if book := b.repo.cookbooks.named(name, b.repo.root); book != nil {
			if sc, ok := book.recipes[recipe]; ok {
				b.runScript(book, sc, &watcher{book: book, recipe: e.name, file: sc.file})
			}
		}
	}
}

// runScript follows one Ruby file. A recipe is watched for the facts it holds; doubts about its attributes are left
// out, because a recipe's code is for a Chef run.
func (b *bearer) runScript(book *cookbook, sc script, w *watcher) {
	in := &interpreter{
		file: sc.file, owner: "cookbook[" + book.name + "]", report: b.repo.report, locals: map[string]*value{}, budget: maxSteps,
		host: b, bags: b.repo.bags, written: b.written, forced: b.forced,
	}
	if w != nil {
		in.silent = true
		in.observe = func(e ruby.Expr) { w.look(in, b, e) }
	}
	in.run(sc.body)
	b.written, b.forced = in.written, in.forced
}
