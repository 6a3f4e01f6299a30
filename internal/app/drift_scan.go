package app

import (
	"context"
	"path"
	"slices"
	"strings"
	"time"

	"example.org/caravan/internal/config"
	"example.org/caravan/internal/drift"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
)

// lookAtScan adds what is known without asking anybody: what services are configured to be given where they run, and what the last scan saw of
// machines that Caravan did not make. Without a scan there is nothing of either.
func (a *App) lookAtScan(ctx context.Context, l *looking, put []placed) error {
	g, err := a.configuredGround(ctx)
	if fault.KindOf(err) == fault.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	there := map[estate.EnvironmentName]bool{}
	for _, p := range put {
		for env := range p.options.Targets {
			there[env] = true
		}
	}
	var today []place
	for _, s := range g.graph.Services {
		l.Teams[s.Name] = s.Team
		if s.Kind != estate.Service || s.External {
			continue
		}
		places, team, err := g.placesOf(s.Name)
		if err != nil {
			return err
		}
		today = append(today, onMachinesToday(places)...)
		for _, p := range places {
			if p.planned == nil || there[p.Environment] {
				l.configured(p, team, g.layers)
			}
		}
	}
	_, sum, err := a.keeper.Graph(ctx, "")
	if err != nil {
		return err
	}
	snapshot, err := a.snapshotOf(ctx, sum)
	if err != nil {
		return err
	}
	l.scanned(snapshot, g.envs)
	a.seeTold(ctx, l, today)
	return a.seeReleases(ctx, l)
}

// configured is what a service is given somewhere, and that it runs there.
func (l *looking) configured(p place, team estate.TeamName, layers []config.Document) {
	c := drift.Configuration{Seen: p.planned == nil}
	c.Effective, _ = config.Compute(slices.Concat(p.base, layers), p.Spot)
	for i := range c.Entries {
		p.become(&c.Entries[i])
	}
	l.Configurations = append(l.Configurations, c)
	if p.planned == nil {
		l.Instances = append(l.Instances, drift.Running{Service: p.Service, Environment: p.Environment, Team: team, Name: "as it is configured", Declared: true})
	}
}

// scanned is what the last scan saw of machines: units that have failed, packages, and when it looked. Environments that nobody looked at are
// named too, so that nobody takes them for in sync.
func (l *looking) scanned(s estate.Snapshot, envs map[estate.EnvironmentName]config.Spot) {
	at := map[estate.EnvironmentName]time.Time{}
	when := map[estate.ServiceName]time.Time{}
	for _, look := range s.Looks {
		if first, ok := at[look.Environment]; !ok || look.At.Before(first) {
			at[look.Environment] = look.At
		}
		when[look.Component] = look.At
	}
	for _, c := range s.Components {
		l.failed(c, at)
		l.installed(c, when[c.Name])
	}
	needed := map[estate.EnvironmentName]bool{}
	for _, r := range l.Instances {
		needed[r.Environment] = true
	}
	for env := range envs {
		known := slices.ContainsFunc(l.Looks, func(x drift.Look) bool { return x.Environment == env })
		if seen, ok := at[env]; !known && (ok || needed[env]) {
			l.Looks = append(l.Looks, drift.Look{Environment: env, At: seen, Where: "the last scan"})
		}
	}
}

func (l *looking) failed(c estate.Component, at map[estate.EnvironmentName]time.Time) {
	unit := ""
	for _, t := range c.Process {
		if t.Key == estate.ProcessUnit {
			unit = t.Value
		}
		if t.Key != estate.ProcessState || !strings.HasPrefix(t.Value, "failed") || at[t.Environment].IsZero() {
			continue
		}
		u := drift.UnitState{Machine: t.Place.File, Unit: unit, Wrong: drift.Failed}
		if at, name, ok := strings.Cut(t.Place.File, "/units/"); ok {
			u.Machine, u.Unit = path.Base(at), name
		}
		if u.Unit == "" {
			u.Unit = string(c.Name)
		}
		u.Source = drift.Source{Service: c.Name, Environment: t.Environment, Team: c.Team, Where: "the last scan", At: at[t.Environment]}
		l.Units = append(l.Units, u)
	}
}

// packagePrefix begins the keys of settings that are the versions of packages on a machine.
const packagePrefix = "package."

func (l *looking) installed(c estate.Component, at time.Time) {
	for _, s := range c.Settings {
		name, ok := strings.CutPrefix(s.Key, packagePrefix)
		if !ok || s.Layer != "installed" || c.Kind != estate.Host {
			continue
		}
		l.Packages = append(l.Packages, drift.Installed{
			Environment: s.Environment, Machine: string(c.Name), Group: "machines of " + string(s.Environment), Package: name, Version: s.Value, At: at, Place: s.Place.String(),
		})
	}
}
