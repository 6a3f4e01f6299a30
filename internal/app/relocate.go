package app

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"example.org/caravan/internal/document"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/expansion"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/rights"
	"example.org/caravan/internal/standby"
	"example.org/caravan/internal/store"
	"example.org/caravan/internal/workspace"
)

// RelocateRequest says where a datastore moves.
type RelocateRequest struct {
	To  estate.EnvironmentName `json:"to,omitempty" doc:"Environment it moves to; the only one it is declared to move to when left out."`
	Why string                 `json:"why,omitempty" doc:"Reason, for the audit."`
}

// CloseRequest says which move of a datastore is closed.
type CloseRequest struct {
	RelocateRequest
	SourceGone bool `json:"source_gone,omitempty" doc:"The old place is gone for good: nothing is asked of it, and what the new one keeps for it goes."`
}

// Relocation is what a move of a datastore would do, and how far it is.
type Relocation struct {
	Datastore  estate.ServiceName     `json:"datastore"`
	From       estate.EnvironmentName `json:"from"`
	To         estate.EnvironmentName `json:"to"`
	Technology string                 `json:"technology"`
	Journey    string                 `json:"journey"` // what is agreed to
	Team       estate.TeamName        `json:"team,omitempty"`
	Method     string                 `json:"method,omitempty"`
	Phase      string                 `json:"phase,omitempty"`
	Pauses     []time.Duration        `json:"pauses,omitempty"` // for which clients were held at each cut
	Until      time.Time              `json:"until,omitzero"`   // it can go back without a loss at least until then, once it has moved
	Lag        *int64                 `json:"lag,omitempty"`    // bytes of the log that the side which follows has not confirmed, while one follows
	Checks     []standby.Check        `json:"checks"`
	Steps      []string               `json:"steps"`
}

// InTheWay says why a datastore cannot be moved; "" when nothing is in the way.
func (r Relocation) InTheWay() string {
	var lines []string
	for _, c := range standby.Blocking(r.Checks) {
		lines = append(lines, fmt.Sprintf("%s: %s; %s", c.Subject, c.What, c.Mend))
	}
	return strings.Join(lines, "\n")
}

// Arrived reports whether clients are in the new place, and nothing is left to be done for that: what PostgreSQL has there was proven.
func (r Relocation) Arrived() bool {
	if r.Technology == "redis" {
		return r.Phase == string(standby.RedisMoved)
	}
	return r.Phase == string(standby.Proven)
}

// relocationPrefix begins the names of journeys in which datastores move. No expansion is called so.
const relocationPrefix = "store:"

func relocationName(m workspace.StoreMove) string {
	return relocationPrefix + string(m.Datastore) + ":" + string(m.To)
}

// relocationOf is the datastore and the environment that the name of a journey stands for; false for others.
func relocationOf(name string) (estate.ServiceName, estate.EnvironmentName, bool) {
	rest, ok := strings.CutPrefix(name, relocationPrefix)
	i := strings.LastIndexByte(rest, ':')
	if !ok || i < 0 {
		return "", "", false
	}
	return estate.ServiceName(rest[:i]), estate.EnvironmentName(rest[i+1:]), true
}

// relocation is a declared move with both its ends.
type relocation struct {
	workspace.StoreMove
	from, to workspace.Kept
	fromGone bool // where it was there is nobody to ask any more
}

// relocationTo is the declared move of a datastore. NotFound when there is none, Conflict when there are several and none is named.
func (a *App) relocationTo(ctx context.Context, name estate.ServiceName, to estate.EnvironmentName) (relocation, error) {
	if err := a.inWorkspace(); err != nil {
		return relocation{}, err
	}
	moves := a.declared.MoveOf(name, to)
	switch {
	case len(moves) == 0:
		return relocation{}, a.noMove(name, to)
	case len(moves) > 1:
		return relocation{}, fault.Newf(fault.Conflict, "%s moves to several environments; name one with --to", name)
	}
	r := relocation{StoreMove: moves[0]}
	for env, into := range map[estate.EnvironmentName]*workspace.Kept{r.From: &r.from, r.To: &r.to} {
		k, err := a.keptOne(ctx, StandbyQuery{Datastore: name, Environment: env})
		if err != nil {
			return relocation{}, err
		}
		*into = k
	}
	return r, nil
}

// noMove says which of the declared moves may have been meant.
func (a *App) noMove(name estate.ServiceName, to estate.EnvironmentName) error {
	hint := "write it under standby.moves in caravan.yaml"
	word, known := string(to), []string(nil)
	for _, m := range a.declared.MoveOf(name, "") {
		known = append(known, string(m.To))
	}
	if len(known) == 0 {
		word = string(name)
		for _, m := range a.declared.Standbys.Moves {
			known = append(known, string(m.Datastore))
		}
	}
	if near, ok := document.Nearest(word, known); ok {
		hint = "did you mean " + near + "? Else " + hint
	}
	return fault.Newf(fault.NotFound, "no move of %s is declared%s; %s", name, toText(to), hint)
}

func toText(env estate.EnvironmentName) string {
	if env == "" {
		return ""
	}
	return " to " + string(env)
}

// relocationCourse is what moving it does: the copy and the cut, or the cut alone where the copy is a matter of seconds.
func (a *App) relocationCourse(r relocation) course {
	p := expansion.Proposal{Expansion: relocationName(r.StoreMove), Source: r.From, Environments: []expansion.Environment{{Name: r.To}}}
	p.Digest = estate.DigestOf(p)
	replicate := []string{
		fmt.Sprintf("roles, schemas and rows of %s are copied from %s to %s while it is used, and what is written is passed on", databasesText(r.StoreMove), r.From, r.To),
		"nothing changes for clients; what was made in " + string(r.To) + " is taken away again when it is undone",
	}
	cut := []string{
		fmt.Sprintf("clients of %s are held for moments, until %s has all that was written, and led there", r.Datastore, r.To),
		fmt.Sprintf("%s takes no writes any more, and follows %s: it can go back without a loss for %s, and until the window is closed", r.From, r.To, r.Window),
		"how many rows each table has and what is in them is compared as of that moment; when it differs, clients are led back",
	}
	if r.from.Technology == "redis" {
		replicate = nil
		cut = []string{
			fmt.Sprintf("%s in %s follows it from %s, and the Sentinels there fail nothing over meanwhile", r.Datastore, r.To, r.From),
			fmt.Sprintf("writes are held for moments, until %s has all of them, and clients led there; the cut is given up after half a second", r.To),
			fmt.Sprintf("what led in %s is a replica from then on and can never lead by itself: it can go back without a loss as long as that follows", r.From),
		}
	}
	if r.Accounts {
		cut = append(cut, "accounts that "+string(r.To)+" lacks are copied there, with the hashes of their passwords")
	}
	for _, w := range r.Clients {
		cut = append(cut, wayText(w, r.StoreMove))
	}
	cut = append(cut, foundText(r.from), foundText(r.to))
	c := course{journey.Course{Journey: journey.RelocationOf(p, r.Datastore, cmp.Or(r.from.Team, r.to.Team), replicate, cut)}, p}
	c.Course = c.At(func(estate.EnvironmentName) string {
		t, _ := a.targetOf(c.Journey.Steps[0])
		return t.String()
	})
	return c
}

// foundText says which servers an end is: who agrees to a move agrees to those.
func foundText(k workspace.Kept) string {
	at := slices.Concat(k.Patroni, k.Sentinels)
	for _, named := range []map[string]string{k.Members, k.Peers} {
		for _, name := range slices.Sorted(maps.Keys(named)) {
			at = append(at, name+"="+named[name])
		}
	}
	if k.CNPG != nil {
		at = append(at, k.CNPG.Namespace+"/"+k.CNPG.Name)
	}
	if s := k.Stolon; s != nil {
		at = append(at, slices.Concat(s.Etcd, []string{cmp.Or(s.Namespace, s.Prefix) + "/" + s.Cluster})...)
	}
	text := fmt.Sprintf("%s in %s is found by %s", k.Name, k.Environment, strings.Join(at, ", "))
	if k.Through != "" {
		text += ", through " + k.Through
	}
	if k.Admin != nil && k.Admin.User != "" {
		text += ", as " + k.Admin.User
	}
	if k.Replication != nil && k.Replication.User != "" {
		text += ", followed as " + k.Replication.User
	}
	if k.TLS != "" {
		text += ", with TLS " + k.TLS
	}
	return text
}

func databasesText(m workspace.StoreMove) string {
	if len(m.Databases) == 0 {
		return "all databases of " + string(m.Datastore)
	}
	return strings.Join(m.Databases, ", ") + " of " + string(m.Datastore)
}

func wayText(w workspace.Way, m workspace.StoreMove) string {
	if p := w.PgBouncer; p != nil {
		return fmt.Sprintf("PgBouncer at %s holds and leads them, by its file %s: %s%s", p.Console, p.File, strings.Join(p.Databases, ", "), reachedText(p.Through, p.Machine))
	}
	text := "HAProxy at " + w.HAProxy.Socket + " leads them: backend " + w.HAProxy.Backend
	if from, to := w.HAProxy.Servers[string(m.From)], w.HAProxy.Servers[string(m.To)]; len(from)+len(to) > 0 {
		text += fmt.Sprintf(", from %s to %s", strings.Join(from, ", "), strings.Join(to, ", "))
	}
	if w.HAProxy.Most > 0 {
		text += fmt.Sprintf(", with maxconn %d", w.HAProxy.Most)
	}
	return text + reachedText(w.HAProxy.Through, w.HAProxy.Machine)
}

// reachedText says how what leads clients is reached; nothing where that is directly.
func reachedText(through, machine string) string {
	if through == "" {
		return ""
	}
	return strings.TrimSuffix(", through "+through+" "+machine, " ")
}

// relocationConsents is who has agreed to a move as it is declared now.
func (a *App) relocationConsents(ctx context.Context, name estate.ServiceName, to estate.EnvironmentName) (Consents, error) {
	r, err := a.relocationTo(ctx, name, to)
	if err != nil {
		return Consents{}, err
	}
	return a.consents(ctx, a.relocationCourse(r))
}

// LookAtRelocation is PreviewRelocation for somebody who speaks for the team that owns the datastore: both ends are asked by accounts that may do everything.
func (a *App) LookAtRelocation(ctx context.Context, name estate.ServiceName, to estate.EnvironmentName, by rights.Person) (Relocation, error) {
	r, err := a.relocationTo(ctx, name, to)
	if err != nil {
		return Relocation{}, err
	}
	if err := a.mayOf(by, rights.Decide, cmp.Or(r.from.Team, r.to.Team)); err != nil {
		return Relocation{}, err
	}
	return a.PreviewRelocation(ctx, name, to)
}

// PreviewRelocation says what moving a datastore would do, what stands in the way and how far it is. It changes nothing.
func (a *App) PreviewRelocation(ctx context.Context, name estate.ServiceName, to estate.EnvironmentName) (Relocation, error) {
	r, err := a.relocationTo(ctx, name, to)
	if err != nil {
		return Relocation{}, err
	}
	return a.lookedAt(ctx, r, "")
}

// lookedAt is what moving a datastore would do and what stands in the way; for a run, where that would begin anew.
func (a *App) lookedAt(ctx context.Context, r relocation, run string) (Relocation, error) {
	out := a.described(r)
	e, err := a.engine(ctx, r, run, func(string) {})
	if err != nil {
		return out, err
	}
	defer e.close()
	err = e.look(ctx, &out)
	return out, err
}

// described is what a move does, before anybody is asked.
func (a *App) described(r relocation) Relocation {
	out := Relocation{Datastore: r.Datastore, From: r.From, To: r.To, Technology: r.from.Technology, Journey: relocationName(r.StoreMove), Team: cmp.Or(r.from.Team, r.to.Team), Checks: []standby.Check{}}
	for _, s := range a.relocationCourse(r).Journey.Steps {
		out.Steps = append(out.Steps, s.Preview...)
	}
	return out
}

// StartRelocation begins to move a datastore, or goes on. Conflict, with a line for each, when something stands in the way; Denied while its team has not agreed.
func (a *App) StartRelocation(ctx context.Context, name estate.ServiceName, req RelocateRequest, by rights.Person) (journey.Run, error) {
	if err := rights.May(by, rights.Operate, ""); err != nil {
		return journey.Run{}, err
	}
	r, err := a.relocationTo(ctx, name, req.To)
	if err != nil {
		return journey.Run{}, err
	}
	p, err := a.lookedAt(ctx, r, "another")
	if err != nil {
		return journey.Run{}, err
	}
	if p.Arrived() {
		if open, err := a.openRun(ctx, relocationName(r.StoreMove)); err != nil || !open.State.Open() {
			return journey.Run{}, cmp.Or(err, movedAlready(r))
		}
	}
	if text := p.InTheWay(); text != "" && !underWay(p.Phase) {
		return journey.Run{}, fault.Newf(fault.Conflict, "%s is not moved to %s:\n%s", name, r.To, text)
	}
	c := a.relocationCourse(r)
	return a.askAndBegin(ctx, c, a.declaredOptions(r, c, false), by, req.Why)
}

// underWay reports whether a move has begun, and was neither taken back nor closed: what is in its way then may be what it made itself.
func underWay(phase string) bool {
	return phase != "" && phase != string(standby.Planned) && phase != string(standby.Undone) && phase != string(standby.Closed)
}

// phaseOf is how far a declared move is, as was last kept of it, and whether that is under way. A Redis has no window: one that has moved is done.
func (a *App) phaseOf(ctx context.Context, m workspace.StoreMove, technology string) (phase string, open bool, err error) {
	if technology == "redis" {
		var s standby.RedisMove
		_, err = a.store.Transfer(ctx, relocationName(m), &s)
		phase = string(s.Shown())
		return phase, underWay(phase) && s.Phase != standby.RedisMoved, err
	}
	var s standby.Transfer
	_, err = a.store.Transfer(ctx, relocationName(m), &s)
	phase = string(s.Phase)
	return phase, underWay(phase), err
}

// StartRelocationBack begins to lead clients back to where the datastore was, and to take away what the move made. NotFound when it was not moved.
func (a *App) StartRelocationBack(ctx context.Context, name estate.ServiceName, req RelocateRequest, by rights.Person) (journey.Run, error) {
	if err := rights.May(by, rights.Operate, ""); err != nil {
		return journey.Run{}, err
	}
	r, err := a.relocationTo(ctx, name, req.To)
	if err != nil {
		return journey.Run{}, err
	}
	runs, err := a.store.Runs(ctx, relocationName(r.StoreMove), 0)
	if err != nil {
		return journey.Run{}, err
	}
	i := slices.IndexFunc(runs, func(r journey.Run) bool { return r.Way == journey.Forth })
	if i < 0 || i > 0 && runs[0].State == journey.Finished {
		return journey.Run{}, fault.Newf(fault.NotFound, "%s is not moved to %s, so there is nothing to go back from", name, r.To)
	}
	var c course
	if err := a.store.Course(ctx, runs[i].Journey, &c); err != nil {
		return journey.Run{}, err
	}
	return a.begin(ctx, c, journey.Back, a.declaredOptions(r, c, true), by.By(), req.Why)
}

// declaredOptions are those of a run that goes by what is declared now.
func (a *App) declaredOptions(r relocation, c course, force bool) runOptions {
	o := a.optionsOf(c, "", force)
	o.Declared = a.relocationCourse(r).Journey.Digest
	return o
}

// CloseRelocation ends the time in which a moved datastore can go back: what it left is told nothing any more. Who answers for it does this, and it is on record.
func (a *App) CloseRelocation(ctx context.Context, name estate.ServiceName, req CloseRequest, by rights.Person) (Relocation, error) {
	r, err := a.relocationTo(ctx, name, req.To)
	if err != nil {
		return Relocation{}, err
	}
	if err := a.mayOf(by, rights.Decide, cmp.Or(r.from.Team, r.to.Team)); err != nil {
		return Relocation{}, err
	}
	if err := a.atRest(ctx, relocationName(r.StoreMove)); err != nil {
		return Relocation{}, err
	}
	what := "closed the window of a move"
	if r.fromGone = req.SourceGone; r.fromGone {
		what += ", as " + string(r.From) + " is gone"
	}
	e, err := a.engine(ctx, r, "", func(string) {})
	if err != nil {
		return Relocation{}, orGone(r, err)
	}
	defer e.close()
	note := func() error {
		return a.store.AddEntry(ctx, store.Entry{At: a.now(), By: by.By(), What: what, Expansion: relocationName(r.StoreMove), Subject: string(r.Datastore), Why: req.Why})
	}
	if err := e.shut(ctx, note); err != nil {
		return Relocation{}, orGone(r, err)
	}
	var now standby.Transfer
	_, err = a.store.Transfer(ctx, relocationName(r.StoreMove), &now)
	out := a.described(r)
	out.Phase, out.Pauses, out.Method = string(now.Phase), now.Pauses(), string(now.Method)
	return out, err
}

// orGone adds to an end that does not answer what to do where the old place was taken down.
func orGone(r relocation, err error) error {
	if fault.KindOf(err) != fault.Unavailable || r.fromGone || r.from.Technology != "postgres" {
		return err
	}
	return fault.Newf(fault.Unavailable, "%w; where %s was taken down for good: caravan standby close %s --source-gone", err, r.From, r.Datastore)
}

// atRest refuses while a move is being carried out: a copy takes hours, and nobody waits for it here. What was cancelled a moment ago is waited for.
func (a *App) atRest(ctx context.Context, name string) error {
	open, err := a.openRun(ctx, name)
	if err != nil {
		return err
	}
	doing, err := a.store.Doing(ctx, name)
	if err != nil {
		return err
	}
	if open.State == journey.Running || open.State.Open() && doing > 0 {
		return fault.Newf(fault.Conflict, "%s is being carried out (%s, by %s); wait for it, or end it with caravan cancel %s", name, open.Way, open.By, name)
	}
	return a.still(ctx, name)
}

// relocating does the steps of a move.
type relocating struct {
	*App
	r relocation
}

// relocating refuses where this program has read another caravan.yaml than the one who began a run: it might lead other clients than those that moved.
func (a *App) relocating(w journey.Work, o runOptions) (journey.Action, error) {
	name, to, ok := relocationOf(w.Run.Expansion)
	if !ok {
		return nil, fault.Newf(fault.Internal, "step %s of %s moves a datastore, and no move is called so", w.Step.ID, w.Run.Expansion)
	}
	r, err := a.relocationTo(context.Background(), name, to)
	if err == nil && o.Declared != "" && o.Declared != a.relocationCourse(r).Journey.Digest {
		err = fault.Newf(fault.Conflict, "this program has read another caravan.yaml of the move of %s than %s, who began it; start each caravan serve of this workspace anew, then say it again", name, w.Run.By)
	}
	return relocating{a, r}, err
}

// with opens an engine for a step.
func (x relocating) with(ctx context.Context, w journey.Work, tell journey.Tell, do func(engine) error) error {
	run := ""
	if w.Run.Way == journey.Forth { // only the way there begins anew
		run = string(w.Run.ID)
	}
	e, err := x.engine(ctx, x.r, run, tell)
	if err != nil {
		return err
	}
	defer e.close()
	return do(e)
}

// Preview says what a step would do, and what stands in the way.
func (x relocating) Preview(ctx context.Context, w journey.Work) ([]journey.Change, error) {
	out := Relocation{}
	err := x.with(ctx, w, func(string) {}, func(e engine) error { return e.look(ctx, &out) })
	if err == nil && out.InTheWay() != "" && !underWay(out.Phase) {
		err = fault.Newf(fault.Conflict, "%s", out.InTheWay())
	}
	return []journey.Change{{Path: string(w.Step.ID), What: journey.Updated}}, err
}

// Do copies, or leads clients over. Killed at any moment it goes on where it was.
func (x relocating) Do(ctx context.Context, w journey.Work, tell journey.Tell) ([]journey.Change, error) {
	if now := x.relocationCourse(x.r); !slices.ContainsFunc(now.Journey.Steps, func(s journey.Step) bool { return s.ID == w.Step.ID && s.Digest == w.Step.Digest }) {
		return nil, fault.Newf(fault.Conflict, "what is declared of the move of %s is not what was agreed to any more; look at it, agree, and move again", x.r.Datastore)
	}
	err := x.with(ctx, w, tell, func(e engine) error {
		if w.Step.Kind == journey.Replicate {
			return e.follow(ctx)
		}
		return e.cut(ctx)
	})
	return []journey.Change{{Path: string(w.Step.ID), What: journey.Updated}}, err
}

// Verify asks both ends whether it is as it should be.
func (x relocating) Verify(ctx context.Context, w journey.Work, tell journey.Tell) error {
	return x.with(ctx, w, tell, func(e engine) error { return e.verify(ctx, w.Step.Kind) })
}

// Undo leads clients back, or takes away what was made.
func (x relocating) Undo(ctx context.Context, w journey.Work, tell journey.Tell) ([]journey.Change, error) {
	err := x.with(ctx, w, tell, func(e engine) error {
		if w.Step.Kind == journey.CutOver {
			return e.back(ctx)
		}
		return e.undo(ctx)
	})
	return []journey.Change{{Path: string(w.Step.ID), What: journey.Removed}}, err
}
