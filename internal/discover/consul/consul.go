// Package consul reads what a Consul estate keeps in files: exports of the key-value store, service definitions, dumps
// of the catalogue, and the Nomad jobs that register services. Settings of agents and servers themselves are left alone.
package consul

import (
	"bytes"
	"path"
	"strconv"
	"strings"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/syntax"
)

// Format reads JSON and HCL; which sort of file it is is told from its content.
func Format() discover.Format {
	return discover.Format{Name: "consul", Wants: wants, Claims: discover.ClaimsAny(dialects), ReadFile: discover.ReadFirst(dialects, begin)}
}

func wants(p string) bool {
	switch path.Ext(p) {
	case ".json", ".hcl", ".nomad":
		return true
	}
	return false
}

var dialects = []discover.Dialect[*page]{
	{Is: isNomad, Read: (*page).nomad},
	{Is: isExport, Read: (*page).export},
	{Is: isCatalogue, Read: (*page).catalogue},
	{Is: isDefinition, Read: (*page).definitions},
}

func begin(f discover.File, r *discover.Report) *page { return &page{file: f.Path, report: r} }

// page is one file on its way to sightings.
type page struct {
	file   string
	report *discover.Report
}

func (p *page) place(line int) estate.Place { return estate.Place{File: p.file, Line: line} }

// see adds a fact about a thing with a name; a fact without a value is none.
func (p *page) see(subject estate.Subject, fact estate.Fact, key, value string, line int) {
	if value != "" {
		p.report.See(estate.Sighting{Fact: fact, Subject: subject, Key: key, Value: value, Place: p.place(line)})
	}
}

func (p *page) runs(subject estate.Subject, kind string, line int) {
	p.report.See(estate.Sighting{Fact: estate.Runs, Subject: subject, Key: kind, Place: p.place(line)})
}

func (p *page) port(subject estate.Subject, n syntax.Node) {
	if v, err := strconv.Atoi(n.Value); err == nil && v > 0 && v < 65536 {
		p.see(subject, estate.Listens, "container", n.Value, n.Line)
	}
}

// parse reads JSON or HCL by the file's extension; what is broken becomes a doubt.
func (p *page) parse(f discover.File) syntax.Node {
	read := parseHCL
	if f.Ext() == ".json" {
		read = syntax.JSON
	}
	doc, err := read(f.Data)
	if err != nil {
		p.report.Broken(f, syntax.LineOf(err), err)
	}
	return doc
}

// get is the value under the first of the keys that is there: files say name, requests and answers Name.
func get(n syntax.Node, keys ...string) syntax.Node {
	for _, key := range keys {
		if n.Has(key) {
			return n.Get(key)
		}
	}
	return syntax.Node{}
}

// each is a list's items, or the value itself when there is one.
func each(n syntax.Node) []syntax.Node {
	switch n.Kind {
	case syntax.List:
		return n.Items
	case syntax.Null:
		return nil
	}
	return []syntax.Node{n}
}

// holds reports whether all the words are somewhere in the file.
func holds(f discover.File, words ...string) bool {
	for _, w := range words {
		if !bytes.Contains(f.Data, []byte(w)) {
			return false
		}
	}
	return true
}

// startsWith reports whether the first byte that is not blank is c.
func startsWith(f discover.File, c byte) bool {
	data := bytes.TrimLeft(f.Data, " \t\r\n\ufeff")
	return len(data) > 0 && data[0] == c
}

// in is the subject of a service by its name in Consul.
func in(name string) estate.Subject { return estate.In("consul", strings.ToLower(name)) }
