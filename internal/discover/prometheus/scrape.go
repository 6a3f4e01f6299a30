package prometheus

import (
	"bytes"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/syntax"
)

// isScrape recognises prometheus.yml. Promtail has scrape_configs too, but ships to clients.
func isScrape(f discover.File) bool {
	return (startsLine(f.Data, "scrape_configs:") || startsLine(f.Data, "remote_write:")) && !startsLine(f.Data, "clients:") && !startsLine(f.Data, "client:") && !startsLine(f.Data, "kind:")
}

func (p *page) prometheus(f discover.File) {
	for _, doc := range p.yaml(f) {
		for _, job := range doc.Get("scrape_configs").Items {
			p.job(job)
		}
		for _, a := range doc.At("alerting", "alertmanagers").Items {
			p.discovered(a, estate.LinkDeclared, "alertmanagers")
		}
		for _, w := range doc.Get("remote_write").Items {
			p.links(estate.LinkShip, w.Get("url"), "remote_write")
		}
		for _, rd := range doc.Get("remote_read").Items {
			p.links(estate.LinkDeclared, rd.Get("url"), "remote_read")
		}
		p.links(estate.LinkShip, doc.At("tracing", "endpoint"), "tracing")
	}
}

// job reads one scrape configuration. A job that probes through an exporter visits both.
func (p *page) job(job syntax.Node) {
	layer := "job " + job.Get("job_name").Value
	p.discovered(job, estate.LinkScrape, layer)
	if !probes(job) {
		return
	}
	p.links(estate.LinkScrape, job.At("params", "target"), layer)
	for _, rule := range job.Get("relabel_configs").Items {
		if rule.Get("target_label").Value == "__address__" {
			p.links(estate.LinkScrape, rule.Get("replacement"), layer)
		}
	}
}

// probes reports whether a job's targets are handed to an exporter as a parameter.
func probes(job syntax.Node) bool {
	for _, rule := range job.Get("relabel_configs").Items {
		if rule.Get("target_label").Value == "__param_target" {
			return true
		}
	}
	return job.At("params", "target").Kind != syntax.Null
}

// discovered links to the targets a list or a discovery service gives.
func (p *page) discovered(job syntax.Node, why, layer string) {
	for _, group := range job.Get("static_configs").Items {
		p.links(why, group.Get("targets"), layer)
	}
	for _, sd := range job.Get("dns_sd_configs").Items {
		p.links(why, sd.Get("names"), layer)
	}
	for _, sd := range job.Get("consul_sd_configs").Items {
		p.links(why, sd.Get("services"), layer)
	}
	for _, source := range discoveries {
		for _, sd := range job.Get(source.list).Items {
			p.links(estate.LinkDeclared, sd.Get(source.key), layer)
		}
	}
}

// discoveries are where the address of a discovery service stands.
var discoveries = []struct{ list, key string }{
	{"consul_sd_configs", "server"}, {"eureka_sd_configs", "server"}, {"kubernetes_sd_configs", "api_server"},
	{"http_sd_configs", "url"}, {"nomad_sd_configs", "server"}, {"marathon_sd_configs", "servers"}, {"docker_sd_configs", "host"},
	{"dockerswarm_sd_configs", "host"}, {"serverset_sd_configs", "servers"}, {"puppetdb_sd_configs", "url"},
}

// isTargets recognises a file of targets for file_sd_configs: a list of objects with targets.
func isTargets(f discover.File) bool {
	data := bytes.TrimSpace(f.Data)
	if f.Ext() == ".json" {
		return bytes.HasPrefix(data, []byte{'['}) && bytes.Contains(data, []byte(`"targets"`))
	}
	return (f.Ext() == ".yml" || f.Ext() == ".yaml") && (startsLine(data, "- targets:") || startsLine(data, "- labels:")) && bytes.Contains(data, []byte("targets:"))
}

func (p *page) targets(f discover.File) {
	for _, doc := range p.yaml(f) {
		for _, group := range doc.Items {
			layer := ""
			if job := group.At("labels", "job").Value; job != "" {
				layer = "job " + job
			}
			p.links(estate.LinkScrape, group.Get("targets"), layer)
		}
	}
}
