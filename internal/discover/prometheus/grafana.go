package prometheus

import (
	"bytes"
	"strings"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/estate"
)

// isGrafana recognises a provisioning file of data sources.
func isGrafana(f discover.File) bool {
	return startsLine(f.Data, "datasources:") && bytes.Contains(f.Data, []byte("url:")) && !startsLine(f.Data, "kind:")
}

func (p *page) grafana(f discover.File) {
	for _, doc := range p.yaml(f) {
		for _, source := range doc.Get("datasources").Items {
			p.links(estate.LinkDashboard, source.Get("url"), strings.TrimSpace("data source "+source.Get("name").Value))
		}
	}
}
