package logs

import (
	"bytes"
	"strings"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/syntax"
)

// isVector recognises a Vector topology, TOML or YAML.
func isVector(f discover.File) bool {
	if f.Ext() == ".toml" {
		return bytes.Contains(f.Data, []byte("[sinks.")) && (bytes.Contains(f.Data, []byte("[sources.")) || strings.Contains(f.Path, "vector"))
	}
	return isYAML(f) && startsLine(f.Data, "sinks:") && bytes.Contains(f.Data, []byte("inputs:"))
}

func (p *page) vector(f discover.File) {
	var docs []syntax.Node
	if f.Ext() == ".toml" {
		doc, err := syntax.TOML(f.Data)
		if err != nil {
			p.report.Broken(f, syntax.LineOf(err), err)
		}
		docs = []syntax.Node{doc}
	} else {
		docs = p.yaml(f)
	}
	for _, doc := range docs {
		for _, source := range doc.Get("sources").Pairs {
			p.vectorSource(source)
		}
		for _, sink := range doc.Get("sinks").Pairs {
			p.vectorEnds(sink.Value, estate.LinkShip, "sink "+sink.Key)
		}
	}
}

// vectorSource notes the port of sources that wait, and links to what the others read from.
func (p *page) vectorSource(source syntax.Pair) {
	kind := source.Value.Get("type").Value
	address := source.Value.Get("address")
	switch kind {
	case "socket", "syslog", "vector", "logstash", "fluent", "http_server", "http", "statsd", "splunk_hec", "opentelemetry", "datadog_agent":
		protocol := source.Value.Get("mode").Value
		p.listens(address.Value, protocol, address.Line)
		return
	}
	why := estate.LinkScrape
	if kind == "kafka" || kind == "redis" || kind == "nats" || kind == "amqp" {
		why = estate.LinkDeclared
	}
	p.vectorEnds(source.Value, why, "source "+source.Key)
}

func (p *page) vectorEnds(n syntax.Node, why, layer string) {
	for _, key := range []string{"endpoint", "endpoints", "address", "uri", "url", "bootstrap_servers", "host", "connection_string"} {
		p.links(why, n.Get(key), layer)
	}
}
