package app

import (
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"example.org/caravan/internal/conductor"
	"example.org/caravan/internal/delivery"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/host"
	"example.org/caravan/internal/image"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/kube"
	"example.org/caravan/internal/redact"
	"example.org/caravan/internal/registry"
	"example.org/caravan/internal/render"
	"example.org/caravan/internal/store"
)

const (
	releaseBeat  = 3 * time.Second // between two signs of life
	releaseWatch = 5 * time.Second // between two looks for releases that nobody carries out
)

// carryOn carries a release out that is this program's, beside whatever else it does.
func (a *App) carryOn(r delivery.Release) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.carrying[r.ID] {
		return
	}
	a.carrying[r.ID] = true
	a.wg.Go(func() {
		defer func() {
			a.mu.Lock()
			defer a.mu.Unlock()
			delete(a.carrying, r.ID)
		}()
		ctx, stop := context.WithCancel(a.ctx)
		defer stop()
		c := &carrier{App: a, r: r, worker: conductor.Self(), find: a.lives, reach: (*carrier).open}
		a.wg.Go(func() { a.beatRelease(ctx, r.ID, stop) })
		c.untilItEnds(ctx)
		_ = a.store.LeaveRelease(context.WithoutCancel(ctx), r.ID, c.worker) // else others see that this program is gone
	})
}

// carryOpen carries on what other programs left, as long as this one runs.
func (a *App) carryOpen() {
	a.wg.Go(func() {
		tick := time.NewTicker(releaseWatch)
		defer tick.Stop()
		for {
			open, _ := a.store.OpenReleases(a.ctx) // the store may be away for a while
			for _, r := range open {
				if taken, mine, err := a.store.TakeRelease(a.ctx, r.ID, conductor.Self(), silentFor); err == nil && mine {
					a.carryOn(taken)
				}
			}
			select {
			case <-a.ctx.Done():
				return
			case <-tick.C:
			}
		}
	})
}

// carrier carries one release out.
type carrier struct {
	*App
	r      delivery.Release
	worker string
	find   func(context.Context, estate.ServiceName) (living, error)  // where the service lives
	reach  func(*carrier, context.Context, site) (destination, error) // what does it there
	home   living
	spool  *os.File // the release as machines unpack it; nil until it is needed
	mu     sync.Mutex
}

// beatRelease says that a release is being carried out, until it is not any more; one that another program took over is let go.
func (a *App) beatRelease(ctx context.Context, id delivery.ID, stop context.CancelFunc) {
	tick := time.NewTicker(releaseBeat)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := a.store.BeatRelease(ctx, id, conductor.Self()); fault.KindOf(err) == fault.Conflict {
			stop()
		}
	}
}

// say keeps a line of what is done. What cannot be kept is not worth stopping for.
func (c *carrier) say(env estate.EnvironmentName, line string) {
	_ = c.store.SayRelease(context.WithoutCancel(c.ctx), c.r.ID, []store.ReleaseLine{{Environment: env, At: c.now(), Text: redact.Text(line)}})
}

// untilItEnds carries a release out. When the store is away it goes on once that is back, unless another program has it by then.
func (c *carrier) untilItEnds(ctx context.Context) {
	for c.carry(ctx) != nil && ctx.Err() == nil {
		select {
		case <-ctx.Done():
			return
		case <-time.After(releaseBeat):
		}
		taken, mine, err := c.store.TakeRelease(ctx, c.r.ID, c.worker, silentFor)
		switch {
		case err != nil:
		case !mine:
			return
		default:
			c.r = taken
		}
	}
}

// carry does what is next until the release has ended, or the program does.
func (c *carrier) carry(ctx context.Context) error {
	defer c.unspool()
	var err error
	if c.home, err = c.find(ctx, c.r.Service); err != nil {
		return c.nowhere(ctx, err)
	}
	for ctx.Err() == nil {
		act, i := c.r.Next()
		var err error
		switch act {
		case delivery.End:
			return c.end(ctx)
		case delivery.Skip:
			c.r.Deliveries[i].State = delivery.Untouched
			err = c.keep(ctx, nil)
		case delivery.Return:
			err = c.goBack(ctx, i)
		case delivery.Deliver:
			err = c.deliver(ctx, i)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// nowhere ends a release of which it cannot be told where it goes. What was begun is left as it is.
func (c *carrier) nowhere(ctx context.Context, because error) error {
	if ctx.Err() != nil || fault.KindOf(because) == fault.Unavailable {
		return because
	}
	for i := range c.r.Deliveries {
		switch d := &c.r.Deliveries[i]; d.State {
		case delivery.Doing, delivery.GoingBack:
			d.State, d.Error, d.Kind = delivery.Stuck, because.Error(), fault.KindOf(because).String()
		case delivery.Waiting:
			d.State = delivery.Untouched
		}
	}
	c.r.State, c.r.Reason, c.r.Kind, c.r.Ended = delivery.Failed, because.Error(), fault.KindOf(because).String(), c.now()
	return c.keep(ctx, nil, store.Entry{What: string(c.r.Way) + " " + string(c.r.State), Why: c.r.Reason})
}

// end keeps how the release ended.
func (c *carrier) end(ctx context.Context) error {
	c.r.State, c.r.Reason, c.r.Kind = c.r.Verdict()
	c.r.Ended = c.now()
	return c.keep(ctx, nil, store.Entry{What: string(c.r.Way) + " " + string(c.r.State), Why: c.r.Reason})
}

// keep keeps how everything stands, with lines of the audit.
func (c *carrier) keep(ctx context.Context, standings []delivery.Standing, entries ...store.Entry) error {
	for i := range entries {
		e := &entries[i]
		e.At, e.By, e.Subject = c.now(), c.r.By, string(c.r.ID)+e.Subject
	}
	return c.store.KeepRelease(ctx, c.r, c.worker, standings, entries...)
}

// at finds where a delivery goes.
func (c *carrier) at(d delivery.Delivery) (site, error) {
	i := slices.IndexFunc(c.home.sites, func(s site) bool { return s.environment == d.Environment })
	if i < 0 {
		return site{}, fault.Newf(fault.Conflict, "%s does not live in %s any more%s", c.r.Service, d.Environment, because(c.home.elsewhere))
	}
	return c.home.sites[i], nil
}

// deliver lets a version run in an environment. When it is not well there it is to go back.
func (c *carrier) deliver(ctx context.Context, i int) error {
	d := &c.r.Deliveries[i]
	known, err := c.store.Standings(ctx, c.r.Service)
	if err != nil {
		return err
	}
	st, _ := standingAt(known, d.Environment)
	if d.State == delivery.Waiting && c.r.Way == delivery.Forth && st.Paused != nil && c.now().Before(st.Paused.Until) {
		d.State, d.Says, d.Before, d.Running, d.All = delivery.HeldBack, pausedWords(*st.Paused), st.Build, 0, st.All
		return c.keep(ctx, nil, store.Entry{What: "held back", Subject: " " + string(d.Environment), Why: d.Says})
	}
	bad := c.deliverAt(ctx, i, st)
	switch {
	case ctx.Err() != nil:
		return ctx.Err() // it goes on later
	case bad == nil:
		return c.delivered(ctx, i, st)
	}
	d.Error, d.Kind = bad.Error(), fault.KindOf(bad).String()
	c.say(d.Environment, d.Error)
	if d.State == delivery.Waiting { // nothing was done there
		d.State, d.Ended = delivery.WentBack, c.now()
		return c.keep(ctx, nil, store.Entry{What: "not begun", Subject: " " + string(d.Environment), Why: d.Error})
	}
	d.State = delivery.GoingBack
	return c.keep(ctx, nil, store.Entry{What: "not well, going back", Subject: " " + string(d.Environment), Why: d.Error})
}

func (c *carrier) deliverAt(ctx context.Context, i int, st delivery.Standing) error {
	d := &c.r.Deliveries[i]
	s, err := c.at(*d)
	if err != nil {
		return err
	}
	w, err := c.reach(c, ctx, s)
	if err != nil {
		return err
	}
	defer func() { _ = w.close() }()
	if d.State == delivery.Waiting {
		if err := w.check(ctx, d.To); err != nil {
			return err
		}
		if d.Before = st.Build; st.Build == (delivery.Build{}) {
			if d.Before, err = w.now(ctx); err != nil {
				return err
			}
		}
		d.State, d.Began = delivery.Doing, c.now()
		if err := c.keep(ctx, nil, store.Entry{What: string(c.r.Way) + " began", Subject: " " + string(d.Environment)}); err != nil {
			return err
		}
	}
	if err := w.deliver(ctx, d.To, func(running int) { c.progress(ctx, i, running) }); err != nil {
		return err
	}
	d.Running, d.All, err = w.count(ctx, d.To)
	return err
}

// progress keeps how many instances run the version by now.
func (c *carrier) progress(ctx context.Context, i, running int) {
	c.r.Deliveries[i].Running = running
	_ = c.keep(ctx, nil) // what follows is kept with more care
}

// delivered keeps that a version runs in an environment.
func (c *carrier) delivered(ctx context.Context, i int, was delivery.Standing) error {
	d := &c.r.Deliveries[i]
	d.State, d.Ended = delivery.Done, c.now()
	st := delivery.Standing{
		Service: c.r.Service, Team: c.r.Team, Environment: d.Environment, World: d.World, Build: d.To, Before: was.Before, Running: d.Running, All: d.All,
		Since: c.now(), By: c.r.By, Release: c.r.ID, Paused: was.Paused,
	}
	switch {
	case was.Build.Is(d.To) && was.Release != "":
		st.Since, st.By, st.Release, st.Intended = was.Since, was.By, was.Release, was.Intended
	case c.r.Way == delivery.Back:
		st.Before = nil // where that would lead is not known
		st.Intended = &delivery.Intent{Why: cmp.Or(c.r.Why, "taken back"), By: c.r.By, At: c.now(), Until: c.r.Until}
	default:
		before := d.Before
		st.Before = &before
	}
	return c.keep(ctx, []delivery.Standing{st}, store.Entry{What: string(c.r.Way) + " done", Subject: " " + string(d.Environment), Why: d.To.String()})
}

// goBack lets run again what ran in an environment before.
func (c *carrier) goBack(ctx context.Context, i int) error {
	d := &c.r.Deliveries[i]
	own := d.State == delivery.GoingBack // it was not well itself, and did not stay
	d.State = delivery.GoingBack
	c.say(d.Environment, "goes back to "+d.Before.String())
	bad := c.goBackAt(ctx, i)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	known, err := c.store.Standings(ctx, c.r.Service)
	if err != nil {
		return err
	}
	st, ok := standingAt(known, d.Environment)
	if !ok || !own {
		st = delivery.Standing{Service: c.r.Service, Environment: d.Environment, World: d.World, Build: d.Before, Since: c.now(), By: c.r.By, Release: c.r.ID, Paused: st.Paused}
	}
	st.Team, st.All, st.Accident = c.r.Team, cmp.Or(d.All, st.All), cmp.Or(d.Error, "taken back, since it was not well elsewhere")
	d.State, d.Ended, d.Running = delivery.WentBack, c.now(), 0
	if bad != nil {
		d.State = delivery.Stuck
		d.Error = strings.TrimPrefix(d.Error+"; going back failed, too: "+bad.Error(), "; ")
		d.Kind = cmp.Or(d.Kind, fault.KindOf(bad).String())
		c.say(d.Environment, d.Error)
	}
	return c.keep(ctx, []delivery.Standing{st}, store.Entry{What: string(d.State), Subject: " " + string(d.Environment), Why: d.Error})
}

func (c *carrier) goBackAt(ctx context.Context, i int) error {
	d := &c.r.Deliveries[i]
	s, err := c.at(*d)
	if err != nil {
		return err
	}
	w, err := c.reach(c, ctx, s)
	if err != nil {
		return err
	}
	defer func() { _ = w.close() }()
	if err := w.goBack(ctx, d.Before); err != nil {
		return err
	}
	_, d.All, err = w.count(ctx, d.Before)
	return err
}

// destination is an environment in which versions come and go.
type destination interface {
	// check says what is in the way of a build, before anything is done.
	check(ctx context.Context, b delivery.Build) error
	// now is what runs there.
	now(ctx context.Context) (delivery.Build, error)
	// deliver lets a build run, and is an error when it is not well. It may be called again.
	deliver(ctx context.Context, b delivery.Build, news func(running int)) error
	// goBack lets a build run again that ran there.
	goBack(ctx context.Context, b delivery.Build) error
	// count is how many instances run a build, of how many.
	count(ctx context.Context, b delivery.Build) (running, all int, err error)
	close() error
}

// open reaches a site.
func (c *carrier) open(ctx context.Context, s site) (destination, error) {
	if s.world == delivery.Kubernetes {
		return &inCluster{c, s}, nil
	}
	t, err := host.Open(ctx, host.TargetOptions{
		Options:   c.overSSH(*s.target.Machines),
		Expansion: s.expansion, Environment: s.environment, Files: s.files,
	})
	if err != nil {
		return nil, err
	}
	if len(s.balancers) > 0 {
		if s.program.Balance, err = t.Spread(ctx, s.program, s.balancers, s.ports, s.drain, func(line string) { c.say(s.environment, line) }); err != nil {
			return nil, errors.Join(err, t.Close())
		}
	}
	return &onMachines{c, s, t}, nil
}

// inCluster is a service in a cluster.
type inCluster struct {
	c *carrier
	s site
}

// target is the cluster with a build in force there: what its files say when the build has no image.
func (p *inCluster) target(ctx context.Context, b delivery.Build) (*kube.Target, error) {
	images, err := p.c.imagesIn(ctx, p.s.environment)
	if err != nil {
		return nil, err
	}
	delete(images, p.c.r.Service)
	if b.Image != "" {
		images[p.c.r.Service] = b.Image
	}
	k := p.s.target.Cluster
	return kube.Open(ctx, kube.TargetOptions{
		Options:   kube.Options{Kubeconfig: p.c.declared.Within(k.Kubeconfig), Context: k.Context},
		Expansion: p.s.expansion, Environment: p.s.environment, Files: p.s.files, Images: images, Force: p.c.r.Force, Builds: &p.c.builds,
	})
}

func (p *inCluster) tell(line string) { p.c.say(p.s.environment, line) }

func (p *inCluster) now(ctx context.Context) (delivery.Build, error) {
	t, err := p.target(ctx, delivery.Build{})
	if err != nil {
		return delivery.Build{}, err
	}
	ref, err := t.Image(ctx, p.s.step)
	return delivery.Build{Version: tagOf(ref)}, errors.Join(err, t.Close())
}

// tagOf is the version that an image's tag says.
func tagOf(ref string) string {
	if i := strings.LastIndex(ref, ":"); i > strings.LastIndex(ref, "/") && !strings.Contains(ref, "@") {
		return ref[i+1:]
	}
	return ""
}

// files are those of the step that lets the service run.
func (p *inCluster) files() []render.File {
	return slices.DeleteFunc(slices.Clone(p.s.files), func(f render.File) bool {
		return !slices.ContainsFunc(p.s.step.Files, func(w journey.Written) bool { return w.Path == f.Path })
	})
}

func (p *inCluster) check(ctx context.Context, b delivery.Build) error {
	t, err := p.target(ctx, b)
	if err != nil {
		return err
	}
	_, err = t.Preview(ctx, p.files())
	return errors.Join(err, t.Close())
}

func (p *inCluster) deliver(ctx context.Context, b delivery.Build, _ func(int)) error {
	t, err := p.target(ctx, b)
	if err != nil {
		return err
	}
	_, err = t.Apply(ctx, p.s.step, p.files(), p.tell)
	if err == nil {
		err = t.Verify(ctx, p.s.step, p.tell)
	}
	return errors.Join(err, t.Close())
}

func (p *inCluster) goBack(ctx context.Context, b delivery.Build) error {
	return p.deliver(ctx, b, nil)
}

func (p *inCluster) count(ctx context.Context, b delivery.Build) (int, int, error) {
	t, err := p.target(ctx, b)
	if err != nil {
		return 0, 0, err
	}
	running, all, err := t.Instances(ctx, p.s.step)
	return running, all, errors.Join(err, t.Close())
}

func (p *inCluster) close() error { return nil }

// onMachines is a service on machines.
type onMachines struct {
	c *carrier
	s site
	t *host.Target
}

func (p *onMachines) tell(line string) { p.c.say(p.s.environment, line) }

func (p *onMachines) check(ctx context.Context, b delivery.Build) error {
	_, err := p.t.Released(ctx, p.s.program, cmp.Or(b.Name, "none"))
	return err
}

func (p *onMachines) now(ctx context.Context) (delivery.Build, error) {
	there, err := p.t.Released(ctx, p.s.program, "none")
	if err != nil || len(there) == 0 {
		return delivery.Build{}, err
	}
	return delivery.Build{Version: there[0].Name, Name: there[0].Name}, nil
}

func (p *onMachines) deliver(ctx context.Context, b delivery.Build, news func(int)) error {
	if b.Layer == "" { // one that others brought, and that is kept there
		return p.goBack(ctx, b)
	}
	return p.t.Deliver(ctx, p.s.program, b.Name, func() (io.ReadCloser, error) { return p.c.archive(ctx, b) }, p.tell, news)
}

func (p *onMachines) goBack(ctx context.Context, b delivery.Build) error {
	return p.t.Return(ctx, p.s.program, b.Name, p.tell)
}

func (p *onMachines) count(ctx context.Context, b delivery.Build) (running, all int, err error) {
	there, err := p.t.Released(ctx, p.s.program, cmp.Or(b.Name, "none"))
	for _, r := range there {
		if r.Name == b.Name && r.Running {
			running++
		}
	}
	return running, len(there), err
}

func (p *onMachines) close() error { return p.t.Close() }

// archive is what machines unpack of a build, looked through and checked against its digest before any of them gets it.
func (c *carrier) archive(ctx context.Context, b delivery.Build) (io.ReadCloser, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.spool == nil {
		spool, err := c.fetch(ctx, b)
		if err != nil {
			return nil, err
		}
		c.spool = spool
	}
	info, err := c.spool.Stat()
	if err != nil {
		return nil, err
	}
	return io.NopCloser(io.NewSectionReader(c.spool, 0, info.Size())), nil
}

// fetch takes the release's layer out of an image.
func (c *carrier) fetch(ctx context.Context, b delivery.Build) (*os.File, error) {
	layer, err := c.registry().Layer(ctx, registry.Image{Name: b.Image, Layer: b.Layer})
	if err != nil {
		return nil, err
	}
	spool, err := os.CreateTemp("", "caravan-release-*")
	if err != nil {
		return nil, errors.Join(fault.Newf(fault.Unavailable, "unpack the release: %w; make room in the folder for temporary files", err), layer.Close())
	}
	_ = os.Remove(spool.Name()) // it is read by what is open, and so nothing of it stays, whenever this program ends
	_, err = image.Archive(spool, layer, b.Folder)
	if err == nil {
		_, err = io.Copy(io.Discard, layer) // to its end, where the digest is looked at
	}
	if err = errors.Join(err, layer.Close()); err != nil {
		return nil, errors.Join(err, spool.Close())
	}
	return spool, nil
}

// unspool takes away what machines unpacked.
func (c *carrier) unspool() {
	if c.spool != nil {
		_ = c.spool.Close()
	}
}

// imagesIn are the images of the releases in force in an environment, by service.
func (a *App) imagesIn(ctx context.Context, env estate.EnvironmentName) (map[estate.ServiceName]string, error) {
	all, err := a.store.Standings(ctx, "")
	out := map[estate.ServiceName]string{}
	for _, st := range all {
		if st.Environment == env && st.World == delivery.Kubernetes && st.Build.Image != "" {
			out[st.Service] = st.Build.Image
		}
	}
	return out, err
}
