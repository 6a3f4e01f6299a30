// Package build reads build manifests: which folders are modules, which of them can be started, which client libraries
// each has on its build path and which of the tree's own modules it builds upon. It knows Maven, Gradle, npm, Go, Python,
// .NET, Ruby, Rust, PHP, Elixir, sbt and Clojure.
//
// Files go in, Module and Uses sightings come out, inheritance between manifests already followed. What only the build
// itself or its tests need is left out; nothing is downloaded, so what a library needs in turn is not seen.
package build

import (
	"maps"
	"path"
	"slices"
	"strings"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/syntax"
)

// Format is the reader of build manifests.
func Format() discover.Format {
	return discover.Format{Name: "build", Wants: wants, ReadTree: readTree}
}

// The keys of Module, and what a manifest is before others are looked at.
const (
	runnable  = "runnable"
	library   = "library"
	aggregate = "aggregate"
	unknown   = "unknown"
)

// manifest is what one build file says about its folder.
type manifest struct {
	file       string
	folder     string // of the module
	key        string // of the Module sighting; "" when the file makes no module
	name       string // own coordinate, ecosystem first; "" when it has none
	title      string // own name, when it is not the end of the coordinate
	uses       []use
	startedBy  []string // files of the folder any of which shows that it can be started
	mayRun     bool     // a manifest it inherits from makes programs of its heirs, which libraries among them ignore
	neverRuns  bool
	includes   []string    // files whose dependencies are its own too
	written    int         // how many of the uses the file itself writes
	children   []*manifest // modules that have no manifest but this one
	workspaces []string    // globs of the folders whose modules share its dependencies
	pom        *pom
	gradle     *gradleScript
}

// use is one dependency: a coordinate with its ecosystem, or the folder of another module of the tree.
type use struct {
	coordinate string
	folder     string
	place      estate.Place
	profile    string
}

func (m *manifest) needs(coordinate string, line int) {
	m.uses = append(m.uses, use{coordinate: coordinate, place: estate.Place{File: m.file, Line: line}})
}

// needsModule adds a dependency on the module at a path relative to the manifest's folder.
func (m *manifest) needsModule(relative string, line int) {
	folder := path.Join(path.Dir(m.file), relative)
	if folder != ".." && !strings.HasPrefix(folder, "../") && folder != m.folder {
		m.uses = append(m.uses, use{folder: folder, place: estate.Place{File: m.file, Line: line}})
	}
}

// parser reads one manifest into m, whose file, folder and key "unknown" are set.
type parser func(f discover.File, m *manifest) error

var byName = map[string]parser{
	"pom.xml":                  readPOM,
	"build.gradle":             readGradle,
	"build.gradle.kts":         readGradle,
	"settings.gradle":          readGradleSettings,
	"settings.gradle.kts":      readGradleSettings,
	"package.json":             readPackageJSON,
	"pnpm-workspace.yaml":      readPnpmWorkspace,
	"go.mod":                   readGoMod,
	"go.work":                  readAggregate,
	"pyproject.toml":           readPyproject,
	"Pipfile":                  readPipfile,
	"setup.py":                 readSetupPy,
	"setup.cfg":                readSetupCfg,
	"packages.config":          readPackagesConfig,
	"Directory.Build.props":    readDirectoryProps,
	"Directory.Packages.props": readDirectoryProps,
	"Gemfile":                  readGemfile,
	"Cargo.toml":               readCargo,
	"composer.json":            readComposer,
	"mix.exs":                  readMix,
	"build.sbt":                readSbt,
	"deps.edn":                 readDepsEdn,
	"project.clj":              readProjectClj,
}

var byExtension = map[string]parser{
	".csproj": readProject,
	".fsproj": readProject,
	".vbproj": readProject,
	".sln":    readAggregate,
	".slnx":   readAggregate,
}

// parserOf picks the parser by the file's name; nil when it is no manifest.
func parserOf(p string) parser {
	b := path.Base(p)
	if read, ok := byName[b]; ok {
		return read
	}
	if read, ok := byExtension[path.Ext(b)]; ok {
		return read
	}
	switch {
	case strings.HasSuffix(b, ".txt") && isRequirements(p):
		return readRequirements
	case strings.HasSuffix(b, ".versions.toml"):
		return readCatalog
	}
	return nil
}

// foreign folders hold tests, what a build produced, and others' code.
var foreign = map[string]bool{
	"test": true, "tests": true, "__tests__": true, "spec": true, "testdata": true, "fixtures": true, "e2e": true, "cypress": true, "docs": true,
	"target": true, "vendor": true, "node_modules": true, "buildSrc": true, "build-logic": true, "archetype-resources": true,
}

func wants(p string) bool {
	if parserOf(p) == nil {
		return false
	}
	for d := path.Dir(p); d != "." && d != "/"; d = path.Dir(d) {
		if foreign[path.Base(d)] {
			return false
		}
	}
	return true
}

// readAggregate reads a file that only says that there are modules below.
func readAggregate(_ discover.File, m *manifest) error {
	m.key = aggregate
	return nil
}

// reader holds what all manifests of a tree say while they are put together.
type reader struct {
	tree     discover.Tree
	report   *discover.Report
	all      []*manifest
	byFolder map[string][]*manifest // those that make modules
	own      map[string]string      // coordinate, in lower case → folder
}

func readTree(files []discover.File, tree discover.Tree, r *discover.Report) {
	t := &reader{tree: tree, report: r, byFolder: map[string][]*manifest{}, own: map[string]string{}}
	for _, f := range files {
		m := &manifest{file: f.Path, folder: f.Dir(), key: unknown}
		if err := parserOf(f.Path)(f, m); err != nil {
			r.Broken(f, syntax.LineOf(err), err)
		}
		m.written = len(m.uses)
		t.all = append(t.all, m)
	}
	t.inheritMaven()
	t.inheritGradle()
	t.inheritProps()
	t.inheritWorkspaces()
	t.include()
	t.addChildren()
	t.index()
	t.emit()
}

// index finds which folders are modules and what the tree's own coordinates are.
func (t *reader) index() {
	for _, m := range t.all {
		if m.key == "" {
			continue
		}
		t.byFolder[m.folder] = append(t.byFolder[m.folder], m)
		if m.name != "" && m.key != aggregate {
			t.own[strings.ToLower(m.name)] = m.folder
		}
	}
}

// emit says of every folder what it is and uses.
func (t *reader) emit() {
	upon := t.builtUpon()
	for _, folder := range sortedKeys(t.byFolder) {
		modules := t.byFolder[folder]
		key := t.keyOf(folder, modules, upon[folder])
		t.emitModule(folder, key, modules)
		if key != aggregate {
			t.emitUses(folder, modules)
		}
	}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// emitModule says what a folder is, once for each name its manifests give it.
func (t *reader) emitModule(folder, key string, modules []*manifest) {
	names := map[string]*manifest{}
	for _, m := range slices.Backward(modules) {
		if m.key != aggregate || key == aggregate {
			names[m.called()] = m
		}
	}
	if len(names) > 1 {
		delete(names, "")
	}
	for _, name := range sortedKeys(names) {
		t.report.See(estate.Sighting{Fact: estate.Module, Subject: estate.At(folder), Key: key, Value: name, Place: estate.Place{File: names[name].file, Line: 1}})
	}
}

// called is the module's own name: its coordinate without the ecosystem and, in Maven, the group.
func (m *manifest) called() string {
	if m.title != "" || m.name == "" {
		return m.title
	}
	_, name, _ := strings.Cut(m.name, ":")
	return name[strings.LastIndexByte(name, ':')+1:]
}

// keyOf is the surest thing the manifests of a folder say about it.
func (t *reader) keyOf(folder string, modules []*manifest, builtUpon bool) string {
	key := unknown
	for _, m := range modules {
		switch {
		case m.neverRuns:
		case m.key == runnable, t.hasAny(folder, m.startedBy), m.mayRun && !builtUpon:
			return runnable
		case m.key == aggregate:
			key = aggregate
		}
	}
	if key == unknown && builtUpon {
		return library
	}
	return key
}

func (t *reader) hasAny(folder string, files []string) bool {
	return slices.ContainsFunc(files, func(f string) bool { return t.tree.Exists(path.Join(folder, f)) })
}

// module is the folder of the tree's own module that a dependency means, "" when it comes from elsewhere.
func (t *reader) module(u use) string {
	if u.folder != "" {
		if _, ok := t.byFolder[u.folder]; ok {
			return u.folder
		}
		return ""
	}
	return t.own[strings.ToLower(u.coordinate)]
}

// builtUpon are the folders of modules that others of the tree build upon.
func (t *reader) builtUpon() map[string]bool {
	upon := map[string]bool{}
	for _, m := range t.all {
		for _, u := range m.uses {
			if folder := t.module(u); folder != "" && folder != m.folder {
				upon[folder] = true
			}
		}
	}
	return upon
}

// emitUses says what a folder's modules use: each coordinate as written, and besides the module it means when it is of
// this tree.
func (t *reader) emitUses(folder string, modules []*manifest) {
	type said struct{ value, profile string }
	seen := map[said]bool{}
	see := func(value string, u use) {
		if s := (said{value, u.profile}); !seen[s] {
			seen[s] = true
			t.report.See(estate.Sighting{Fact: estate.Uses, Subject: estate.At(folder), Value: value, Profile: u.profile, Place: u.place})
		}
	}
	for _, m := range modules {
		for _, u := range m.uses {
			if u.coordinate != "" {
				see(u.coordinate, u)
			}
			if other := t.module(u); other != "" && other != folder {
				see("module:"+other, u)
			}
		}
	}
}
