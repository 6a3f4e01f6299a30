// Package build reads build manifests: which folders are modules, which of them can be started, and which client
// libraries each has on its build path. It knows Maven, Gradle, npm, Go, Python, .NET, Ruby, Rust and PHP. Test
// dependencies and those of the build itself are left out.
package build

import (
	"errors"
	"path"
	"strings"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/syntax"
)

// Format is the reader of build manifests.
func Format() discover.Format {
	return discover.Format{Name: "build", Wants: wants, Claims: claims, ReadTree: readTree}
}

// manifest is what one build file says.
type manifest struct {
	place    estate.Place
	name     string // own coordinate or name
	key      string // "runnable", "library", "aggregate", "unknown"
	uses     []use
	inherits string   // folder of the manifest whose dependencies it inherits, for parents that are not above it
	below    []string // folders it hands its dependencies to, for aggregates of another layout
}

// use is one dependency. coordinate carries its ecosystem.
type use struct {
	coordinate string
	line       int
	profile    string
}

type parser func(discover.File) (manifest, error)

func wants(p string) bool { return parserOf(p) != nil }

// claims owns every manifest but those another reader may want too.
func claims(f discover.File) discover.Claim { return discover.Owns }

// parserOf picks the parser by the file's name; nil when it is no manifest.
func parserOf(p string) parser {
	b := path.Base(p)
	switch b {
	case "pom.xml":
		return readPOM
	case "build.gradle", "build.gradle.kts":
		return readGradle
	case "package.json":
		return readPackageJSON
	case "go.mod":
		return readGoMod
	case "pyproject.toml":
		return readPyproject
	case "Pipfile":
		return readPipfile
	case "Gemfile":
		return readGemfile
	case "Cargo.toml":
		return readCargo
	case "composer.json":
		return readComposer
	case "packages.config":
		return readPackagesConfig
	case "setup.py":
		return readSetupPy
	}
	switch ext := path.Ext(b); {
	case ext == ".csproj" || ext == ".fsproj" || ext == ".vbproj":
		return readProject
	case ext == ".txt" && strings.HasPrefix(b, "requirements") && !strings.Contains(b, "test") && !strings.Contains(b, "dev"),
		ext == ".txt" && path.Base(path.Dir(p)) == "requirements" && !strings.Contains(b, "test") && !strings.Contains(b, "dev") && !strings.Contains(b, "local"):
		return readRequirements
	}
	return nil
}

// readTree parses all manifests, then says what each module uses, own modules by their folder.
func readTree(files []discover.File, _ discover.Tree, r *discover.Report) {
	var all []manifest
	own := map[string]string{} // coordinate → folder
	for _, f := range files {
		m, err := parserOf(f.Path)(f)
		if err != nil {
			line := 0
			var se *syntax.Error
			if errors.As(err, &se) {
				line = se.Line
			}
			r.Broken(f, line, err)
		}
		if m.key == "" {
			continue
		}
		m.place.File = f.Path
		all = append(all, m)
		if m.name != "" {
			own[strings.ToLower(m.name)] = f.Dir()
		}
	}
	used := usedModules(all, own)
	for _, m := range all {
		m.emit(r, own, used)
	}
}

// usedModules are the folders of modules that other modules of the tree build upon.
func usedModules(all []manifest, own map[string]string) map[string]bool {
	used := map[string]bool{}
	for _, m := range all {
		for _, u := range m.uses {
			if folder, ok := own[strings.ToLower(u.coordinate)]; ok && folder != path.Dir(m.place.File) {
				used[folder] = true
			}
		}
	}
	return used
}

func (m manifest) emit(r *discover.Report, own map[string]string, used map[string]bool) {
	folder := path.Dir(m.place.File)
	key := m.key
	if used[folder] && (key == "unknown" || key == "runnable" && strings.HasPrefix(path.Base(m.place.File), "build.gradle")) {
		key = "library" // a Gradle project with the framework among its dependencies need not be a program
	}
	name := m.name
	if _, bare, ok := strings.Cut(name, ":"); ok {
		name = bare
	}
	r.See(estate.Sighting{Fact: estate.Module, Subject: estate.At(folder), Key: key, Value: name, Place: estate.Place{File: m.place.File, Line: 1}})
	targets := append([]string{folder}, m.below...)
	for _, u := range m.uses {
		value := u.coordinate
		if f, ok := own[strings.ToLower(u.coordinate)]; ok && f != folder {
			value = "module:" + f
		}
		for _, t := range targets {
			r.See(estate.Sighting{Fact: estate.Uses, Subject: estate.At(t), Value: value, Profile: u.profile, Place: estate.Place{File: m.place.File, Line: u.line}})
		}
	}
	if m.inherits != "" {
		r.See(estate.Sighting{Fact: estate.Uses, Subject: estate.At(folder), Value: "module:" + m.inherits, Place: estate.Place{File: m.place.File, Line: 1}})
	}
}
