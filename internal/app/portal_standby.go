package app

import (
	"context"
	"slices"
	"time"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/finding"
	"example.org/caravan/internal/rights"
	"example.org/caravan/internal/standby"
	"example.org/caravan/internal/web"
)

// charted is how far back the page shows how warm standbys were.
const charted = 6 * time.Hour

// Standbys is how databases that keep copies of themselves stand, as last looked at; nothing without a workspace.
func (p Portal) Standbys(ctx context.Context) (web.Standbys, error) {
	out := web.Standbys{Now: p.App.now()}
	if p.App.store == nil {
		return out, nil
	}
	got, err := p.App.Standbys(ctx, StandbyQuery{})
	if err != nil {
		return out, err
	}
	advices, err := p.App.Advise(ctx, StandbyQuery{})
	if err != nil {
		return out, err
	}
	for _, d := range got.Datastores {
		samples, err := p.App.store.Warmth(ctx, d.Datastore, d.Environment, out.Now.Add(-charted))
		if err != nil {
			return out, err
		}
		found := slices.DeleteFunc(slices.Clone(got.Findings), func(f finding.Finding) bool {
			return f.Environment != d.Environment || !about(f.Subject, d.Datastore)
		})
		moves, err := p.movesTo(ctx, d.Topology)
		if err != nil {
			return out, err
		}
		shown := web.Datastore{Topology: d.Topology, Gate: d.Gate, Preferred: d.Preferred, Stale: d.Stale, Samples: samples, Findings: found, Moves: moves}
		if i := slices.IndexFunc(advices.Datastores, func(v standby.Advice) bool { return v.Datastore == d.Datastore && v.Environment == d.Environment }); i >= 0 {
			shown.Advice = &advices.Datastores[i]
		}
		out.Datastores = append(out.Datastores, shown)
	}
	return out, nil
}

// movesTo are the declared moves of a datastore to where it is, as they are known: nobody is asked.
func (p Portal) movesTo(ctx context.Context, t standby.Topology) ([]web.DatastoreMove, error) {
	var out []web.DatastoreMove
	for _, declared := range p.App.declared.MoveOf(t.Datastore, t.Environment) {
		r, err := p.App.relocationTo(ctx, declared.Datastore, declared.To)
		if err != nil {
			return nil, err
		}
		m := web.DatastoreMove{Name: relocationName(declared), From: declared.From, To: declared.To}
		agreed, err := p.App.consents(ctx, p.App.relocationCourse(r))
		if err != nil {
			return nil, err
		}
		m.Journey = agreed.Journey
		for _, s := range agreed.Steps {
			m.Does = append(m.Does, s.Preview...)
			if s.Asked {
				m.Steps = append(m.Steps, s.ID)
				m.Missing = append(m.Missing, s.Verdict.Teams()...)
			}
		}
		slices.Sort(m.Missing)
		m.Missing = slices.Compact(m.Missing)
		for _, v := range agreed.Vetoes {
			m.Vetoed = append(m.Vetoed, string(v.Team)+" is against it: "+v.Reason)
		}
		if err := p.reached(ctx, r, &m); err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, nil
}

// reached adds how far a move has come, as was last kept of it.
func (p Portal) reached(ctx context.Context, r relocation, m *web.DatastoreMove) error {
	runs, err := p.App.store.Runs(ctx, m.Name, 1)
	if err != nil {
		return err
	}
	if len(runs) > 0 {
		m.Run = runs[0].State
	}
	if r.from.Technology == "redis" {
		var s standby.RedisMove
		_, err := p.App.store.Transfer(ctx, m.Name, &s)
		m.Phase, m.Pauses, m.Moved = string(s.Shown()), s.Pauses(), s.Phase == standby.RedisMoved
		m.Window = m.Moved
		return err
	}
	var s standby.Transfer
	if _, err := p.App.store.Transfer(ctx, m.Name, &s); err != nil {
		return err
	}
	m.Phase, m.Pauses = string(s.Phase), s.Pauses()
	m.Moved = slices.Contains([]standby.Phase{standby.Moved, standby.Proven, standby.Closing, standby.Closed}, s.Phase)
	m.Window, m.Until = m.Moved && s.Undoable(), s.Until(r.Window)
	return nil
}

// about reports whether a finding's subject is a datastore or one of its instances.
func about(subject string, name estate.ServiceName) bool {
	return subject == string(name) || len(subject) > len(name) && subject[:len(name)+1] == string(name)+"/"
}

// LookAtStandbys asks them all now.
func (p Portal) LookAtStandbys(ctx context.Context) error {
	_, err := p.App.LookAtStandbys(ctx, StandbyQuery{})
	return err
}

// SwitchOver makes another instance primary, if the gate has nothing against it.
func (p Portal) SwitchOver(ctx context.Context, name estate.ServiceName, env estate.EnvironmentName, to string) error {
	_, err := p.App.SwitchOver(ctx, StandbyQuery{Datastore: name, Environment: env}, SwitchOver{To: to}, rights.Of(ctx))
	return err
}
