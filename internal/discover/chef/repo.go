package chef

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/discover/chef/ruby"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/syntax"
)

// repo is one Chef organisation: what its own folders hold. Cookbooks are common to all repositories of a scan.
type repo struct {
	root         string
	space        string
	nodes        []*node
	roles        map[string]*role
	environments map[string]*environment
	bags         map[string]map[string]*value
	bagFiles     []bag
	policies     map[string]*role
	groups       map[string]string // policy → its group, when only one group has it
	cookbooks    *cookbooks
	report       *reporter
}

// role is a role or a policy: a run list with attributes.
type role struct {
	name       string
	kind       string // "role" or "policy"
	place      estate.Place
	runList    []entry
	envLists   map[string][]entry
	attributes levels
}

type environment struct {
	name       string
	place      estate.Place
	attributes levels
}

type node struct {
	name        string
	place       estate.Place
	environment string
	policy      string
	runList     []entry
	attributes  levels
}

type bag struct {
	name, id string
	file     string
	item     *value
}

// levels are the attributes of one source by precedence.
type levels struct{ byDefault, normal, override, automatic *value }

// entry of a run list.
type entry struct {
	kind, name string // "role" or "recipe"
	place      estate.Place
}

// reporter writes each doubt and record once, however many nodes run into it.
type reporter struct {
	*discover.Report
	seen  map[string]bool
	steps int // statements followed so far
}

func (r *reporter) once(key string) bool {
	if r.seen[key] {
		return false
	}
	r.seen[key] = true
	return true
}

func (r *reporter) doubt(topic estate.DoubtTopic, at estate.Place, text string) {
	if r.once("doubt " + at.String() + text) {
		r.Doubt(topic, at, text)
	}
}

func readTree(files []discover.File, _ discover.Tree, r *discover.Report) {
	rep := &reporter{Report: r, seen: map[string]bool{}}
	all := &cookbooks{byName: map[string][]*cookbook{}, byDir: map[string]*cookbook{}}
	repos := reposOf(files, all, rep)
	for _, f := range files {
		s := sortOf(f.Path)
		if inTests(f.Path) || s == testFile {
			continue
		}
		if dir, ok := cookbookDir(f.Path, s); ok {
			all.add(dir, f, s, rep)
			continue
		}
		repoFor(repos, f.Path).add(f, s)
	}
	all.index()
	for _, repo := range repos {
		repo.emit()
	}
	all.emit(repos, rep)
}

// rootOf is the folder that holds the telling folder of a file: the repository's root.
func rootOf(p string, s fileKind) (string, bool) {
	switch s {
	case nodeFile, roleFile, environmentFile, bagItem, policyGroup:
	case policyFile, policyLock, soloFile:
		if nearestFolder(p) == other {
			return "", false
		}
	default:
		return "", false
	}
	dir := path.Dir(p)
	for ; dir != "."; dir = path.Dir(dir) {
		if f, ok := folders[path.Base(dir)]; ok && f != recipeFile && f != attributesFile {
			return path.Dir(dir), true
		}
	}
	return "", false
}

// reposOf finds the repositories of a tree, outermost first. A tree of nothing but cookbooks or solo files is one.
func reposOf(files []discover.File, all *cookbooks, rep *reporter) []*repo {
	roots := map[string]bool{}
	for _, f := range files {
		if root, ok := rootOf(f.Path, sortOf(f.Path)); ok && !inTests(f.Path) {
			roots[root] = true
		}
	}
	if len(roots) == 0 {
		roots["."] = true
	}
	var out []*repo
	for root := range roots {
		space := "chef"
		if len(roots) > 1 && root != "." {
			space = "chef:" + root
		}
		out = append(out, &repo{
			root: root, space: space, cookbooks: all, report: rep, groups: map[string]string{},
			roles: map[string]*role{}, environments: map[string]*environment{}, policies: map[string]*role{}, bags: map[string]map[string]*value{},
		})
	}
	slices.SortFunc(out, func(a, b *repo) int {
		return cmp.Or(cmp.Compare(len(a.root), len(b.root)), cmp.Compare(a.root, b.root))
	})
	return out
}

// repoFor is the innermost repository around a file, or the first one.
func repoFor(repos []*repo, p string) *repo {
	found := repos[0]
	for _, r := range repos {
		if r.root == "." || strings.HasPrefix(p, r.root+"/") {
			found = r
		}
	}
	return found
}

func (r *repo) add(f discover.File, s fileKind) {
	if s == bagItem && privateBag(path.Base(f.Dir())) {
		return
	}
	var doc document
	if f.Ext() == ".json" {
		n, ok := r.report.json(f)
		if !ok {
			return
		}
		doc = document{file: f.Path, json: n}
	} else {
		doc = document{file: f.Path, ruby: r.report.ruby(f)}
	}
	switch s {
	case nodeFile:
		r.addNode(doc)
	case soloFile:
		r.addNode(doc)
	case roleFile:
		role := doc.role("role", stem(f.Path), r.report)
		r.roles[role.name] = role
	case environmentFile:
		env := doc.environment(stem(f.Path), r.report)
		r.environments[env.name] = env
	case bagItem:
		r.addItem(doc)
	case policyFile, policyLock:
		r.addPolicy(doc)
	case policyGroup:
		r.addGroup(doc)
	}
}

// document is a file's content in the one or the other notation.
type document struct {
	file string
	json syntax.Node
	ruby []ruby.Expr
}

func (d document) isJSON() bool { return d.json.Kind != syntax.Null }

func stem(p string) string {
	base := path.Base(p)
	return strings.TrimSuffix(base, path.Ext(base))
}

// json reads a file's object. Of a file cut short, what stands before the cut counts.
func (r *reporter) json(f discover.File) (syntax.Node, bool) {
	n, err := syntax.JSON(f.Data)
	if err != nil {
		r.Broken(f, syntax.LineOf(err), err)
	}
	if n.Kind != syntax.Map {
		if err == nil {
			r.doubt(estate.Unparsable, estate.Place{File: f.Path}, "a Chef file holds one JSON object, this one does not; correct it or exclude it")
		}
		return syntax.Node{}, false
	}
	return n, true
}

func (r *reporter) ruby(f discover.File) []ruby.Expr {
	out, err := ruby.Parse(f.Data)
	if err != nil {
		r.Broken(f, syntax.LineOf(err), err)
	}
	return out
}
