package app

import (
	"context"
	"fmt"
	"net"
	"path"
	"slices"
	"strconv"
	"strings"

	"example.org/caravan/internal/delivery"
	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/host"
	"example.org/caravan/internal/how"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/render"
	"example.org/caravan/internal/render/vm"
	"example.org/caravan/internal/workload"
	"example.org/caravan/internal/workspace"
)

// site is an environment that versions of a service are delivered to.
type site struct {
	environment estate.EnvironmentName
	world       delivery.World
	target      workspace.Target
	expansion   string        // that put it there; asToday for the environments that were there before
	files       []render.File // of the environment; nil of those
	step        journey.Step  // that lets the service run in a cluster
	program     host.Program  // on machines
	balancers   []render.Host // HAProxy's, where what they pass on is looked up there
	ports       []int         // of the service, for that
	drain       int           // seconds that requests under way are given there; the usual for 0
}

// asToday is what machines that no expansion made are known by where something has to be noted there. No expansion can be called so.
const asToday = ".today"

// living is a service with all environments that it lives in.
type living struct {
	service   depmap.Service
	sites     []site
	elsewhere []delivery.Elsewhere
}

// lives finds the environments that a service lives in: those where a move put it, and machines where it runs today. NotFound when no service is
// called so; Conflict while a move is about to put it somewhere.
func (a *App) lives(ctx context.Context, name estate.ServiceName) (living, error) {
	if err := a.inWorkspace(); err != nil {
		return living{}, err
	}
	g, sum, err := a.keeper.Graph(ctx, "")
	if err != nil {
		return living{}, err
	}
	found, ok := g.Find(string(name))
	if !ok || found.Kind != estate.Service {
		return living{}, fault.Newf(fault.NotFound, "no service is called %q; caravan map lists what is there", name)
	}
	l := living{service: found}
	names, err := workspace.Expansions(a.dir)
	if err != nil {
		return living{}, err
	}
	for _, expansion := range names {
		if err := a.placedIn(ctx, expansion, &l); err != nil {
			return living{}, err
		}
	}
	e, err := a.today(ctx, g, sum)
	if err != nil {
		return living{}, err
	}
	if err := a.runsToday(e, &l); err != nil {
		return living{}, err
	}
	l.sites = delivery.Sort(l.sites, a.declared.DeliveryOrder(), func(s site) estate.EnvironmentName { return s.environment })
	return l, nil
}

// placedIn adds the environments where an expansion put a service.
func (a *App) placedIn(ctx context.Context, expansion string, l *living) error {
	runs, err := a.store.Runs(ctx, expansion, 0)
	if err != nil {
		return err
	}
	for _, summary := range runs {
		if summary.Way == journey.Back {
			if summary.State == journey.Finished {
				return nil
			}
			return a.beingTakenBack(ctx, summary, l)
		}
		found, err := a.placedBy(ctx, summary.ID, l)
		if err != nil || found {
			return err
		}
	}
	return a.onlyPlanned(ctx, expansion, l)
}

// onlyPlanned says of the environments that an expansion plans for a service that it was not moved there yet.
func (a *App) onlyPlanned(ctx context.Context, name string, l *living) error {
	p, _, err := a.store.Proposal(ctx, name, "")
	if fault.KindOf(err) == fault.NotFound {
		return nil
	}
	if m, ok := p.Member(l.service.Name); ok {
		for _, e := range p.Environments {
			if slices.Contains(m.In, e.Name) {
				l.skip(e.Name, delivery.World(e.Kind), fmt.Sprintf("it was not moved there yet; caravan move %s does that", name))
			}
		}
	}
	return err
}

// beingTakenBack says of the environments of a way back that is not over that nothing is delivered there.
func (a *App) beingTakenBack(ctx context.Context, r journey.Run, l *living) error {
	var c course
	if err := a.store.Course(ctx, r.Journey, &c); err != nil {
		return err
	}
	for _, s := range c.Journey.Steps {
		if s.Kind == journey.Deploy && s.Subject == l.service.Name {
			l.skip(s.Environment, worldOf(c.Course, s), fmt.Sprintf("expansion %s is being taken back; finish that with caravan undo %s, or move it again", r.Expansion, r.Expansion))
		}
	}
	return nil
}

func (l *living) skip(env estate.EnvironmentName, w delivery.World, because string) {
	l.elsewhere = append(l.elsewhere, delivery.Elsewhere{Environment: env, World: w, Because: because})
}

// worldOf is what an environment is made of: files for machines have places there.
func worldOf(c journey.Course, s journey.Step) delivery.World {
	if slices.ContainsFunc(c.FilesOf(s), func(f render.File) bool { return f.Placed != nil }) {
		return delivery.Machines
	}
	return delivery.Kubernetes
}

// placedBy adds the environments where a run put a service; false when it put it nowhere.
func (a *App) placedBy(ctx context.Context, id journey.RunID, l *living) (bool, error) {
	r, options, err := a.store.Run(ctx, id)
	if err != nil {
		return false, err
	}
	o, err := readOptions(r.ID, options)
	if err != nil {
		return false, err
	}
	var c course
	if err := a.store.Course(ctx, r.Journey, &c); err != nil {
		return false, err
	}
	found := false
	for i, s := range c.Journey.Steps {
		switch {
		case s.Kind != journey.Deploy || s.Subject != l.service.Name:
		case r.Steps[i].State == journey.Done:
			if what := c.Altered(r.Journey); what != "" {
				return false, fault.Newf(fault.Invalid, "what is kept of %s was altered since it was planned (%s); move %s again, and ask who may write to the database", r.ID, what, r.Expansion)
			}
			found = true
			if err := a.addSite(c, s, o, l); err != nil {
				return false, err
			}
		case r.State == journey.Running:
			return false, fault.Newf(fault.Conflict, "%s is being moved to %s (%s by %s); deploy once that is done, caravan status %s says how far it is", s.Subject, s.Environment, r.ID, r.By, r.Expansion)
		}
	}
	return found, nil
}

// addSite adds an environment where a step put a service.
func (a *App) addSite(c course, s journey.Step, o runOptions, l *living) error {
	x := site{environment: s.Environment, world: worldOf(c.Course, s), target: o.Targets[s.Environment], expansion: c.Journey.Expansion, files: c.In(s.Environment), step: s}
	switch {
	case x.target.Cluster != nil:
	case x.target.Machines != nil:
		p, ok, err := host.ProgramOf(x.files, s.Subject)
		if err != nil {
			return err
		}
		if !ok {
			l.skip(s.Environment, x.world, "nothing says how releases are put in place on its machines; move it again")
			return nil
		}
		x.program = p
	case x.target.Folder != "":
		l.skip(s.Environment, x.world, fmt.Sprintf("its files are in the folder %s, and whatever applies them from there decides which version runs", x.target.Folder))
		return nil
	default:
		l.skip(s.Environment, x.world, untargeted(string(s.Environment)))
		return nil
	}
	l.sites = append(l.sites, x)
	return nil
}

// runsToday adds the machines a service runs on that no expansion made.
func (a *App) runsToday(e how.Estate, l *living) error {
	addresses := addressesOf(e.Components)
	written, err := workspace.Workloads(a.dir)
	if err != nil {
		return err
	}
	for _, p := range how.Today(e, l.service).Places {
		if slices.ContainsFunc(l.sites, func(s site) bool { return s.environment == p.Environment }) {
			continue
		}
		t, ok := a.declared.TargetOf(p.Environment)
		switch {
		case p.Machines == nil && p.Cluster == nil:
		case !ok:
			l.skip(p.Environment, worldToday(p), untargeted(orPlace(p.Environment)))
		case p.Cluster != nil:
			l.skip(p.Environment, delivery.Kubernetes, "it was not put there by a move, so nothing says how it is deployed")
		case t.Machines == nil:
			l.skip(p.Environment, delivery.Machines, fmt.Sprintf("the target of %s is of another kind than the environment; mend it under targets in caravan.yaml", p.Environment))
		default:
			x, lacks := programToday(l.service, p, addresses)
			if lacks != "" {
				l.skip(p.Environment, delivery.Machines, lacks)
				continue
			}
			x.target, x.expansion = t, asToday
			x.balancers = a.balancersToday(e, l.service, p.Environment, addresses)
			if err := x.timed(l.service.Name, written); err != nil {
				return err
			}
			l.sites = append(l.sites, x)
		}
	}
	return nil
}

// balancersToday are the machines of HAProxies that pass requests on to a service: those that are declared, else those the map shows.
func (a *App) balancersToday(e how.Estate, of depmap.Service, env estate.EnvironmentName, addresses map[string]string) []render.Host {
	var out []render.Host
	for _, h := range a.declared.BalancersOf(env) {
		out = append(out, render.Host{Name: h.Name, Address: h.Address.String()})
	}
	if len(out) > 0 {
		return out
	}
	for _, h := range balancersOf(e, of, env) {
		if addresses[h.Name] != "" {
			out = append(out, render.Host{Name: h.Name, Address: addresses[h.Name]})
		}
	}
	return out
}

// timed takes the times of a service, its ports, and how it is asked whether it is well, from its workload, where its team has written one.
func (s *site) timed(name estate.ServiceName, written map[estate.ServiceName]workload.Workload) error {
	w, ok := written[name]
	if !ok {
		return nil
	}
	of := render.Service{Name: name, Workload: w}
	if ports := w.ListensOn(); len(ports) > 0 {
		s.ports = ports
	}
	if probe := w.Containers[of.MainContainer()].ReadinessProbe; probe != nil && probe.HTTPGet != nil && probe.HTTPGet.Port != 0 && !strings.EqualFold(probe.HTTPGet.Scheme, "HTTPS") {
		s.program.Health = requestTo(probe.HTTPGet.Port, probe.HTTPGet.Path)
	}
	times, err := of.Times()
	s.program.Patience, s.drain = times.Start, times.Drain
	return err
}

func worldToday(p how.Place) delivery.World {
	if p.Cluster != nil {
		return delivery.Kubernetes
	}
	return delivery.Machines
}

// currentLink is what the link to the release that runs is called, as Capistrano and others have it.
const currentLink = "current"

// patienceToday is how many seconds a service is given that nobody rendered.
const patienceToday = 60

// programToday is how releases of a service are put in place on machines that nobody rendered, or what is not known for that.
func programToday(of depmap.Service, p how.Place, addresses map[string]string) (x site, lacks string) {
	m := p.Machines
	x = site{environment: p.Environment, world: delivery.Machines, ports: p.Ports}
	root, ok := rootOf(m.Folder.Value)
	switch {
	case len(m.Hosts) == 0:
		return x, "no configuration says on which machines it runs"
	case len(m.Units) == 0:
		return x, "no configuration says which unit of systemd keeps it; let scans look at its machines, under live in caravan.yaml"
	case !ok:
		return x, fmt.Sprintf("its folder %q has no link called current in its path, so releases cannot be switched; let it start in …/current", m.Folder.Value)
	}
	unit := m.Units[0].Value
	x.program = host.Program{
		Service: of.Name, Unit: unit, Root: root, Patience: patienceToday, Health: healthToday(p),
		Switch: []string{"sh", "-c", vm.ReleaseScript(strings.TrimSuffix(unit, ".service"), root), "release"},
	}
	for _, h := range m.Hosts {
		if addresses[h] == "" {
			return x, fmt.Sprintf("no configuration says the address of machine %s", h)
		}
		x.program.Hosts = append(x.program.Hosts, render.Host{Name: h, Address: addresses[h]})
	}
	return x, ""
}

// rootOf is the folder that holds current, of a folder that is it or lies below it.
func rootOf(folder string) (string, bool) {
	for at := path.Clean(folder); path.IsAbs(at) && at != "/"; at = path.Dir(at) {
		if path.Base(at) == currentLink {
			return path.Dir(at), path.Dir(at) != "/"
		}
	}
	return "", false
}

// healthToday asks a service whether it is well: by its path, else whether its port is open.
func healthToday(p how.Place) []string {
	if len(p.Ports) == 0 {
		return nil
	}
	if p.Health == "" {
		return []string{"timeout", "3", "bash", "-c", ": </dev/tcp/127.0.0.1/" + strconv.Itoa(p.Ports[0])}
	}
	return requestTo(p.Ports[0], p.Health)
}

// requestTo is a request to a port of the machine itself, which a well process answers with success.
func requestTo(port int, at string) []string {
	return []string{"curl", "--fail", "--silent", "--show-error", "--output", "/dev/null", "--max-time", "3", "http://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) + "/" + strings.TrimPrefix(at, "/")}
}
