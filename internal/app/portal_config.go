package app

import (
	"context"
	"slices"

	"example.org/caravan/internal/config"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/web"
)

// Configuration is how a service is configured in an environment, the first it is in when it is "".
func (p Portal) Configuration(ctx context.Context, name estate.ServiceName, env estate.EnvironmentName) (web.Configuration, error) {
	g, err := p.App.configuredGround(ctx)
	if err != nil {
		return web.Configuration{}, err
	}
	places, team, err := g.placesOf(name)
	if err != nil {
		return web.Configuration{}, err
	}
	v := web.Configuration{Effective: config.Effective{Spot: config.Spot{Service: name}}, Team: team}
	for _, at := range places {
		v.Places = append(v.Places, web.ConfigurationPlace{Environment: at.Environment, Kind: at.Kind, Planned: at.planned != nil})
	}
	if len(places) == 0 {
		return v, nil
	}
	if env == "" {
		env = places[0].Environment
	}
	found, err := g.config(name, env)
	v.Effective, v.Problems = found.Effective, found.Problems
	return v, err
}

// ConfigurationSwitch asks the machines of a service what its processes are told.
func (p Portal) ConfigurationSwitch(ctx context.Context, name estate.ServiceName, env estate.EnvironmentName) (web.ConfigurationSwitch, error) {
	s, err := p.App.Shadow(ctx, name, env)
	if err != nil {
		return web.ConfigurationSwitch{}, err
	}
	out := web.ConfigurationSwitch{Report: s.Report, InTheWay: s.InTheWay(), Name: s.Journey}
	for _, u := range s.Unread {
		out.Unread = append(out.Unread, web.ConfigurationUnread(u))
	}
	if w := s.Switched; w != nil {
		out.At, out.By, out.Until, out.Changed = w.At, w.By, w.Until, w.Changed
	}
	if out.InTheWay != "" {
		return out, nil
	}
	all, err := p.App.switchConsents(ctx, s.Service, s.Environment)
	if err != nil {
		return out, err
	}
	out.Journey = all.Journey
	for _, step := range all.Steps {
		out.Step, out.Does = step.ID, step.Preview
		for _, team := range step.Verdict.Teams() {
			if !slices.Contains(out.Missing, team) {
				out.Missing = append(out.Missing, team)
			}
		}
	}
	return out, nil
}
