package gallery

import (
	"testing"

	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/expansion"
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

func TestMalaysiaHasEverythingAnExpansionCanHave(t *testing.T) {
	p, err := Planned(Small(), "malaysia", Malaysia)
	if err != nil {
		t.Fatal(err)
	}
	fates, placements, forbidden := map[expansion.Fate]bool{}, map[string]bool{}, 0
	for _, c := range p.Cuts {
		forbidden += len(c.Forbidden)
		if c.Decision != nil {
			fates[c.Decision.Decide] = true
		}
	}
	for _, d := range p.Datastores {
		placements[d.Placement.Kind] = true
	}
	if len(fates) < 4 || forbidden == 0 || len(p.Undecided()) < 3 || len(p.Optional) == 0 || len(p.Stubs) == 0 || len(placements) != 2 || len(p.Waves) < 3 || len(p.Questions) == 0 {
		t.Errorf("fates %v, %d forbidden, %d undecided, %d optional, %d stubs, placements %v, %d waves, %d questions",
			fates, forbidden, len(p.Undecided()), len(p.Optional), len(p.Stubs), placements, len(p.Waves), len(p.Questions))
	}
	if files := count(p); files < 40 {
		t.Errorf("%d files, want at least 40", files)
	}
}

func TestTheLargeExpansionHasTheSizeItIsMeasuredWith(t *testing.T) {
	p, err := Planned(Large(2000), "thailand", LargeWish())
	if err != nil {
		t.Fatal(err)
	}
	if n := len(p.Members) + len(p.Datastores); n != 500 || count(p) < 1500 || len(p.Undecided()) < 100 {
		t.Errorf("%d members and datastores, %d files, %d edges to decide", n, count(p), len(p.Undecided()))
	}
}

func count(p expansion.Proposal) int {
	n := 0
	for _, b := range Bundles(p) {
		n += len(b.Files)
	}
	return n
}
