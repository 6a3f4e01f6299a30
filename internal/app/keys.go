package app

import (
	"cmp"
	"context"
	"path"
	"slices"
	"strings"

	"example.org/caravan/internal/config"
	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/estate"
)

// ConfigKeys is what becomes of the keys that a service is given, and reads, in an environment.
type ConfigKeys struct {
	config.Spot
	Team     estate.TeamName `json:"team,omitempty"`
	Code     bool            `json:"code"`               // some code of it was read
	Keys     []config.KeyUse `json:"keys"`               // by key
	Computed []estate.Place  `json:"computed,omitempty"` // where keys are read whose names nothing is known of
}

// ConfigKeys says which of the keys of a service in an environment anything reads, and which of those it reads anything sets. NotFound when it
// is not there.
func (a *App) ConfigKeys(ctx context.Context, service estate.ServiceName, env estate.EnvironmentName) (ConfigKeys, error) {
	g, err := a.configuredGround(ctx)
	if err != nil {
		return ConfigKeys{}, err
	}
	places, team, err := g.placesOf(service)
	if err != nil {
		return ConfigKeys{}, err
	}
	p, err := one(places, service, env, "-e")
	if err != nil {
		return ConfigKeys{}, err
	}
	return g.keysIn(p, team), nil
}

// IdleKey is a key that nobody reads, or that is read and unset, in some environments.
type IdleKey struct {
	Service      estate.ServiceName       `json:"service"`
	Team         estate.TeamName          `json:"team,omitempty"`
	Environments []estate.EnvironmentName `json:"environments"`
	config.KeyUse
}

// IdleConfigKeys are the keys of all services that nobody reads, and those that are read and unset: by service and key, each with the
// environments in which it is so.
func (a *App) IdleConfigKeys(ctx context.Context) ([]IdleKey, error) {
	g, err := a.configuredGround(ctx)
	if err != nil {
		return nil, err
	}
	var out []IdleKey
	for _, s := range g.graph.Services {
		if s.Kind != estate.Service || s.External {
			continue
		}
		places, team, err := g.placesOf(s.Name)
		if err != nil {
			return nil, err
		}
		own := len(out)
		for _, p := range places {
			for _, k := range g.keysIn(p, team).Keys {
				if k.Verdict != config.NeverRead && k.Verdict != config.NotSet {
					continue
				}
				same := func(x IdleKey) bool { return x.Key == k.Key && x.Verdict == k.Verdict }
				if i := slices.IndexFunc(out[own:], same); i >= 0 {
					out[own+i].Environments = append(out[own+i].Environments, p.Environment)
					continue
				}
				out = append(out, IdleKey{Service: s.Name, Team: team, Environments: []estate.EnvironmentName{p.Environment}, KeyUse: k})
			}
		}
		slices.SortStableFunc(out[own:], func(x, y IdleKey) int { return cmp.Or(cmp.Compare(x.Key, y.Key), cmp.Compare(x.Verdict, y.Verdict)) })
	}
	return out, nil
}

// unreadIn says which keys nobody reads in a place, in any spelling.
func (g ground) unreadIn(p place) func(key string) bool {
	verdicts := map[string]config.KeyVerdict{}
	for _, k := range g.keysIn(p, "").Keys {
		verdicts[k.Key] = k.Verdict
	}
	return func(key string) bool { return verdicts[key] == config.NeverRead }
}

// keysIn is what becomes of a service's keys in a place.
func (g ground) keysIn(p place, team estate.TeamName) ConfigKeys {
	c := g.components[p.Service]
	today := g.filesOf(c, p)
	effective, _ := config.Compute(slices.Concat(documentsOf(p.Service, today), p.layered(), g.layers), p.Spot)
	reads, code := config.ReadingsOf(c.Mentions)
	written := g.writtenFor(c, p)
	for _, o := range today {
		if !slices.ContainsFunc(written, func(target string) bool { return replaces(target, o.Place.File) }) {
			reads = append(reads, readingsIn(o)...)
		}
	}
	out := ConfigKeys{Spot: p.Spot, Team: team, Code: code}
	for _, r := range reads {
		if r.Key == "" && r.Open {
			out.Computed = append(out.Computed, r.Place)
		}
	}
	out.Keys = config.Usage(effective, reads, config.Reader{Code: code, Libraries: librariesOf(c), Given: written})
	return out
}

// filesOf is what a service is given in a place by what is read today: where it runs, all of it; where it is planned to, what its release brings along.
func (g ground) filesOf(c estate.Component, p place) []config.Old {
	if p.planned == nil {
		return p.today
	}
	return slices.DeleteFunc(todayOf(byStrength(depmap.SettingsIn(c, g.usual, p.Environment))), func(o config.Old) bool { return o.Variable })
}

// layered is what a plan says besides; what runs is told by what is read of it today.
func (p place) layered() []config.Document {
	if p.planned == nil {
		return nil
	}
	return p.base
}

// documentsOf are documents for what is read today, one for each line, what counts the last.
func documentsOf(service estate.ServiceName, today []config.Old) []config.Document {
	var out []config.Document
	for _, o := range slices.Backward(today) {
		out = append(out, config.Document{File: o.Place.File, Layer: config.Seen, Service: service, Values: map[string]config.Value{o.Key: {Text: o.Value, Line: o.Place.Line}}})
	}
	return out
}

// readingsIn are the keys that a value takes from elsewhere. A file of the package config for Node names nothing but variables.
func readingsIn(o config.Old) []config.Reading {
	if o.Variable {
		return nil
	}
	if strings.HasPrefix(path.Base(o.Place.File), "custom-environment-variables.") {
		return []config.Reading{{Key: o.Value, Default: new(string), Place: o.Place}}
	}
	return config.PlaceholdersIn(o.Value, o.Place)
}

func librariesOf(c estate.Component) []string {
	var out []string
	for _, l := range c.Libraries {
		out = append(out, l.Coordinate)
	}
	return out
}

// replaces reports whether a file that is written on machines takes the place of one of a release: config/database.yml.
func replaces(target, file string) bool {
	return strings.Contains(target, "/") && path.Base(target) == path.Base(file) && path.Base(path.Dir(target)) == path.Base(path.Dir(file))
}

// writtenFor are variables and files that templates of a service's machines write for what runs there, whoever is meant.
func (g ground) writtenFor(c estate.Component, p place) []string {
	if p.planned != nil {
		return nil
	}
	var out []string
	for _, name := range c.Hosts {
		host := g.components[name]
		if !slices.Contains(host.Environments, p.Environment) && len(host.Environments) > 0 {
			continue
		}
		for _, m := range host.Mentions {
			if m.What == estate.CodeWrites {
				out = append(out, m.Value)
			}
		}
	}
	return out
}
