package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"example.org/caravan/internal/drift"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/host"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/kube"
	"example.org/caravan/internal/object"
	"example.org/caravan/internal/render"
	"example.org/caravan/internal/store"
	"example.org/caravan/internal/workspace"
)

// LookForDrift looks at every environment that something was put in place in, at once, and at what the last scan saw of the others; keeps what
// differs, tells teams what is new, and gives how all stands then. An environment that cannot be looked at is said to be none, and what was
// known of it stays.
func (a *App) LookForDrift(ctx context.Context, q DriftQuery) (Drift, error) {
	if err := a.inWorkspace(); err != nil {
		return Drift{}, err
	}
	l, err := a.lookAround(ctx)
	if err != nil {
		return Drift{}, err
	}
	found := drift.Compare(l.World)
	looks := l.looks()
	if err := a.store.KeepDrift(ctx, found, looks, l.Now); err != nil {
		return Drift{}, err
	}
	known := func(env estate.EnvironmentName) bool {
		return slices.ContainsFunc(looks, func(x store.DriftLook) bool { return x.Environment == env })
	}
	if err := a.store.ForgetDriftLooks(ctx, known); err != nil {
		return Drift{}, err
	}
	if err := a.tellDrift(ctx); err != nil {
		return Drift{}, err
	}
	return a.Drift(ctx, q)
}

// keepLooking looks for drift now and then until the program ends. What goes wrong with a look is kept with it, or shows when somebody looks.
func (a *App) keepLooking(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			_, _ = a.LookForDrift(ctx, DriftQuery{})
		}
	}
}

// looking gathers a world, from several places at once.
type looking struct {
	drift.World
	mu sync.Mutex
}

// looks are the looks with what ran where.
func (l *looking) looks() []store.DriftLook {
	out := make([]store.DriftLook, len(l.Looks))
	for i, look := range l.Looks {
		out[i].Look = look
		for _, r := range l.Instances {
			if r.Environment == look.Environment {
				out[i].Running = append(out[i].Running, r)
			}
		}
	}
	slices.SortFunc(out, func(x, y store.DriftLook) int { return cmp.Compare(x.Environment, y.Environment) })
	return out
}

// lookAround is the world as it is now.
func (a *App) lookAround(ctx context.Context) (*looking, error) {
	l := &looking{World: drift.World{Now: a.now().UTC(), Teams: map[estate.ServiceName]estate.TeamName{}}}
	names, err := workspace.Expansions(a.dir)
	if err != nil {
		return nil, err
	}
	var put []placed
	for _, name := range names {
		p, ok, err := a.inPlace(ctx, name)
		if err != nil {
			return nil, err
		}
		if ok {
			put = append(put, p)
		}
	}
	var all sync.WaitGroup
	for _, p := range put {
		for _, env := range p.environments() {
			all.Go(func() { a.seeEnvironment(ctx, l, p, env) })
		}
	}
	all.Wait()
	if err := ctx.Err(); err != nil {
		return nil, fault.Newf(fault.Unavailable, "look for drift: %w", err)
	}
	return l, a.lookAtScan(ctx, l, put)
}

// placed is what was put in place of an expansion: the steps that are done, each with its files as they were put there.
type placed struct {
	course
	options runOptions
	moving  bool // something is being put in place or taken away now
}

// environments are those whose place can be looked at.
func (p placed) environments() []estate.EnvironmentName {
	var out []estate.EnvironmentName
	for _, env := range p.options.live() {
		if len(p.In(env)) > 0 {
			out = append(out, env)
		}
	}
	return out
}

// inPlace is what was put in place of an expansion by the last move that finished, and what moves since then did of theirs; false when
// nothing was, or all of it was taken back.
func (a *App) inPlace(ctx context.Context, name string) (p placed, ok bool, err error) {
	runs, err := a.store.Runs(ctx, name, 0)
	if err != nil {
		return p, false, err
	}
	var since []journey.Run // the last first
	for _, r := range runs {
		p.moving = p.moving || r.State == journey.Running
		if r.Way == journey.Back && (r.State == journey.Finished || r.State.Open()) {
			break
		}
		if r.Way == journey.Forth {
			since = append(since, r)
		}
		if r.Way == journey.Forth && r.State == journey.Finished {
			break
		}
	}
	for _, r := range slices.Backward(since) {
		full, text, err := a.store.Run(ctx, r.ID)
		if err != nil {
			return p, false, err
		}
		var c course
		o, err := readOptions(r.ID, text)
		if err := errors.Join(err, a.store.Course(ctx, r.Journey, &c)); err != nil {
			return p, false, err
		}
		p.options, p.course = o, p.with(c, full)
	}
	return p, len(since) > 0, nil
}

// with is a course with what a run did of another in the place of what it had.
func (p placed) with(c course, r journey.Run) course {
	out := c
	out.Journey.Steps, out.Files = nil, nil
	done := map[journey.StepID]bool{}
	for i, s := range c.Journey.Steps {
		if i < len(r.Steps) && r.Steps[i].State == journey.Done && s.Kind != journey.Removal {
			done[s.ID] = true
			out.Journey.Steps = append(out.Journey.Steps, s)
			out.Files = append(out.Files, c.FilesOf(s)...)
		}
	}
	for _, s := range p.Journey.Steps {
		gone := slices.ContainsFunc(c.Journey.Steps, func(x journey.Step) bool {
			return x.Kind == journey.Removal && slices.ContainsFunc(s.Files, func(f journey.Written) bool { return slices.Contains(x.Gone, f.Path) })
		})
		if !done[s.ID] && !(gone && r.State == journey.Finished) {
			out.Journey.Steps = append(out.Journey.Steps, s)
			out.Files = append(out.Files, p.FilesOf(s)...)
		}
	}
	slices.SortStableFunc(out.Files, func(x, y render.File) int { return strings.Compare(x.Path, y.Path) })
	out.Files = slices.CompactFunc(out.Files, func(x, y render.File) bool { return x.Path == y.Path })
	return out
}

// driftTakes bounds how long an environment is looked at. One whose API server is away is not waited for as a move would.
const driftTakes = 30 * time.Second

// seeEnvironment looks at an environment of what was put in place.
func (a *App) seeEnvironment(ctx context.Context, l *looking, p placed, env estate.EnvironmentName) {
	look := drift.Look{Environment: env, At: a.now().UTC(), Where: p.options.Targets[env].String(), Moving: p.moving}
	in, done := context.WithTimeoutCause(ctx, driftTakes, fault.Newf(fault.Unavailable, "it did not answer within %s", driftTakes))
	defer done()
	err := a.seeTarget(in, l, p, &look)
	if err != nil && ctx.Err() == nil && in.Err() != nil {
		err = context.Cause(in)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		look.Failed = err.Error()
	}
	l.Looks = append(l.Looks, look)
}

func (a *App) seeTarget(ctx context.Context, l *looking, p placed, look *drift.Look) error {
	t, err := a.target(ctx, p.Journey.Expansion, look.Environment, p.In(look.Environment), p.options, false)
	if err != nil {
		return err
	}
	switch t := t.(type) {
	case *kube.Target:
		err = a.seeCluster(ctx, l, p, *look, t)
	case *host.Target:
		err = a.seeMachines(ctx, l, p, look, t)
	}
	return errors.Join(err, t.Close())
}

// stepsByPath are the steps that put files in place, by path.
func (p placed) stepsByPath(env estate.EnvironmentName) map[string]journey.Step {
	out := map[string]journey.Step{}
	for _, s := range p.Journey.Steps {
		if s.Environment != env {
			continue
		}
		for _, f := range s.Files {
			out[f.Path] = s
		}
	}
	return out
}

func (p placed) sourceOf(s journey.Step, look drift.Look) drift.Source {
	return drift.Source{Service: s.Subject, Environment: look.Environment, Team: s.Team, Expansion: p.Journey.Expansion, Step: string(s.ID), Where: look.Where, At: look.At}
}

func (a *App) seeCluster(ctx context.Context, l *looking, p placed, look drift.Look, t *kube.Target) error {
	pairs, err := t.Pairs(ctx)
	if err != nil {
		return err
	}
	steps := p.stepsByPath(look.Environment)
	scaled := object.Scaled(pairs)
	teams := map[string]estate.TeamName{} // by namespace
	for _, pair := range pairs {
		if space := object.Namespace(pair.Declared); space != "" {
			teams[space] = cmp.Or(teams[space], steps[pair.Path].Team)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, pair := range pairs {
		s := p.sourceOf(steps[pair.Path], look)
		if pair.Declared == nil {
			s = drift.Source{Environment: look.Environment, Team: teams[object.Namespace(pair.Live)], Where: look.Where, At: look.At}
			if look.Moving {
				continue // what is on its way in or out is not extra
			}
		}
		l.Objects = append(l.Objects, drift.Object{Source: s, Pair: pair, Scaled: scaled[object.Name(pair.Declared)]})
		if s.Service != "" && steps[pair.Path].Kind != journey.Stub {
			l.runs(s, pair)
		}
	}
	return nil
}

// runs notes which version of a service runs in an object, and which one is declared.
func (l *looking) runs(s drift.Source, pair object.Pair) {
	image := object.Image(pair.Declared)
	if image == "" {
		return
	}
	live := cmp.Or(object.Image(pair.Live), image)
	l.Instances = append(l.Instances, drift.Running{
		Service: s.Service, Environment: s.Environment, Team: s.Team, Name: object.Name(pair.Declared), Version: drift.VersionOf(live), Declared: true, At: s.At, Place: s.Where + ", " + object.Name(pair.Declared),
	})
	l.Releases = append(l.Releases, drift.Released{Service: s.Service, Environment: s.Environment, Version: drift.VersionOf(image), Place: pair.Path})
}

func (a *App) seeMachines(ctx context.Context, l *looking, p placed, look *drift.Look, t *host.Target) error {
	seen := t.Differing(ctx)
	steps := p.stepsByPath(look.Environment)
	byThing := map[estate.ServiceName]journey.Step{}
	for _, s := range p.Journey.Steps {
		if s.Environment == look.Environment && slices.Contains([]journey.Kind{journey.Deploy, journey.CreateStore, journey.Stub}, s.Kind) {
			byThing[s.Subject] = s
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range seen.Files {
		f.Source = p.sourceOf(steps[f.File], *look)
		l.Files = append(l.Files, f)
	}
	for _, u := range seen.Units {
		s, ok := byThing[u.Service]
		if !ok {
			s = journey.Step{Subject: u.Service}
		}
		u.Source = p.sourceOf(s, *look)
		l.Units = append(l.Units, u)
		l.Instances = append(l.Instances, drift.Running{Service: u.Service, Environment: look.Environment, Team: s.Team, Name: u.Machine + ":" + u.Unit, Declared: true, At: look.At, Place: u.Machine})
	}
	var lost []error
	for _, name := range slices.Sorted(maps.Keys(seen.Lost)) {
		lost = append(lost, fmt.Errorf("%s: %w", name, seen.Lost[name]))
	}
	look.Partly = len(lost) > 0 && len(seen.Units) > 0
	return errors.Join(lost...)
}
