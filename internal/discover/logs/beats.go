package logs

import (
	"bytes"
	"strings"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/syntax"
)

// isBeats recognises filebeat.yml and its kin, keys nested or with dots.
func isBeats(f discover.File) bool {
	if !bytes.Contains(f.Data, []byte("beat")) && !strings.Contains(f.Base(), "beat") || !isYAML(f) && !strings.Contains(f.Base(), "beat.y") {
		return false
	}
	named := strings.Contains(f.Base(), "beat")
	for _, beat := range []string{"filebeat", "metricbeat", "heartbeat", "packetbeat", "auditbeat", "journalbeat"} {
		named = named || startsLine(f.Data, beat+".") || startsLine(f.Data, beat+":")
	}
	return named && (startsLine(f.Data, "output") || bytes.Contains(f.Data, []byte("beat.")) || bytes.Contains(f.Data, []byte("hosts:")))
}

// beats reads the outputs of a beat, and what it visits.
func (p *page) beats(f discover.File) {
	for _, doc := range p.yaml(f) {
		if len(doc.Pairs) > maxDotted {
			p.report.Doubt(estate.Unsupported, estate.Place{File: p.file}, "more settings than anybody writes, so not read; split the file if it is configuration")
		}
		doc = undot(doc)
		for _, out := range doc.Get("output").Pairs {
			p.beatOutput(out.Value, "output "+out.Key)
		}
		p.links(estate.LinkDeclared, doc.At("setup", "kibana", "host"), "setup.kibana")
		p.beatOutput(doc.At("monitoring", "elasticsearch"), "monitoring")
		for _, section := range []string{"metricbeat", "heartbeat", "filebeat"} {
			for _, list := range []string{"modules", "monitors", "inputs"} {
				for _, item := range doc.At(section, list).Items {
					p.beatInput(undot(item), list)
				}
			}
		}
		for _, item := range doc.Items { // a file of modules.d
			p.beatInput(undot(item), "modules")
		}
	}
}

func (p *page) beatOutput(out syntax.Node, layer string) {
	if out.Get("enabled").Value == "false" {
		return
	}
	p.links(estate.LinkShip, out.Get("hosts"), layer)
}

// beatInput links to what a module or monitor visits, or notes the port an input waits on.
func (p *page) beatInput(in syntax.Node, list string) {
	if in.Get("enabled").Value == "false" {
		return
	}
	kind := in.Get("module").Value
	if kind == "" {
		kind = in.Get("type").Value
	}
	if host := in.Get("host"); list == "inputs" && (kind == "tcp" || kind == "udp" || kind == "syslog") {
		p.listens(host.Value, kind, host.Line)
		return
	}
	why := estate.LinkScrape
	if list == "inputs" {
		why = estate.LinkDeclared
	}
	for _, key := range []string{"hosts", "urls"} {
		p.links(why, in.Get(key), strings.TrimSuffix(list, "s")+" "+kind)
	}
}

// maxDotted bounds the maps whose keys are taken apart; no configuration by hand is larger.
const maxDotted = 4096

// undot nests keys that are written with dots: output.logstash.hosts.
func undot(n syntax.Node) syntax.Node {
	if len(n.Pairs) > maxDotted {
		return n
	}
	out := syntax.Node{Kind: n.Kind, Line: n.Line, Items: n.Items}
	for _, pair := range n.Pairs {
		out = graft(out, strings.SplitN(pair.Key, ".", syntax.MaxDepth), pair)
	}
	return out
}

// graft puts a pair's value under a path of keys, beside what is there.
func graft(n syntax.Node, path []string, pair syntax.Pair) syntax.Node {
	n.Kind = syntax.Map
	for i := range n.Pairs {
		if n.Pairs[i].Key != path[0] || n.Pairs[i].Value.Kind != syntax.Map {
			continue
		}
		if len(path) > 1 {
			n.Pairs[i].Value = graft(n.Pairs[i].Value, path[1:], pair)
			return n
		}
		for _, inner := range pair.Value.Pairs {
			n.Pairs[i].Value = graft(n.Pairs[i].Value, strings.SplitN(inner.Key, ".", syntax.MaxDepth), inner)
		}
		return n
	}
	value := pair.Value
	if len(path) > 1 {
		value = graft(syntax.Node{Line: pair.Line}, path[1:], pair)
	} else if value.Kind == syntax.Map {
		value = undot(value)
	}
	n.Pairs = append(n.Pairs, syntax.Pair{Key: path[0], Line: pair.Line, Value: value})
	return n
}

// isPromtail recognises a Promtail configuration by its clients.
func isPromtail(f discover.File) bool {
	return isYAML(f) && (startsLine(f.Data, "clients:") || startsLine(f.Data, "client:")) && startsLine(f.Data, "scrape_configs:")
}

func (p *page) promtail(f discover.File) {
	for _, doc := range p.yaml(f) {
		for _, c := range doc.Get("clients").Items {
			p.links(estate.LinkShip, c.Get("url"), "client")
		}
		p.links(estate.LinkShip, doc.At("client", "url"), "client")
		port := doc.At("server", "http_listen_port")
		p.listens(port.Value, "tcp", port.Line)
	}
}
