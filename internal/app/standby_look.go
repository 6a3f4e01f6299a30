package app

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/kube"
	"example.org/caravan/internal/patroni"
	"example.org/caravan/internal/postgres"
	"example.org/caravan/internal/postgres/warmer"
	"example.org/caravan/internal/standby"
	"example.org/caravan/internal/stolon"
	"example.org/caravan/internal/workspace"
)

// LookAtStandbys asks the datastores how they stand now, keeps it, and gives it. Nothing is warmed.
func (a *App) LookAtStandbys(ctx context.Context, q StandbyQuery) (Standbys, error) {
	kept, err := a.keptFor(ctx, q)
	if err != nil {
		return Standbys{}, err
	}
	a.looking.Lock() // one look at a time, however many ask
	defer a.looking.Unlock()
	if q == (StandbyQuery{}) && a.now().Sub(a.looked) < seldom {
		return a.Standbys(ctx, q)
	}
	if err := a.store.ForgetTopologies(ctx, func(name estate.ServiceName, env estate.EnvironmentName) bool {
		return len(a.declared.StandbyOf(name, env)) > 0
	}); err != nil {
		return Standbys{}, err
	}
	var all sync.WaitGroup
	errs := make([]error, len(kept))
	for i, k := range kept {
		all.Go(func() {
			w := a.tend(k, WarmOptions{})
			defer w.close()
			_, errs[i] = w.once(ctx, a.now()) // no time is left to warm anything
		})
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			return Standbys{}, err
		}
	}
	if q == (StandbyQuery{}) {
		a.looked = a.now()
	}
	return a.Standbys(ctx, q)
}

// seldom is how long a look at everything serves the next who ask for one.
const seldom = 5 * time.Second

// WarmOptions say how standbys are warmed.
type WarmOptions struct {
	Every  time.Duration // rounds; that of caravan.yaml, or else ten seconds, when 0
	Share  float64       // of the time during which a standby may read for it; half when 0
	Rounds int           // then it ends; never for 0
}

// WarmStandbys keeps standbys of PostgreSQL warm until the context ends, and tells what each round found. Rounds that could not be done are told and
// tried again. Unavailable when it ends with its last round, and in that nobody answered.
func (a *App) WarmStandbys(ctx context.Context, q StandbyQuery, o WarmOptions, tell func(standby.Topology, Warming, error)) error {
	kept, err := a.keptFor(ctx, q)
	if err != nil {
		return err
	}
	kept = slices.DeleteFunc(kept, func(k workspace.Kept) bool { return k.Technology != "postgres" })
	if len(kept) == 0 {
		if q.Datastore != "" {
			return fault.Newf(fault.Conflict, "%s is no PostgreSQL: it has its data in memory, and nothing is to be warmed", q.Datastore)
		}
		return fault.Newf(fault.NotFound, "no PostgreSQL is declared to have standbys; declare them under standby.datastores in caravan.yaml")
	}
	o.Every = cmp.Or(o.Every, a.declared.Standbys.Every, warmer.Usual)
	var all sync.WaitGroup
	var asked atomic.Int64 // datastores of which somebody answered in the last round
	for _, k := range kept {
		all.Go(func() {
			answered := false
			a.tend(k, o).run(ctx, func(t standby.Topology, did Warming, err error) {
				answered = err == nil && slices.ContainsFunc(t.Members, func(m standby.Member) bool { return m.Unreachable == "" })
				tell(t, did, err)
			})
			if answered {
				asked.Add(1)
			}
		})
	}
	all.Wait()
	if ctx.Err() == nil && asked.Load() == 0 {
		return fault.Newf(fault.Unavailable, "no instance answered in the last round; caravan standby status says what mends it")
	}
	return ctx.Err()
}

// keepWarm looks at what is declared, and warms what is PostgreSQL of it, until the program ends. What could not be asked is kept with what is
// known of the datastore; a round that could not be kept is done anew with the next.
func (a *App) keepWarm(ctx context.Context) {
	for ctx.Err() == nil {
		kept, err := a.keptFor(ctx, StandbyQuery{})
		if err == nil {
			var all sync.WaitGroup
			for _, k := range kept {
				all.Go(func() {
					a.tend(k, WarmOptions{Every: a.declared.Standbys.Every}).run(ctx, func(standby.Topology, Warming, error) {})
				})
			}
			all.Wait()
		}
		_ = pause(ctx, time.Minute) // the store could not be read; an end of the context ends this, too
	}
}

// Warming is what one round of warming did.
type Warming struct {
	Lacking map[string]int // blocks that standbys lacked or used too little, by member
	Read    map[string]int // of them in this round
}

// tender looks at one datastore again and again. It keeps what it needs to reach it.
type tender struct {
	app     *App
	kept    workspace.Kept
	o       WarmOptions
	route   *route
	warmer  *warmer.Warmer
	known   []postgres.Where // whom the warmer knows
	last    []standby.Member // whom the keeper named last
	backups *backups         // nil when none are declared
	heard   bool             // its keeper answered in this round
	acts    bool             // it does more than look
	heeds   bool             // its Patroni is new enough to be told who takes over first
	placed  map[string]toldPlace
	pods    podsSeen
}

func (a *App) tend(k workspace.Kept, o WarmOptions) *tender {
	w := &tender{app: a, kept: k, o: o, route: a.routeOf(k), placed: map[string]toldPlace{}}
	if k.Backup != nil {
		w.backups = a.backupsOf(k)
	}
	return w
}

func (w *tender) close() {
	if w.warmer != nil {
		w.warmer.Close()
	}
	if w.backups != nil {
		w.backups.close()
	}
	w.route.close()
}

func (w *tender) run(ctx context.Context, tell func(standby.Topology, Warming, error)) {
	defer w.close()
	w.acts = true
	for n := 1; ; n++ {
		began := w.app.now()
		var did Warming
		t, err := w.round(ctx, began.Add(w.o.Every), &did)
		if ctx.Err() != nil {
			return
		}
		tell(t, did, err)
		if n == w.o.Rounds {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(w.o.Every - w.app.now().Sub(began)):
		}
	}
}

// once looks without warming, unless there is time until a moment.
func (w *tender) once(ctx context.Context, until time.Time) (standby.Topology, error) {
	return w.round(ctx, until, &Warming{})
}

// round asks who is who, looks at all buffers, warms until a moment, and keeps what it found.
func (w *tender) round(ctx context.Context, until time.Time, did *Warming) (standby.Topology, error) {
	t := w.topology(ctx)
	if t.Technology == "postgres" {
		w.warm(ctx, &t, until, did)
	}
	w.prefer(ctx, &t)
	w.backup(ctx, &t)
	if err := w.moved(ctx, &t); err != nil {
		return t, err
	}
	if ctx.Err() != nil {
		return t, ctx.Err()
	}
	if err := w.measure(ctx, &t); err != nil {
		return t, err
	}
	return t, w.app.store.KeepTopology(ctx, t)
}

// moved says of a datastore that it is no more where it was, or that its clients may be held just now.
func (w *tender) moved(ctx context.Context, t *standby.Topology) error {
	for _, m := range w.app.declared.Standbys.Moves {
		if m.Datastore != w.kept.Name || w.kept.Environment != m.From || t.Technology != "postgres" {
			continue
		}
		var state standby.Transfer
		if _, err := w.app.store.Transfer(ctx, relocationName(m), &state); err != nil {
			return err
		}
		switch state.Phase {
		case standby.Returning:
			t.Doubts = append(t.Doubts, fmt.Sprintf("its way back from %s is in the middle of a cut, so clients may be held: run caravan standby back %s again, unless one is at it", m.To, m.Datastore))
		case standby.Cutting:
			t.Doubts = append(t.Doubts, fmt.Sprintf("its move to %s is in the middle of a cut, so clients may be held: run caravan standby move %s again, or back, unless one is at it", m.To, m.Datastore))
		case standby.Moved, standby.Proven, standby.Closing, standby.Closed:
			t.Doubts = append(t.Doubts, fmt.Sprintf("it has moved to %s: it takes no writes here", m.To))
		}
	}
	return nil
}

// topology is who is who, as the keeper says. What could not be asked is in its doubts.
func (w *tender) topology(ctx context.Context) standby.Topology {
	t, err := w.ask(ctx)
	w.heard = err == nil
	switch {
	case err == nil:
		w.last = t.Members
	case len(t.Members) == 0: // go on with those it named last: each says itself what it is
		for _, m := range w.last {
			t.Members = append(t.Members, standby.Member{Name: m.Name, Address: m.Address, Role: standby.Unknown})
		}
	}
	t.Datastore, t.Environment, t.Team, t.Technology = w.kept.Name, w.kept.Environment, w.kept.Team, w.kept.Technology
	t.Keeper, t.At = keeperOf(w.kept), w.app.now().UTC()
	if err != nil {
		t.Doubts = append(t.Doubts, err.Error())
	}
	return t
}

func (w *tender) ask(ctx context.Context) (standby.Topology, error) {
	switch keeperOf(w.kept) {
	case standby.Patroni:
		return patroni.Read(ctx, patroni.Where{Addresses: w.kept.Patroni, Dial: w.route.dial}, w.app.now())
	case standby.Stolon:
		return w.askStolon(ctx)
	case standby.CloudNativePG:
		return kube.CloudNativePG(ctx, w.app.clusterOf(w.kept), w.kept.CNPG.Namespace, w.kept.CNPG.Name)
	}
	if w.kept.Technology == "redis" {
		return w.askRedis(ctx)
	}
	return membersOf(w.kept.Members), nil
}

func (w *tender) askStolon(ctx context.Context) (standby.Topology, error) {
	s := w.kept.Stolon
	if s.Namespace == "" {
		return stolon.Read(ctx, stolon.Where{Addresses: s.Etcd, Prefix: s.Prefix, Cluster: s.Cluster, Dial: w.route.dial})
	}
	data, err := kube.AnnotationOfConfigMap(ctx, w.app.clusterOf(w.kept), s.Namespace, stolon.ConfigMap(s.Cluster), stolon.Annotation)
	if err != nil {
		return standby.Topology{}, err
	}
	return stolon.Parse([]byte(data))
}

func membersOf(members map[string]string) standby.Topology {
	var t standby.Topology
	for _, name := range slices.Sorted(maps.Keys(members)) {
		t.Members = append(t.Members, standby.Member{Name: name, Address: members[name], Role: standby.Unknown})
	}
	return t
}

// warm has a warmer look at the members, and adds what they say of themselves.
func (w *tender) warm(ctx context.Context, t *standby.Topology, until time.Time, did *Warming) {
	if err := w.meet(t.Members); err != nil {
		t.Doubts = append(t.Doubts, err.Error())
		return
	}
	look := w.warmer.Once
	if w.acts {
		look = w.warmer.Next
	}
	round := look(ctx, until)
	t.Size = round.Size
	did.Lacking, did.Read = map[string]int{}, map[string]int{}
	for _, r := range round.Members {
		if refused := refusalOf(r.Err); r.Err != nil && t.Keeper != standby.Nobody && refused != standby.Silent { // it runs, as its keeper says, and does not talk to us
			doubt := r.Err.Error()
			if refused == standby.Denied {
				doubt += "; " + refused.Mend()
			}
			t.Doubts = append(t.Doubts, doubt)
			continue
		}
		did.Lacking[r.Name], did.Read[r.Name] = r.Lacking, r.Read
		i := slices.IndexFunc(t.Members, func(m standby.Member) bool { return m.Name == r.Name })
		if i < 0 {
			continue
		}
		t.Members[i] = tellOf(t.Members[i], r)
		t.Version = cmp.Or(t.Version, r.Version)
		t.Doubts = append(t.Doubts, r.Doubts...)
	}
	t.Doubts = slices.Compact(t.Doubts)
}

// tellOf adds what a member says of itself to what its keeper says of it. A role that only one of the two knows counts; where they differ, a switch is
// under way, and the server's own word is newer.
func tellOf(m standby.Member, r warmer.Report) standby.Member {
	if r.Err != nil {
		m.Unreachable, m.Refused = r.Err.Error(), refusalOf(r.Err)
		return m
	}
	m.Role, m.Timeline, m.Behind = r.Standing.Role, cmp.Or(r.Standing.Timeline, m.Timeline), r.Standing.Behind
	if r.Lag != nil {
		m.Lag = r.Lag
	}
	if m.State == "" && (m.Role == standby.Primary || r.Standing.Following != "") {
		m.State = "running"
	}
	m.Warmth, m.Synchronous = r.Warmth, m.Synchronous || r.Synchronous
	m.Started, m.Reads, m.Disk = r.Standing.Started, r.Standing.Reads, r.Disk
	return m
}

// refusalOf is the kind of reason for which an instance said nothing; "" when that is neither its fault nor that of what is declared.
func refusalOf(err error) standby.Refusal {
	switch fault.KindOf(err) {
	case fault.Unavailable:
		return standby.Silent
	case fault.Denied:
		return standby.Denied
	case fault.NotFound:
		return standby.Unprepared
	case fault.Invalid:
		return standby.Misnamed
	}
	return ""
}

// meet makes the warmer know the members, anew when they are others than before.
func (w *tender) meet(members []standby.Member) error {
	password, err := w.app.uncover(w.kept.Password, w.app.declaredAt(w.kept))
	if err != nil {
		return err
	}
	var all []postgres.Where
	for _, m := range members {
		if m.Address != "" {
			all = append(all, postgres.Where{Name: m.Name, Address: m.Address, User: w.kept.User, Password: password, TLS: w.kept.TLS})
		}
	}
	same := func(x, y postgres.Where) bool {
		return x.Name == y.Name && x.Address == y.Address && x.Password == y.Password
	}
	if w.warmer != nil && slices.EqualFunc(all, w.known, same) {
		return nil
	}
	if w.warmer != nil {
		w.warmer.Close()
	}
	w.known = slices.Clone(all)
	for i := range all {
		all[i].Dial = w.route.dial
	}
	w.warmer = warmer.New(all, warmer.Options{Share: w.o.Share, Now: w.app.now})
	return nil
}

// uncover is a declared password of something that people know; "" where none is declared.
func (a *App) uncover(s *workspace.Secret, of string) (string, error) {
	if s == nil {
		return "", nil
	}
	text, err := a.declared.Reveal(*s)
	if err != nil {
		return "", fault.Newf(fault.KindOf(err), "password of %s: %w", of, err)
	}
	return text, nil
}

// loginOf is an account at a datastore with its password.
func (a *App) loginOf(k workspace.Kept, of workspace.Account) (user, password string, err error) {
	at := a.declaredAt(k)
	if of.User != "" {
		at = of.User + " at " + at
	}
	password, err = a.uncover(of.Password, at)
	return of.User, password, err
}

// declaredAt is a datastore and the line that declares it, for people.
func (a *App) declaredAt(k workspace.Kept) string {
	return fmt.Sprintf("%s (%s)", placeOf(k), a.declared.PlaceOf(k.Name, k.Environment))
}

// placeOf is a datastore and the environment it is in, for people.
func placeOf(k workspace.Kept) string {
	if k.Environment == "" {
		return string(k.Name)
	}
	return fmt.Sprintf("%s in %s", k.Name, k.Environment)
}

// dialer reaches an address.
type dialer = func(ctx context.Context, network, address string) (net.Conn, error)
