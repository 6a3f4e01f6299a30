package app

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"example.org/caravan/internal/document"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/finding"
	"example.org/caravan/internal/standby"
	"example.org/caravan/internal/workspace"
)

// Standbys is how datastores that keep copies of themselves stand, as they were last looked at.
type Standbys struct {
	At         time.Time         `json:"at"`
	Datastores []StandbyStatus   `json:"datastores"`
	Findings   []finding.Finding `json:"findings"`
}

// StandbyStatus is one of them.
type StandbyStatus struct {
	standby.Topology
	Gate      standby.Gate `json:"gate"`                // what is asked of who is to be primary
	Preferred string       `json:"preferred,omitempty"` // who best takes over now
	Stale     bool         `json:"stale,omitempty"`     // it was looked at so long ago that it says nothing about now
}

// StandbyQuery says which datastores are asked for; all for the zero one.
type StandbyQuery struct {
	Datastore   estate.ServiceName     `query:"datastore" json:"datastore,omitempty" doc:"One datastore."`
	Environment estate.EnvironmentName `query:"environment" json:"environment,omitempty" doc:"Those in one environment."`
	Team        estate.TeamName        `query:"team" json:"team,omitempty" doc:"Those of one team."`
}

func (q StandbyQuery) wants(k workspace.Kept) bool {
	return (q.Datastore == "" || q.Datastore == k.Name) && (q.Environment == "" || q.Environment == k.Environment) && (q.Team == "" || q.Team == k.Team)
}

// standbyStale is how long a look at a datastore says something about now.
const standbyStale = 5 * time.Minute

// Standbys is what the last look at each datastore found. NotFound when a datastore is asked for that is not declared.
func (a *App) Standbys(ctx context.Context, q StandbyQuery) (Standbys, error) {
	kept, err := a.keptFor(ctx, q)
	if err != nil {
		return Standbys{}, err
	}
	known, err := a.store.Topologies(ctx)
	if err != nil {
		return Standbys{}, err
	}
	out := Standbys{At: a.now().UTC(), Datastores: []StandbyStatus{}, Findings: []finding.Finding{}}
	for _, k := range kept {
		i := slices.IndexFunc(known, func(t standby.Topology) bool { return t.Datastore == k.Name && t.Environment == k.Environment })
		t := standby.Topology{Datastore: k.Name, Environment: k.Environment, Technology: k.Technology, Keeper: keeperOf(k)}
		if i >= 0 {
			t = known[i]
		}
		t.Team = k.Team
		out.add(t, a.limits())
	}
	return out, nil
}

func (s *Standbys) add(t standby.Topology, l standby.Limits) {
	status := StandbyStatus{Topology: t, Gate: l.Gate, Stale: s.At.Sub(t.At) > standbyStale}
	if t.Members == nil {
		status.Members = []standby.Member{}
	}
	if m, ok := t.Preferred(); ok {
		status.Preferred = m.Name
	}
	s.Datastores = append(s.Datastores, status)
	if !t.At.IsZero() {
		s.Findings = append(s.Findings, standby.Judge(t, l)...)
	}
}

// limits are what the workspace bears.
func (a *App) limits() standby.Limits {
	l := standby.UsualLimits()
	const kibi, percent = 1 << 10, 100
	if n := a.declared.Standbys.Lag; n > 0 {
		l.Lag = int64(n) * kibi
	}
	if n := a.declared.Standbys.Warmth; n > 0 {
		l.Warmth = float64(n) / percent
	}
	return l
}

// keptFor are the declared datastores that are asked for, with their teams.
func (a *App) keptFor(ctx context.Context, q StandbyQuery) ([]workspace.Kept, error) {
	if err := a.inWorkspace(); err != nil {
		return nil, err
	}
	var out, all []workspace.Kept
	for _, k := range a.declared.Standbys.Datastores {
		if k.Team == "" {
			team, err := a.ownerOf(ctx, k.Name)
			if err != nil && fault.KindOf(err) != fault.NotFound {
				return nil, err
			}
			k.Team = team
		}
		all = append(all, k)
		if q.wants(k) {
			out = append(out, k)
		}
	}
	if len(out) == 0 && q != (StandbyQuery{}) {
		return nil, noneOf(all, q)
	}
	return out, nil
}

// noneOf says which word of a question is that of no declared datastore, and what there is instead.
func noneOf(all []workspace.Kept, q StandbyQuery) error {
	if len(all) == 0 {
		return noneDeclared()
	}
	named := StandbyQuery{Datastore: q.Datastore}
	placed := StandbyQuery{Datastore: q.Datastore, Environment: q.Environment}
	texts := func(of StandbyQuery, text func(workspace.Kept) string) []string {
		var out []string
		for _, k := range all {
			if of.wants(k) && text(k) != "" {
				out = append(out, text(k))
			}
		}
		slices.Sort(out)
		return slices.Compact(out)
	}
	name := func(k workspace.Kept) string { return string(k.Name) }
	if len(texts(named, name)) == 0 {
		return fault.Newf(fault.NotFound, "no datastore %q is declared to have standbys; %s", q.Datastore, choices(string(q.Datastore), texts(StandbyQuery{}, name)))
	}
	if len(texts(placed, name)) == 0 {
		return fault.Newf(fault.NotFound, "%s is declared in an environment %q; %s", "no "+cmp.Or(string(q.Datastore), "datastore"), q.Environment,
			choices(string(q.Environment), texts(named, func(k workspace.Kept) string { return string(k.Environment) })))
	}
	return fault.Newf(fault.NotFound, "no datastore that is asked for is that of team %q; %s", q.Team, choices(string(q.Team), texts(placed, func(k workspace.Kept) string { return string(k.Team) })))
}

func noneDeclared() error {
	return fault.Newf(fault.NotFound, "no datastore is declared to have standbys; declare them under standby.datastores in caravan.yaml")
}

// choices is what was meant instead of a word, or all that could have been.
func choices(word string, known []string) string {
	if near, ok := document.Nearest(word, known); ok {
		return "did you mean " + near + "?"
	}
	if len(known) == 0 {
		return "standby.datastores in caravan.yaml names none"
	}
	return "it is one of " + strings.Join(known, ", ")
}

// keptOne is the one declared datastore that is asked for.
func (a *App) keptOne(ctx context.Context, q StandbyQuery) (workspace.Kept, error) {
	kept, err := a.keptFor(ctx, q)
	switch {
	case err != nil:
		return workspace.Kept{}, err
	case len(kept) == 0:
		return workspace.Kept{}, noneDeclared()
	case len(kept) > 1:
		var where []string
		for _, k := range kept {
			where = append(where, string(k.Environment))
		}
		return workspace.Kept{}, fault.Newf(fault.Conflict, "%s is in several environments; name one with -e: %s", q.Datastore, strings.Join(where, ", "))
	}
	return kept[0], nil
}

// Warmth is how warm the standbys of a datastore were, and how far behind, for so long until now; a week at most.
func (a *App) Warmth(ctx context.Context, q StandbyQuery, since time.Duration) ([]standby.Sample, error) {
	k, err := a.keptOne(ctx, q)
	if err != nil {
		return nil, err
	}
	return a.store.Warmth(ctx, k.Name, k.Environment, a.now().Add(-cmp.Or(since, time.Hour)))
}

func keeperOf(k workspace.Kept) standby.Keeper {
	switch {
	case len(k.Patroni) > 0:
		return standby.Patroni
	case k.Stolon != nil:
		return standby.Stolon
	case k.CNPG != nil:
		return standby.CloudNativePG
	case len(k.Sentinels) > 0:
		return standby.Sentinel
	}
	return standby.Nobody
}
