package catalog

import (
	"slices"
	"strings"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/syntax"
)

// book is a whole Backstage catalog.
type book struct {
	report    *discover.Report
	entities  []document
	providers map[string][]string    // API → components that provide it
	systems   map[string]syntax.Node // system → its owner
}

func (b *book) read() {
	for _, d := range b.entities {
		b.index(d)
	}
	for _, d := range b.entities {
		name := d.root.At("metadata", "name")
		if name.Value == "" {
			if d.root.Kind != syntax.Null {
				b.report.Doubt(estate.Unparsable, estate.Place{File: d.file.Path, Line: max(1, d.root.Line)}, "this catalog entity has no metadata.name; give it one")
			}
			continue
		}
		e := entry{report: b.report, subject: estate.In("catalog", name.Value), file: d.file.Path}
		switch strings.ToLower(d.root.Get("kind").Value) {
		case "component":
			b.component(d, e, name)
		case "resource":
			b.resource(d, e, name)
		case "group":
			group(d, b.report, name)
		case "user":
			user(d, b.report, name)
		}
	}
}

// index notes who provides an API and who owns a system.
func (b *book) index(d document) {
	name, spec := d.root.At("metadata", "name").Value, d.root.Get("spec")
	switch strings.ToLower(d.root.Get("kind").Value) {
	case "component":
		for _, ref := range spec.Get("providesApis").Strings() {
			_, api := parseRef(ref)
			b.providers[api] = append(b.providers[api], name)
		}
	case "system":
		b.systems[name] = spec.Get("owner")
	}
}

func (b *book) component(d document, e entry, name syntax.Node) {
	spec := d.root.Get("spec")
	if kind := spec.Get("type").Value; kind != "library" && kind != "documentation" {
		e.see(estate.Runs, "service", "", name)
	}
	e.see(estate.Called, estate.NameCatalog, name.Value, name)
	for _, key := range []string{"backstage.io/kubernetes-id", "backstage.io/kubernetes-label-selector"} {
		if id := d.root.At("metadata", "annotations").Get(key); id.Value != "" && !strings.ContainsAny(id.Value, "=,") {
			e.see(estate.Called, estate.NameWorkload, id.Value, id)
		}
	}
	e.built(d, name)
	b.owner(spec, e)
	b.links(spec, e)
}

// owner is the entity's own, else its system's.
func (b *book) owner(spec syntax.Node, e entry) {
	if owner := spec.Get("owner"); owner.Value != "" {
		e.owned(owner)
		return
	}
	system := spec.Get("system")
	_, name := parseRef(system.Value)
	if owner := b.systems[name]; owner.Value != "" {
		owner.Line = system.Line
		e.owned(owner)
	}
}

func (b *book) links(spec syntax.Node, e entry) {
	for _, key := range []string{"dependsOn", "subcomponentOf"} {
		for _, ref := range scalars(spec.Get(key)) {
			kind, name := parseRef(ref.Value)
			if kind == "api" {
				b.consumes(name, ref, e)
				continue
			}
			e.see(estate.Links, estate.LinkDeclared, name, ref)
		}
	}
	for _, ref := range scalars(spec.Get("consumesApis")) {
		_, name := parseRef(ref.Value)
		b.consumes(name, ref, e)
	}
	for _, ref := range scalars(spec.Get("dependencyOf")) {
		_, name := parseRef(ref.Value)
		if name == "" {
			continue
		}
		user := e
		user.subject = estate.In("catalog", name)
		user.see(estate.Links, estate.LinkDeclared, e.subject.Name, ref)
	}
}

// consumes links to whoever provides an API.
func (b *book) consumes(api string, at syntax.Node, e entry) {
	providers := b.providers[api]
	if len(providers) == 0 {
		b.report.Doubt(estate.Unresolved, estate.Place{File: e.file, Line: at.Line}, "no component in the catalog says that it provides the API "+api+"; add it to the providesApis of the one that does")
	}
	for _, name := range providers {
		if name != e.subject.Name {
			e.see(estate.Links, estate.LinkDeclared, name, at)
		}
	}
}

// scalars are the scalar items of a list, or a lone scalar, with their lines.
func scalars(n syntax.Node) []syntax.Node {
	if n.Kind == syntax.Scalar && n.Value != "" {
		return []syntax.Node{n}
	}
	var out []syntax.Node
	for _, item := range n.Items {
		if item.Kind == syntax.Scalar && item.Value != "" {
			out = append(out, item)
		}
	}
	return out
}

// storeTypes are resource types that hold data, external ones those that others run.
var (
	storeTypes    = []string{"database", "datastore", "cache", "queue", "broker", "topic", "bucket", "s3-bucket", "message-queue", "search", "storage"}
	externalTypes = []string{"external", "saas", "third-party", "external-service"}
)

func (b *book) resource(d document, e entry, name syntax.Node) {
	spec := d.root.Get("spec")
	kind := strings.ToLower(spec.Get("type").Value)
	technology := technologyOf(append([]string{kind, name.Value}, d.root.At("metadata", "tags").Strings()...)...)
	switch {
	case slices.Contains(externalTypes, kind):
		e.see(estate.Runs, "external", "", name)
	case slices.Contains(storeTypes, kind) || technology != "":
		e.see(estate.Runs, "datastore", technology, name)
	default:
		e.see(estate.Runs, "service", "", name)
	}
	e.see(estate.Called, estate.NameCatalog, name.Value, name)
	b.owner(spec, e)
	b.links(spec, e)
}

// group reports how to reach a team.
func group(d document, r *discover.Report, name syntax.Node) {
	e := entry{report: r, subject: estate.In("team", name.Value), file: d.file.Path}
	spec := d.root.Get("spec")
	if mail := spec.At("profile", "email"); mail.Value != "" {
		e.see(estate.Contact, "mail", mail.Value, mail)
	}
	for _, p := range d.root.At("metadata", "annotations").Pairs {
		if key := strings.ToLower(p.Key); strings.Contains(key, "slack") || strings.Contains(key, "teams-channel") || strings.Contains(key, "mattermost") {
			e.see(estate.Contact, "chat", p.Value.Value, p.Value)
		}
	}
	for _, member := range scalars(spec.Get("members")) {
		_, who := parseRef(member.Value)
		e.see(estate.Contact, "member", who, member)
	}
}

// user reports a person as a member of their teams.
func user(d document, r *discover.Report, name syntax.Node) {
	who := name
	if mail := d.root.At("spec", "profile", "email"); mail.Value != "" {
		who = mail
	}
	for _, ref := range scalars(d.root.At("spec", "memberOf")) {
		_, team := parseRef(ref.Value)
		if team == "" {
			continue
		}
		e := entry{report: r, subject: estate.In("team", team), file: d.file.Path}
		e.see(estate.Contact, "member", who.Value, who)
	}
}
