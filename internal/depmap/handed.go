package depmap

import (
	"slices"
	"strings"

	"example.org/caravan/internal/endpoint"
	"example.org/caravan/internal/estate"
)

// handedOut finds the settings that one line gives to several components (a ConfigMap for all, an env file, an anchor) and
// the dependencies that one line declares for several.
func (b *builder) handedOut() {
	b.handed = map[estate.Place][]int{}
	for i := range b.nodes {
		n := &b.nodes[i]
		n.reads = namesRead(n.Mentions)
		for _, l := range n.Links {
			if l.Why == estate.LinkDeclared && !slices.Contains(b.handed[l.Place], i) {
				b.handed[l.Place] = append(b.handed[l.Place], i)
			}
		}
		if slices.ContainsFunc(n.settings.list, func(s resolved) bool { return s.By == chefReader }) {
			b.managed++
		}
		for j := range n.settings.list {
			s := &n.settings.list[j]
			if (environmentReaders[s.By] || s.By == chefReader) && len(endpoint.Parse(s.full)) > 0 && !slices.Contains(b.handed[s.Place], i) {
				b.handed[s.Place] = append(b.handed[s.Place], i)
			}
		}
	}
}

const chefReader estate.ReaderName = "chef"

// forEverybody reports whether a line belongs to how all machines are set up, and is no need of a service: five at least
// have it, and four out of five of those that Chef manages.
func (b *builder) forEverybody(p estate.Place) bool {
	given := len(b.handed[p])
	return given >= 5 && 5*given >= 4*b.managed
}

// namesRead are the variables that source code asks for by name, normalised.
func namesRead(mentions []estate.Mention) map[string]bool {
	out := map[string]bool{}
	for _, m := range mentions {
		switch m.What {
		case estate.CodeFallback:
			name, _, _ := strings.Cut(m.Value, "=")
			out[normKey(name)] = true
		case estate.CodeURL, estate.CodeClient:
			if _, rest, ok := strings.Cut(m.Value, "${"); ok {
				name, _, _ := strings.Cut(rest, "}")
				out[normKey(name)] = true
			}
		}
	}
	return out
}

// meantForOthers reports whether a setting that several are given is for somebody else among them: another one's code
// asks for it by name, and this one's asks for others from the same file, but not for it.
func (b *builder) meantForOthers(n *node, s *resolved) bool {
	given := b.handed[s.Place]
	if len(given) < 2 || n.reads[normKey(s.Key)] {
		return false
	}
	if !slices.ContainsFunc(given, func(i int) bool { return b.nodes[i].reads[normKey(s.Key)] }) {
		return false
	}
	return slices.ContainsFunc(n.settings.list, func(o resolved) bool {
		return o.Place.File == s.Place.File && n.reads[normKey(o.Key)]
	})
}
