package app

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"example.org/caravan/internal/config"
	"example.org/caravan/internal/document"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/redact"
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

// Config is what a service is given in an environment. NotFound when it is not there.
func (a *App) Config(ctx context.Context, service estate.ServiceName, env estate.EnvironmentName) (Configured, error) {
	g, err := a.configuredGround(ctx)
	if err != nil {
		return Configured{}, err
	}
	return g.config(service, env)
}

// ConfigDiff is what differs between what a service is given in two environments.
func (a *App) ConfigDiff(ctx context.Context, service estate.ServiceName, old, now estate.EnvironmentName) (ConfigComparison, error) {
	g, err := a.configuredGround(ctx)
	if err != nil {
		return ConfigComparison{}, err
	}
	x, err := g.config(service, old)
	if err != nil {
		return ConfigComparison{}, err
	}
	y, err := g.config(service, now)
	return ConfigComparison{Service: service, Old: x.Environment, New: y.Environment, Keys: config.Compare(x.Effective, y.Effective)}, err
}

// ConfigTrace is who is given a key, by service and environment. NotFound when nobody is.
func (a *App) ConfigTrace(ctx context.Context, key string) ([]config.Uses, error) {
	g, err := a.configuredGround(ctx)
	if err != nil {
		return nil, err
	}
	var out []config.Uses
	for _, s := range g.graph.Services {
		if s.Kind != estate.Service || s.External {
			continue
		}
		places, _, err := g.placesOf(s.Name)
		if err != nil {
			return nil, err
		}
		for _, p := range places {
			all, _ := config.Compute(slices.Concat(p.base, g.layers), p.Spot)
			if e, ok := all.Entry(key); ok {
				out = append(out, config.Uses{Spot: p.Spot, Entry: e})
			}
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
	if err := mayKeep(service, s.Secret, by); err != nil {
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
	if r := s.Secret; r != nil && r.SOPS != "" {
		if _, err := os.Stat(filepath.Join(a.dir, filepath.FromSlash(r.SOPS))); errors.Is(err, fs.ErrNotExist) {
			return Set{}, fault.Newf(fault.NotFound, "%s: no such file of SOPS in the workspace; make it with sops first, or correct its name", r.SOPS)
		}
	}
	out := Set{File: file}
	return out, workspace.Change(a.dir, file, func(text []byte) ([]byte, error) {
		if d, err := config.Parse(text, file); err == nil {
			if v, ok := d.Values[s.Key]; ok {
				if s.Secret != nil && v.Secret == nil {
					v.Text = redact.Mask // it is said to be a secret now, and was one before
				}
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
	g, err := a.ground(ctx)
	if err != nil {
		return ConfigProposal{}, err
	}
	places, _, err := g.placesOf(service)
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
	p, err := one(slices.DeleteFunc(places, func(p place) bool { return p.planned != nil }), service, from, "--from")
	if err != nil {
		return ConfigProposal{}, err
	}
	proposed := config.Propose(p.Service, workload.OwnSecret(string(p.Service)), p.today, func(key string) bool { return known[estate.Norm(key)] }, g.unreadIn(p))
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
	team, err := a.answersFor(ctx, service)
	if err != nil {
		return err
	}
	return a.mayOf(by, rights.Decide, team)
}

// mayKeep says why a person may not have a service given what is kept somewhere: whoever runs caravan may decrypt more than a team may, and has variables
// that are none of a team's. A team names files of its own service's folder; what else there is, the platform hands out.
func mayKeep(service estate.ServiceName, r *config.Reference, by rights.Person) error {
	if r == nil || by.Role.Reaches(rights.Platform) {
		return nil
	}
	own := path.Dir(workspace.WorkloadFile(service)) + "/"
	switch {
	case r.Env != "":
		return fault.Newf(fault.Denied, "variables of whoever runs caravan are the platform's to hand out; ask them to set it, or keep the secret in a file of SOPS below %s", own)
	case r.SOPS != "" && !strings.HasPrefix(path.Clean(r.SOPS), own):
		return fault.Newf(fault.Denied, "%s is not below %s; keep the secret there, or ask the platform to set it", r.SOPS, own)
	}
	return nil
}

// answersFor is the team that answers for a service: its owner, or who answers for what nobody owns. NotFound when none is called so.
func (a *App) answersFor(ctx context.Context, service estate.ServiceName) (estate.TeamName, error) {
	owner, err := a.ownerOf(ctx, service)
	if err != nil {
		return "", err
	}
	return cmp.Or(owner, a.declared.Consent.Unowned, "no team"), nil
}

// ownerOf is the team that owns a service by the map; "" when nobody does. NotFound when none is called so.
func (a *App) ownerOf(ctx context.Context, service estate.ServiceName) (estate.TeamName, error) {
	g, _, err := a.keeper.Graph(ctx, "")
	if err != nil {
		return "", err
	}
	found, ok := g.Find(string(service))
	if !ok || found.Name != service {
		return "", fault.Newf(fault.NotFound, "no service is called %q; caravan map lists what is there", service)
	}
	return found.Team, nil
}

// knownLayer says why nothing would ever read what is set in a layer.
func (a *App) knownLayer(s Setting) error {
	var known []string
	hint := "caravan.yaml and expansions/ say which there are"
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
		known, hint = []string{"vm", "kubernetes"}, "it is vm or kubernetes"
	default:
		if s.Name != "" {
			return fault.Newf(fault.Usage, "the base holds everywhere and has no name")
		}
		return nil
	}
	if slices.Contains(known, s.Name) {
		return nil
	}
	if near, ok := document.Nearest(s.Name, known); ok {
		hint = "did you mean " + near + "?"
	}
	return fault.Newf(fault.NotFound, "no %s %q; %s", s.Layer, s.Name, hint)
}
