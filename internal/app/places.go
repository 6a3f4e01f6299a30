package app

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"example.org/caravan/internal/config"
	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/expansion"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/render"
	"example.org/caravan/internal/workload"
	"example.org/caravan/internal/workspace"
)

// place is a service somewhere: where it runs, or where an expansion plans it to.
type place struct {
	config.Spot
	base    []config.Document // what it has there without configuration
	today   []config.Old      // what it is given where it runs today
	planned *render.Service   // nil there
}

// become fills in what placeholders stand for.
func (p place) become(e *config.Entry) {
	raw := e.Value()
	if p.planned == nil || raw.Secret != nil || !strings.Contains(raw.Text, "${") {
		return
	}
	if pieces, err := p.planned.Value(raw.Text); err == nil { // else planning says what is wrong with it
		e.Becomes = render.Form(pieces)
	}
}

// allEnvironments are those that are declared, and those that expansions make.
func (a *App) allEnvironments() (map[estate.EnvironmentName]config.Spot, error) {
	out := map[estate.EnvironmentName]config.Spot{}
	for _, e := range a.declared.Environments {
		out[e.Name] = config.Spot{Environment: e.Name, Kind: e.Kind, Country: e.Country}
	}
	names, err := workspace.Expansions(a.dir)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		x, err := workspace.Expansion(a.dir, name)
		if err != nil {
			continue // caravan plan says what is wrong with it
		}
		for _, e := range x.Environments {
			out[e.Name] = config.Spot{Environment: e.Name, Kind: e.Kind, Country: x.Country}
		}
	}
	return out, nil
}

// ground is all that says where services run and are planned to, looked at once for all of them.
type ground struct {
	graph      depmap.Graph
	components map[estate.ServiceName]estate.Component
	usual      []string // profiles
	envs       map[estate.EnvironmentName]config.Spot
	plans      []laidPlan
	layers     []config.Document // nil unless they were asked for
}

// laidPlan is what an expansion plans, laid out over its environments.
type laidPlan struct {
	name    string
	members []expansion.Member
	sites   []render.Site
}

// ground looks at the estate and at plans. An expansion that cannot be planned is left out: planning it says why.
func (a *App) ground(ctx context.Context) (ground, error) {
	g, err := a.runningGround(ctx)
	if err != nil {
		return ground{}, err
	}
	names, err := workspace.Expansions(a.dir)
	if err != nil {
		return ground{}, err
	}
	for _, name := range names {
		if plan, err := a.dryPlan(ctx, name); err == nil {
			g.plans = append(g.plans, laidPlan{name, plan.Proposal.Members, plan.Proposal.Sites(a.origin(plan.Proposal.Source))})
		}
	}
	return g, nil
}

// runningGround is the ground without what is planned.
func (a *App) runningGround(ctx context.Context) (ground, error) {
	if err := a.inWorkspace(); err != nil {
		return ground{}, err
	}
	graph, sum, err := a.keeper.Graph(ctx, "")
	if err != nil {
		return ground{}, err
	}
	snapshot, err := a.snapshotOf(ctx, sum)
	if err != nil {
		return ground{}, err
	}
	g := ground{graph: graph, components: make(map[estate.ServiceName]estate.Component, len(snapshot.Components)), usual: depmap.UsualProfiles(snapshot.Components)}
	for _, c := range slices.Backward(snapshot.Components) { // the first of a name counts
		g.components[c.Name] = c
	}
	g.envs, err = a.allEnvironments()
	return g, err
}

// configuredGround is the ground with the layers of configuration upon it.
func (a *App) configuredGround(ctx context.Context) (ground, error) {
	g, err := a.ground(ctx)
	if err != nil {
		return ground{}, err
	}
	g.layers, err = workspace.Configuration(a.dir)
	return g, err
}

// placesOf is everywhere a service runs and is planned to, by environment, and its team. NotFound when none is called so.
func (g ground) placesOf(service estate.ServiceName) ([]place, estate.TeamName, error) {
	found, ok := g.graph.Find(string(service))
	if !ok {
		return nil, "", fault.Newf(fault.NotFound, "no service is called %q; caravan map lists what is there", service)
	}
	var out []place
	for _, env := range found.Environments {
		at := g.envs[env]
		at.Environment, at.Service = env, found.Name
		settings := byStrength(depmap.SettingsIn(g.components[found.Name], g.usual, env))
		out = append(out, place{Spot: at, base: seenOf(found.Name, settings), today: todayOf(settings)})
	}
	for _, p := range g.plans {
		out = append(out, p.placesOf(found.Name)...)
	}
	slices.SortFunc(out, func(x, y place) int { return cmp.Compare(x.Environment, y.Environment) })
	return out, found.Team, nil
}

// placesOf is everywhere the expansion plans a service to.
func (p laidPlan) placesOf(service estate.ServiceName) []place {
	i := slices.IndexFunc(p.members, func(m expansion.Member) bool { return m.Name == service })
	if i < 0 {
		return nil
	}
	var out []place
	for _, site := range p.sites {
		k := slices.IndexFunc(site.Services, func(s render.Service) bool { return s.Name == service })
		if k < 0 {
			continue
		}
		at := config.Spot{Service: service, Environment: site.Environment, Kind: site.Kind, Country: site.Country}
		out = append(out, place{Spot: at, base: ownOf(p.members[i], p.name), planned: &site.Services[k]})
	}
	return out
}

// config is what a service is given in an environment.
func (g ground) config(service estate.ServiceName, env estate.EnvironmentName) (Configured, error) {
	places, team, err := g.placesOf(service)
	if err != nil {
		return Configured{}, err
	}
	p, err := one(places, service, env, "-e")
	if err != nil {
		return Configured{}, err
	}
	out := Configured{Team: team}
	out.Effective, out.Problems = config.Compute(slices.Concat(p.base, g.layers), p.Spot)
	for i := range out.Entries {
		p.become(&out.Entries[i])
	}
	return out, nil
}

// seenOf is what is known of a service's configuration today, a document for each line, what counts the last.
func seenOf(service estate.ServiceName, settings []depmap.InForce) []config.Document {
	var out []config.Document
	for _, s := range slices.Backward(settings) {
		out = append(out, config.Document{
			File: s.Place.File, Layer: config.Seen, Service: service, Values: map[string]config.Value{cmp.Or(workload.VariableOf(s.Setting), s.Key): {Text: s.Full, Line: s.Place.Line}},
		})
	}
	return out
}

// fileReaders read files that processes read themselves, or that configuration servers hand out.
var fileReaders = []estate.ReaderName{"spring", "dotnet", "settings", "consul"}

// todayOf is what a process is given today: variables, and keys of its own files. Of those with the same key the one that counts comes first.
func todayOf(settings []depmap.InForce) []config.Old {
	var out []config.Old
	for _, s := range settings {
		name := workload.VariableOf(s.Setting)
		if name != "" || slices.Contains(fileReaders, s.By) || s.Layer == estate.LayerMounted && strings.Contains(s.Key, ".") && !strings.HasPrefix(s.Key, "file:") {
			out = append(out, config.Old{Key: cmp.Or(name, s.Key), Value: s.Value, Variable: name != "", As: formOf(s.By), Place: s.Place})
		}
	}
	return out
}

// byStrength are settings by key, of those with the same the one that counts first: what is nearer to the process, and what is said for a profile.
func byStrength(settings []depmap.InForce) []depmap.InForce {
	named := func(s depmap.InForce) string { return cmp.Or(workload.VariableOf(s.Setting), s.Key) }
	return slices.SortedStableFunc(slices.Values(settings), func(x, y depmap.InForce) int {
		return cmp.Or(cmp.Compare(named(x), named(y)), cmp.Compare(workload.RankOf(y.Setting), workload.RankOf(x.Setting)), cmp.Compare(len(y.Profile), len(x.Profile)))
	})
}

// formOf is how files are written that a reader reads, as far as the services that read them care.
func formOf(by estate.ReaderName) config.As {
	if by == "dotnet" {
		return config.AsJSON
	}
	return config.AsProperties
}

// ownOf is what a planned member's workload says, and what the expansion puts in its place.
func ownOf(m expansion.Member, expansionName string) []config.Document {
	own := config.Document{File: workspace.WorkloadFile(m.Name), Layer: config.Workload, Service: m.Name, Values: map[string]config.Value{}}
	if !m.Own {
		own.File = "proposed workload"
	}
	for _, name := range slices.Sorted(maps.Keys(m.Workload.Containers)) {
		for key, text := range m.Workload.Containers[name].Variables {
			own.Values[key] = config.Value{Text: text}
		}
	}
	out := []config.Document{own}
	for key, v := range m.Variables {
		file := cmp.Or(v.Why.Place.File, expansion.FileOf(expansionName))
		out = append(out, config.Document{File: file, Layer: config.Substitution, Service: m.Name, Values: map[string]config.Value{key: {Text: v.Value, Line: v.Why.Place.Line}}})
	}
	return out
}

// one is the place that is meant: the environment that is named, or the only one. Flag is what names it on the command line.
func one(places []place, service estate.ServiceName, env estate.EnvironmentName, flag string) (place, error) {
	var names []string
	for _, p := range places {
		if p.Environment == env || env == "" && len(places) == 1 {
			return p, nil
		}
		names = append(names, string(p.Environment))
	}
	switch {
	case len(names) == 0:
		return place{}, fault.Newf(fault.NotFound, "%s runs nowhere and is planned nowhere, so nothing is known of its configuration", service)
	case env == "":
		return place{}, fault.Newf(fault.Usage, "%s is in %s; say which with %s", service, strings.Join(names, " and "), flag)
	}
	return place{}, fault.Newf(fault.NotFound, "%s is not in %s, only in %s", service, env, strings.Join(names, " and "))
}
