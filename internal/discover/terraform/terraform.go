// Package terraform reads Terraform state and configuration: machines, managed databases, caches and brokers, containers
// and functions with their environment, load balancers and name records. State is preferred by its nature, it has the
// addresses; configuration is read as far as its values are literals, variables with defaults, locals, or references to
// resources beside them. Networks, security groups and outputs are left alone, sensitive attributes never leave.
package terraform

import (
	"bytes"
	"path"
	"strings"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/syntax"
)

// Format reads *.tfstate, *.tf and *.tfvars; all together, because the files of a folder are one configuration.
func Format() discover.Format {
	return discover.Format{Name: "terraform", Wants: wants, Claims: claims, ReadTree: readTree}
}

func wants(p string) bool {
	switch path.Ext(p) {
	case ".tf", ".tfvars", ".tfstate", ".json":
		return true
	case ".backup":
		return strings.HasSuffix(p, ".tfstate.backup")
	}
	return false
}

func claims(f discover.File) discover.Claim {
	if f.Ext() == ".json" && !isState(f.Data) {
		return discover.No
	}
	return discover.Owns
}

// isState recognises a state kept under another extension.
func isState(data []byte) bool {
	head := data[:min(len(data), 4096)]
	return bytes.Contains(head, []byte(`"terraform_version"`)) && bytes.Contains(head, []byte(`"serial"`)) && bytes.Contains(head, []byte(`"version"`))
}

func readTree(files []discover.File, _ discover.Tree, r *discover.Report) {
	folders := map[string][]discover.File{}
	var order []string
	for _, f := range files {
		switch {
		case f.Ext() == ".backup": // the state before the last run
		case f.Ext() == ".tf" || f.Ext() == ".tfvars":
			if _, seen := folders[f.Dir()]; !seen {
				order = append(order, f.Dir())
			}
			folders[f.Dir()] = append(folders[f.Dir()], f)
		default:
			readState(f, r)
		}
	}
	for _, folder := range order {
		readFolder(folders[folder], r)
	}
}

// resource is one instance of a resource, from a state or a configuration.
type resource struct {
	kind  string // "aws_db_instance"
	name  string // its name in the configuration
	id    string // unique in its space: "module.data.aws_db_instance.main[0]"
	attrs syntax.Node
	place estate.Place
}

func (s resource) space() string { return "terraform:" + path.Dir(s.place.File) }

// page turns resources into sightings.
type page struct{ report *discover.Report }

func (p page) see(s resource, fact estate.Fact, key, value string, line int) {
	if value == "" {
		return
	}
	p.report.See(estate.Sighting{Fact: fact, Subject: estate.In(s.space(), s.id), Key: key, Value: value, Place: s.at(line)})
}

// at is a place in the resource's file; the resource's own when the line is unknown.
func (s resource) at(line int) estate.Place {
	if line == 0 {
		return s.place
	}
	return estate.Place{File: s.place.File, Line: line}
}

// values are the scalars at a dotted path; lists on the way and at its end yield all their items.
func (s resource) values(dotted string) []syntax.Node {
	nodes := []syntax.Node{s.attrs}
	for _, key := range strings.Split(dotted, ".") {
		var next []syntax.Node
		for _, n := range nodes {
			next = append(next, items(n.Get(key))...)
		}
		nodes = next
	}
	var out []syntax.Node
	for _, n := range nodes {
		if n.Kind == syntax.Scalar && n.Value != "" {
			out = append(out, n)
		}
	}
	return out
}

// items is a list's items, or the value itself.
func items(n syntax.Node) []syntax.Node {
	if n.Kind == syntax.List {
		return n.Items
	}
	return []syntax.Node{n}
}

// first is the first value at the first path that has one.
func (s resource) first(paths ...string) syntax.Node {
	for _, p := range paths {
		if found := s.values(p); len(found) > 0 {
			return found[0]
		}
	}
	return syntax.Node{}
}
