// Package gateway reads the configuration of gateways that are configured by files of their own sort: Traefik, Caddy,
// Kong, KrakenD, Express Gateway, Ocelot and APISIX. It says where each sends requests, which ports it accepts them on
// and what else it uses. Rules, filters and certificates are left alone; gateways built with Spring are not here.
package gateway

import (
	"bytes"
	"path"
	"strconv"
	"strings"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/syntax"
)

// Format reads all of them; which one a file is for is told from its name and content.
func Format() discover.Format {
	return discover.Format{Name: "gateway", Wants: wants, Claims: discover.ClaimsAny(dialects), ReadFile: discover.ReadFirst(dialects, begin)}
}

func wants(p string) bool {
	base := path.Base(p)
	switch path.Ext(base) {
	case ".yml", ".yaml", ".json", ".toml":
		return true
	case ".caddy", ".caddyfile":
		return true
	}
	return strings.HasPrefix(base, "Caddyfile")
}

var dialects = []discover.Dialect[*page]{
	{Is: isCaddyfile, Read: (*page).caddyfile},
	{Is: isCaddyJSON, Read: (*page).caddyJSON},
	{Is: isTraefik, Read: (*page).traefik},
	{Is: isKong, Read: (*page).kong},
	{Is: isAPISIX, Read: (*page).apisix},
	{Is: isKrakenD, Read: (*page).krakend},
	{Is: isExpress, Read: (*page).express},
	{Is: isOcelot, Read: (*page).ocelot},
}

func begin(f discover.File, r *discover.Report) *page { return &page{file: f.Path, report: r} }

// page is one file on its way to sightings.
type page struct {
	file   string
	report *discover.Report
}

func (p *page) see(fact estate.Fact, key, value, layer string, line int) {
	if value == "" {
		return
	}
	p.report.See(estate.Sighting{Fact: fact, Subject: estate.At(path.Dir(p.file)), Key: key, Value: value, Layer: layer, Place: estate.Place{File: p.file, Line: line}})
}

// runs says that the file is a gateway's own, so that its folder is one.
func (p *page) runs(technology string, line int) {
	if path.Dir(p.file) != "." {
		p.see(estate.Runs, "service", technology, "", line)
	}
}

// link says that the gateway uses target; addresses a template fills in are doubts.
func (p *page) link(why, target, layer string, line int) {
	target = strings.TrimSpace(target)
	switch {
	case target == "" || strings.HasPrefix(target, "unix") || strings.HasPrefix(target, "/"):
	case strings.Contains(target, "{{") || strings.Contains(target, "<%"):
		p.report.Doubt(estate.Unresolved, estate.Place{File: p.file, Line: line}, "a template fills in this address of "+layer+"; add the rendered file to the sources, or name the target in the workspace")
	default:
		p.see(estate.Links, why, target, layer, line)
	}
}

// links is link for a scalar or a list of them.
func (p *page) links(why string, n syntax.Node, layer string) {
	if n.Kind == syntax.Scalar {
		p.link(why, n.Value, layer, n.Line)
	}
	for _, item := range n.Items {
		if item.Kind == syntax.Scalar {
			p.link(why, item.Value, layer, item.Line)
		}
	}
}

// listens notes the port of an address such as ":80", "0.0.0.0:443" or "8080".
func (p *page) listens(address string, line int) {
	address, protocol, _ := strings.Cut(address, "/")
	port := address[strings.LastIndexByte(address, ':')+1:]
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return
	}
	s := estate.Sighting{Fact: estate.Listens, Subject: estate.At(path.Dir(p.file)), Key: "container", Value: port, Place: estate.Place{File: p.file, Line: line}}
	if protocol == "udp" {
		s.Profile = protocol
	}
	p.report.See(s)
}

// parse reads YAML, JSON or TOML by the file's extension; what is broken becomes a doubt.
func (p *page) parse(f discover.File) []syntax.Node {
	var docs []syntax.Node
	var err error
	switch f.Ext() {
	case ".toml":
		docs = make([]syntax.Node, 1)
		docs[0], err = syntax.TOML(f.Data)
	case ".json":
		docs = make([]syntax.Node, 1)
		docs[0], err = syntax.JSON(f.Data)
	default:
		docs, err = syntax.YAML(f.Data)
	}
	if err != nil {
		p.report.Broken(f, syntax.LineOf(err), err)
	}
	return docs
}

func isYAML(f discover.File) bool { return f.Ext() == ".yml" || f.Ext() == ".yaml" }

// startsLine reports whether one of the lines starts with the key.
func startsLine(data []byte, key string) bool {
	return bytes.HasPrefix(data, []byte(key)) || bytes.Contains(data, []byte("\n"+key))
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
