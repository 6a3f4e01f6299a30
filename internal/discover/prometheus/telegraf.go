package prometheus

import (
	"bytes"
	"strings"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/syntax"
)

func isTelegraf(f discover.File) bool {
	return bytes.Contains(f.Data, []byte("[[inputs.")) || bytes.Contains(f.Data, []byte("[[outputs."))
}

// telegraf reads what the inputs visit and where the outputs send.
func (p *page) telegraf(f discover.File) {
	doc, err := syntax.TOML(f.Data)
	if err != nil {
		p.report.Broken(f, syntax.LineOf(err), err)
	}
	p.telegrafPlugins(doc.Get("inputs"), estate.LinkScrape, "input")
	p.telegrafPlugins(doc.Get("outputs"), estate.LinkShip, "output")
}

func (p *page) telegrafPlugins(plugins syntax.Node, why, part string) {
	for _, kind := range plugins.Pairs {
		instances := kind.Value.Items
		if kind.Value.Kind == syntax.Map {
			instances = []syntax.Node{kind.Value}
		}
		for _, plugin := range instances {
			p.telegrafPlugin(plugin, why, part, kind.Key)
		}
	}
}

func (p *page) telegrafPlugin(plugin syntax.Node, why, part, kind string) {
	for _, key := range []string{"service_address", "listen"} {
		if address := plugin.Get(key); address.Value != "" {
			p.listens(address)
			return
		}
	}
	if strings.HasSuffix(kind, "_consumer") {
		why = estate.LinkDeclared
	}
	for _, key := range []string{"address", "addresses", "url", "urls", "servers", "brokers", "endpoint", "endpoints", "host", "dsn"} {
		p.links(why, plugin.Get(key), part+" "+kind)
	}
}
