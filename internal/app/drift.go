package app

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"example.org/caravan/internal/drift"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/rights"
	"example.org/caravan/internal/store"
	"example.org/caravan/internal/workspace"
)

// Drift is what differs between what runs and what is declared, as far as is known, and what each team may still bring.
type Drift struct {
	At          time.Time          `json:"at"`
	Lasts       time.Duration      `json:"lasts"` // so long a look counts
	Looks       []drift.Look       `json:"looks"`
	Cells       []drift.Cell       `json:"cells"`
	Differences []drift.Difference `json:"differences"`
	Budgets     []DriftBudget      `json:"budgets,omitempty"`
}

// DriftBudget is how many accidents a team has, and may have.
type DriftBudget struct {
	Team      estate.TeamName `json:"team"`
	Accidents int             `json:"accidents"`
	Most      *int            `json:"most,omitempty"` // nothing for no bound
	Over      bool            `json:"over,omitempty"` // it waits with what is new until some are mended or accepted
}

// Open counts the differences that nobody intends or has accepted.
func (d Drift) Open() int {
	n := 0
	for _, x := range d.Differences {
		if x.Class == drift.Accident {
			n++
		}
	}
	return n
}

// DriftQuery says which differences are asked for; all for the zero one.
type DriftQuery struct {
	Service     estate.ServiceName     `query:"service" json:"service,omitempty" doc:"Those of one service."`
	Environment estate.EnvironmentName `query:"environment" json:"environment,omitempty" doc:"Those in one environment."`
	Team        estate.TeamName        `query:"team" json:"team,omitempty" doc:"Those of one team."`
}

func (q DriftQuery) wants(service estate.ServiceName, env estate.EnvironmentName, team estate.TeamName) bool {
	return (q.Service == "" || q.Service == service) && (q.Environment == "" || q.Environment == env) && (q.Team == "" || q.Team == team)
}

// Drift is what is known of differences, from the last look at each environment.
func (a *App) Drift(ctx context.Context, q DriftQuery) (Drift, error) {
	if err := a.inWorkspace(); err != nil {
		return Drift{}, err
	}
	records, looks, exceptions, err := a.store.Drift(ctx)
	if err != nil {
		return Drift{}, err
	}
	all := a.judged(records, looks, exceptions)
	if err := a.askable(ctx, all, q); err != nil {
		return Drift{}, err
	}
	return all.only(q), nil
}

// askable refuses what is asked of a service, environment or team that there is not: nothing of it differs, which nobody should take for good. NotFound.
func (a *App) askable(ctx context.Context, all Drift, q DriftQuery) error {
	if known := slices.ContainsFunc(all.Cells, func(c drift.Cell) bool { return c.Service == q.Service }); q.Service != "" && !known {
		if _, err := a.answersFor(ctx, q.Service); err != nil {
			return err
		}
	}
	if q.Environment != "" {
		envs, err := a.allEnvironments()
		if err != nil {
			return err
		}
		if _, ok := envs[q.Environment]; !ok {
			return fault.Newf(fault.NotFound, "no environment %q; caravan.yaml and expansions/ say which there are", q.Environment)
		}
	}
	if q.Team == "" || len(all.Budgets) == 0 || slices.ContainsFunc(all.Budgets, func(b DriftBudget) bool { return b.Team == q.Team }) ||
		slices.ContainsFunc(a.declared.Teams, func(t workspace.Team) bool { return t.Name == q.Team }) {
		return nil
	}
	return fault.Newf(fault.NotFound, "no team %q owns anything; caravan.yaml and the map say which there are", q.Team)
}

// judged is how differences stand now.
func (a *App) judged(records []drift.Record, looks []store.DriftLook, exceptions []drift.Exception) Drift {
	out := Drift{At: a.now().UTC(), Lasts: a.declared.Drift.Lasts(), Looks: []drift.Look{}}
	var running []drift.Running
	teams := map[estate.ServiceName]estate.TeamName{}
	for _, l := range looks {
		out.Looks = append(out.Looks, l.Look)
		running = append(running, l.Running...)
		for _, r := range l.Running {
			teams[r.Service] = cmp.Or(teams[r.Service], r.Team)
		}
	}
	for _, r := range records {
		if r.Service != "" {
			teams[r.Service] = cmp.Or(teams[r.Service], r.Team)
		}
	}
	out.Differences = drift.Judge(records, exceptions, out.Looks, out.At, out.Lasts)
	out.Cells = drift.Matrix(running, teams, out.Differences, out.Looks, out.At, out.Lasts)
	out.Budgets = a.budgets(teams, out.Differences)
	return out
}

// budgets are those of all teams that own something, by name.
func (a *App) budgets(of map[estate.ServiceName]estate.TeamName, all []drift.Difference) []DriftBudget {
	var teams []estate.TeamName
	for _, t := range of {
		teams = append(teams, t)
	}
	for _, d := range all {
		teams = append(teams, d.Team)
	}
	slices.Sort(teams)
	budget := a.driftBudget()
	var out []DriftBudget
	for _, t := range slices.Compact(teams) {
		if t == "" {
			continue
		}
		b := DriftBudget{Team: t, Over: len(budget.Over(t, all)) > 0, Accidents: len(drift.Accidents(t, all))}
		if most, bounded := budget.Of(t); bounded {
			b.Most = &most
		}
		out = append(out, b)
	}
	return out
}

func (a *App) driftBudget() drift.Budget {
	declared := a.declared.Drift
	b := drift.Budget{Usual: -1, Teams: map[estate.TeamName]int{}}
	if declared.Budget != nil {
		b.Usual = *declared.Budget
	}
	for team, n := range declared.Teams {
		b.Teams[estate.TeamName(team)] = n
	}
	return b
}

// only is the part that is asked for. Looks are those of all environments.
func (d Drift) only(q DriftQuery) Drift {
	d.Differences = slices.DeleteFunc(d.Differences, func(x drift.Difference) bool { return !q.wants(x.Service, x.Environment, x.Team) })
	d.Cells = slices.DeleteFunc(d.Cells, func(c drift.Cell) bool { return !q.wants(c.Service, c.Environment, c.Team) })
	d.Budgets = slices.DeleteFunc(d.Budgets, func(b DriftBudget) bool { return q.Team != "" && b.Team != q.Team })
	return d
}

// difference is the one that an ID, or its beginning of at least six digits, means.
func (a *App) difference(ctx context.Context, id drift.ID) (drift.Difference, error) {
	const least = 6
	d, err := a.Drift(ctx, DriftQuery{})
	if err != nil {
		return drift.Difference{}, err
	}
	var found []drift.Difference
	for _, x := range d.Differences {
		if len(id) >= least && strings.HasPrefix(string(x.ID), string(id)) {
			found = append(found, x)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return drift.Difference{}, fault.Newf(fault.NotFound, "no difference %q is open; caravan drift lists them", id)
	}
	return drift.Difference{}, fault.Newf(fault.Conflict, "%q begins several differences; write more digits", id)
}

// AcceptDrift says that a difference is put up with until a date.
type AcceptDrift struct {
	Why   string    `json:"why" minLength:"1" doc:"Reason."`
	Until time.Time `json:"until" doc:"When it is an accident again by itself."`
}

// longestException bounds for how long a difference may be put up with: what is meant for ever is to be declared.
const longestException = 366 * 24 * time.Hour

// AcceptDrift accepts a difference until a date. Denied for who does not speak for its team; Invalid without a reason or a date to come.
func (a *App) AcceptDrift(ctx context.Context, id drift.ID, req AcceptDrift, by rights.Person) (drift.Difference, error) {
	d, err := a.difference(ctx, id)
	if err != nil {
		return d, err
	}
	if err := a.mayOf(by, rights.Decide, d.Team); err != nil {
		return d, err
	}
	now := a.now()
	switch {
	case strings.TrimSpace(req.Why) == "":
		return d, fault.Newf(fault.Invalid, "accept %s: no reason is given; say why with --why", d.ID)
	case !req.Until.After(now):
		return d, fault.Newf(fault.Invalid, "accept %s: %s is not to come; say until when, with a date such as %s", d.ID, req.Until.Format(time.DateOnly), now.AddDate(0, 0, 14).Format(time.DateOnly))
	case req.Until.Sub(now) > longestException:
		return d, fault.Newf(fault.Invalid, "accept %s: %s is more than a year away; what is to stay is declared, not accepted", d.ID, req.Until.Format(time.DateOnly))
	case d.Class == drift.Intended:
		return d, fault.Newf(fault.Conflict, "%s is intended (%s), so nothing is to be accepted", d.ID, d.Reason)
	case d.Kind == drift.Unreachable:
		return d, fault.Newf(fault.Conflict, "%s could not be looked at, which cannot be accepted; see to it that it can be reached", d.Environment)
	}
	e := drift.Exception{ID: d.ID, Content: d.Content, Why: req.Why, By: by.By(), At: now, Until: req.Until}
	if err := a.store.AcceptDrift(ctx, e, string(d.Environment)+" "+d.Subject+" "+d.Field); err != nil {
		return d, err
	}
	return a.difference(ctx, d.ID)
}

// promotable refuses to bring something new of teams that are over their budget, naming what is to be mended or accepted first. What mends, and what
// goes back, is not asked. Denied.
func (a *App) promotable(ctx context.Context, teams []estate.TeamName) error {
	if a.store == nil || len(teams) == 0 {
		return nil
	}
	d, err := a.Drift(ctx, DriftQuery{})
	if err != nil {
		return err
	}
	return drift.Promotable(a.driftBudget(), teams, d.Differences)
}
