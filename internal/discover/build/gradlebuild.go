package build

import (
	"path"
	"strings"

	"example.org/caravan/internal/estate"
)

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
	t.addGradlePart(s, &s.own, b, catalogs, m.file)
	if root := b.root; root != nil {
		if group == "" {
			group = root.all.group
		}
		t.addGradlePart(s, &root.all, b, catalogs, root.manifest.file)
		if root != s {
			t.addGradlePart(s, &root.below, b, catalogs, root.manifest.file)
			if part := root.named[b.pathOf(m.folder)]; part != nil {
				t.addGradlePart(s, part, b, catalogs, root.manifest.file)
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

// addGradlePart gives a project what one part of a script says.
func (t *reader) addGradlePart(s *gradleScript, part *gradlePart, b *gradleBuild, catalogs []*catalog, file string) {
	m := s.manifest
	m.neverRuns = m.neverRuns || part.noJar
	for _, plugin := range part.plugins {
		if gradlePrograms[pluginID(plugin, catalogs, b.dir)] {
			m.mayRun = true // a project with the framework's plugin need not be a program
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
