package prometheus

import (
	"slices"
	"strings"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/syntax"
)

// isCollector recognises a configuration of the OpenTelemetry Collector.
func isCollector(f discover.File) bool {
	return startsLine(f.Data, "receivers:") && startsLine(f.Data, "exporters:") && !startsLine(f.Data, "kind:")
}

func (p *page) collector(f discover.File) {
	for _, doc := range p.yaml(f) {
		active := activeComponents(doc)
		for _, pair := range doc.Get("receivers").Pairs {
			if active("receivers", pair.Key) {
				p.collectorReceiver(pair)
			}
		}
		for _, pair := range doc.Get("exporters").Pairs {
			if active("exporters", pair.Key) {
				p.collectorExporter(pair)
			}
		}
		for _, pair := range doc.Get("extensions").Pairs {
			p.listens(pair.Value.Get("endpoint"))
		}
	}
}

// activeComponents says which components a pipeline uses; without pipelines, all count.
func activeComponents(doc syntax.Node) func(part, name string) bool {
	used := map[string]bool{}
	pipelines := doc.At("service", "pipelines").Pairs
	for _, pair := range pipelines {
		for _, part := range []string{"receivers", "exporters"} {
			for _, name := range pair.Value.Get(part).Strings() {
				used[part+" "+name] = true
			}
		}
	}
	return func(part, name string) bool { return len(pipelines) == 0 || used[part+" "+name] }
}

// listening are the receivers that wait for data; the others fetch it.
var listening = []string{
	"carbon", "collectd", "fluentforward", "influxdb", "jaeger", "loki", "opencensus", "otlp", "otelarrow", "prometheusremotewrite",
	"signalfx", "skywalking", "splunk_hec", "statsd", "syslog", "tcplog", "udplog", "webhookevent", "wavefront", "zipkin",
}

// defaultPorts are those of receivers that are named without an endpoint.
var defaultPorts = map[string]string{"grpc": "4317", "http": "4318", "zipkin": "9411"}

func (p *page) collectorReceiver(pair syntax.Pair) {
	kind, _, _ := strings.Cut(pair.Key, "/")
	layer := "receiver " + pair.Key
	if !slices.Contains(listening, kind) {
		for _, job := range pair.Value.At("config", "scrape_configs").Items {
			p.job(job)
		}
		for _, key := range []string{"endpoint", "endpoints", "brokers", "hosts", "targets"} {
			p.links(estate.LinkScrape, pair.Value.Get(key), layer)
		}
		for _, t := range pair.Value.Get("targets").Items {
			p.links(estate.LinkScrape, t.Get("endpoint"), layer)
		}
		return
	}
	p.listens(pair.Value.Get("endpoint"))
	p.listens(pair.Value.Get("listen_address"))
	for _, protocol := range pair.Value.Get("protocols").Pairs {
		endpoint := protocol.Value.Get("endpoint")
		if endpoint.Value == "" && kind == "otlp" {
			endpoint = syntax.Node{Value: ":" + defaultPorts[protocol.Key], Line: protocol.Line}
		}
		p.listens(endpoint)
	}
	if kind == "zipkin" && pair.Value.Get("endpoint").Value == "" {
		p.listens(syntax.Node{Value: ":" + defaultPorts[kind], Line: pair.Line})
	}
}

func (p *page) collectorExporter(pair syntax.Pair) {
	kind, _, _ := strings.Cut(pair.Key, "/")
	if kind == "prometheus" { // waits to be scraped
		p.listens(pair.Value.Get("endpoint"))
		return
	}
	for _, key := range []string{"endpoint", "endpoints", "traces_endpoint", "metrics_endpoint", "logs_endpoint", "brokers", "url"} {
		p.links(estate.LinkShip, pair.Value.Get(key), "exporter "+pair.Key)
	}
}
