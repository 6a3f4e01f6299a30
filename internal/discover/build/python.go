package build

import (
	"path"
	"regexp"
	"strings"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/syntax"
)

// pythonPrograms are files that only programs have.
var pythonPrograms = []string{"manage.py", "wsgi.py", "asgi.py"}

// requirement is the head of a requirement: name, and extras in brackets.
var requirement = regexp.MustCompile(`^([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?:\[([^\]]*)\])?`)

// needsPython adds a requirement such as "psycopg2-binary[extra]>=2.9 ; python_version > '3'": the package, and once more
// with each of its extras, for they bring libraries of their own.
func (m *manifest) needsPython(text string, line int) {
	g := requirement.FindStringSubmatch(strings.TrimSpace(text))
	if g == nil || strings.EqualFold(g[1], "python") {
		return
	}
	name := "pypi:" + pythonName(g[1])
	m.needs(name, line)
	for _, extra := range strings.Split(g[2], ",") {
		if extra = strings.TrimSpace(extra); extra != "" {
			m.needs(name+"["+strings.ToLower(extra)+"]", line)
		}
	}
}

// pythonName is the form in which names of packages are equal.
func pythonName(name string) string {
	return strings.ReplaceAll(strings.ToLower(name), "_", "-")
}

// isRequirements reports whether a text file lists what a program runs with.
func isRequirements(p string) bool {
	b := strings.ToLower(path.Base(p))
	for _, word := range []string{"test", "dev", "lint", "docs", "local", "typing", "ci."} {
		if strings.Contains(b, word) {
			return false
		}
	}
	return strings.HasPrefix(b, "requirements") || strings.HasSuffix(b, "-requirements.txt") || path.Base(path.Dir(p)) == "requirements"
}

// readRequirements reads a pip list. A folder "requirements" is that of the module above it.
func readRequirements(f discover.File, m *manifest) error {
	if path.Base(m.folder) == "requirements" {
		m.folder = path.Dir(m.folder)
	}
	m.startedBy = pythonPrograms
	for n, line := range strings.Split(string(f.Data), "\n") {
		m.pipLine(strings.TrimSpace(line), n+1)
	}
	return nil
}

func (m *manifest) pipLine(line string, n int) {
	line, _, _ = strings.Cut(line, " #")
	option, value, _ := strings.Cut(strings.Replace(line, "=", " ", 1), " ")
	switch {
	case line == "" || line[0] == '#' || len(line) > maxStatement:
	case option == "-r" || option == "--requirement":
		m.includes = append(m.includes, path.Join(path.Dir(m.file), strings.TrimSpace(value)))
	case option == "-e" || option == "--editable":
		m.needsLocal(strings.TrimSpace(value), n)
	case line[0] == '-':
	case line[0] == '.':
		m.needsLocal(line, n)
	case strings.Contains(line, "://") && !strings.Contains(line, "@ "):
		if _, egg, ok := strings.Cut(line, "#egg="); ok {
			m.needsPython(egg, n)
		}
	default:
		m.needsPython(line, n)
	}
}

// needsLocal adds a dependency on a folder, unless the text is a URL.
func (m *manifest) needsLocal(text string, line int) {
	if !strings.Contains(text, "://") {
		folder, _, _ := strings.Cut(text, "[")
		m.needsModule(folder, line)
	}
}

// include adds to each list of requirements those it includes, whatever they are called.
func (t *reader) include() {
	byFile := map[string]*manifest{}
	for _, m := range t.all {
		byFile[m.file] = m
	}
	for _, m := range t.all {
		seen := map[string]bool{m.file: true}
		for queue := m.includes; len(queue) > 0; queue = queue[1:] {
			if seen[queue[0]] {
				continue
			}
			seen[queue[0]] = true
			other := byFile[queue[0]]
			if other == nil {
				other = t.openRequirements(queue[0], m)
				byFile[queue[0]] = other
			}
			m.uses = append(m.uses, other.uses[:other.written]...)
			queue = append(queue, other.includes...)
		}
	}
}

// openRequirements reads a list that is wanted only because another includes it; an empty one, with a doubt, when there
// is none.
func (t *reader) openRequirements(file string, by *manifest) *manifest {
	m := &manifest{file: file, folder: path.Dir(file)}
	data, ok := t.tree.Open(file)
	if !ok {
		t.report.Doubt(estate.Unresolved, estate.Place{File: by.file}, "it includes a list of requirements that is not in the tree; add the folder that holds it")
		return m
	}
	for n, line := range strings.Split(string(data), "\n") {
		m.pipLine(strings.TrimSpace(line), n+1)
	}
	m.written = len(m.uses)
	return m
}

// readPyproject reads PEP 621, Poetry, PDM and uv.
func readPyproject(f discover.File, m *manifest) error {
	n, err := syntax.TOML(f.Data)
	project, poetry := n.Get("project"), n.At("tool", "poetry")
	for _, name := range []string{project.Get("name").Value, poetry.Get("name").Value} {
		if name != "" {
			m.name, m.title = "pypi:"+pythonName(name), name
		}
	}
	for _, d := range project.Get("dependencies").Items {
		m.needsPython(d.Value, d.Line)
	}
	m.poetry(poetry.Get("dependencies"))
	for _, g := range poetry.Get("group").Pairs {
		if !pythonDevelopment[strings.ToLower(g.Key)] {
			m.poetry(g.Value.Get("dependencies"))
		}
	}
	for _, d := range n.At("tool", "uv", "sources").Pairs {
		if local := d.Value.Get("path").Value; local != "" {
			m.needsModule(local, d.Line)
		}
	}
	m.startedBy = pythonPrograms
	switch {
	case project.Has("scripts") || poetry.Has("scripts") || n.At("tool", "pdm", "scripts").Has("start"):
		m.key = runnable
	case m.name == "" && n.At("tool", "uv", "workspace").Kind == syntax.Map:
		m.key = aggregate
	case m.name == "" && len(m.uses) == 0:
		m.key = "" // the settings of tools alone
	}
	return err
}

// pythonDevelopment are groups of dependencies that programs do not run with.
var pythonDevelopment = map[string]bool{"dev": true, "test": true, "tests": true, "docs": true, "doc": true, "lint": true, "linting": true, "typing": true, "ci": true, "debug": true, "build": true}

// poetry reads a table of packages: a version, or a table with extras or a path.
func (m *manifest) poetry(table syntax.Node) {
	for _, d := range table.Pairs {
		m.needsPython(d.Key+"["+strings.Join(d.Value.Get("extras").Strings(), ",")+"]", d.Line)
		if local := d.Value.Get("path").Value; local != "" {
			m.needsModule(local, d.Line)
		}
	}
}

func readPipfile(f discover.File, m *manifest) error {
	n, err := syntax.TOML(f.Data)
	m.poetry(n.Get("packages"))
	m.startedBy = pythonPrograms
	return err
}

// readSetupCfg reads setuptools' declarations. A file with only tools' settings makes no module.
func readSetupCfg(f discover.File, m *manifest) error {
	m.key = ""
	section, key := "", ""
	for n, line := range strings.Split(string(f.Data), "\n") {
		text := strings.TrimSpace(line)
		switch {
		case text == "" || text[0] == '#' || text[0] == ';' || len(line) > maxStatement:
			continue
		case text[0] == '[':
			section, key = strings.Trim(text, "[]"), ""
			continue
		case line[0] != ' ' && line[0] != '\t':
			key, text, _ = strings.Cut(text, "=")
			key, text = strings.TrimSpace(key), strings.TrimSpace(text)
		}
		m.setupOption(section+"."+key, text, n+1)
	}
	return nil
}

// setupOption takes one value of setup.cfg; a list comes value by value.
func (m *manifest) setupOption(key, value string, line int) {
	switch key {
	case "metadata.name":
		m.name, m.title = "pypi:"+pythonName(value), value
	case "options.install_requires":
		m.needsPython(value, line)
	case "options.entry_points.console_scripts":
		m.key = runnable
		return
	default:
		return
	}
	if m.key == "" {
		m.key = unknown
	}
}

var (
	setupName     = regexp.MustCompile(`\bname\s*=\s*["']([\w.-]+)["']`)
	setupRequires = regexp.MustCompile(`install_requires\s*=\s*[\[(]`)
	setupQuoted   = regexp.MustCompile(`["']([^"'\n]+)["']`)
)

// readSetupPy reads what is written out in the call of setup: a list that is computed stays unknown.
func readSetupPy(f discover.File, m *manifest) error {
	text := string(f.Data)
	if g := setupName.FindStringSubmatch(text); g != nil {
		m.name, m.title = "pypi:"+pythonName(g[1]), g[1]
	}
	if strings.Contains(text, "console_scripts") {
		m.key = runnable
	}
	at := setupRequires.FindStringIndex(text)
	if at == nil {
		return nil
	}
	line := 1 + strings.Count(text[:at[1]], "\n")
	for _, row := range strings.Split(listEnd(text[at[1]:]), "\n") {
		row, _, _ = strings.Cut(row, "#")
		for _, g := range setupQuoted.FindAllStringSubmatch(row, -1) {
			m.needsPython(g[1], line)
		}
		line++
	}
	return nil
}

// listEnd is the text up to the bracket that closes a list already open; brackets of extras are counted.
func listEnd(text string) string {
	depth := 1
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '[', '(':
			depth++
		case ']', ')':
			if depth--; depth == 0 {
				return text[:i]
			}
		}
	}
	return text
}
