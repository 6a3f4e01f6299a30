package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"example.org/caravan/internal/config"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/host"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/live"
	"example.org/caravan/internal/render"
	"example.org/caravan/internal/render/vm"
	"example.org/caravan/internal/rights"
	"example.org/caravan/internal/sops"
	"example.org/caravan/internal/told"
	"example.org/caravan/internal/workload"
	"example.org/caravan/internal/workspace"
)

// Shadow is what the processes of a service are told today beside what configuration has for them.
type Shadow struct {
	config.Report
	Team     estate.TeamName `json:"team,omitempty"`
	Unread   []Unread        `json:"unread,omitempty"` // machines whose process was not read
	Switched *Switched       `json:"switched,omitempty"`
	Journey  string          `json:"journey" doc:"Name under which its switch is agreed to, watched and noted."`
}

// Unread is a machine whose process was not read, and why.
type Unread struct {
	Machine string `json:"machine"`
	Why     string `json:"why"`
}

// Switched says since when a service is told by configuration.
type Switched struct {
	At      time.Time       `json:"at"`
	By      string          `json:"by"`
	Until   time.Time       `json:"until"` // it may go back in one command until then
	Changed []config.Parity `json:"changed,omitempty" doc:"What its processes are told otherwise than before the switch."`
}

// InTheWay says why a service cannot be switched; "" when nothing is in the way.
func (s Shadow) InTheWay() string {
	switch {
	case len(s.Instances) == 0 && len(s.Unread) == 0:
		return "none of its processes was read"
	case len(s.Unread) > 0:
		return s.Unread[0].Why
	case len(s.Keys) == 0:
		return "its processes are told nothing by their unit, and configuration has nothing for them"
	case s.Unexplained == 0:
		return ""
	}
	var lines []string
	for _, k := range s.Keys {
		if k.Verdict == config.Unexplained {
			lines = append(lines, k.Text())
		}
	}
	return strings.Join(lines, "\n")
}

// shadowed is a service where it runs, with what it takes to read its processes and to switch them.
type shadowed struct {
	config.Spot
	team      estate.TeamName
	forms     []config.Form
	expected  []config.Expected
	delivered config.Delivered
	today     []config.Old
	signed    []config.Signature
	hosts     []render.Host
	units     []string
	ports     []int
	health    string
	reach     host.Options
}

// name is that of the switch's journey.
func (s shadowed) name() string { return switchName(s.Service, s.Environment) }

const switchPrefix = "config:"

// switchName is the name of the journey in which a service is switched. No expansion is called so.
func switchName(service estate.ServiceName, env estate.EnvironmentName) string {
	return switchPrefix + string(service) + ":" + string(env)
}

// switchOf is the service and environment that the name of a journey stands for; false for an expansion's.
func switchOf(name string) (estate.ServiceName, estate.EnvironmentName, bool) {
	rest, ok := strings.CutPrefix(name, switchPrefix)
	i := strings.LastIndexByte(rest, ':')
	if !ok || i < 0 {
		return "", "", false
	}
	return estate.ServiceName(rest[:i]), estate.EnvironmentName(rest[i+1:]), true
}

// beginCommand begins a journey.
func beginCommand(name string) string {
	if service, env, ok := switchOf(name); ok {
		return "caravan config switch " + string(service) + " -e " + string(env)
	}
	if store, env, ok := relocationOf(name); ok {
		return "caravan standby move " + string(store) + " --to " + string(env)
	}
	return "caravan move " + name
}

// statusCommand says how a journey stands.
func statusCommand(name string) string {
	if service, env, ok := switchOf(name); ok {
		return "caravan config shadow " + string(service) + " -e " + string(env)
	}
	if store, env, ok := relocationOf(name); ok {
		return "caravan standby move " + string(store) + " --to " + string(env) + " --dry-run"
	}
	return "caravan status " + name
}

// Shadow compares what the processes of a service are told with what configuration has for them, and changes nothing. NotFound when it does not
// run in the environment; Invalid when what configuration has for it cannot be delivered there.
func (a *App) Shadow(ctx context.Context, service estate.ServiceName, env estate.EnvironmentName) (Shadow, error) {
	s, err := a.shadowed(ctx, service, env)
	if err != nil {
		return Shadow{}, err
	}
	return a.compare(ctx, s)
}

func (a *App) compare(ctx context.Context, s shadowed) (Shadow, error) {
	processes, unread := s.read(ctx)
	out := Shadow{Team: s.team, Unread: unread, Journey: s.name(), Report: config.Compared(s.Spot, s.expected, tellings(processes), s.today, s.signed)}
	var err error
	if out.Switched, err = a.switched(ctx, s.Spot); err != nil || out.Switched == nil {
		return out, err
	}
	for _, p := range processes {
		for _, c := range config.Changed(s.Spot, s.expected, p.before, p.Told) {
			if !slices.ContainsFunc(out.Switched.Changed, func(x config.Parity) bool { return x.Slot == c.Slot && x.Digest == c.Digest }) {
				out.Switched.Changed = append(out.Switched.Changed, c)
			}
		}
	}
	return out, nil
}

// switched is since when a service is told by configuration; nil when it is not.
func (a *App) switched(ctx context.Context, at config.Spot) (*Switched, error) {
	runs, err := a.store.Runs(ctx, switchName(at.Service, at.Environment), 1)
	if err != nil || len(runs) == 0 || runs[0].Way != journey.Forth || runs[0].State != journey.Finished {
		return nil, err
	}
	return &Switched{At: runs[0].Ended, By: runs[0].By, Until: runs[0].Ended.Add(a.declared.Switching.WayBack())}, nil
}

// process is what is told to a process on one machine, and what was before the switch.
type process struct {
	told.Process
	before config.Told // Instance is "" when nothing was kept
}

func tellings(all []process) []config.Told {
	out := make([]config.Told, len(all))
	for i, p := range all {
		out[i] = p.Told
	}
	return out
}

// on does something on every machine of the service at once, and says of which it failed.
func (s shadowed) on(ctx context.Context, do func(int, *host.Machine) error) []error {
	errs := make([]error, len(s.hosts))
	var all sync.WaitGroup
	for i, h := range s.hosts {
		all.Go(func() {
			m, err := host.Connect(ctx, s.reach, h.Name, h.Address)
			if err == nil {
				err = errors.Join(do(i, m), m.Close())
			}
			errs[i] = err
		})
	}
	all.Wait()
	return errs
}

// read reads all processes of the service, those of which it could be.
func (s shadowed) read(ctx context.Context) ([]process, []Unread) {
	all := make([]process, len(s.hosts))
	errs := s.on(ctx, func(i int, m *host.Machine) (err error) {
		all[i], err = s.process(ctx, m)
		return err
	})
	var out []process
	var unread []Unread
	for i, err := range errs {
		if err != nil {
			unread = append(unread, Unread{s.hosts[i].Name, err.Error()})
			continue
		}
		out = append(out, all[i])
	}
	return out, unread
}

func (s shadowed) process(ctx context.Context, m *host.Machine) (process, error) {
	p, err := told.OnMachine(ctx, m, told.Wanted{Service: string(s.Service), Units: s.units, Ports: s.ports, Forms: s.forms, Private: vm.Private(s.Service)})
	if err != nil {
		return process{}, err
	}
	before, err := told.Before(ctx, m, vm.Private(s.Service))
	return process{p, before}, err
}

// shadowed finds out where a service runs, what configuration has for it there, and how its machines are reached.
func (a *App) shadowed(ctx context.Context, service estate.ServiceName, env estate.EnvironmentName) (shadowed, error) {
	g, err := a.runningGround(ctx)
	if err != nil {
		return shadowed{}, err
	}
	if g.layers, err = workspace.Configuration(a.dir); err != nil {
		return shadowed{}, err
	}
	places, team, err := g.placesOf(service)
	if err != nil {
		return shadowed{}, err
	}
	p, err := one(places, service, env, "-e")
	switch {
	case err != nil:
		return shadowed{}, fmt.Errorf("%w; where it is planned to, it is told by its configuration from the beginning", err)
	case p.Kind != "vm":
		return shadowed{}, fault.Newf(fault.Usage, "%s is no environment of machines, so its pods are told by the manifests there; move %s with caravan move", p.Environment, p.Service)
	}
	effective, problems := config.Compute(g.layers, p.Spot)
	expected, more := config.Expect(effective, a.comesTo(ctx, p.Spot))
	delivered, most := config.Deliver(effective, workload.OwnSecret(string(p.Service)))
	if problems = slices.Concat(problems, more, most); len(problems) > 0 {
		lines := make([]string, len(problems))
		for i, p := range problems {
			lines[i] = p.String()
		}
		return shadowed{}, fault.Newf(fault.Invalid, "%s", strings.Join(lines, "\n"))
	}
	s := shadowed{Spot: p.Spot, team: team, forms: effective.Forms(), expected: expected, delivered: delivered, today: p.today}
	if s.signed, err = a.store.Signatures(ctx, p.Service, p.Environment); err != nil {
		return s, err
	}
	return a.whereRuns(g, s)
}

// whereRuns finds the machines of a service, and how its process is known there.
func (a *App) whereRuns(g ground, s shadowed) (shadowed, error) {
	c := g.components[s.Service]
	snapshot := estate.Snapshot{}
	for _, other := range g.components {
		snapshot.Components = append(snapshot.Components, other)
	}
	for _, h := range live.HostsOf(snapshot, s.Environment) {
		if slices.Contains(c.Hosts, estate.ServiceName(h.Name)) {
			s.hosts = append(s.hosts, render.Host{Name: h.Name, Address: h.Address.String()})
		}
	}
	slices.SortFunc(s.hosts, func(x, y render.Host) int { return cmp.Compare(x.Name, y.Name) })
	if len(s.hosts) == 0 {
		return s, fault.Newf(fault.NotFound, "no machine of %s in %s has a known address; caravan map --service %s shows what is known of it", s.Service, s.Environment, s.Service)
	}
	for _, t := range c.Process {
		if t.Environment != "" && t.Environment != s.Environment {
			continue
		}
		switch t.Key {
		case estate.ProcessUnit:
			s.units = append(s.units, strings.TrimSuffix(t.Value, ".service")+".service")
		case estate.ProcessHealth:
			s.health = cmp.Or(s.health, t.Value)
		}
	}
	for _, name := range []string{string(s.Service), a.declared.Organisation + "-" + string(s.Service)} {
		s.units = append(s.units, workload.NameOf(name)+".service")
	}
	for _, l := range c.Listens {
		if l.Via != "vip" && l.Port > 0 && !slices.Contains(s.ports, l.Port) {
			s.ports = append(s.ports, l.Port)
		}
	}
	return a.reached(s)
}

// reached is how the machines of the environment are reached: as its target, or else as what is looked at there.
func (a *App) reached(s shadowed) (shadowed, error) {
	m, ok := a.machinesOf(s.Environment)
	if !ok {
		return s, fault.Newf(fault.NotFound, "nothing says how the machines of %s are reached; write a target or a live source of machines for it in %s", s.Environment, workspace.FileName)
	}
	s.reach = a.overSSH(m)
	return s, nil
}

func (a *App) machinesOf(env estate.EnvironmentName) (workspace.Machines, bool) {
	if t, ok := a.declared.TargetOf(env); ok && t.Machines != nil {
		return *t.Machines, true
	}
	for _, l := range a.declared.Live {
		if l.Environment == env && l.Machines != nil {
			return *l.Machines, true
		}
	}
	return workspace.Machines{}, false
}

// comesTo gives what a value comes to where no expansion made the place. What a Secret of Kubernetes holds is not known, nor what a variable does
// that this program was not given.
func (a *App) comesTo(ctx context.Context, at config.Spot) func(config.Entry) (string, bool, error) {
	kept := sops.In(a.dir)
	return func(e config.Entry) (string, bool, error) {
		if r := e.Value().Secret; r != nil {
			return revealed(ctx, kept, *r)
		}
		parts, err := workload.Parts(e.Value().Text)
		if err != nil {
			return "", false, err
		}
		text := ""
		for _, p := range parts {
			if p.Placeholder() != "" {
				return "", false, fault.Newf(fault.Invalid, "%s stands for nothing in %s, which no expansion made; say what it is there: caravan config set %s %s VALUE -e %s", p.Placeholder(), at.Environment, at.Service, e.Key, at.Environment)
			}
			text += p.Text
		}
		return text, true, nil
	}
}

// revealed is what a secret holds; false when nobody here may know.
func revealed(ctx context.Context, kept *sops.Files, r config.Reference) (string, bool, error) {
	switch {
	case r.SOPS != "":
		text, err := kept.Reveal(ctx, r.SOPS, r.Key)
		return text, err == nil, err
	case r.Env != "":
		text, known := os.LookupEnv(r.Env)
		return text, known, nil
	}
	return "", false, nil
}

// SignRequest says which difference is meant, and why.
type SignRequest struct {
	Environment estate.EnvironmentName `json:"environment" minLength:"1"`
	Key         string                 `json:"key" minLength:"1"`
	File        string                 `json:"file,omitempty" doc:"Where the process finds it; a variable when left out."`
	Why         string                 `json:"why" minLength:"1"`
}

// SignConfig keeps somebody's word that a difference is meant. NotFound when there is none.
func (a *App) SignConfig(ctx context.Context, service estate.ServiceName, req SignRequest, by rights.Person) (Shadow, error) {
	if strings.TrimSpace(req.Why) == "" {
		return Shadow{}, fault.Newf(fault.Invalid, "sign %s: no reason is given; say why with --why", req.Key)
	}
	team, err := a.answersFor(ctx, service)
	if err != nil {
		return Shadow{}, err
	}
	if err := rights.May(by, rights.Agree, team); err != nil {
		return Shadow{}, err
	}
	s, err := a.Shadow(ctx, service, req.Environment)
	if err != nil {
		return s, err
	}
	found := false
	for _, k := range s.Keys {
		if k.Key != req.Key || k.File != req.File || k.Verdict == config.Equal {
			continue
		}
		found = true
		g := config.Signature{Service: s.Service, Environment: s.Environment, Slot: k.Slot, Digest: k.Digest, By: by.By(), Why: req.Why, At: a.now()}
		if err := a.store.Sign(ctx, g, s.Journey); err != nil {
			return s, err
		}
	}
	if !found {
		return s, fault.Newf(fault.NotFound, "%s of %s is no difference in %s; caravan config shadow %s -e %s lists what there is", req.Key, service, s.Environment, service, s.Environment)
	}
	return a.Shadow(ctx, service, req.Environment)
}

// Adopted is what was taken over from processes that run, and how they compare since.
type Adopted struct {
	File  string   `json:"file"`
	Taken []string `json:"taken"` // keys
	Shadow
}

// AdoptConfig writes what processes are told and configuration does not have into the service's layer of the environment: secrets as references
// into its own Secret, and nothing where configuration has something that they are not told. Conflict when machines are told different things.
func (a *App) AdoptConfig(ctx context.Context, service estate.ServiceName, env estate.EnvironmentName, by rights.Person) (Adopted, error) {
	if err := a.mayConfigure(ctx, service, by); err != nil {
		return Adopted{}, err
	}
	s, err := a.Shadow(ctx, service, env)
	if err != nil {
		return Adopted{}, err
	}
	if len(s.Unread) > 0 {
		return Adopted{}, fault.Newf(fault.Unavailable, "%s", s.Unread[0].Why)
	}
	out := Adopted{File: config.File(s.Service, config.Environment, string(s.Environment))}
	for _, k := range s.Keys {
		if k.Verdict == config.Unexplained && len(k.Instances) > 0 {
			return out, fault.Newf(fault.Conflict, "%s is %s on %s and something else elsewhere; make it one value, or sign the difference", k.Key, k.Now.What(), strings.Join(k.Instances, ", "))
		}
	}
	err = workspace.Change(a.dir, out.File, func(text []byte) ([]byte, error) {
		for _, k := range s.Keys {
			if k.Verdict != config.Unexplained {
				continue
			}
			if text, err = config.Set(text, out.File, k.Key, k.Adopted(workload.OwnSecret(string(s.Service)))); err != nil {
				return nil, err
			}
			out.Taken = append(out.Taken, k.Key)
		}
		return text, nil
	})
	if err != nil {
		return out, err
	}
	out.Shadow, err = a.Shadow(ctx, service, env)
	return out, err
}
