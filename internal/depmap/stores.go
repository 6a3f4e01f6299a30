package depmap

import (
	"strings"

	"example.org/caravan/internal/endpoint"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/technology"
)

// recogniseStores learns what a component of a home-made image is from how others speak to it: who is called as
// jdbc:mysql://orders-db is a MySQL server.
func (b *builder) recogniseStores() {
	for i := range b.nodes {
		n := &b.nodes[i]
		for j := range n.settings.list {
			s := &n.settings.list[j]
			for _, e := range endpoint.Parse(s.full) {
				b.recognise(question{from: n, e: e, key: s.Key, env: s.Environment})
			}
		}
		for _, m := range n.Mentions {
			if m.What != estate.CodeURL || !strings.Contains(m.Value, "://") {
				continue
			}
			for _, e := range endpoint.Parse(m.Value) {
				b.recognise(question{from: n, e: e})
			}
		}
	}
}

func (b *builder) recognise(q question) {
	if q.e.Bare && !hostKey(q.key) || q.e.Scheme == "http" || q.e.Scheme == "https" || q.e.Unresolved() {
		return
	}
	found := b.names.named(q.e.Host, q.env)
	if len(found) != 1 || found[0] == q.from.index {
		return
	}
	n := &b.nodes[found[0]]
	if n.technology != "" || n.role != "" || n.Kind != estate.Service || len(n.libraries) > 0 {
		return
	}
	if t, ok := technology.OfName(wantedTechnology(q)); ok && t.Kind == estate.Datastore {
		n.technology, n.role, n.store = t.Name, t.Role, true
	}
}
