package build

import (
	"path"
	"slices"
	"strings"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/estate"
)

// pom is a Maven manifest as written, before its parents are looked at.
type pom struct {
	manifest     *manifest
	group        string
	artifact     string
	packaging    string
	parent       parentPOM
	properties   map[string]string
	dependencies []mavenDependency
	managed      []mavenDependency // dependencyManagement: uses nothing, but may say the scope
	plugins      []string          // of build/plugins, which heirs run too
}

type parentPOM struct {
	group, artifact string
	file            string // where it should lie; "" when it is to come from a repository
	written         bool   // the place was written, not implied
	line            int
}

type mavenDependency struct {
	group, artifact, scope, kind, profile string
	line                                  int
}

func readPOM(f discover.File, m *manifest) error {
	doc, err := parseXML(f.Data)
	project := doc.get("project")
	if project == nil {
		m.key = ""
		return err
	}
	p := &pom{
		manifest: m, group: project.value("groupId"), artifact: project.value("artifactId"), packaging: project.value("packaging"),
		properties: map[string]string{}, dependencies: mavenDependencies(project.get("dependencies"), ""),
		managed: mavenDependencies(project.get("dependencyManagement", "dependencies"), ""), plugins: mavenPlugins(project),
	}
	if parent := project.get("parent"); parent != nil {
		p.parent = readParent(parent, f.Dir())
	}
	if properties := project.get("properties"); properties != nil {
		for _, e := range properties.children {
			p.properties[e.name] = e.text
		}
	}
	for _, profile := range project.get("profiles").all("profile") {
		p.dependencies = append(p.dependencies, mavenDependencies(profile.get("dependencies"), profile.value("id"))...)
	}
	m.pom = p
	return err
}

// readParent finds where the parent should lie: relativePath, "../pom.xml" when there is none, nowhere when it is empty.
func readParent(e *element, dir string) parentPOM {
	p := parentPOM{group: e.value("groupId"), artifact: e.value("artifactId"), line: e.line}
	relative := e.get("relativePath")
	switch {
	case relative == nil:
		p.file = path.Join(dir, "../pom.xml")
	case relative.text != "":
		p.written = true
		p.file = path.Join(dir, relative.text)
		if !strings.HasSuffix(p.file, ".xml") {
			p.file = path.Join(p.file, "pom.xml")
		}
	}
	return p
}

func mavenDependencies(list *element, profile string) []mavenDependency {
	var out []mavenDependency
	for _, d := range list.all("dependency") {
		artifact := d.get("artifactId")
		if artifact == nil || artifact.text == "" {
			continue
		}
		out = append(out, mavenDependency{group: d.value("groupId"), artifact: artifact.text, scope: d.value("scope"), kind: d.value("type"), profile: profile, line: artifact.line})
	}
	return out
}

// mavenPlugins are the plugins a build runs, in whatever profile; those of pluginManagement are only set up.
func mavenPlugins(project *element) []string {
	var out []string
	for _, builds := range append(project.get("profiles").all("profile"), project) {
		for _, plugin := range builds.get("build", "plugins").all("plugin") {
			if name := plugin.value("artifactId"); name != "exec-maven-plugin" || plugin.value("configuration", "mainClass") != "" {
				out = append(out, name)
			}
		}
	}
	return out
}

// mavenPrograms are the plugins that make a program, or an image of one, of a module.
var mavenPrograms = map[string]bool{
	"spring-boot-maven-plugin": true, "quarkus-maven-plugin": true, "micronaut-maven-plugin": true, "jib-maven-plugin": true, "docker-maven-plugin": true,
	"dockerfile-maven-plugin": true, "thorntail-maven-plugin": true, "wildfly-swarm-plugin": true, "wildfly-maven-plugin": true, "wildfly-jar-maven-plugin": true,
	"liberty-maven-plugin": true, "helidon-maven-plugin": true, "payara-micro-maven-plugin": true, "tomee-maven-plugin": true, "exec-maven-plugin": true,
	"vertx-maven-plugin": true, "appassembler-maven-plugin": true,
}

// mavenPackages are the packagings that are deployed.
var mavenPackages = map[string]bool{"war": true, "ear": true, "quarkus": true}

// inheritMaven works out what every Maven module is and uses, with what its parents in the tree add.
func (t *reader) inheritMaven() {
	byFile, byArtifact := map[string]*pom{}, map[string]*pom{}
	for _, m := range t.all {
		if m.pom != nil {
			byFile[m.file] = m.pom
			byArtifact[m.pom.artifact] = m.pom
		}
	}
	for _, m := range t.all {
		if m.pom != nil {
			t.settleMaven(m.pom, ancestry(m.pom, byFile, byArtifact))
		}
	}
}

// maxParents bounds a chain of parents, which may lead in a circle.
const maxParents = 16

// ancestry is a pom and its parents in the tree, nearest first.
func ancestry(p *pom, byFile, byArtifact map[string]*pom) []*pom {
	chain := []*pom{p}
	for len(chain) <= maxParents {
		last := chain[len(chain)-1]
		parent := byFile[last.parent.file]
		if parent == nil || parent.artifact != last.parent.artifact {
			parent = byArtifact[last.parent.artifact]
		}
		if parent == nil || last.parent.artifact == "" || slices.Contains(chain, parent) {
			break
		}
		chain = append(chain, parent)
	}
	return chain
}

func (t *reader) settleMaven(p *pom, chain []*pom) {
	m := p.manifest
	if p.parent.written && len(chain) == 1 {
		t.report.Doubt(estate.Unresolved, estate.Place{File: m.file, Line: p.parent.line}, "the parent it names is not in the tree, so what it inherits is unknown; add the parent's folder as a source")
	}
	group := filled(p.group, chain)
	if group == "" {
		group = filled(p.parent.group, chain)
	}
	if p.artifact != "" {
		m.name = "maven:" + group + ":" + filled(p.artifact, chain)
	}
	switch {
	case p.packaging == "pom":
		m.key = aggregate
	case mavenPackages[p.packaging] || slices.ContainsFunc(p.plugins, func(n string) bool { return mavenPrograms[n] }):
		m.key = runnable
	}
	for _, from := range chain {
		m.mayRun = m.mayRun || m.key != aggregate && slices.ContainsFunc(from.plugins, func(n string) bool { return mavenPrograms[n] })
		for _, d := range from.dependencies {
			t.needsMaven(m, d, from, chain)
		}
	}
}

// needsMaven adds a dependency that from, the module itself or a parent, declares.
func (t *reader) needsMaven(m *manifest, d mavenDependency, from *pom, chain []*pom) {
	group, artifact := filled(d.group, chain), filled(d.artifact, chain)
	scope := filled(d.scope, chain)
	if scope == "" {
		scope = managedScope(group, artifact, chain)
	}
	if scope == "test" || scope == "import" || d.kind == "test-jar" {
		return
	}
	place := estate.Place{File: from.manifest.file, Line: d.line}
	if strings.Contains(artifact, "${") {
		if from == chain[0] {
			t.report.Doubt(estate.Unresolved, place, "a dependency's name depends on a property that is set nowhere in the tree; set it, or add the parent that does")
		}
		return
	}
	m.uses = append(m.uses, use{coordinate: "maven:" + group + ":" + artifact, place: place, profile: d.profile})
}

func managedScope(group, artifact string, chain []*pom) string {
	for _, p := range chain {
		for _, d := range p.managed {
			if d.artifact == artifact && filled(d.group, chain) == group && d.scope != "" {
				return d.scope
			}
		}
	}
	return ""
}

// maxFills bounds how many properties one text may lead to, for properties may name each other many times over.
const maxFills = 64

// filled replaces ${property}; the nearest pom of the chain that sets one wins. What nobody sets stays.
func filled(text string, chain []*pom) string {
	var done strings.Builder
	for fills := 0; ; fills++ {
		start := strings.Index(text, "${")
		if start < 0 || fills > maxFills {
			break
		}
		length := strings.IndexByte(text[start:], '}')
		if length < 0 {
			break
		}
		end := start + length + 1
		done.WriteString(text[:start])
		if value, ok := property(text[start+2:end-1], chain); ok {
			text = value + text[end:]
			continue
		}
		done.WriteString(text[start:end])
		text = text[end:]
	}
	return done.String() + text
}

func property(name string, chain []*pom) (string, bool) {
	for _, p := range chain {
		if v, ok := p.properties[name]; ok {
			return v, true
		}
	}
	p := chain[0]
	switch strings.TrimPrefix(strings.TrimPrefix(name, "project."), "pom.") {
	case "groupId":
		if p.group == "" {
			return p.parent.group, true
		}
		return p.group, true
	case "artifactId":
		return p.artifact, true
	case "parent.groupId":
		return p.parent.group, true
	case "parent.artifactId":
		return p.parent.artifact, true
	}
	return "", false
}
