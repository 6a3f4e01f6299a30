package app

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"example.org/caravan/internal/config"
	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/document"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/expansion"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/render"
	"example.org/caravan/internal/rights"
	"example.org/caravan/internal/workload"
	"example.org/caravan/internal/workspace"
)

// Configured is what a service is given in an environment, and what is wrong with it.
type Configured struct {
	config.Effective
	Team     estate.TeamName  `json:"team,omitempty"`
	Problems []config.Problem `json:"problems,omitempty"`
}

// ConfigComparison is what differs between the configurations of a service in two environments.
type ConfigComparison struct {
	Service estate.ServiceName     `json:"service"`
	Old     estate.EnvironmentName `json:"old"`
	New     estate.EnvironmentName `json:"new"`
	Keys    []config.Difference    `json:"keys"`
}

// Setting is a value somebody gives a key, and for whom.
type Setting struct {
	Key    string            `json:"key" minLength:"1"`
	Value  string            `json:"value,omitempty" doc:"Nothing secret; say where a secret is kept instead."`
	Secret *config.Reference `json:"secret,omitempty"`
	Unset  bool              `json:"unset,omitempty" doc:"Take away what weaker layers give."`
	Layer  config.Layer      `json:"layer,omitempty" enum:"base,kind,environment,country" doc:"How far it holds; base when left out."`
	Name   string            `json:"name,omitempty" doc:"Of the kind, environment or country."`
}

// Set is what setting a value led to.
type Set struct {
	File string        `json:"file"`
	Was  *config.Given `json:"was,omitempty"`
}

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

// Config is what a service is given in an environment. NotFound when it is not there.
func (a *App) Config(ctx context.Context, service estate.ServiceName, env estate.EnvironmentName) (Configured, error) {
	places, team, err := a.placesOf(ctx, service)
	if err != nil {
		return Configured{}, err
	}
	all, err := workspace.Configuration(a.dir)
	if err != nil {
		return Configured{}, err
	}
	p, err := one(places, service, env)
	if err != nil {
		return Configured{}, err
	}
	out := Configured{Team: team}
	out.Effective, out.Problems = config.Compute(slices.Concat(p.base, all), p.Spot)
	for i := range out.Entries {
		p.become(&out.Entries[i])
	}
	return out, nil
}

// ConfigDiff is what differs between what a service is given in two environments.
func (a *App) ConfigDiff(ctx context.Context, service estate.ServiceName, old, now estate.EnvironmentName) (ConfigComparison, error) {
	x, err := a.Config(ctx, service, old)
	if err != nil {
		return ConfigComparison{}, err
	}
	y, err := a.Config(ctx, service, now)
	return ConfigComparison{Service: service, Old: x.Environment, New: y.Environment, Keys: config.Compare(x.Effective, y.Effective)}, err
}

// ConfigTrace is who is given a key by configuration, by service and environment.
func (a *App) ConfigTrace(ctx context.Context, key string) ([]config.Uses, error) {
	if err := a.inWorkspace(); err != nil {
		return nil, err
	}
	all, err := workspace.Configuration(a.dir)
	if err != nil {
		return nil, err
	}
	g, _, err := a.keeper.Graph(ctx, "")
	if err != nil {
		return nil, err
	}
	var out []config.Uses
	for _, s := range g.Services {
		if s.Kind != estate.Service || s.External {
			continue
		}
		places, _, err := a.placesOf(ctx, s.Name)
		if err != nil {
			return nil, err
		}
		for _, p := range places {
			out = append(out, config.Trace(slices.Concat(p.base, all), key, []config.Spot{p.Spot})...)
		}
	}
	if len(out) == 0 {
		return nil, fault.Newf(fault.NotFound, "no service is given %s anywhere; caravan config get SERVICE lists the keys it has", key)
	}
	return out, nil
}

// SetConfig writes a value of a service where its layer is kept. NotFound when no service is called so, Denied when the person does not answer
// for it, Invalid for what cannot be its value, Conflict when the file is laid out in a way that cannot be written into.
func (a *App) SetConfig(ctx context.Context, service estate.ServiceName, s Setting, by rights.Person) (Set, error) {
	if err := a.inWorkspace(); err != nil {
		return Set{}, err
	}
	if err := a.mayConfigure(ctx, service, by); err != nil {
		return Set{}, err
	}
	return a.set(service, s)
}

// SetCommonConfig is SetConfig of what holds for everybody: the platform's.
func (a *App) SetCommonConfig(_ context.Context, s Setting, by rights.Person) (Set, error) {
	if err := a.inWorkspace(); err != nil {
		return Set{}, err
	}
	if err := rights.May(by, rights.Plan, ""); err != nil {
		return Set{}, err
	}
	return a.set("", s)
}

func (a *App) set(service estate.ServiceName, s Setting) (Set, error) {
	file := config.File(service, cmp.Or(s.Layer, config.Base), s.Name)
	if err := a.knownLayer(s); err != nil {
		return Set{}, err
	}
	out := Set{File: file}
	return out, workspace.Change(a.dir, file, func(text []byte) ([]byte, error) {
		if d, err := config.Parse(text, file); err == nil {
			if v, ok := d.Values[s.Key]; ok {
				out.Was = &config.Given{Layer: d.Layer, Name: d.Name, Service: d.Service, Value: v, Place: estate.Place{File: file, Line: v.Line}}
			}
		}
		return config.Set(text, file, s.Key, config.Value{Text: s.Value, Secret: s.Secret, Unset: s.Unset})
	})
}

// ConfigProposal is a service's base layer as it would be taken over from an environment.
type ConfigProposal struct {
	config.Proposed
	Service estate.ServiceName     `json:"service"`
	From    estate.EnvironmentName `json:"from"`
	File    string                 `json:"file" doc:"Where its team keeps it."`
}

// ImportConfig is the base layer of a service, made from what it is given today in an environment: variables, and keys that it reads from files
// and configuration servers. What its workload gives it where expansions plan it to is left out. NotFound when it does not run there.
func (a *App) ImportConfig(ctx context.Context, service estate.ServiceName, from estate.EnvironmentName) (ConfigProposal, error) {
	places, _, err := a.placesOf(ctx, service)
	if err != nil {
		return ConfigProposal{}, err
	}
	known := map[string]bool{}
	for _, p := range places {
		if p.planned != nil {
			for key := range p.base[0].Values {
				known[estate.Norm(key)] = true
			}
		}
	}
	p, err := one(slices.DeleteFunc(places, func(p place) bool { return p.planned != nil }), service, from)
	if err != nil {
		return ConfigProposal{}, err
	}
	proposed := config.Propose(p.Service, workload.OwnSecret(string(p.Service)), p.today, func(key string) bool { return known[estate.Norm(key)] })
	return ConfigProposal{Proposed: proposed, Service: p.Service, From: p.Environment, File: config.File(p.Service, config.Base, "")}, nil
}

// WriteConfig writes what ImportConfig gives. Conflict when there is something already, Denied when the person does not answer for the service.
func (a *App) WriteConfig(ctx context.Context, service estate.ServiceName, from estate.EnvironmentName, by rights.Person) (ConfigProposal, error) {
	if err := a.inWorkspace(); err != nil {
		return ConfigProposal{}, err
	}
	if err := a.mayConfigure(ctx, service, by); err != nil {
		return ConfigProposal{}, err
	}
	out, err := a.ImportConfig(ctx, service, from)
	if err != nil {
		return out, err
	}
	return out, workspace.Change(a.dir, out.File, func(text []byte) ([]byte, error) {
		if text != nil {
			return nil, fault.Newf(fault.Conflict, "%s exists already and was left as it is; move it away, or set values one by one", out.File)
		}
		return []byte(out.Text), nil
	})
}

// mayConfigure says why a person may not set values of a service: its team may, and the platform's.
func (a *App) mayConfigure(ctx context.Context, service estate.ServiceName, by rights.Person) error {
	g, _, err := a.keeper.Graph(ctx, "")
	if err != nil {
		return err
	}
	found, ok := g.Find(string(service))
	if !ok || found.Name != service {
		return fault.Newf(fault.NotFound, "no service is called %q; caravan map lists what is there", service)
	}
	if by.Role.Reaches(rights.Platform) {
		return rights.May(by, rights.Decide, "")
	}
	return rights.May(by, rights.Decide, cmp.Or(found.Team, a.declared.Consent.Unowned, "no team"))
}

// knownLayer says why nothing would ever read what is set in a layer.
func (a *App) knownLayer(s Setting) error {
	var known []string
	switch s.Layer {
	case config.Environment:
		envs, err := a.allEnvironments()
		if err != nil {
			return err
		}
		for name := range envs {
			known = append(known, string(name))
		}
	case config.Country:
		envs, err := a.allEnvironments()
		if err != nil {
			return err
		}
		for _, at := range envs {
			known = append(known, at.Country)
		}
	case config.Kind:
		known = []string{"vm", "kubernetes"}
	default:
		if s.Name != "" {
			return fault.Newf(fault.Usage, "the base holds everywhere and has no name")
		}
		return nil
	}
	if slices.Contains(known, s.Name) {
		return nil
	}
	hint := "caravan.yaml and expansions/ say which there are"
	if near, ok := document.Nearest(s.Name, known); ok {
		hint = "did you mean " + near + "?"
	}
	return fault.Newf(fault.NotFound, "no %s %q; %s", s.Layer, s.Name, hint)
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

// placesOf is everywhere a service runs and is planned to, by environment, and its team.
func (a *App) placesOf(ctx context.Context, service estate.ServiceName) ([]place, estate.TeamName, error) {
	if err := a.inWorkspace(); err != nil {
		return nil, "", err
	}
	g, sum, err := a.keeper.Graph(ctx, "")
	if err != nil {
		return nil, "", err
	}
	found, ok := g.Find(string(service))
	if !ok {
		return nil, "", fault.Newf(fault.NotFound, "no service is called %q; caravan map lists what is there", service)
	}
	snapshot, err := a.snapshotOf(ctx, sum)
	if err != nil {
		return nil, "", err
	}
	envs, err := a.allEnvironments()
	if err != nil {
		return nil, "", err
	}
	var out []place
	for _, env := range found.Environments {
		at := envs[env]
		at.Environment, at.Service = env, found.Name
		settings := settingsOf(found.Name, snapshot.Components, env)
		out = append(out, place{Spot: at, base: seenOf(found.Name, settings), today: todayOf(settings)})
	}
	planned, err := a.plannedOf(ctx, found.Name)
	out = append(out, planned...)
	slices.SortFunc(out, func(x, y place) int { return cmp.Compare(x.Environment, y.Environment) })
	return out, found.Team, err
}

// plannedOf is everywhere expansions plan a service to. One that cannot be planned is left out: planning it says why.
func (a *App) plannedOf(ctx context.Context, service estate.ServiceName) ([]place, error) {
	names, err := workspace.Expansions(a.dir)
	if err != nil {
		return nil, err
	}
	var out []place
	for _, name := range names {
		plan, err := a.dryPlan(ctx, name)
		if err != nil {
			continue
		}
		i := slices.IndexFunc(plan.Proposal.Members, func(m expansion.Member) bool { return m.Name == service })
		if i < 0 {
			continue
		}
		for _, site := range plan.Proposal.Sites(a.origin(plan.Proposal.Source)) {
			k := slices.IndexFunc(site.Services, func(s render.Service) bool { return s.Name == service })
			if k < 0 {
				continue
			}
			at := config.Spot{Service: service, Environment: site.Environment, Kind: site.Kind, Country: site.Country}
			out = append(out, place{Spot: at, base: ownOf(plan.Proposal.Members[i], name), planned: &site.Services[k]})
		}
	}
	return out, nil
}

// settingsOf are the settings of a service that count in an environment.
func settingsOf(service estate.ServiceName, all []estate.Component, env estate.EnvironmentName) []depmap.InForce {
	i := slices.IndexFunc(all, func(c estate.Component) bool { return c.Name == service })
	if i < 0 {
		return nil
	}
	return depmap.SettingsIn(all[i], all, env)
}

// seenOf is what is known of a service's configuration today, a document for each line.
func seenOf(service estate.ServiceName, settings []depmap.InForce) []config.Document {
	var out []config.Document
	for _, s := range settings {
		out = append(out, config.Document{
			File: s.Place.File, Layer: config.Seen, Service: service, Values: map[string]config.Value{cmp.Or(workload.VariableOf(s.Setting), s.Key): {Text: s.Full, Line: s.Place.Line}},
		})
	}
	return out
}

// fileReaders read files that processes read themselves, or that configuration servers hand out.
var fileReaders = []estate.ReaderName{"spring", "dotnet", "settings", "consul"}

// todayOf is what a process is given today: variables, and keys of its own files.
func todayOf(settings []depmap.InForce) []config.Old {
	var out []config.Old
	for _, s := range settings {
		name := workload.VariableOf(s.Setting)
		if name != "" || slices.Contains(fileReaders, s.By) {
			out = append(out, config.Old{Key: cmp.Or(name, s.Key), Value: s.Value, Variable: name != "", As: formOf(s.By), Place: s.Place})
		}
	}
	return out
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

// one is the place that is meant: the environment that is named, or the only one.
func one(places []place, service estate.ServiceName, env estate.EnvironmentName) (place, error) {
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
		return place{}, fault.Newf(fault.Usage, "%s is in %s; say which with -e", service, strings.Join(names, " and "))
	}
	return place{}, fault.Newf(fault.NotFound, "%s is not in %s, only in %s", service, env, strings.Join(names, " and "))
}
