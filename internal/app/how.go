package app

import (
	"context"
	"fmt"
	"strings"

	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/expansion"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/how"
	"example.org/caravan/internal/store"
	"example.org/caravan/internal/workspace"
)

// How is everything that can be done to a service or datastore where it runs, and where expansions plan it to. NotFound when nothing
// is called so.
func (a *App) How(ctx context.Context, name string) (how.Guide, error) {
	s, err := a.subject(ctx, name)
	if err != nil {
		return how.Guide{}, err
	}
	return how.Tell(s), nil
}

// HowTo is how one action is done to a service or datastore; see How. NotFound when that is not done to what is called so.
func (a *App) HowTo(ctx context.Context, name string, action how.Action) (how.Answer, error) {
	s, err := a.subject(ctx, name)
	if err != nil {
		return how.Answer{}, err
	}
	return how.Do(s, action)
}

// subject is a service with everywhere it runs, or is planned to.
func (a *App) subject(ctx context.Context, name string) (how.Subject, error) {
	g, sum, err := a.keeper.Graph(ctx, "")
	if err != nil {
		return how.Subject{}, err
	}
	found, ok := g.Find(name)
	if !ok {
		return how.Subject{}, fault.Newf(fault.NotFound, "no service is called %q; caravan map lists what is there", name)
	}
	e, err := a.today(ctx, g, sum)
	if err != nil {
		return how.Subject{}, err
	}
	s := how.Today(e, found)
	if a.dir != "" && len(how.Topics(s.Kind)) > 0 {
		if s, err = a.withPlans(ctx, s); err != nil {
			return how.Subject{}, err
		}
	}
	return s.WithoutPlaces(), nil
}

// today is what is known of what runs.
func (a *App) today(ctx context.Context, g depmap.Graph, sum store.Summary) (how.Estate, error) {
	e := how.Estate{Graph: g, Kinds: map[estate.EnvironmentName]string{}}
	for _, v := range a.declared.Environments {
		e.Kinds[v.Name] = v.Kind
	}
	snapshot, err := a.snapshotOf(ctx, sum)
	e.Components = snapshot.Components
	return e, err
}

// withPlans adds the environments that the workspace's expansions plan. One that cannot be planned is noted.
func (a *App) withPlans(ctx context.Context, s how.Subject) (how.Subject, error) {
	names, err := workspace.Expansions(a.dir)
	if err != nil || len(names) == 0 {
		return s, err
	}
	in, _, err := a.planInput(ctx)
	if err != nil {
		return s, err
	}
	for _, name := range names {
		p, err := a.planned(ctx, in, name)
		if err != nil {
			first, _, _ := strings.Cut(err.Error(), "\n")
			s.Notes = append(s.Notes, fmt.Sprintf("Nothing is said of expansion %s, which cannot be planned: %s", name, first))
			continue
		}
		for _, site := range p.Sites(a.origin(p.Source)) {
			s = s.With(site)
		}
	}
	return s, ctx.Err()
}

func (a *App) planned(ctx context.Context, in expansion.Input, name string) (expansion.Proposal, error) {
	e, err := workspace.Expansion(a.dir, name)
	if err != nil {
		return expansion.Proposal{}, err
	}
	return a.proposeFrom(ctx, in, e, false)
}
