// Package architecture holds one test: the table of which package may import which. The table is the architecture;
// a change to it is a decision.
package architecture

import (
	"go/ast"
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
var reader = []string{"discover", "discover/process", "estate", "syntax", "technology", "endpoint", "commandline", "containerfile"}

// may lists, for each package below internal, the packages below internal it may import. Rings, inside out: words,
// thought, hands, faces; app ties them together and nobody imports faces. A row "x/*" is for the packages below x.
var may = map[string][]string{
	// words
	"fault":      {},
	"estate":     {},
	"finding":    {"estate"},
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
	"document":      {"fault", "syntax"},
	"address":       {"estate", "fault", "finding"},
	"workload":      {"commandline", "depmap", "document", "estate", "fault", "redact", "syntax"},
	"config":        {"document", "estate", "fault", "redact", "syntax", "workload"},
	"expansion":     {"address", "config", "depmap", "document", "endpoint", "estate", "fault", "render", "syntax", "technology", "workload"},
	"render":        {"estate", "fault", "workload"},
	"render/*":      {"estate", "fault", "render", "workload"},
	"journey":       {"estate", "expansion", "render"},
	"journey/*":     {"fault", "journey", "render"},
	"consent":       {"document", "estate", "expansion", "fault", "journey", "syntax"},
	"how":           {"depmap", "document", "endpoint", "estate", "fault", "render", "render/kube", "render/vm", "workload"},
	"why":           {"estate", "how", "render"},
	"pipeline":      {"fault"},
	"image":         {"estate", "fault"},
	"delivery":      {"estate", "fault", "finding"},
	"readiness":     {"consent", "estate", "expansion", "journey"},
	"message":       {"consent", "estate", "fault", "journey"},
	"rights":        {"estate", "fault"},
	"object":        {"redact"},
	"drift":         {"config", "estate", "fault", "finding", "object"},
	// hands
	"discover":            {"estate", "fault", "redact", "syntax"},
	"discover/*":          reader,
	"discover/process":    {"commandline", "estate", "syntax"},
	"discover/every":      {"discover", "discover/*"},
	"discover/readertest": {"discover", "estate"},
	"discover/chef":       append([]string{"discover/chef/ruby"}, reader...),
	"discover/chef/*":     {"syntax"},
	"discover/machine":    {"discover", "discover/chef", "discover/process", "estate"},
	"discover/keys":       append([]string{"discover/code"}, reader...),
	"discover/terraform":  append([]string{"discover/hclfile"}, reader...),
	"discover/consul":     append([]string{"discover/hclfile"}, reader...),
	"workspace":           {"config", "consent", "delivery", "discover", "document", "estate", "expansion", "fault", "message", "rights", "syntax", "workload"},
	"store":               {"address", "config", "consent", "delivery", "depmap", "drift", "estate", "expansion", "fault", "journey", "message", "readiness", "rights"},
	"kube":                {"estate", "fault", "journey", "object", "redact", "render"},
	"host":                {"drift", "estate", "fault", "journey", "redact", "render"},
	"sops":                {"fault", "redact", "syntax"},
	"told":                {"commandline", "config", "fault", "host", "syntax"},
	"live":                {"discover", "discover/kube", "discover/machine", "estate", "host", "kube"},
	"directory":           {"estate", "fault", "journey", "render"},
	"artefact":            {"fault", "image"},
	"registry":            {"estate", "fault", "image"},
	"diagnose/*":          {"host", "redact", "why"},
	"store/*":             {},
	"chat":                {"estate", "fault", "message"},
	"chat/*":              {},
	"mail":                {"fault", "message"},
	"webhook":             {"fault", "message"},
	"outbox":              {"fault", "message", "redact", "store"},
	"jobs":                {"fault", "journey"},
	"conductor":           {"consent", "estate", "fault", "jobs", "journey", "store"},
	"signin":              {"fault", "redact", "rights", "store"},
	"signin/*":            {},
	// faces
	"gate":       {"fault", "rights", "signin"},
	"web":        {"config", "consent", "depmap", "draw", "drift", "estate", "expansion", "fault", "finding", "gate", "how", "journey", "readiness", "render", "rights", "signin", "store", "web/*", "why"},
	"web/*":      {"config", "consent", "depmap", "drift", "estate", "expansion", "finding", "how", "journey", "readiness", "render", "rights", "web/diagnosis", "web/guide", "web/shell", "why"},
	"api":        {"address", "app", "config", "consent", "delivery", "depmap", "draw", "drift", "estate", "expansion", "fault", "gate", "how", "journey", "message", "readiness", "rights", "signin", "store", "web", "why"},
	"api/client": {"address", "api", "app", "config", "consent", "delivery", "depmap", "drift", "estate", "expansion", "fault", "how", "journey", "message", "readiness", "rights", "signin", "store", "why"},
	"cli":        {"address", "api", "api/client", "app", "artefact", "config", "consent", "delivery", "depmap", "drift", "estate", "expansion", "fault", "how", "image", "journey", "message", "pipeline", "readiness", "redact", "registry", "render", "rights", "signin", "store", "web", "why", "workload", "workspace"},
	// the program
	"app": {"address", "chat", "conductor", "config", "consent", "delivery", "depmap", "diagnose/*", "directory", "discover", "discover/every", "document", "drift", "estate", "expansion", "fault", "finding", "host", "how", "image", "jobs", "journey", "kube", "live", "mail", "merge", "message", "object", "outbox",
		"readiness", "redact", "registry", "render", "render/kube", "render/vm", "rights", "signin", "sops", "store", "told", "web", "webhook", "why", "workload", "workspace"},
	// for those who work on it
	"architecture": {},
	"browsertest":  {},
	"figures":      {"synthetic"},
	"idioms":       {},
	"porttest":     {},
	"soak":         {},
	"suite":        {"soak"},
	"synthetic":    {},
}

// pure packages look at no file, clock, network or database. (fault is as pure, but names HTTP statuses.)
var pure = []string{"estate", "redact", "technology", "endpoint", "client", "ownership", "commandline", "containerfile", "merge", "depmap", "draw", "syntax",
	"finding", "document", "address", "workload", "config", "expansion", "render", "render/kube", "render/vm", "journey", "consent", "readiness", "message", "how", "why", "rights", "pipeline", "image", "delivery", "object", "drift"}

// outside are standard packages that would make a pure package impure.
var outside = []string{"os", "os/exec", "net/http", "database/sql", "log", "log/slog", "math/rand", "math/rand/v2"}

// clock are the functions by which a pure package would know what time it is; times come in as values.
var clock = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}

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
	f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
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
	if slices.Contains(pure, pkg) {
		ast.Inspect(f, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok && isClock(s) {
				t.Errorf("%s: %s is pure and may not call time.%s; let the time come in", path, pkg, s.Sel.Name)
			}
			return true
		})
	}
}

func isClock(s *ast.SelectorExpr) bool {
	x, ok := s.X.(*ast.Ident)
	return ok && x.Name == "time" && slices.Contains(clock, s.Sel.Name)
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
