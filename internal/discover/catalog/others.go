package catalog

import (
	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/syntax"
)

// readOpsLevel reads an opslevel.yml: one service or component with its owner and aliases.
func readOpsLevel(d document, r *discover.Report) {
	for _, word := range []string{"service", "component"} {
		service := d.root.Get(word)
		name := service.Get("name")
		if name.Value == "" {
			continue
		}
		e := entry{report: r, subject: estate.In("catalog", name.Value), file: d.file.Path}
		e.see(estate.Runs, "service", "", name)
		e.see(estate.Called, estate.NameCatalog, name.Value, name)
		for _, alias := range scalars(service.Get("aliases")) {
			e.see(estate.Called, estate.NameCatalog, alias.Value, alias)
		}
		e.built(d, name)
		e.owned(service.Get("owner"))
		for _, dep := range service.Get("dependencies").Items {
			if dep.Kind == syntax.Map {
				dep = dep.Get("alias")
			}
			if dep.Value != "" {
				e.see(estate.Links, estate.LinkDeclared, dep.Value, dep)
			}
		}
	}
}

// readCortex reads a Cortex descriptor: an OpenAPI head with x-cortex fields.
func readCortex(d document, r *discover.Report) {
	info := d.root.Get("info")
	tag := info.Get("x-cortex-tag")
	if tag.Value == "" {
		return
	}
	e := entry{report: r, subject: estate.In("catalog", tag.Value), file: d.file.Path}
	if kind := info.Get("x-cortex-type").Value; kind == "" || kind == "service" {
		e.see(estate.Runs, "service", "", tag)
	}
	e.see(estate.Called, estate.NameCatalog, tag.Value, tag)
	if title := info.Get("title"); title.Value != "" && title.Value != tag.Value {
		e.see(estate.Called, estate.NameCatalog, title.Value, title)
	}
	e.built(d, tag)
	for _, owner := range info.Get("x-cortex-owners").Items {
		if owner.Get("type").Value != "email" {
			e.owned(owner.Get("name"))
		}
	}
	depends := info.Get("x-cortex-dependency")
	for _, dep := range append(depends.Items, depends.Get("cortex").Items...) {
		if on := dep.Get("tag"); on.Value != "" {
			e.see(estate.Links, estate.LinkDeclared, on.Value, on)
		}
	}
	slack := info.At("x-cortex-slack", "channels")
	for _, channel := range slack.Items {
		for _, owner := range info.Get("x-cortex-owners").Items {
			team := entry{report: r, subject: estate.In("team", owner.Get("name").Value), file: d.file.Path}
			if name := channel.Get("name"); name.Value != "" && team.subject.Name != "" {
				team.see(estate.Contact, "chat", name.Value, name)
			}
		}
	}
}

// readScore reads a Score workload: its containers' variables, ports and the resources it asks for.
func readScore(d document, r *discover.Report) {
	name := d.root.At("metadata", "name")
	if name.Value == "" {
		r.Doubt(estate.Unparsable, estate.Place{File: d.file.Path, Line: max(1, d.root.Line)}, "this workload has no metadata.name; give it one")
		return
	}
	e := entry{report: r, subject: estate.In("score", name.Value), file: d.file.Path}
	e.see(estate.Runs, "service", "", name)
	e.see(estate.Called, estate.NameWorkload, name.Value, name)
	if base := d.file.Base(); base == "score.yaml" || base == "score.yml" {
		e.built(d, name)
	}
	for _, c := range d.root.Get("containers").Pairs {
		if image := c.Value.Get("image"); image.Value != "" && image.Value != "." {
			e.see(estate.Called, estate.NameImage, image.Value, image)
		}
		for _, v := range c.Value.Get("variables").Pairs {
			if v.Value.Kind == syntax.Scalar {
				e.see(estate.Sets, v.Key, v.Value.Value, v.Value)
			}
		}
	}
	for _, p := range d.root.At("service", "ports").Pairs {
		port := p.Value.Get("targetPort")
		if port.Value == "" {
			port = p.Value.Get("port")
		}
		if port.Value != "" {
			e.see(estate.Listens, "container", port.Value, port)
		}
	}
	for _, res := range d.root.Get("resources").Pairs {
		scoreResource(e, name.Value, res, r)
	}
}

// scoreResource reports what a workload asks for: a datastore of its own or, with an id, one shared by that name; or
// another workload. Routes, volumes and the like run nowhere.
func scoreResource(e entry, workload string, res syntax.Pair, r *discover.Report) {
	kind, id := res.Value.Get("type"), res.Value.Get("id").Value
	at := syntax.Node{Line: res.Line}
	if kind.Value == "service" || kind.Value == "workload" {
		target := id
		if target == "" {
			target = res.Value.At("params", "name").Value
		}
		if target == "" {
			target = res.Key
		}
		e.see(estate.Links, estate.LinkDeclared, target, at)
		return
	}
	technology := technologyOf(kind.Value)
	if technology == "" {
		return
	}
	store := id
	if store == "" {
		store = workload + "-" + res.Key
	}
	s := entry{report: r, subject: estate.In("score", "resource:"+store), file: e.file}
	s.see(estate.Runs, "datastore", technology, at)
	s.see(estate.Called, estate.NameCatalog, store, at)
	e.see(estate.Links, estate.LinkDeclared, store, at)
}
