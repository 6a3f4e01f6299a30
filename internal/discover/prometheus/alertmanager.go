package prometheus

import (
	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/syntax"
)

// isAlertmanager recognises alertmanager.yml by its two obligatory parts.
func isAlertmanager(f discover.File) bool {
	return startsLine(f.Data, "receivers:") && startsLine(f.Data, "route:") && !startsLine(f.Data, "kind:")
}

// alertmanager notes whom alerts are sent through.
func (p *page) alertmanager(f discover.File) {
	for _, doc := range p.yaml(f) {
		p.links(estate.LinkDeclared, doc.At("global", "smtp_smarthost"), "global")
		for _, receiver := range doc.Get("receivers").Items {
			layer := "receiver " + receiver.Get("name").Value
			for _, pair := range receiver.Pairs {
				for _, c := range pair.Value.Items {
					p.receiver(c, layer)
				}
			}
		}
	}
}

func (p *page) receiver(c syntax.Node, layer string) {
	p.links(estate.LinkDeclared, c.Get("smarthost"), layer)
	for _, key := range []string{"url", "api_url", "webhook_url"} {
		n := c.Get(key)
		p.link(estate.LinkDeclared, origin(n.Value), layer, n.Line)
	}
}
