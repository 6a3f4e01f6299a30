package build

import (
	"path"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/syntax"
)

// startScripts are the scripts of a package.json that keep a program running.
var startScripts = []string{"start", "serve", "start:prod", "start:server"}

// mainFiles are the names people give the entry of a program, not of a library.
var mainFiles = map[string]bool{"server": true, "app": true, "main": true, "worker": true, "bot": true, "cluster": true}

// readPackageJSON reads npm. Development and peer dependencies are others' business.
func readPackageJSON(f discover.File, m *manifest) error {
	n, err := syntax.JSON(f.Data)
	if n.Kind != syntax.Map {
		m.key = ""
		return err
	}
	if name := n.Get("name").Value; name != "" {
		m.name = "npm:" + name
	}
	for _, list := range []string{"dependencies", "optionalDependencies"} {
		for _, d := range n.Get(list).Pairs {
			m.needs("npm:"+d.Key, d.Line)
			for _, scheme := range []string{"file:", "link:"} {
				if local, ok := strings.CutPrefix(d.Value.Value, scheme); ok {
					m.needsModule(local, d.Line)
				}
			}
		}
	}
	m.workspaces = n.Get("workspaces").Strings()
	if m.workspaces == nil {
		m.workspaces = n.At("workspaces", "packages").Strings()
	}
	switch {
	case len(m.workspaces) > 0:
		m.key = aggregate
	case startsByItself(n):
		m.key = runnable
	}
	return err
}

func startsByItself(n syntax.Node) bool {
	for _, script := range startScripts {
		if n.Get("scripts").Has(script) {
			return true
		}
	}
	main := path.Base(n.Get("main").Value)
	return n.Has("bin") || mainFiles[strings.TrimSuffix(main, path.Ext(main))]
}

// readPnpmWorkspace reads which folders share the dependencies of the package beside it.
func readPnpmWorkspace(f discover.File, m *manifest) error {
	docs, err := syntax.YAML(f.Data)
	for _, d := range docs {
		m.workspaces = append(m.workspaces, d.Get("packages").Strings()...)
	}
	m.key = aggregate
	return err
}

// inheritWorkspaces gives the members of a workspace what its root depends on, for the root's node_modules is theirs too.
func (t *reader) inheritWorkspaces() {
	for _, root := range t.all {
		if len(root.workspaces) == 0 || path.Base(root.file) != "package.json" {
			continue
		}
		for _, m := range t.all {
			if m != root && path.Base(m.file) == "package.json" && within(m.folder, root.folder) && root.hasMember(m.folder) {
				m.uses = append(m.uses, root.uses...)
			}
		}
	}
}

func (m *manifest) hasMember(folder string) bool {
	relative := strings.TrimPrefix(strings.TrimPrefix(folder, m.folder), "/")
	for _, glob := range m.workspaces {
		glob = strings.TrimSuffix(strings.TrimPrefix(glob, "./"), "/")
		if ok, err := doublestar.Match(glob, relative); err == nil && ok {
			return true
		}
	}
	return false
}
