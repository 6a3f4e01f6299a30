package app

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"example.org/caravan/internal/conductor"
	"example.org/caravan/internal/delivery"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/image"
	"example.org/caravan/internal/registry"
	"example.org/caravan/internal/render"
	"example.org/caravan/internal/rights"
	"example.org/caravan/internal/store"
	"example.org/caravan/internal/workload"
)

// DeployRequest says which version of a service goes where.
type DeployRequest struct {
	Version      string   `json:"version" minLength:"1" doc:"Version, which is the tag of its image."`
	Image        string   `json:"image,omitempty" doc:"Image, where it is not the service's own below delivery.registry: registry.example.com/kopi/orders@sha256:…"`
	Only         []string `json:"only,omitempty" doc:"Environments it goes to, or worlds: vm, kubernetes. All that the service lives in when left out."`
	AllOrNothing bool     `json:"allOrNothing,omitempty" doc:"When it is not well in one, take it back from the others, too."`
	Force        bool     `json:"force,omitempty" doc:"Overwrite what somebody edited in a cluster."`
	Why          string   `json:"why,omitempty" doc:"Reason, for the audit."`
}

// BackRequest says where the version before comes back.
type BackRequest struct {
	Only  []string  `json:"only,omitempty" doc:"Environments, or worlds: vm, kubernetes. All when left out."`
	Force bool      `json:"force,omitempty" doc:"Overwrite what somebody edited in a cluster."`
	Why   string    `json:"why,omitempty" doc:"Reason; needed when others keep their version."`
	Until time.Time `json:"until,omitzero" doc:"How long the difference is meant so; a week when left out."`
}

// PauseRequest says where nothing is delivered for a while.
type PauseRequest struct {
	Only  []string  `json:"only" minItems:"1" doc:"Environments, or worlds: vm, kubernetes."`
	Why   string    `json:"why,omitempty" doc:"Reason; needed to pause."`
	Until time.Time `json:"until,omitzero" doc:"How long it is meant so; a week when left out."`
}

// usualIntent is how long somebody wants a difference who does not say.
const usualIntent = 7 * 24 * time.Hour

// until is when an intent ends. Invalid when that is past.
func (a *App) until(asked time.Time) (time.Time, error) {
	now := a.now()
	if asked.IsZero() {
		return now.Add(usualIntent), nil
	}
	if !asked.After(now) {
		return asked, fault.Newf(fault.Invalid, "%s is past; give --until a day that is still to come", asked.Format(time.DateTime))
	}
	return asked, nil
}

// mayOf says why a person may not do something to what a team owns: its people may, and the platform's, and their tokens as far as those reach.
func (a *App) mayOf(by rights.Person, right rights.Right, team estate.TeamName) error {
	return rights.May(by, right, cmp.Or(team, a.declared.Consent.Unowned, "no team"))
}

// ImagePlan is what the image of a version is made of, and where it is kept.
type ImagePlan struct {
	Spec       image.Spec `json:"spec"`
	Repository string     `json:"repository,omitempty" doc:"Without a tag; empty when delivery.registry does not say."`
	Insecure   bool       `json:"insecure,omitempty" doc:"The registry may answer over plain HTTP."`
}

// ImagePlan says what the image of a version of a service is to be. NotFound when no service is called so, Invalid when its workload cannot be
// started from an image.
func (a *App) ImagePlan(ctx context.Context, service estate.ServiceName, version string) (ImagePlan, error) {
	w, err := a.Workload(ctx, service, "")
	if err != nil {
		return ImagePlan{}, err
	}
	parsed, err := workload.Parse([]byte(w.Text), w.File)
	if err != nil {
		return ImagePlan{}, err
	}
	s := a.specOf(service, parsed)
	s.Version, s.Base = version, a.declared.Delivery.Base
	p := ImagePlan{Spec: s, Insecure: a.declared.Delivery.Insecure}
	if a.declared.Delivery.Registry != "" {
		if p.Repository, err = registry.Repository(a.declared.Delivery.Registry, service); err != nil {
			return p, err
		}
	}
	return p, s.Check()
}

// specOf is how a workload is started from an image: as it is on machines, in the folder that releases are in there.
func (a *App) specOf(service estate.ServiceName, w workload.Workload) image.Spec {
	release := path.Join("/srv", cmp.Or(workload.NameOf(a.declared.Organisation), "estate"), workload.NameOf(string(service)), currentLink)
	s := image.Spec{Service: service, Directory: cmp.Or(w.Metadata.Annotations[workload.AnnotationFolder], release)}
	s.Folder = s.Directory
	if root, ok := rootOf(s.Directory); ok {
		s.Folder = path.Join(root, currentLink)
	}
	main := w.Containers[render.Service{Workload: w}.MainContainer()]
	words := slices.Concat(main.Command, main.Args)
	if len(main.Command) == 0 {
		words = slices.Concat([]string{"./start"}, main.Args)
	}
	if strings.Contains(words[0], "/") && !path.IsAbs(words[0]) {
		words[0] = path.Join(s.Directory, words[0])
	}
	s.Entrypoint = words
	return s
}

// registry reaches the registry of images.
func (a *App) registry() *registry.Registry {
	return registry.New(registry.Options{Insecure: a.declared.Delivery.Insecure})
}

// imageOf is the image of a version. Invalid when it is another service's or version's.
func (a *App) imageOf(ctx context.Context, service estate.ServiceName, req DeployRequest) (registry.Image, error) {
	if err := image.CheckVersion(req.Version); err != nil { // it names folders on machines, too
		return registry.Image{}, err
	}
	ref := req.Image
	if ref == "" {
		if a.declared.Delivery.Registry == "" {
			return registry.Image{}, fault.Newf(fault.Invalid, "caravan.yaml does not say where images are kept; write registry under delivery, or name the image with --image")
		}
		repository, err := registry.Repository(a.declared.Delivery.Registry, service)
		if err != nil {
			return registry.Image{}, err
		}
		ref = repository + ":" + req.Version
	}
	i, err := a.registry().Resolve(ctx, ref)
	switch {
	case err != nil:
		return i, err
	case i.Service != "" && i.Service != service:
		return i, fault.Newf(fault.Invalid, "%s is an image of %s, not of %s; name the right one", i.Name, i.Service, service)
	case i.Version != "" && i.Version != req.Version:
		return i, fault.Newf(fault.Invalid, "%s was built as version %s, not %s; name the version it has", i.Name, i.Version, req.Version)
	}
	return i, nil
}

// buildOf is an image as it is run.
func buildOf(i registry.Image, version string) delivery.Build {
	b := delivery.Build{Version: version, Image: i.Name, Layer: i.Layer, Folder: i.Folder}
	if _, hex, ok := strings.Cut(i.Layer, ":"); ok {
		const digits = 12
		b.Name = version + "-" + hex[:min(digits, len(hex))]
	}
	return b
}

// chosen are the sites that are asked for; what is left out is told with a reason. Usage when a word fits none.
func (l living) chosen(only []string) ([]site, []delivery.Elsewhere, error) {
	elsewhere := slices.Clone(l.elsewhere)
	if len(l.sites) == 0 {
		return nil, elsewhere, fault.Newf(fault.NotFound, "%s lives in no environment that Caravan delivers to%s", l.service.Name, because(elsewhere))
	}
	fits := func(s site, word string) bool { return word == string(s.environment) || word == string(s.world) }
	for _, word := range only {
		if !slices.ContainsFunc(l.sites, func(s site) bool { return fits(s, word) }) {
			return nil, elsewhere, fault.Newf(fault.Usage, "--only %s fits no environment of %s; it lives in %s%s", word, l.service.Name, l.names(), because(elsewhere))
		}
	}
	var out []site
	for _, s := range l.sites {
		if len(only) == 0 || slices.ContainsFunc(only, func(word string) bool { return fits(s, word) }) {
			out = append(out, s)
			continue
		}
		elsewhere = append(elsewhere, delivery.Elsewhere{Environment: s.environment, World: s.world, Because: "left out with --only " + strings.Join(only, " --only ")})
	}
	return out, elsewhere, nil
}

func (l living) names() string {
	var out []string
	for _, s := range l.sites {
		out = append(out, fmt.Sprintf("%s (%s)", s.environment, s.world))
	}
	return strings.Join(out, ", ")
}

func because(all []delivery.Elsewhere) string {
	text := ""
	for _, e := range all {
		text += fmt.Sprintf("; not in %s: %s", e.Environment, e.Because)
	}
	return text
}

// deliverable is a service that a person may deploy, with the environments that are chosen, and those that nothing is delivered to.
func (a *App) deliverable(ctx context.Context, name estate.ServiceName, only []string, by rights.Person) (l living, sites []site, elsewhere []delivery.Elsewhere, err error) {
	if l, err = a.lives(ctx, name); err != nil {
		return l, nil, nil, err
	}
	if err := a.mayOf(by, rights.Deploy, l.service.Team); err != nil {
		return l, nil, nil, err
	}
	sites, elsewhere, err = l.chosen(only)
	return l, sites, elsewhere, err
}

// deployment is a release that is about to begin.
func (a *App) deployment(ctx context.Context, name estate.ServiceName, req DeployRequest, by rights.Person) (delivery.Release, error) {
	l, sites, elsewhere, err := a.deliverable(ctx, name, req.Only, by)
	if err != nil {
		return delivery.Release{}, err
	}
	i, err := a.imageOf(ctx, l.service.Name, req)
	if err != nil {
		return delivery.Release{}, err
	}
	r := delivery.Release{
		Service: l.service.Name, Team: l.service.Team, Way: delivery.Forth, Version: req.Version, AllOrNothing: req.AllOrNothing, Force: req.Force,
		By: by.By(), Why: req.Why, State: delivery.Running, Started: a.now(), Elsewhere: elsewhere,
	}
	known, err := a.store.Standings(ctx, l.service.Name)
	if err != nil {
		return r, err
	}
	to := buildOf(i, req.Version)
	for _, st := range known { // the same thing has one number wherever and whenever it comes
		if st.Build.Is(to) {
			to.Number = st.Build.Number
		}
	}
	for _, s := range sites {
		if s.world == delivery.Machines && to.Layer == "" {
			return r, fault.Newf(fault.Invalid, "%s was not made by Caravan, so machines of %s cannot run it; make it with caravan image, or leave them out with --only kubernetes", i.Name, s.environment)
		}
		r.Deliveries = append(r.Deliveries, delivery.Delivery{Environment: s.environment, World: s.world, State: delivery.Waiting, To: to, All: s.count()})
	}
	return r, nil
}

// count is how many instances a site has, as far as that is known before it is looked at.
func (s site) count() int { return len(s.program.Hosts) }

// PreviewDeploy says where a version would go, in which order, and where not.
func (a *App) PreviewDeploy(ctx context.Context, service estate.ServiceName, req DeployRequest, by rights.Person) (delivery.Release, error) {
	r, err := a.deployment(ctx, service, req, by)
	if err != nil {
		return r, err
	}
	return r, a.foresee(ctx, &r)
}

// foresee says of a release that is not begun which environments are held back, and what runs there.
func (a *App) foresee(ctx context.Context, r *delivery.Release) error {
	known, err := a.store.Standings(ctx, r.Service)
	if err != nil {
		return err
	}
	for i := range r.Deliveries {
		d := &r.Deliveries[i]
		if st, ok := standingAt(known, d.Environment); ok {
			d.Before, d.All = st.Build, cmp.Or(d.All, st.All)
			if st.Paused != nil && a.now().Before(st.Paused.Until) {
				d.State, d.Says = delivery.HeldBack, pausedWords(*st.Paused)
			}
		}
	}
	return nil
}

func standingAt(all []delivery.Standing, env estate.EnvironmentName) (delivery.Standing, bool) {
	i := slices.IndexFunc(all, func(s delivery.Standing) bool { return s.Environment == env })
	if i < 0 {
		return delivery.Standing{}, false
	}
	return all[i], true
}

func pausedWords(i delivery.Intent) string {
	return fmt.Sprintf("paused by %s until %s: %s", i.By, i.Until.UTC().Format("2006-01-02 15:04 UTC"), i.Why)
}

// StartDeploy begins to bring a version to the environments of a service, or goes on with the same that was interrupted. NotFound when there is no
// such service or image; Conflict while another version is under way, or a move of the service is.
func (a *App) StartDeploy(ctx context.Context, service estate.ServiceName, req DeployRequest, by rights.Person) (delivery.Release, error) {
	r, err := a.deployment(ctx, service, req, by)
	if err != nil {
		return r, err
	}
	if err := a.mayBringNews(ctx, r); err != nil {
		return r, err
	}
	return a.startRelease(ctx, r)
}

// mayBringNews refuses a version that runs nowhere yet of a team that is over its budget of differences. One that runs somewhere, or was
// begun, makes worlds alike.
func (a *App) mayBringNews(ctx context.Context, r delivery.Release) error {
	if len(r.Deliveries) == 0 || r.Deliveries[0].To.Number > 0 || r.Team == "" {
		return nil
	}
	open, err := a.store.OpenReleases(ctx)
	if err != nil || slices.ContainsFunc(open, r.Same) {
		return err
	}
	return a.promotable(ctx, []estate.TeamName{r.Team})
}

// startRelease begins a release, unless somebody carries the same out.
func (a *App) startRelease(ctx context.Context, r delivery.Release) (delivery.Release, error) {
	started, mine, err := a.store.StartRelease(ctx, r, conductor.Self(), silentFor)
	if err != nil {
		return started, err
	}
	if mine {
		a.carryOn(started)
	}
	return started, nil
}

// silence is how long a program that cannot be looked at may say nothing before others take its releases over.
const silence = 15 * time.Second

func silentFor(worker string, silent time.Duration) bool {
	return conductor.Gone(worker, silent > silence)
}

// StartBack begins to bring back the versions that were there before. Usage when nobody says why one side alone goes back; NotFound when there is
// nothing to go back to.
func (a *App) StartBack(ctx context.Context, name estate.ServiceName, req BackRequest, by rights.Person) (delivery.Release, error) {
	l, sites, elsewhere, err := a.deliverable(ctx, name, req.Only, by)
	if err != nil {
		return delivery.Release{}, err
	}
	if len(req.Only) > 0 && len(sites) < len(l.sites) && strings.TrimSpace(req.Why) == "" {
		return delivery.Release{}, fault.Newf(fault.Usage, "others keep their version: say why with --why, so that everybody knows the difference is meant so")
	}
	if open, mine, err := a.interruptedBack(ctx, l.service.Name, sites); err != nil || open.ID != "" {
		if mine {
			a.carryOn(open)
		}
		return open, err
	}
	r := delivery.Release{
		Service: l.service.Name, Team: l.service.Team, Way: delivery.Back, Force: req.Force, By: by.By(), Why: req.Why, State: delivery.Running, Started: a.now(), Elsewhere: elsewhere,
	}
	if r.Until, err = a.until(req.Until); err != nil {
		return r, err
	}
	known, err := a.store.Standings(ctx, l.service.Name)
	if err != nil {
		return r, err
	}
	for _, s := range sites {
		st, ok := standingAt(known, s.environment)
		if !ok || st.Before == nil {
			r.Elsewhere = append(r.Elsewhere, delivery.Elsewhere{Environment: s.environment, World: s.world, Because: "no version before this one is known there"})
			continue
		}
		r.Deliveries = append(r.Deliveries, delivery.Delivery{Environment: s.environment, World: s.world, State: delivery.Waiting, To: *st.Before, All: st.All})
	}
	slices.Reverse(r.Deliveries) // what came last goes first
	if len(r.Deliveries) == 0 {
		return r, fault.Newf(fault.NotFound, "there is no version of %s to go back to%s; deploy the one you want", l.service.Name, because(r.Elsewhere))
	}
	return a.startRelease(ctx, r)
}

// interruptedBack is a way back over the same environments that is open: once done in one of them, it would lead elsewhere if it were
// begun anew.
func (a *App) interruptedBack(ctx context.Context, service estate.ServiceName, sites []site) (delivery.Release, bool, error) {
	open, err := a.store.OpenReleases(ctx)
	if err != nil {
		return delivery.Release{}, false, err
	}
	for _, r := range open {
		inAll := !slices.ContainsFunc(r.Deliveries, func(d delivery.Delivery) bool {
			return !slices.ContainsFunc(sites, func(s site) bool { return s.environment == d.Environment })
		})
		if r.Service == service && r.Way == delivery.Back && inAll {
			taken, mine, err := a.store.TakeRelease(ctx, r.ID, conductor.Self(), silentFor)
			if err != nil || mine {
				return taken, mine, err
			}
			return r, false, nil
		}
	}
	return delivery.Release{}, false, nil
}

// PauseDelivery lets nothing be delivered to some environments of a service, until a day or until that is taken back.
func (a *App) PauseDelivery(ctx context.Context, name estate.ServiceName, req PauseRequest, by rights.Person) (Releases, error) {
	if strings.TrimSpace(req.Why) == "" {
		return Releases{}, fault.Newf(fault.Usage, "say why with --why, so that everybody knows the difference is meant so")
	}
	until, err := a.until(req.Until)
	if err != nil {
		return Releases{}, err
	}
	return a.hold(ctx, name, req, by, "paused", func(st *delivery.Standing) {
		st.Paused = &delivery.Intent{Why: req.Why, By: by.By(), At: a.now(), Until: until}
	})
}

// ResumeDelivery lets versions be delivered again. What was held back comes with the next deploy.
func (a *App) ResumeDelivery(ctx context.Context, name estate.ServiceName, req PauseRequest, by rights.Person) (Releases, error) {
	return a.hold(ctx, name, req, by, "resumed", func(st *delivery.Standing) { st.Paused = nil })
}

func (a *App) hold(ctx context.Context, name estate.ServiceName, req PauseRequest, by rights.Person, what string, change func(*delivery.Standing)) (Releases, error) {
	l, err := a.lives(ctx, name)
	if err != nil {
		return Releases{}, err
	}
	if err := a.mayOf(by, rights.Deploy, l.service.Team); err != nil {
		return Releases{}, err
	}
	sites, _, err := l.chosen(req.Only)
	if err != nil {
		return Releases{}, err
	}
	err = a.store.ChangeStandings(ctx, l.service.Name, func(known []delivery.Standing) ([]delivery.Standing, []store.Entry, error) {
		var kept []delivery.Standing
		var entries []store.Entry
		for _, s := range sites {
			st, ok := standingAt(known, s.environment)
			if !ok {
				st = delivery.Standing{Service: l.service.Name, Environment: s.environment, World: s.world, All: s.count(), Since: a.now(), By: by.By()}
			}
			st.Team = l.service.Team
			change(&st)
			kept = append(kept, st)
			entries = append(entries, store.Entry{At: a.now(), By: by.By(), What: "delivery " + what, Subject: string(l.service.Name) + " in " + string(s.environment), Why: req.Why})
		}
		return kept, entries, nil
	})
	if err != nil {
		return Releases{}, err
	}
	return a.Releases(ctx, name)
}
