package build

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"path"
	"strings"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/syntax"
)

// element is one XML element with what a manifest needs of it.
type element struct {
	name     string
	line     int
	text     string
	attrs    map[string]string
	children []*element
}

// parseXML reads a document into elements. Entities of its own and nesting past syntax.MaxDepth are refused.
func parseXML(data []byte) (*element, error) {
	dec := xml.NewDecoder(bytes.NewReader(data))
	dec.Strict = false
	dec.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	root := &element{}
	stack := []*element{root}
	for {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return root, nil
		}
		line, _ := dec.InputPos()
		if err != nil {
			return root, &syntax.Error{Line: line, Text: "not valid XML"}
		}
		top := stack[len(stack)-1]
		switch t := tok.(type) {
		case xml.StartElement:
			if len(stack) > syntax.MaxDepth {
				return root, &syntax.Error{Line: line, Text: "nested too deep"}
			}
			e := &element{name: t.Name.Local, line: line, attrs: map[string]string{}}
			for _, a := range t.Attr {
				e.attrs[a.Name.Local] = a.Value
			}
			top.children = append(top.children, e)
			stack = append(stack, e)
		case xml.EndElement:
			if len(stack) > 1 {
				stack = stack[:len(stack)-1]
			}
		case xml.CharData:
			if s := strings.TrimSpace(string(t)); s != "" {
				top.text += s
			}
		}
	}
}

// get walks to the first element of a path, or an empty one.
func (e *element) get(names ...string) *element {
	for _, n := range names {
		found := &element{}
		for _, c := range e.children {
			if c.name == n {
				found = c
				break
			}
		}
		e = found
	}
	return e
}

// all lists the direct children of a name.
func (e *element) all(name string) []*element {
	var out []*element
	for _, c := range e.children {
		if c.name == name {
			out = append(out, c)
		}
	}
	return out
}

// readPOM reads Maven. Dependencies of a parent in the tree are inherited; dependencyManagement uses nothing.
func readPOM(f discover.File) (manifest, error) {
	doc, err := parseXML(f.Data)
	p := doc.get("project")
	m := manifest{key: "unknown"}
	group := p.get("groupId").text
	if group == "" {
		group = p.get("parent", "groupId").text
	}
	if a := p.get("artifactId").text; a != "" {
		m.name = "maven:" + group + ":" + a
	}
	m.uses = mavenUses(p.get("dependencies"), "")
	for _, profile := range p.get("profiles").all("profile") {
		m.uses = append(m.uses, mavenUses(profile.get("dependencies"), profile.get("id").text)...)
	}
	switch {
	case p.get("packaging").text == "pom":
		m.key = "aggregate"
	case p.get("packaging").text == "war" || mavenRuns(p):
		m.key = "runnable"
	}
	if parent := p.get("parent"); parent.name != "" {
		rel := parent.get("relativePath")
		if rel.text != "" {
			folder := path.Join(f.Dir(), rel.text)
			if strings.HasSuffix(rel.text, ".xml") {
				folder = path.Dir(folder)
			}
			if !strings.HasPrefix(folder, "..") && folder != path.Dir(f.Dir()) {
				m.inherits = folder
			}
		}
	}
	return m, err
}

// mavenRuns reports whether a plugin of the module makes a program of it.
func mavenRuns(p *element) bool {
	for _, plugin := range p.get("build", "plugins").all("plugin") {
		switch plugin.get("artifactId").text {
		case "spring-boot-maven-plugin", "quarkus-maven-plugin", "micronaut-maven-plugin", "jib-maven-plugin", "docker-maven-plugin", "dockerfile-maven-plugin",
			"thorntail-maven-plugin", "wildfly-swarm-plugin", "liberty-maven-plugin", "helidon-maven-plugin", "exec-maven-plugin":
			return true
		}
	}
	return false
}

func mavenUses(list *element, profile string) []use {
	var out []use
	for _, d := range list.all("dependency") {
		if scope := d.get("scope").text; scope == "test" || scope == "import" {
			continue
		}
		if a := d.get("artifactId"); a.text != "" {
			out = append(out, use{"maven:" + d.get("groupId").text + ":" + a.text, a.line, profile})
		}
	}
	return out
}

// readProject reads an MSBuild project.
func readProject(f discover.File) (manifest, error) {
	doc, err := parseXML(f.Data)
	p := doc.get("Project")
	name := strings.TrimSuffix(path.Base(f.Path), path.Ext(f.Path))
	m := manifest{name: "nuget:" + name, key: "unknown"}
	sdk := p.attrs["Sdk"]
	if strings.HasSuffix(sdk, ".Web") || strings.HasSuffix(sdk, ".Worker") {
		m.key = "runnable"
	}
	for _, group := range p.all("PropertyGroup") {
		if group.get("OutputType").text == "Exe" {
			m.key = "runnable"
		}
		if group.get("IsTestProject").text == "true" {
			return manifest{}, err
		}
	}
	for _, group := range p.all("ItemGroup") {
		for _, ref := range group.children {
			include := ref.attrs["Include"]
			switch ref.name {
			case "PackageReference":
				if strings.EqualFold(include, "Microsoft.NET.Test.Sdk") {
					return manifest{}, err
				}
				m.uses = append(m.uses, use{coordinate: "nuget:" + include, line: ref.line})
			case "ProjectReference":
				other := path.Base(strings.ReplaceAll(include, `\`, "/"))
				m.uses = append(m.uses, use{coordinate: "nuget:" + strings.TrimSuffix(other, path.Ext(other)), line: ref.line})
			}
		}
	}
	return m, err
}

// readPackagesConfig reads the older list of NuGet packages.
func readPackagesConfig(f discover.File) (manifest, error) {
	doc, err := parseXML(f.Data)
	m := manifest{key: "unknown"}
	for _, p := range doc.get("packages").all("package") {
		m.uses = append(m.uses, use{coordinate: "nuget:" + p.attrs["id"], line: p.line})
	}
	return m, err
}
