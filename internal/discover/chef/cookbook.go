package chef

import (
	"path"
	"slices"
	"strings"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/discover/chef/ruby"
	"example.org/caravan/internal/estate"
)

// cookbook is one cookbook of the tree.
type cookbook struct {
	name       string
	dir        string
	place      estate.Place // of its name
	depends    []string
	attributes []script // default.rb first, as Chef loads them
	recipes    map[string]script
	templates  []discover.File
	isOne      bool // has metadata or lies among cookbooks
	used       bool
}

// script is a Ruby file of a cookbook.
type script struct {
	file     string
	body     []ruby.Expr
	includes []include
}

// include is another recipe that a recipe runs.
type include struct {
	recipe string
	place  estate.Place
}

// cookbooks are all cookbooks of the tree.
type cookbooks struct {
	byDir  map[string]*cookbook
	byName map[string][]*cookbook
}

// cookbookDir is the folder of the cookbook a file is part of.
func cookbookDir(p string, s fileKind) (string, bool) {
	word := map[fileKind]string{attributesFile: "attributes", recipeFile: "recipes", templateFile: "templates"}[s]
	switch {
	case s == metadataFile:
		return path.Dir(p), true
	case word == "":
		return "", false
	}
	for dir := path.Dir(p); dir != "." && dir != "/"; dir = path.Dir(dir) {
		if path.Base(dir) == word {
			return path.Dir(dir), true
		}
	}
	return "", false
}

func (c *cookbooks) add(dir string, f discover.File, s fileKind, rep *reporter) {
	book := c.byDir[dir]
	if book == nil {
		book = &cookbook{name: path.Base(dir), dir: dir, place: estate.Place{File: f.Path}, recipes: map[string]script{}}
		book.isOne = strings.HasSuffix(path.Dir(dir), "cookbooks")
		c.byDir[dir] = book
	}
	switch s {
	case metadataFile:
		book.readMetadata(f, rep)
	case attributesFile:
		book.attributes = append(book.attributes, script{file: f.Path, body: rep.ruby(f)})
	case recipeFile:
		sc := script{file: f.Path, body: rep.ruby(f)}
		sc.includes = includesOf(sc, nil)
		book.recipes[stem(f.Path)] = sc
	case templateFile:
		book.templates = append(book.templates, f)
	}
}

func (b *cookbook) readMetadata(f discover.File, rep *reporter) {
	b.isOne = true
	if f.Ext() == ".json" {
		n, _ := rep.json(f)
		if name := n.Get("name"); name.Value != "" {
			b.name, b.place = name.Value, estate.Place{File: f.Path, Line: name.Line}
		}
		for _, p := range n.Get("dependencies").Pairs {
			b.depends = append(b.depends, p.Key)
		}
		return
	}
	for _, e := range rep.ruby(f) {
		if e.Kind != ruby.Call || len(e.Args) == 0 || e.Args[0].Text == "" {
			continue
		}
		switch e.Text {
		case "name":
			b.name, b.place = e.Args[0].Text, estate.Place{File: f.Path, Line: e.Line}
		case "depends":
			b.depends = append(b.depends, e.Args[0].Text)
		}
	}
}

// index sorts what was added and makes it findable by name. Folders that only look like cookbooks are dropped.
func (c *cookbooks) index() {
	for _, dir := range c.dirs() {
		book := c.byDir[dir]
		if !book.isOne {
			delete(c.byDir, dir)
			continue
		}
		slices.SortStableFunc(book.attributes, func(a, b script) int { return strings.Compare(loadOrder(a.file), loadOrder(b.file)) })
		for name, sc := range book.recipes {
			for i, inc := range sc.includes {
				if strings.HasPrefix(inc.recipe, "::") {
					sc.includes[i].recipe = book.name + inc.recipe
				}
			}
			book.recipes[name] = sc
		}
		c.byName[book.name] = append(c.byName[book.name], book)
	}
}

func loadOrder(file string) string {
	if path.Base(file) == "default.rb" {
		return ""
	}
	return file
}

func (c *cookbooks) dirs() []string {
	var out []string
	for dir := range c.byDir {
		out = append(out, dir)
	}
	slices.Sort(out)
	return out
}

// named is the cookbook of that name nearest to a repository's root.
func (c *cookbooks) named(name, root string) *cookbook {
	found := c.byName[name]
	for _, b := range found {
		if root == "." || strings.HasPrefix(b.dir, root+"/") {
			return b
		}
	}
	if len(found) > 0 {
		return found[0]
	}
	return nil
}

// splitRecipe turns "nginx::server" and "nginx" into cookbook and recipe.
func splitRecipe(name string) (book, recipe string) {
	book, recipe, ok := strings.Cut(name, "::")
	if !ok {
		recipe = "default"
	}
	return book, recipe
}

// includesOf lists the include_recipe calls with a literal name, wherever they stand in a recipe.
func includesOf(sc script, out []include) []include {
	for _, e := range sc.body {
		if e.Kind == ruby.Call && e.Text == "include_recipe" {
			for _, arg := range e.Args {
				if arg.Kind == ruby.String && arg.Text != "" {
					out = append(out, include{recipe: strings.TrimSuffix(arg.Text, "::default"), place: estate.Place{File: sc.file, Line: arg.Line}})
				}
			}
		}
		for _, body := range bodies(e) {
			out = includesOf(script{file: sc.file, body: body}, out)
		}
	}
	return out
}

// bodies are the statements inside a statement.
func bodies(e ruby.Expr) [][]ruby.Expr {
	out := [][]ruby.Expr{e.Block}
	for _, arm := range e.Arms {
		out = append(out, arm.Body)
	}
	if e.Kind == ruby.Sequence || e.Kind == ruby.Assign {
		out = append(out, e.Args)
	}
	return out
}

// emit reports every cookbook with recipes as a module, and what the cookbooks say that no host or role runs, about
// their own folders.
func (c *cookbooks) emit(repos []*repo, rep *reporter) {
	alone := true
	for _, r := range repos {
		alone = alone && len(r.nodes) == 0 && len(r.roles) == 0 && len(r.policies) == 0
	}
	for _, dir := range c.dirs() {
		b := c.byDir[dir]
		if len(b.recipes) == 0 {
			continue
		}
		rep.See(estate.Sighting{Fact: estate.Module, Subject: estate.At(dir), Key: "unknown", Value: b.name, Place: b.place})
		if alone && !b.used {
			repos[0].emitCookbook(b)
		}
	}
}
