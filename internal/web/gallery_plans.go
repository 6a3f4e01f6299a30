package web

import (
	"context"
	"slices"
	"sync"

	"example.org/caravan/internal/expansion"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/web/gallery"
)

// wishes are the expansions of a shelf: texts that are planned when asked for, and keep what is decided for as long as
// the program runs.
type wishes struct {
	sync.Mutex
	from  Snapshot
	names []string
	texts map[string]string
	plans map[string]Plan // of texts as they are
}

func wishesOf(from Snapshot, texts map[string]string) *wishes {
	w := &wishes{from: from, texts: texts, plans: map[string]Plan{}}
	for name := range texts {
		w.names = append(w.names, name)
	}
	slices.Sort(w.names)
	return w
}

func (w *wishes) all() []Expansion {
	if w == nil {
		return nil
	}
	var out []Expansion
	for _, name := range w.names {
		made, err := w.plan(name)
		e := Expansion{Name: name, Country: made.Proposal.Country, Source: made.Proposal.Source, Services: len(made.Proposal.Members), Undecided: len(made.Proposal.Undecided())}
		if err != nil {
			e.Problem = err.Error()
		}
		out = append(out, e)
	}
	return out
}

func (w *wishes) plan(name string) (Plan, error) {
	if w == nil {
		return Plan{}, noExpansion(name)
	}
	w.Lock()
	defer w.Unlock()
	text, ok := w.texts[name]
	if !ok {
		return Plan{}, noExpansion(name)
	}
	if made, ok := w.plans[name]; ok {
		return made, nil
	}
	p, err := gallery.Planned(w.from.Graph, name, text)
	if err != nil {
		return Plan{}, err
	}
	bundles := gallery.Bundles(p)
	made := Plan{Proposal: p, Journey: journey.Steps(p, bundles), MapRead: w.from.TakenAt, PlannedAt: w.from.TakenAt}
	for _, b := range bundles {
		made.Files = append(made.Files, b.Files...)
	}
	made.Before = gallery.Before(made.Files)
	w.plans[name] = made
	return made, nil
}

func noExpansion(name string) error {
	return fault.Newf(fault.NotFound, "no expansion %q: begin it with caravan plan %s --new", name, name)
}

func (w *wishes) decide(name string, decisions []expansion.Decision) error {
	if _, err := w.plan(name); err != nil {
		return err
	}
	w.Lock()
	defer w.Unlock()
	for i := range decisions {
		decisions[i].At = gallery.DecidedAt()
	}
	text, err := expansion.Decide([]byte(w.texts[name]), name, expansion.FileOf(name), decisions...)
	if err != nil {
		return err
	}
	if _, err := gallery.Planned(w.from.Graph, name, string(text)); err != nil {
		return err
	}
	w.texts[name] = string(text)
	delete(w.plans, name)
	return nil
}

func (s shelf) Expansions(context.Context) ([]Expansion, error) {
	if s.failed != nil {
		return nil, s.failed
	}
	return s.wishes.all(), nil
}

func (s shelf) Plan(_ context.Context, name string) (Plan, error) {
	if s.failed != nil {
		return Plan{}, s.failed
	}
	return s.wishes.plan(name)
}

func (s shelf) Decide(_ context.Context, name string, decisions []expansion.Decision) error {
	if s.failed != nil {
		return s.failed
	}
	return s.wishes.decide(name, decisions)
}
