package app

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/diagnose/cluster"
	"example.org/caravan/internal/diagnose/machines"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/how"
	"example.org/caravan/internal/kube"
	"example.org/caravan/internal/render"
	"example.org/caravan/internal/why"
	"example.org/caravan/internal/workspace"
)

// WhyPlace is an environment a service runs in, or is planned to, and whether it can be looked at there.
type WhyPlace struct {
	Environment estate.EnvironmentName `json:"environment"`
	Kind        string                 `json:"kind"` // "kubernetes" or "vm"
	Hidden      string                 `json:"hidden,omitempty" doc:"Why it cannot be looked at, and how to mend that; empty when it can."`
}

// WhyRequest says how to look at a service.
type WhyRequest struct {
	Environment estate.EnvironmentName `json:"environment,omitempty" doc:"Where; needed when it can be looked at in several."`
	Probe       bool                   `json:"probe,omitempty" doc:"Put a short-lived pod beside the service to try from what it calls, where its own containers have no program for that."`
	Image       string                 `json:"image,omitempty" doc:"Image of that pod, with sleep and nc; busybox when left out."`
}

// DefaultProbeImage has sleep and nc.
const DefaultProbeImage = "busybox:1.37"

// How long a look may take: what did not come by then is said to be unseen.
const (
	whyTime      = 20 * time.Second
	whyProbeTime = 75 * time.Second // a pod has to start, and its image may have to come first
)

// WhyPlaces lists where a service can be looked at. NotFound when nothing is called so.
func (a *App) WhyPlaces(ctx context.Context, name string) ([]WhyPlace, error) {
	all, _, err := a.whySubjects(ctx, name)
	out := make([]WhyPlace, 0, len(all))
	for _, s := range all {
		out = append(out, a.whyPlace(s))
	}
	return out, err
}

func (a *App) whyPlace(s why.Subject) WhyPlace {
	p := WhyPlace{Environment: s.Environment, Kind: "kubernetes"}
	if s.Machines != nil {
		p.Kind = "vm"
	}
	t, ok := a.declared.TargetOf(s.Environment)
	fits := s.Cluster != nil && t.Cluster != nil || s.Machines != nil && t.Machines != nil
	switch {
	case !ok:
		p.Hidden = untargeted(orPlace(s.Environment))
	case t.Folder != "":
		p.Hidden = fmt.Sprintf("the target of %s is a folder, which says nothing of what runs: name its cluster or machines under targets in caravan.yaml", s.Environment)
	case !fits:
		p.Hidden = fmt.Sprintf("the target of %s is of another kind than the environment (%s): mend it under targets in caravan.yaml", s.Environment, p.Kind)
	}
	return p
}

// untargeted says that environments have no target, once for all of them.
func untargeted(envs ...string) string {
	text := envs[0] + " has no target"
	if len(envs) > 1 {
		text = strings.Join(envs[:len(envs)-1], ", ") + " and " + envs[len(envs)-1] + " have no target"
	}
	return text + ": name its cluster or machines under targets in caravan.yaml"
}

func orPlace(env estate.EnvironmentName) string {
	return cmp.Or(string(env), "the environment it runs in")
}

// Why says why a service does not work in an environment. NotFound when it is not there; Usage when it is in several and none is named;
// Invalid when nothing says how to reach the environment.
func (a *App) Why(ctx context.Context, name string, req WhyRequest) (why.Diagnosis, error) {
	all, notes, err := a.whySubjects(ctx, name)
	if err != nil {
		return why.Diagnosis{}, err
	}
	s, err := a.whyOne(name, all, req.Environment)
	if err != nil {
		return why.Diagnosis{}, err
	}
	e, err := a.lookAt(ctx, s, req)
	if err != nil {
		return why.Diagnosis{}, err
	}
	e.Unseen = append(e.Unseen, notes...)
	return why.Diagnose(e), nil
}

// whyOne chooses the subject that is meant.
func (a *App) whyOne(name string, all []why.Subject, env estate.EnvironmentName) (why.Subject, error) {
	if len(all) == 0 {
		return why.Subject{}, fault.Newf(fault.NotFound, "where %s runs is in no configuration that was read, so it cannot be looked at; caravan how %s says what is missing", name, name)
	}
	var fitting []why.Subject
	var known, hidden, without []string
	for _, s := range all {
		known = append(known, orPlace(s.Environment))
		p := a.whyPlace(s)
		switch {
		case env != "" && s.Environment != env:
		case p.Hidden == untargeted(orPlace(s.Environment)):
			without = append(without, orPlace(s.Environment))
		case p.Hidden != "":
			hidden = append(hidden, p.Hidden)
		default:
			fitting = append(fitting, s)
		}
	}
	switch {
	case len(fitting) == 1:
		return fitting[0], nil
	case len(fitting) > 1:
		var names []string
		for _, s := range fitting {
			names = append(names, string(s.Environment))
		}
		return why.Subject{}, fault.Newf(fault.Usage, "%s runs in %s; say which with -e, as in caravan why %s -e %s", name, strings.Join(names, " and "), name, names[0])
	case len(without) > 0 || len(hidden) > 0:
		if len(without) > 0 {
			hidden = append(hidden, untargeted(without...))
		}
		return why.Subject{}, fault.Newf(fault.Invalid, "%s cannot be looked at: %s", name, strings.Join(hidden, "; "))
	}
	return why.Subject{}, fault.Newf(fault.NotFound, "%s does not run in %q; it does in %s", name, env, strings.Join(known, ", "))
}

// lookAt looks at a subject where its environment's target is.
func (a *App) lookAt(ctx context.Context, s why.Subject, req WhyRequest) (why.Evidence, error) {
	t, _ := a.declared.TargetOf(s.Environment)
	limit := whyTime
	if req.Probe {
		limit = whyProbeTime
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if s.Machines != nil {
		o := a.overSSH(*t.Machines)
		return machines.Look(ctx, machines.Options{Reach: o, Now: a.now}, s), nil
	}
	s.Cluster.Context = t.Cluster.Context
	config, err := kube.Config(kube.Options{Kubeconfig: a.declared.Within(t.Cluster.Kubeconfig), Context: t.Cluster.Context})
	if err != nil {
		return why.Evidence{}, err
	}
	return cluster.Look(ctx, cluster.Options{Config: config, Now: a.now, Probe: req.Probe, Image: cmp.Or(req.Image, DefaultProbeImage)}, s), nil
}

// whySubjects are a service in all its environments, those of today first, and notes on those that are missing.
func (a *App) whySubjects(ctx context.Context, name string) ([]why.Subject, []string, error) {
	g, sum, err := a.keeper.Graph(ctx, "")
	if err != nil {
		return nil, nil, err
	}
	found, ok := g.Find(name)
	if !ok {
		return nil, nil, fault.Newf(fault.NotFound, "no service is called %q; caravan map lists what is there", name)
	}
	if len(how.Topics(found.Kind)) == 0 {
		return nil, nil, fault.Newf(fault.NotFound, "%s is run by others or is a machine, so it cannot be looked at; ask about a service or datastore", found.Name)
	}
	e, err := a.today(ctx, g, sum)
	if err != nil {
		return nil, nil, err
	}
	out := subjectsOfToday(e, found)
	if a.dir == "" {
		return out, nil, nil
	}
	planned, notes, err := a.subjectsPlanned(ctx, found)
	for _, s := range planned {
		if !slices.ContainsFunc(out, func(o why.Subject) bool { return o.Environment == s.Environment }) {
			out = append(out, s)
		}
	}
	return out, notes, err
}

func subjectsOfToday(e how.Estate, found depmap.Service) []why.Subject {
	addresses := addressesOf(e.Components)
	var out []why.Subject
	for _, p := range how.Today(e, found).Places {
		s, ok := why.SubjectAt(found.Name, p)
		if !ok {
			continue
		}
		s.Needs = why.Called(how.Calls(e, found, p.Environment))
		if s.Machines != nil {
			s.Machines.Balancers = balancersOf(e, found, p.Environment)
		}
		out = append(out, s.At(addresses))
	}
	return out
}

// addressesOf are the first addresses of machines, by name.
func addressesOf(all []estate.Component) map[string]string {
	out := map[string]string{}
	for _, c := range all {
		if c.Kind != estate.Host {
			continue
		}
		for _, n := range c.Names {
			if n.Kind == estate.NameAddress && out[string(c.Name)] == "" {
				out[string(c.Name)] = n.Value
			}
		}
	}
	return out
}

// elsewhere reports whether a machine is known to be in other environments alone.
func elsewhere(e how.Estate, machine estate.ServiceName, env estate.EnvironmentName) bool {
	i := slices.IndexFunc(e.Components, func(c estate.Component) bool { return c.Kind == estate.Host && c.Name == machine })
	return i >= 0 && env != "" && len(e.Components[i].Environments) > 0 && !slices.Contains(e.Components[i].Environments, env)
}

// balancersOf are the machines of an environment, of any for "", that pass requests on to a service today.
func balancersOf(e how.Estate, to depmap.Service, env estate.EnvironmentName) []why.Host {
	var out []why.Host
	for _, edge := range e.Graph.Edges {
		if edge.To != to.Name || env != "" && !edge.In(env) {
			continue
		}
		from, ok := e.Graph.Find(string(edge.From))
		if !ok || from.Technology != "haproxy" {
			continue
		}
		for _, h := range from.Hosts {
			if !elsewhere(e, h, env) {
				out = append(out, why.Host{Name: string(h), Address: string(h)})
			}
		}
	}
	return out
}

// subjectsPlanned are a service in the environments that expansions plan.
func (a *App) subjectsPlanned(ctx context.Context, found depmap.Service) (out []why.Subject, notes []string, err error) {
	names, err := workspace.Expansions(a.dir)
	if err != nil || len(names) == 0 {
		return nil, nil, err
	}
	in, _, err := a.planInput(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, name := range names {
		p, err := a.planned(ctx, in, name)
		if err != nil {
			first, _, _ := strings.Cut(err.Error(), "\n")
			notes = append(notes, fmt.Sprintf("what expansion %s plans, which cannot be planned: %s", name, first))
			continue
		}
		for _, site := range p.Sites(a.origin(p.Source)) {
			if s, ok := subjectIn(site, found); ok {
				out = append(out, s)
			}
		}
	}
	return out, notes, ctx.Err()
}

// subjectIn is a service in a site; false when it is not placed there.
func subjectIn(site render.Site, found depmap.Service) (why.Subject, bool) {
	placed := how.Subject{Name: found.Name, Kind: found.Kind, Technology: found.Technology}.With(site)
	if len(placed.Places) == 0 {
		return why.Subject{}, false
	}
	s, ok := why.SubjectAt(found.Name, placed.Places[0])
	if !ok {
		return s, false
	}
	s.Needs = why.Planned(site, found.Name)
	addresses := map[string]string{}
	for _, h := range site.Hosts {
		addresses[h.Name] = h.Address
	}
	if s.Machines != nil {
		s.Machines.Balancers = why.Balancers(site)
	}
	return s.At(addresses), true
}
