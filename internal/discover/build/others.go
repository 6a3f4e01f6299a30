package build

import (
	"path"
	"regexp"
	"strings"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/syntax"
)

// readPackageJSON reads npm. A start script or a main server file makes it runnable, workspaces an aggregate.
func readPackageJSON(f discover.File) (manifest, error) {
	n, err := syntax.JSON(f.Data)
	if n.Kind != syntax.Map {
		return manifest{}, err
	}
	m := manifest{key: "unknown"}
	if name := n.Get("name").Value; name != "" {
		m.name = "npm:" + name
	}
	for _, d := range n.Get("dependencies").Pairs {
		m.uses = append(m.uses, use{coordinate: "npm:" + d.Key, line: d.Line})
	}
	scripts := n.Get("scripts")
	switch {
	case n.Has("workspaces"):
		m.key = "aggregate"
	case scripts.Has("start") || scripts.Has("serve") || scripts.Has("start:prod") || n.Has("bin"):
		m.key = "runnable"
	}
	return m, err
}

// readComposer reads PHP.
func readComposer(f discover.File) (manifest, error) {
	n, err := syntax.JSON(f.Data)
	m := manifest{key: "unknown"}
	if name := n.Get("name").Value; name != "" {
		m.name = "composer:" + name
	}
	for _, d := range n.Get("require").Pairs {
		m.uses = append(m.uses, use{coordinate: "composer:" + d.Key, line: d.Line})
	}
	return m, err
}

// readGoMod reads the direct requirements of a Go module.
func readGoMod(f discover.File) (manifest, error) {
	m := manifest{key: "unknown"}
	block := false
	for n, line := range strings.Split(string(f.Data), "\n") {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "module "):
			m.name = "go:" + strings.TrimSpace(line[len("module "):])
		case strings.HasPrefix(line, "require ("):
			block = true
			continue
		case line == ")":
			block = false
		}
		if rest, ok := strings.CutPrefix(line, "require "); ok {
			line = rest
		} else if !block {
			continue
		}
		if strings.Contains(line, "// indirect") || strings.HasPrefix(line, "//") {
			continue
		}
		if fields := strings.Fields(line); len(fields) >= 2 {
			m.uses = append(m.uses, use{coordinate: "go:" + fields[0], line: n + 1})
		}
	}
	return m, nil
}

var pythonName = regexp.MustCompile(`^([A-Za-z0-9][A-Za-z0-9._-]*)`)

// python is the coordinate of a requirement such as "psycopg2-binary>=2.9 ; python_version > '3'".
func python(requirement string) (string, bool) {
	name := pythonName.FindString(strings.TrimSpace(requirement))
	return "pypi:" + strings.ReplaceAll(strings.ToLower(name), "_", "-"), name != "" && name != "python"
}

func readRequirements(f discover.File) (manifest, error) {
	m := manifest{key: "unknown"}
	for n, line := range strings.Split(string(f.Data), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == '-' || len(line) > 500 {
			continue
		}
		if c, ok := python(line); ok {
			m.uses = append(m.uses, use{coordinate: c, line: n + 1})
		}
	}
	return m, nil
}

func readPyproject(f discover.File) (manifest, error) {
	n, err := syntax.TOML(f.Data)
	m := manifest{key: "unknown"}
	project, poetry := n.Get("project"), n.At("tool", "poetry")
	for _, name := range []string{project.Get("name").Value, poetry.Get("name").Value} {
		if name != "" {
			m.name = "pypi:" + name
		}
	}
	for _, d := range project.Get("dependencies").Items {
		if c, ok := python(d.Value); ok {
			m.uses = append(m.uses, use{coordinate: c, line: d.Line})
		}
	}
	for _, d := range poetry.Get("dependencies").Pairs {
		if c, ok := python(d.Key); ok {
			m.uses = append(m.uses, use{coordinate: c, line: d.Line})
		}
	}
	if project.Has("scripts") || poetry.Has("scripts") {
		m.key = "runnable"
	}
	return m, err
}

func readPipfile(f discover.File) (manifest, error) {
	n, err := syntax.TOML(f.Data)
	m := manifest{key: "unknown"}
	for _, d := range n.Get("packages").Pairs {
		if c, ok := python(d.Key); ok {
			m.uses = append(m.uses, use{coordinate: c, line: d.Line})
		}
	}
	return m, err
}

var quoted = regexp.MustCompile(`["']([^"'\n]+)["']`)

// readSetupPy reads the literal list of install_requires.
func readSetupPy(f discover.File) (manifest, error) {
	m := manifest{key: "unknown"}
	text := string(f.Data)
	i := strings.Index(text, "install_requires")
	if i < 0 {
		return m, nil
	}
	list, _, _ := strings.Cut(text[i:], "]")
	line := 1 + strings.Count(text[:i], "\n")
	for _, g := range quoted.FindAllStringSubmatch(list, 200) {
		if c, ok := python(g[1]); ok {
			m.uses = append(m.uses, use{coordinate: c, line: line})
		}
	}
	return m, nil
}

var gem = regexp.MustCompile(`^\s*gem\s*\(?\s*["']([^"']+)["']`)

// readGemfile reads Ruby. Rack programs show themselves by config.ru, not here.
func readGemfile(f discover.File) (manifest, error) {
	m := manifest{key: "unknown", name: ""}
	development := false
	for n, line := range strings.Split(string(f.Data), "\n") {
		trimmed := strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(trimmed, "group ") && !strings.Contains(trimmed, "production"):
			development = true
		case trimmed == "end":
			development = false
		}
		if g := gem.FindStringSubmatch(line); g != nil && !development && len(line) < 1000 {
			m.uses = append(m.uses, use{coordinate: "gem:" + g[1], line: n + 1})
			if g[1] == "rails" || g[1] == "puma" || g[1] == "sinatra" || g[1] == "hanami" {
				m.key = "runnable"
			}
		}
	}
	return m, nil
}

// readCargo reads Rust.
func readCargo(f discover.File) (manifest, error) {
	n, err := syntax.TOML(f.Data)
	m := manifest{key: "unknown"}
	if name := n.At("package", "name").Value; name != "" {
		m.name = "cargo:" + name
	} else if n.Has("workspace") {
		m.key = "aggregate"
	}
	if n.Has("bin") {
		m.key = "runnable"
	}
	for _, d := range n.Get("dependencies").Pairs {
		c := use{coordinate: "cargo:" + d.Key, line: d.Line}
		if p := d.Value.Get("package").Value; p != "" {
			c.coordinate = "cargo:" + p
		}
		m.uses = append(m.uses, c)
	}
	if m.name == "" && path.Dir(f.Path) == "." && m.key == "unknown" {
		m.key = "aggregate"
	}
	return m, err
}
