package build

import (
	"path"
	"regexp"
	"strings"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/syntax"
)

// gradleScript is a Gradle script as written. What it says may hold for its own project or for others below.
type gradleScript struct {
	manifest *manifest
	settings bool
	own      gradlePart
	all      gradlePart             // allprojects
	below    gradlePart             // subprojects
	named    map[string]*gradlePart // project(":path")
	projects map[string]string      // settings: path → folder
	catalog  *catalog
}

// gradlePart is what one block of a script says about the projects it is for.
type gradlePart struct {
	wants   []gradleWant
	plugins []string
	group   string
	noJar   bool // the program's archive is switched off
}

// gradleWant is a dependency before catalogs and projects are looked up; exactly one of its fields but line is set.
type gradleWant struct {
	coordinate string
	project    string // ":common:core"
	accessor   string // "libs.spring.boot.amqp", "projects.commonCore"
	line       int
}

// gradleScopes are the configurations whose dependencies a program runs with.
var gradleScopes = map[string]bool{
	"implementation": true, "api": true, "compile": true, "runtime": true, "runtimeOnly": true, "compileOnly": true, "compileOnlyApi": true,
	"providedRuntime": true, "providedCompile": true, "include": true, "jvmMainImplementation": true, "commonMainImplementation": true, "modules": true,
}

// gradlePrograms are the plugins that make a program, or an image of one, of a project.
var gradlePrograms = map[string]bool{
	"org.springframework.boot": true, "spring-boot": true, "application": true, "war": true, "io.quarkus": true, "io.micronaut.application": true,
	"com.github.johnrengelman.shadow": true, "com.gradleup.shadow": true, "com.google.cloud.tools.jib": true, "io.ktor.plugin": true, "org.gretty": true,
	"play": true, "org.gradle.playframework": true, "com.bmuschko.docker-spring-boot-application": true, "com.bmuschko.docker-java-application": true, "ear": true,
}

var (
	gradleHead     = regexp.MustCompile(`^["']?(\w+)["']?`)
	gradleMap      = regexp.MustCompile(`group\s*[:=]\s*["']([^"']+)["']\s*,\s*name\s*[:=]\s*["']([^"']+)["']`)
	gradleOwn      = regexp.MustCompile(`\bproject\s*\(\s*(?:path\s*[:=]\s*)?["']([^"']+)["']`)
	gradleAccess   = regexp.MustCompile(`\b([a-zA-Z]\w*(?:\.\w+)+)`)
	gradleLiteral  = regexp.MustCompile(`["']([\w.${}-]+:[\w.${}-]+)(?::[^"'\s]*)?["']`)
	gradlePlugin   = regexp.MustCompile(`^(?:id|apply plugin|apply)\s*[:(]?\s*(?:plugin\s*[:=]\s*)?["']([\w.-]+)["']`)
	gradleAlias    = regexp.MustCompile(`^alias\s*\(?\s*([\w.]+)`)
	gradleGroup    = regexp.MustCompile(`^group\s*=?\s*["']([\w.-]+)["']`)
	gradleMain     = regexp.MustCompile(`^(?:mainClass|mainClassName)\b`)
	gradleDisabled = regexp.MustCompile(`^(?:enabled\s*=\s*false|enabled\.set\(\s*false|enabled\s+false)`)
	gradleProject  = regexp.MustCompile(`^project\s*\(\s*["'](:[^"']+)["']`)
)

func readGradle(f discover.File, m *manifest) error {
	s := &gradleScript{manifest: m, named: map[string]*gradlePart{}}
	m.gradle = s
	return gradleStatements(f.Data, func(st statement) { s.take(st) })
}

// take sorts one statement into the part it is for.
func (s *gradleScript) take(st statement) {
	part := &s.own
	outermost := ""
	for _, b := range st.blocks {
		switch name := gradleHead.FindString(b); name {
		case "buildscript", "pluginManagement", "dependencyManagement", "constraints", "publishing", "testing":
			return
		case "allprojects":
			part = &s.all
		case "subprojects":
			part = &s.below
		case "configure":
			if strings.Contains(b, "subprojects") || strings.Contains(b, "allprojects") {
				part = &s.below
			}
		case "project":
			if g := gradleProject.FindStringSubmatch(b); g != nil {
				part = s.partOf(g[1])
			}
		case "":
		default:
			outermost = b
		}
	}
	part.take(st, strings.HasPrefix(outermost, "dependencies") || inBlock(st, "dependencies"))
}

func (s *gradleScript) partOf(project string) *gradlePart {
	if s.named[project] == nil {
		s.named[project] = &gradlePart{}
	}
	return s.named[project]
}

func inBlock(st statement, name string) bool {
	for _, b := range st.blocks {
		if strings.HasPrefix(b, name) {
			return true
		}
	}
	return false
}

func (p *gradlePart) take(st statement, dependencies bool) {
	switch {
	case dependencies:
		p.takeDependency(st)
	case gradleDisabled.MatchString(st.text):
		p.noJar = p.noJar || strings.Contains(strings.Join(st.blocks, " "), "bootJar")
	case strings.HasPrefix(st.text, "bootJar.enabled") && strings.HasSuffix(st.text, "false"):
		p.noJar = true
	case gradleMain.MatchString(st.text):
		p.plugins = append(p.plugins, "application")
	case gradleGroup.MatchString(st.text):
		p.group = gradleGroup.FindStringSubmatch(st.text)[1]
	case strings.Contains(st.text, "apply false") || strings.Contains(st.text, "apply(false)"):
	case gradlePlugin.MatchString(st.text):
		p.plugins = append(p.plugins, gradlePlugin.FindStringSubmatch(st.text)[1])
	case inBlock(st, "plugins") && gradleAlias.MatchString(st.text):
		p.plugins = append(p.plugins, gradleAlias.FindStringSubmatch(st.text)[1])
	case inBlock(st, "plugins"):
		p.plugins = append(p.plugins, strings.Trim(st.text, "`"))
	}
}

// takeDependency reads a statement of a dependencies block. Platforms only say versions.
func (p *gradlePart) takeDependency(st statement) {
	head := gradleHead.FindStringSubmatch(st.text)
	if head == nil || !gradleScopes[head[1]] || strings.Contains(st.text, "latform(") {
		return
	}
	rest := st.text[len(head[0]):]
	want := func(w gradleWant) {
		w.line = st.line
		p.wants = append(p.wants, w)
	}
	switch own, byMap := gradleOwn.FindAllStringSubmatch(rest, -1), gradleMap.FindAllStringSubmatch(rest, -1); {
	case own != nil:
		for _, g := range own {
			want(gradleWant{project: g[1]})
		}
	case byMap != nil:
		for _, g := range byMap {
			want(gradleWant{coordinate: g[1] + ":" + g[2]})
		}
	case !strings.ContainsAny(rest, `"'`):
		for _, g := range gradleAccess.FindAllStringSubmatch(rest, -1) {
			want(gradleWant{accessor: g[1]})
		}
	default:
		for _, g := range gradleLiteral.FindAllStringSubmatch(rest, -1) {
			want(gradleWant{coordinate: g[1]})
		}
	}
}

var (
	gradleInclude = regexp.MustCompile(`^include\b`)
	gradleQuoted  = regexp.MustCompile(`["']([^"']+)["']`)
	gradleFolder  = regexp.MustCompile(`^project\s*\(\s*["'](:[^"']+)["']\s*\)\s*\.\s*projectDir\s*=\s*.*["']([^"']+)["']`)
	gradleRoot    = regexp.MustCompile(`^rootProject\.name\s*=\s*["']([^"']+)["']`)
)

// readGradleSettings reads which projects a build has. The file makes its folder an aggregate when it includes any.
func readGradleSettings(f discover.File, m *manifest) error {
	s := &gradleScript{manifest: m, settings: true, projects: map[string]string{}}
	m.gradle, m.key = s, ""
	err := gradleStatements(f.Data, func(st statement) {
		switch {
		case gradleInclude.MatchString(st.text):
			for _, g := range gradleQuoted.FindAllStringSubmatch(st.text, -1) {
				name := ":" + strings.TrimPrefix(g[1], ":")
				s.projects[name] = path.Join(f.Dir(), strings.ReplaceAll(name, ":", "/"))
			}
		case gradleRoot.MatchString(st.text):
			m.title = gradleRoot.FindStringSubmatch(st.text)[1]
		default:
			if g := gradleFolder.FindStringSubmatch(st.text); g != nil {
				s.projects[g[1]] = path.Join(f.Dir(), g[2])
			}
		}
	})
	if len(s.projects) > 0 {
		m.key = aggregate
	}
	return err
}

// catalog is a version catalog: short names for coordinates.
type catalog struct {
	name      string              // what scripts call it: "libs"
	dir       string              // of the build it serves
	libraries map[string]string   // alias → coordinate
	bundles   map[string][]string // alias → aliases
	plugins   map[string]string   // alias → id
}

func readCatalog(f discover.File, m *manifest) error {
	n, err := syntax.TOML(f.Data)
	c := &catalog{name: strings.TrimSuffix(f.Base(), ".versions.toml"), dir: path.Dir(f.Dir()), libraries: map[string]string{}, bundles: map[string][]string{}, plugins: map[string]string{}}
	if path.Base(f.Dir()) != "gradle" {
		c.dir = f.Dir()
	}
	for _, l := range n.Get("libraries").Pairs {
		coordinate := l.Value.Get("module").Value
		switch {
		case l.Value.Kind == syntax.Scalar:
			coordinate = l.Value.Value
		case coordinate == "":
			coordinate = l.Value.Get("group").Value + ":" + l.Value.Get("name").Value
		}
		if parts := strings.SplitN(coordinate, ":", 3); len(parts) > 1 {
			c.libraries[aliasKey(l.Key)] = parts[0] + ":" + parts[1]
		}
	}
	for _, b := range n.Get("bundles").Pairs {
		c.bundles[aliasKey(b.Key)] = b.Value.Strings()
	}
	for _, p := range n.Get("plugins").Pairs {
		id := p.Value.Get("id").Value
		if p.Value.Kind == syntax.Scalar {
			id, _, _ = strings.Cut(p.Value.Value, ":")
		}
		c.plugins[aliasKey(p.Key)] = id
	}
	m.gradle, m.key = &gradleScript{manifest: m, catalog: c}, ""
	return err
}

// aliasKey is the form in which an alias and the accessor made of it are equal: spring-boot_amqp is spring.boot.amqp.
func aliasKey(alias string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r == '_' {
			return '.'
		}
		return r
	}, alias)
}

// lookUp finds the coordinates an accessor without the catalog's name stands for.
func (c *catalog) lookUp(accessor string) []string {
	accessor = strings.TrimSuffix(accessor, ".get")
	if bundle, ok := strings.CutPrefix(accessor, "bundles."); ok {
		var out []string
		for _, alias := range c.bundles[bundle] {
			if coordinate, ok := c.libraries[aliasKey(alias)]; ok {
				out = append(out, coordinate)
			}
		}
		return out
	}
	if coordinate, ok := c.libraries[accessor]; ok {
		return []string{coordinate}
	}
	return nil
}

// gradleBuild is a root project with what lies below it.
type gradleBuild struct {
	dir      string
	title    string
	projects map[string]string // path → folder
	root     *gradleScript     // its script; nil when it has none
}

// inheritGradle works out what every Gradle project is and uses, with what the root of its build adds.
func (t *reader) inheritGradle() {
	var builds []*gradleBuild
	var catalogs []*catalog
	scripts := map[string]*gradleScript{} // folder → script
	for _, m := range t.all {
		switch s := m.gradle; {
		case s == nil:
		case s.catalog != nil:
			catalogs = append(catalogs, s.catalog)
		case s.settings:
			builds = append(builds, &gradleBuild{dir: m.folder, title: m.title, projects: s.projects})
		default:
			scripts[m.folder] = s
		}
	}
	for _, b := range builds {
		b.root = scripts[b.dir]
		t.addGradleProjects(b, scripts)
	}
	for _, m := range t.all {
		if s := m.gradle; s != nil && s.catalog == nil && !s.settings {
			t.settleGradle(s, buildOf(m.folder, builds, scripts), catalogs)
		}
	}
}

// addGradleProjects adds the projects that are included but have no script of their own.
func (t *reader) addGradleProjects(b *gradleBuild, scripts map[string]*gradleScript) {
	for _, name := range sortedKeys(b.projects) {
		folder := b.projects[name]
		if scripts[folder] != nil || b.root == nil || !t.tree.Exists(folder) {
			continue
		}
		m := &manifest{file: b.root.manifest.file, folder: folder, key: unknown}
		m.gradle = &gradleScript{manifest: m, named: map[string]*gradlePart{}}
		scripts[folder] = m.gradle
		t.all = append(t.all, m)
	}
}

// buildOf finds the build a project is in: the nearest settings file above, else the topmost script above that speaks
// of other projects.
func buildOf(folder string, builds []*gradleBuild, scripts map[string]*gradleScript) *gradleBuild {
	var best *gradleBuild
	for _, b := range builds {
		if within(folder, b.dir) && (best == nil || len(b.dir) > len(best.dir)) {
			best = b
		}
	}
	if best != nil && best.has(folder) {
		return best
	}
	if best != nil {
		return &gradleBuild{dir: folder, root: scripts[folder]}
	}
	for dir := folder; ; dir = path.Dir(dir) {
		if s := scripts[dir]; s != nil && s.speaksOfOthers() {
			return &gradleBuild{dir: dir, root: s}
		}
		if dir == "." {
			return &gradleBuild{dir: folder, root: scripts[folder]}
		}
	}
}

// has reports whether a folder is of the build. When what is included is computed, all below may be.
func (b *gradleBuild) has(folder string) bool {
	if folder == b.dir || len(b.projects) == 0 {
		return true
	}
	for _, project := range b.projects {
		if project == folder {
			return true
		}
	}
	return false
}

func (s *gradleScript) speaksOfOthers() bool {
	return len(s.below.wants)+len(s.below.plugins)+len(s.all.wants)+len(s.all.plugins)+len(s.named) > 0
}

// within reports whether a folder is dir or lies below it.
func within(folder, dir string) bool {
	return dir == "." || folder == dir || strings.HasPrefix(folder, dir+"/")
}

func (t *reader) settleGradle(s *gradleScript, b *gradleBuild, catalogs []*catalog) {
	m := s.manifest
	group := s.own.group
	t.addGradlePart(s, &s.own, b, catalogs, m.file, true)
	if root := b.root; root != nil {
		if group == "" {
			group = root.all.group
		}
		t.addGradlePart(s, &root.all, b, catalogs, root.manifest.file, false)
		if root != s {
			t.addGradlePart(s, &root.below, b, catalogs, root.manifest.file, false)
			if part := root.named[b.pathOf(m.folder)]; part != nil {
				t.addGradlePart(s, part, b, catalogs, root.manifest.file, true)
			}
		}
	}
	if m.folder != "." {
		m.title = path.Base(m.folder)
	}
	if m.folder == b.dir && b.title != "" {
		m.title = b.title
	}
	if m.title != "" && group != "" {
		m.name = "maven:" + group + ":" + m.title
	}
	if s.speaksOfOthers() || len(b.projects) > 0 && m.folder == b.dir {
		m.mayRun = false
		if !t.tree.Exists(path.Join(m.folder, "src/main")) {
			m.key = aggregate
		}
	}
}

// pathOf is the project path of a folder: ":common:core".
func (b *gradleBuild) pathOf(folder string) string {
	for _, name := range sortedKeys(b.projects) {
		if b.projects[name] == folder {
			return name
		}
	}
	return ":" + strings.ReplaceAll(strings.TrimPrefix(strings.TrimPrefix(folder, b.dir), "/"), "/", ":")
}

// addGradlePart gives a project what one part of a script says; direct when the part is for it alone.
func (t *reader) addGradlePart(s *gradleScript, part *gradlePart, b *gradleBuild, catalogs []*catalog, file string, direct bool) {
	m := s.manifest
	m.neverRuns = m.neverRuns || part.noJar
	for _, plugin := range part.plugins {
		if gradlePrograms[pluginID(plugin, catalogs, b.dir)] {
			m.mayRun = true
			if direct && m.key == unknown {
				m.key = runnable
			}
		}
	}
	for _, w := range part.wants {
		place := estate.Place{File: file, Line: w.line}
		switch {
		case w.coordinate != "":
			m.uses = append(m.uses, use{coordinate: "maven:" + w.coordinate, place: place})
		case w.project != "":
			if folder := b.folderOf(w.project); folder != m.folder {
				m.uses = append(m.uses, use{folder: folder, place: place})
			}
		default:
			t.addAccessor(m, w.accessor, b, catalogs, place)
		}
	}
}

// folderOf is the folder of a project path.
func (b *gradleBuild) folderOf(project string) string {
	project = ":" + strings.TrimPrefix(project, ":")
	if folder, ok := b.projects[project]; ok {
		return folder
	}
	return path.Join(b.dir, strings.ReplaceAll(project, ":", "/"))
}

// addAccessor looks up what stands for a dependency without being its name: an entry of a catalog, or one of the
// build's own projects.
func (t *reader) addAccessor(m *manifest, accessor string, b *gradleBuild, catalogs []*catalog, place estate.Place) {
	name, rest, _ := strings.Cut(accessor, ".")
	if name == "projects" {
		for _, project := range sortedKeys(b.projects) {
			if accessorOf(project) == rest {
				m.uses = append(m.uses, use{folder: b.projects[project], place: place})
			}
		}
		return
	}
	c := catalogOf(name, catalogs, b.dir)
	if c == nil {
		if name == "libs" && place.File == m.file {
			t.report.Doubt(estate.Unresolved, place, "the dependency is named in a version catalog that is not in the tree; add the folder gradle/ that holds it")
		}
		return
	}
	found := c.lookUp(rest)
	if len(found) == 0 && place.File == m.file {
		t.report.Doubt(estate.Unresolved, place, "the version catalog has no such entry; correct the name there or here")
	}
	for _, coordinate := range found {
		m.uses = append(m.uses, use{coordinate: "maven:" + coordinate, place: place})
	}
}

// accessorOf is what scripts call a project: ":common:event-bus" is common.eventBus.
func accessorOf(project string) string {
	var b strings.Builder
	upper := false
	for _, r := range strings.TrimPrefix(project, ":") {
		switch {
		case r == ':':
			b.WriteByte('.')
		case r == '-' || r == '_':
			upper = true
			continue
		case upper:
			b.WriteString(strings.ToUpper(string(r)))
		default:
			b.WriteRune(r)
		}
		upper = false
	}
	return b.String()
}

// catalogOf is the catalog of a name nearest above a folder.
func catalogOf(name string, catalogs []*catalog, dir string) *catalog {
	var best *catalog
	for _, c := range catalogs {
		if c.name == name && within(dir, c.dir) && (best == nil || len(c.dir) > len(best.dir)) {
			best = c
		}
	}
	return best
}

// pluginID is the id of a plugin that may be written as an entry of a catalog.
func pluginID(plugin string, catalogs []*catalog, dir string) string {
	name, rest, _ := strings.Cut(plugin, ".")
	if alias, ok := strings.CutPrefix(rest, "plugins."); ok {
		if c := catalogOf(name, catalogs, dir); c != nil {
			return c.plugins[alias]
		}
	}
	return plugin
}
