package build

import (
	"path"
	"strings"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/syntax"
)

// catalog is a version catalog: short names for coordinates.
type catalog struct {
	name      string              // what scripts call it: "libs"
	dir       string              // of the build it serves
	libraries map[string]string   // alias → coordinate
	bundles   map[string][]string // alias → aliases
	plugins   map[string]string   // alias → id
}

func readCatalog(f discover.File, m *manifest) error {
	n, err := syntax.TOML(f.Data)
	c := &catalog{name: strings.TrimSuffix(f.Base(), ".versions.toml"), dir: path.Dir(f.Dir()), libraries: map[string]string{}, bundles: map[string][]string{}, plugins: map[string]string{}}
	if path.Base(f.Dir()) != "gradle" {
		c.dir = f.Dir()
	}
	for _, l := range n.Get("libraries").Pairs {
		coordinate := l.Value.Get("module").Value
		switch {
		case l.Value.Kind == syntax.Scalar:
			coordinate = l.Value.Value
		case coordinate == "":
			coordinate = l.Value.Get("group").Value + ":" + l.Value.Get("name").Value
		}
		if parts := strings.SplitN(coordinate, ":", 3); len(parts) > 1 {
			c.libraries[aliasKey(l.Key)] = parts[0] + ":" + parts[1]
		}
	}
	for _, b := range n.Get("bundles").Pairs {
		c.bundles[aliasKey(b.Key)] = b.Value.Strings()
	}
	for _, p := range n.Get("plugins").Pairs {
		id := p.Value.Get("id").Value
		if p.Value.Kind == syntax.Scalar {
			id, _, _ = strings.Cut(p.Value.Value, ":")
		}
		c.plugins[aliasKey(p.Key)] = id
	}
	m.gradle, m.key = &gradleScript{manifest: m, catalog: c}, ""
	return err
}

// aliasKey is the form in which an alias and the accessor made of it are equal: spring-boot_amqp is spring.boot.amqp.
func aliasKey(alias string) string {
	return strings.Map(func(r rune) rune {
		if r == '-' || r == '_' {
			return '.'
		}
		return r
	}, alias)
}

// lookUp finds the coordinates an accessor without the catalog's name stands for.
func (c *catalog) lookUp(accessor string) []string {
	accessor = strings.TrimSuffix(accessor, ".get")
	if bundle, ok := strings.CutPrefix(accessor, "bundles."); ok {
		var out []string
		for _, alias := range c.bundles[bundle] {
			if coordinate, ok := c.libraries[aliasKey(alias)]; ok {
				out = append(out, coordinate)
			}
		}
		return out
	}
	if coordinate, ok := c.libraries[accessor]; ok {
		return []string{coordinate}
	}
	return nil
}

// catalogOf is the catalog of a name nearest above a folder.
func catalogOf(name string, catalogs []*catalog, dir string) *catalog {
	var best *catalog
	for _, c := range catalogs {
		if c.name == name && within(dir, c.dir) && (best == nil || len(c.dir) > len(best.dir)) {
			best = c
		}
	}
	return best
}

// pluginID is the id of a plugin that may be written as an entry of a catalog.
func pluginID(plugin string, catalogs []*catalog, dir string) string {
	name, rest, _ := strings.Cut(plugin, ".")
	if alias, ok := strings.CutPrefix(rest, "plugins."); ok {
		if c := catalogOf(name, catalogs, dir); c != nil {
			return c.plugins[alias]
		}
	}
	return plugin
}
