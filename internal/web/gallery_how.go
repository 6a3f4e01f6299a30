package web

import (
	"context"

	"example.org/caravan/internal/expansion"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/how"
	"example.org/caravan/internal/web/gallery"
)

// How tells what can be done to a service of a shelf's newest snapshot, today and where its expansions plan it to.
func (s shelf) How(ctx context.Context, name string) (how.Guide, error) {
	newest, err := s.Snapshot(ctx, "")
	if err != nil {
		return how.Guide{}, err
	}
	found, ok := newest.Graph.Find(name)
	if !ok {
		return how.Guide{}, fault.Newf(fault.NotFound, "no service is called %q: search for it on the map", name)
	}
	e := gallery.Running(newest.Graph)
	subject := how.Today(e, gallery.Placed(found))
	for _, one := range s.wishes.all() {
		plan, err := s.wishes.plan(one.Name)
		if err != nil {
			subject.Notes = append(subject.Notes, "Nothing is said of expansion "+one.Name+", which cannot be planned.")
			continue
		}
		for _, site := range plan.Proposal.Sites(expansion.Known{Name: plan.Proposal.Source, Kind: "vm"}) {
			subject = subject.With(site)
		}
	}
	return how.Tell(subject.WithoutPlaces()), nil
}
