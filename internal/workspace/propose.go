package workspace

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Proposal is a source that a directory seems to hold, with what was found there, in words.
type Proposal struct {
	Source
	Found []string // "Chef", "Compose", … in the order of marks, each once
}

// Propose looks for sources in a directory, by the names of files and folders alone: the directory itself when it
// holds configuration or code of its own, else each folder in it: also one in which nothing is found, for people to
// take out. What a configuration server hands out is a source apart. Where nothing is found at all, the directory itself
// is proposed.
func Propose(dir string) []Proposal {
	top := look(dir, 0)
	if top.own {
		return top.proposals(Source{Name: draftName(dir), Dir: "."})
	}
	var out []Proposal
	all := folders(dir)
	for _, folder := range all[:min(len(all), maxProposed+1)] {
		out = append(out, look(filepath.Join(dir, folder), 1).proposals(Source{Name: draftName(folder), Dir: folder})...)
	}
	known := slices.ContainsFunc(out, func(p Proposal) bool { return len(p.Found) > 0 })
	if !known || len(out) > maxProposed {
		return top.proposals(Source{Name: draftName(dir), Dir: "."})
	}
	return apart(out)
}

// Bounds of the look around.
const (
	lookDepth   = 4
	maxLooked   = 20_000 // files and folders
	maxProposed = 40     // sources; more are better read as one
)

// apart gives each proposal a name of its own.
func apart(all []Proposal) []Proposal {
	taken := map[string]bool{}
	for i := range all {
		name := all[i].Name
		for n := 2; taken[all[i].Name]; n++ {
			all[i].Name = fmt.Sprintf("%s-%d", name, n)
		}
		taken[all[i].Name] = true
	}
	return all
}

// folders lists the folders that may be sources.
func folders(dir string) []string {
	entries, _ := os.ReadDir(dir) // what cannot be read proposes nothing
	var out []string
	for _, e := range entries {
		if e.IsDir() && !leftOut(e.Name()) {
			out = append(out, e.Name())
		}
	}
	return out
}

// others are folders of others' or generated code, which a scan leaves out as well.
var others = map[string]bool{"node_modules": true, "bower_components": true, "vendor": true, "target": true, "dist": true, "__pycache__": true}

// leftOut also holds of folders that a workspace cannot name.
func leftOut(folder string) bool {
	return strings.HasPrefix(folder, ".") || others[folder] || strings.ContainsFunc(folder, unicode.IsControl) || !utf8.ValidString(folder)
}

// finding is what a look around a directory found.
type finding struct {
	found   []string // names of marks
	handed  []string // folders that a configuration server seems to hand out, relative
	own     bool     // something lies in the directory itself
	entries int
}

func look(dir string, depth int) finding {
	var f finding
	_ = fs.WalkDir(os.DirFS(dir), ".", func(p string, e fs.DirEntry, err error) error {
		if err != nil || p == "." {
			return nil //nolint:nilerr // what cannot be read proposes nothing; the scan will say so
		}
		if f.entries++; f.entries > maxLooked {
			return fs.SkipAll
		}
		return f.see(p, e, depth)
	})
	slices.SortStableFunc(f.found, func(a, b string) int { return markOrder(a) - markOrder(b) })
	return f
}

func (f *finding) see(p string, e fs.DirEntry, depth int) error {
	deep := strings.Count(p, "/")
	switch {
	case e.IsDir() && (leftOut(e.Name()) || deep+depth >= lookDepth):
		return fs.SkipDir
	case e.IsDir() && isHandedOut(e.Name()):
		f.handed = append(f.handed, p)
		f.own = f.own || deep == 0
		return fs.SkipDir
	}
	for _, m := range marks {
		if !m.is(e.Name(), e.IsDir()) {
			continue
		}
		if !slices.Contains(f.found, m.what) {
			f.found = append(f.found, m.what)
		}
		f.own = f.own || deep == 0
	}
	return nil
}

// proposals are the source itself and, apart from it, what a configuration server hands out.
func (f finding) proposals(s Source) []Proposal {
	out := []Proposal{{Source: s, Found: f.found}}
	for _, folder := range f.handed {
		out[0].Exclude = append(out[0].Exclude, folder)
		out = append(out, Proposal{
			Source: Source{Name: draftName(path.Base(folder)), Dir: path.Join(s.Dir, folder), Kind: ConfigRepository},
			Found:  []string{"files a configuration server hands out"},
		})
	}
	return apart(out)
}

// isHandedOut goes by the names people give the repository of a configuration server.
func isHandedOut(folder string) bool {
	name := strings.Trim(strings.NewReplacer("_", "-", ".", "-").Replace(strings.ToLower(folder)), "-")
	return strings.HasSuffix(name, "config-repo") || strings.HasSuffix(name, "config-repository") || strings.HasSuffix(name, "configuration-repository")
}

// mark is a name by which something is known.
type mark struct {
	what    string
	folders []string
	files   []string // globs
}

var marks = []mark{
	{"Chef", []string{"cookbooks", "data_bags", "nodes"}, []string{"Policyfile.rb", "Berksfile"}},
	{"Compose", nil, []string{"docker-compose*.y*ml", "compose*.y*ml"}},
	{"Kubernetes", []string{"k8s", "kubernetes", "kubernetes-manifests", "manifests"}, []string{"kustomization.y*ml", "Chart.yaml"}},
	{"Terraform", nil, []string{"*.tf", "*.tfstate"}},
	{"Ansible", []string{"group_vars", "host_vars"}, []string{"ansible.cfg"}},
	{"application settings", nil, []string{"application*.y*ml", "application*.properties", "bootstrap*.y*ml", "appsettings*.json", ".env", "*.env"}},
	{"systemd", nil, []string{"*.service"}},
	{"proxies", nil, []string{"nginx.conf", "haproxy.cfg", "envoy.yaml", "Caddyfile", "traefik.y*ml"}},
	{"monitoring", nil, []string{"prometheus*.y*ml", "filebeat.yml", "logstash.conf"}},
	{"owners", nil, []string{"CODEOWNERS", "catalog-info.yaml"}},
	{"code", nil, []string{"pom.xml", "build.gradle", "build.gradle.kts", "package.json", "go.mod", "*.csproj", "requirements.txt", "pyproject.toml", "Gemfile", "Cargo.toml", "composer.json"}},
}

func (m mark) is(name string, folder bool) bool {
	if folder {
		return slices.Contains(m.folders, name)
	}
	return slices.ContainsFunc(m.files, func(glob string) bool {
		ok, _ := path.Match(glob, name) // the globs above are well formed
		return ok
	})
}

func markOrder(what string) int {
	return slices.IndexFunc(marks, func(m mark) bool { return m.what == what })
}
