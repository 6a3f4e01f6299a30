// Package architecture holds one test: the table of which package may import which. The table is the architecture;
// a change to it is a decision.
package architecture

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "example.org/caravan/"

// reader is what every format of discover may use.
var reader = []string{"discover", "estate", "syntax", "technology", "endpoint", "commandline", "containerfile"}

// may lists, for each package below internal, the packages below internal it may import. Rings, inside out: words,
// thought, hands, faces; app ties them together and nobody imports faces. A row "x/*" is for the packages below x.
var may = map[string][]string{
	// words
	"fault":      {},
	"estate":     {},
	"redact":     {},
	"technology": {"estate"},
	// thought: values in, values out
	"syntax":        {},
	"endpoint":      {},
	"client":        {},
	"ownership":     {},
	"commandline":   {"endpoint"},
	"containerfile": {},
	"merge":         {"estate", "ownership", "technology"},
	"depmap":        {"client", "endpoint", "estate", "technology"},
	"draw":          {"depmap", "estate"},
	// hands
	"discover":            {"estate", "fault", "redact", "syntax"},
	"discover/*":          reader,
	"discover/every":      {"discover", "discover/*"},
	"discover/readertest": {"discover", "estate"},
	"discover/chef":       append([]string{"discover/chef/ruby"}, reader...),
	"discover/chef/*":     {"syntax"},
	"discover/terraform":  append([]string{"discover/hclfile"}, reader...),
	"discover/consul":     append([]string{"discover/hclfile"}, reader...),
	"workspace":           {"discover", "estate", "fault", "syntax"},
	"store":               {"depmap", "estate", "fault"},
	"store/*":             {},
	// faces
	"web":        {"depmap", "draw", "estate", "fault", "web/*"},
	"web/*":      {"depmap", "estate", "web/shell"},
	"api":        {"app", "depmap", "draw", "estate", "fault", "store", "web"},
	"api/client": {"api", "app", "depmap", "estate", "fault", "store"},
	"cli":        {"api", "api/client", "app", "depmap", "estate", "fault", "web", "workspace"},
	// the program
	"app": {"depmap", "discover", "discover/every", "estate", "fault", "merge", "store", "web", "workspace"},
	// for those who work on it
	"architecture": {},
	"figures":      {"synthetic"},
	"idioms":       {},
	"synthetic":    {},
}

// pure packages look at no file, clock, network or database. (fault is as pure, but names HTTP statuses.)
var pure = []string{"estate", "redact", "technology", "endpoint", "client", "ownership", "commandline", "containerfile", "merge", "depmap", "draw", "syntax"}

// outside are standard packages that would make a pure package impure.
var outside = []string{"os", "os/exec", "net/http", "database/sql", "time", "log", "log/slog", "math/rand", "math/rand/v2"}

func TestPackagesImportOnlyWhatTheTableAllows(t *testing.T) {
	seen := 0
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "testdata") {
			return err
		}
		pkg := filepath.ToSlash(filepath.Dir(path))[len("../"):]
		seen++
		checkFile(t, pkg, path)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen < 20 {
		t.Fatalf("only %d files looked at", seen)
	}
}

func checkFile(t *testing.T, pkg, path string) {
	t.Helper()
	allowed, ok := rule(pkg)
	if !ok {
		t.Errorf("%s: package %s is not in the table; decide which ring it belongs to", path, pkg)
		return
	}
	f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	for _, imp := range f.Imports {
		name, _ := strconv.Unquote(imp.Path.Value)
		if inner, ok := strings.CutPrefix(name, module+"internal/"); ok && !matches(allowed, inner) {
			t.Errorf("%s: %s may not import %s", path, pkg, inner)
		}
		if slices.Contains(pure, pkg) && slices.Contains(outside, name) {
			t.Errorf("%s: %s is pure and may not import %s", path, pkg, name)
		}
	}
}

func rule(pkg string) ([]string, bool) {
	if allowed, ok := may[pkg]; ok {
		return allowed, true
	}
	allowed, ok := may[pkg[:max(strings.LastIndexByte(pkg, '/'), 0)]+"/*"]
	return allowed, ok
}

func matches(allowed []string, name string) bool {
	for _, a := range allowed {
		if a == name || strings.HasSuffix(a, "/*") && strings.HasPrefix(name, strings.TrimSuffix(a, "*")) {
			return true
		}
	}
	return false
}
