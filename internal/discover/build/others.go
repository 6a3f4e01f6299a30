package build

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/syntax"
)

// readComposer reads PHP.
func readComposer(f discover.File, m *manifest) error {
	n, err := syntax.JSON(f.Data)
	if n.Kind != syntax.Map {
		m.key = ""
		return err
	}
	if name := n.Get("name").Value; name != "" {
		m.name = "composer:" + name
	}
	for _, d := range n.Get("require").Pairs {
		if d.Key != "php" {
			m.needs("composer:"+d.Key, d.Line)
		}
	}
	m.startedBy = []string{"public/index.php", "artisan", "bin/console", "web/app.php"}
	return err
}

var (
	gemLine   = regexp.MustCompile(`^gem[\s(]+["']([^"']+)["'](.*)`)
	gemGroups = regexp.MustCompile(`:(\w+)`)
	gemPath   = regexp.MustCompile(`(?:\bpath:|:path\s*=>)\s*["']([^"']+)["']`)
)

// gemPrograms are the gems that make a program of the application.
var gemPrograms = map[string]bool{"rails": true, "puma": true, "unicorn": true, "sinatra": true, "hanami": true, "grape": true, "thin": true, "roda": true}

// readGemfile reads Ruby.
func readGemfile(f discover.File, m *manifest) error {
	var blocks []bool // for each open block, whether production leaves it out
	m.startedBy = []string{"config.ru"}
	for n, line := range strings.Split(string(f.Data), "\n") {
		line = strings.TrimSpace(line)
		if len(line) > maxStatement {
			continue
		}
		g := gemLine.FindStringSubmatch(line)
		switch {
		case strings.HasSuffix(line, " do") || strings.HasPrefix(line, "if ") || strings.HasPrefix(line, "unless "):
			blocks = append(blocks, strings.HasPrefix(line, "group") && leftOutInProduction(line))
		case line == "end" && len(blocks) > 0:
			blocks = blocks[:len(blocks)-1]
		case g == nil || slices.Contains(blocks, true) || strings.Contains(g[2], "group") && leftOutInProduction(g[2]):
		default:
			m.needs("gem:"+g[1], n+1)
			if p := gemPath.FindStringSubmatch(g[2]); p != nil {
				m.needsModule(p[1], n+1)
			}
			if gemPrograms[g[1]] {
				m.key = runnable
			}
		}
	}
	return nil
}

// leftOutInProduction reports whether all groups a line names are for development and tests.
func leftOutInProduction(line string) bool {
	found := false
	for _, g := range gemGroups.FindAllStringSubmatch(strings.ReplaceAll(line, ":group", ""), -1) {
		switch g[1] {
		case "development", "test", "ci", "doc", "lint", "staging_tools", "rubocop":
			found = true
		case "optional", "require", "path", "platforms":
		default:
			return false
		}
	}
	return found
}

// readCargo reads Rust.
func readCargo(f discover.File, m *manifest) error {
	n, err := syntax.TOML(f.Data)
	name := n.At("package", "name").Value
	switch {
	case name != "":
		m.name = "cargo:" + name
	case n.Has("workspace"):
		m.key = aggregate
	default:
		m.key = ""
	}
	if n.Has("bin") {
		m.key = runnable
	}
	m.startedBy = []string{"src/main.rs", "src/bin"}
	m.crates(n.Get("dependencies"))
	for _, target := range n.Get("target").Pairs {
		m.crates(target.Value.Get("dependencies"))
	}
	return err
}

func (m *manifest) crates(table syntax.Node) {
	for _, d := range table.Pairs {
		crate := d.Key
		if p := d.Value.Get("package").Value; p != "" {
			crate = p
		}
		m.needs("cargo:"+crate, d.Line)
		if local := d.Value.Get("path").Value; local != "" {
			m.needsModule(local, d.Line)
		}
	}
}

var (
	mixApp  = regexp.MustCompile(`\bapp:\s*:(\w+)`)
	mixDep  = regexp.MustCompile(`^\{:(\w+)\s*,(.*)`)
	mixPath = regexp.MustCompile(`\bpath:\s*"([^"]+)"`)
)

// readMix reads Elixir. An umbrella only holds others; an application with a callback module is a program.
func readMix(f discover.File, m *manifest) error {
	for n, line := range strings.Split(string(f.Data), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || len(line) > maxStatement {
			continue
		}
		if g := mixApp.FindStringSubmatch(line); g != nil && m.name == "" {
			m.name = "hex:" + g[1]
		}
		switch {
		case strings.HasPrefix(line, "apps_path:"):
			m.key = aggregate
		case strings.HasPrefix(line, "mod:") || strings.Contains(line, "[mod: {"):
			m.key = runnable
		}
		g := mixDep.FindStringSubmatch(strings.TrimLeft(line, "["))
		if g == nil || strings.Contains(g[2], "only: :test") || strings.Contains(g[2], "only: :dev") || strings.Contains(g[2], "only: [:dev") || strings.Contains(g[2], "only: [:test") {
			continue
		}
		m.needs("hex:"+g[1], n+1)
		if p := mixPath.FindStringSubmatch(g[2]); p != nil {
			m.needsModule(p[1], n+1)
		} else if strings.Contains(g[2], "in_umbrella: true") {
			m.needsModule("../"+g[1], n+1)
		}
	}
	return nil
}

var (
	sbtDependency = regexp.MustCompile(`"([\w.-]+)"\s*%%?%?\s*"([\w.-]+)"\s*%\s*[^,)\n]*`)
	sbtFolder     = regexp.MustCompile(`\bin\s+file\(\s*"([^"]+)"`)
	sbtName       = regexp.MustCompile(`^\s*name\s*:=\s*"([^"]+)"`)
	sbtProgram    = regexp.MustCompile(`enablePlugins\([^)]*(?:Play|JavaAppPackaging|JavaServerAppPackaging|DockerPlugin)|assembly\s*/\s*mainClass|mainClass\s+in\s+assembly`)
)

// readSbt reads the dependencies written out in an sbt build: those of a project from its definition to the next line
// that is not indented, and those of the build, which all its projects have.
func readSbt(f discover.File, m *manifest) error {
	at := m
	for n, line := range strings.Split(string(f.Data), "\n") {
		line, _, _ = strings.Cut(line, "// ")
		if line == "" || len(line) > maxStatement {
			continue
		}
		if !strings.ContainsAny(line[:1], " \t.)") {
			at = m
		}
		if g := sbtName.FindStringSubmatch(line); g != nil && m.title == "" {
			m.title = g[1]
		}
		if g := sbtFolder.FindStringSubmatch(line); g != nil && path.Clean(g[1]) != "." {
			at = &manifest{file: m.file, folder: path.Join(m.folder, g[1]), key: unknown, title: path.Base(g[1])}
			m.children = append(m.children, at)
		}
		if sbtProgram.MatchString(line) {
			at.key = runnable
		}
		for _, g := range sbtDependency.FindAllStringSubmatch(line, -1) {
			if lower := strings.ToLower(g[0]); !strings.HasSuffix(strings.TrimSpace(lower), "test") && !strings.Contains(lower, `"test"`) {
				at.needs("maven:"+g[1]+":"+g[2], n+1)
			}
		}
	}
	return nil
}

// addChildren makes modules of the folders that a manifest above speaks for.
func (t *reader) addChildren() {
	for _, m := range slices.Clone(t.all) {
		for _, child := range m.children {
			if t.tree.Exists(child.folder) {
				child.uses = append(child.uses, m.uses...)
				t.all = append(t.all, child)
			}
		}
		if len(m.children) > 0 {
			m.key = aggregate
		}
	}
}
