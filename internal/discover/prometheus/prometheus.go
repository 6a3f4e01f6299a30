// Package prometheus reads the configuration of what watches services: Prometheus and its target files, Alertmanager,
// Grafana data sources, Telegraf, the OpenTelemetry Collector, collectd. It says which targets a watcher visits and
// where measurements go, always from the watcher's side. Rules, dashboards and relabelling are left alone, but for the
// idiom by which one exporter probes many targets.
package prometheus

import (
	"bytes"
	"net/url"
	"path"
	"strconv"
	"strings"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/syntax"
)

// Format reads all of them; which one a file is for is told from its content.
func Format() discover.Format {
	return discover.Format{Name: "prometheus", Wants: wants, Claims: discover.ClaimsAny(dialects), ReadFile: discover.ReadFirst(dialects, begin)}
}

func wants(p string) bool {
	base := path.Base(p)
	switch path.Ext(base) {
	case ".yml", ".yaml", ".json":
		return true
	case ".toml":
		return true
	case ".conf":
		return strings.Contains(base, "telegraf") || strings.Contains(base, "collectd") || strings.Contains(p, "telegraf") || strings.Contains(p, "collectd")
	case ".erb", ".j2", ".tmpl", ".template":
		return strings.Contains(base, "prometheus") || strings.Contains(base, "alertmanager") || strings.Contains(base, "telegraf")
	}
	return false
}

var dialects = []discover.Dialect[*page]{
	{Is: isTelegraf, Read: (*page).telegraf},
	{Is: isCollectd, Read: (*page).collectd},
	{Is: isCollector, Read: (*page).collector},
	{Is: isScrape, Read: (*page).prometheus},
	{Is: isAlertmanager, Read: (*page).alertmanager},
	{Is: isGrafana, Read: (*page).grafana},
	{Is: isTargets, Read: (*page).targets},
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

// link says that the watcher uses target; addresses a template fills in are doubts.
func (p *page) link(why, target, layer string, line int) {
	target = strings.TrimSpace(target)
	switch {
	case target == "" || strings.HasPrefix(target, "unix:") || strings.HasPrefix(target, "/"):
	case strings.Contains(target, "{{") || strings.Contains(target, "<%"):
		p.report.Doubt(estate.Unresolved, estate.Place{File: p.file, Line: line}, "a template fills in this address of "+strings.TrimSpace("the watcher "+layer)+"; add the rendered file to the sources, or name the target in the workspace")
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

// listens notes the port of an address such as "0.0.0.0:4317" or ":9273".
func (p *page) listens(n syntax.Node) {
	address := n.Value
	if _, rest, ok := strings.Cut(address, "://"); ok {
		address = rest
	}
	port := address[strings.LastIndexByte(address, ':')+1:]
	if v, err := strconv.Atoi(port); err == nil && v > 0 && v < 65536 {
		p.see(estate.Listens, "container", port, "", n.Line)
	}
}

// origin is a URL without anything that could be a secret: webhooks keep theirs in the path.
func origin(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme == "" || u.Host == "" {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// startsLine reports whether one of the lines starts with the key: it is at the top of a YAML document.
func startsLine(data []byte, key string) bool {
	return bytes.HasPrefix(data, []byte(key)) || bytes.Contains(data, []byte("\n"+key))
}

// yaml parses a YAML or JSON file; what is broken becomes a doubt.
func (p *page) yaml(f discover.File) []syntax.Node {
	var docs []syntax.Node
	var err error
	if f.Ext() == ".json" {
		docs = make([]syntax.Node, 1)
		docs[0], err = syntax.JSON(f.Data)
	} else {
		docs, err = syntax.YAML(f.Data)
	}
	if err != nil {
		p.report.Broken(f, syntax.LineOf(err), err)
	}
	return docs
}
