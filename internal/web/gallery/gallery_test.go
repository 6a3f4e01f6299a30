package gallery

import (
	"testing"

	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/estate"
)

func TestTheLargeEstateHasTheSizeItIsMeasuredWith(t *testing.T) {
	g := Large(2000)
	if len(g.Services) != 2000 || len(g.Edges) != 10000 {
		t.Errorf("%d services and %d edges, want 2,000 and 10,000", len(g.Services), len(g.Edges))
	}
}

func TestEstatesHoldTogether(t *testing.T) {
	for name, g := range map[string]depmap.Graph{"small": Small(), "earlier": Earlier(), "large": Large(400)} {
		known := map[estate.ServiceName]bool{}
		for _, s := range g.Services {
			known[s.Name] = true
		}
		for _, e := range g.Edges {
			if !known[e.From] || !known[e.To] || len(e.Evidence) == 0 || e.Confidence <= 0 || e.Confidence > 1 || e.Evidence[0].Place.Line == 0 {
				t.Errorf("%s: edge %+v names nobody, or proves nothing", name, e)
			}
		}
		if g.Digest == "" {
			t.Errorf("%s has no digest", name)
		}
	}
}
