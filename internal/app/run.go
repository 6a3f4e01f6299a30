package app

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"slices"
	"time"

	"example.org/caravan/internal/address"
	"example.org/caravan/internal/conductor"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/jobs"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/rights"
	"example.org/caravan/internal/store"
)

// Conduct lets this program carry out what is open in the store, moves and releases, beside others that do.
func (a *App) Conduct(ctx context.Context) error {
	_, err := a.conduct(ctx)
	if err == nil {
		a.carryOpen()
	}
	if err == nil && a.drills() {
		a.wg.Go(func() { a.keepDrilling(a.ctx) })
	}
	return err
}

// conduct is the program's conductor, which begins with the first who asks.
func (a *App) conduct(ctx context.Context) (*conductor.Conductor, error) {
	if err := a.inWorkspace(); err != nil {
		return nil, err
	}
	a.conducting.Lock()
	defer a.conducting.Unlock()
	if a.conductor != nil {
		return a.conductor, nil
	}
	c, err := conductor.Open(ctx, conductor.Options{
		Store: a.store, Now: a.now, Act: a.act, Allow: a.allow,
		Queue: jobs.Options{Database: a.database, Path: filepath.Join(a.dir, ".caravan", "jobs.db")},
	})
	a.conductor = c
	if err == nil {
		a.outbox = a.newOutbox()
		a.outbox.Start(a.ctx)
		if every := a.declared.Drift.Every; every > 0 {
			a.wg.Go(func() { a.keepLooking(a.ctx, every) })
		}
		if a.declared.Standbys.Every > 0 {
			a.wg.Go(func() { a.keepWarm(a.ctx) })
		}
	}
	return c, err
}

// StartMove begins to carry a plan out, or goes on where that stopped: it plans, refuses while edges are undecided, while marked
// data would leave the country, and while something it did not make is in the way. Anywhere lets Out be outside the workspace.
// Conflict while an earlier plan is being carried out, or the way back is.
func (a *App) StartMove(ctx context.Context, name string, req MoveRequest, anywhere bool, by rights.Person) (journey.Run, error) {
	if err := rights.May(by, rights.Operate, ""); err != nil {
		return journey.Run{}, err
	}
	plan, err := a.readyPlan(ctx, name, false)
	if err != nil {
		return journey.Run{}, err
	}
	dir, err := a.folder(name, req.Out, anywhere)
	if err != nil {
		return journey.Run{}, err
	}
	if err := a.aside(req.Out); err != nil {
		return journey.Run{}, err
	}
	c, err := a.courseOf(ctx, plan)
	if err != nil {
		return journey.Run{}, err
	}
	o := a.optionsOf(c, dir, req.Force)
	if err := a.withinBudgets(ctx, c); err != nil {
		return journey.Run{}, err
	}
	if err := a.clear(ctx, c, o); err != nil {
		return journey.Run{}, err
	}
	return a.askAndBegin(ctx, c, o, by, req.Why)
}

// askAndBegin asks those whose green light a course needs, begins it, and tells them.
func (a *App) askAndBegin(ctx context.Context, c course, o runOptions, by rights.Person, why string) (journey.Run, error) {
	consents, err := a.consents(ctx, c)
	if err != nil {
		return journey.Run{}, err
	}
	if err := a.ask(ctx, &consents); err != nil {
		return journey.Run{}, err
	}
	r, err := a.begin(ctx, c, journey.Forth, o, by.By(), why)
	if err != nil {
		return r, err
	}
	return r, a.announceRun(ctx, r)
}

// clear refuses what is in the way, all of it, before anything is done.
func (a *App) clear(ctx context.Context, c course, o runOptions) error {
	open, err := a.openRun(ctx, c.Journey.Expansion)
	if err != nil || open.State == journey.Running {
		return err // what is there is being made
	}
	_, err = a.preview(ctx, c, o)
	return err
}

// StartUndo begins to take away what moves of an expansion made, and to give its ranges back.
func (a *App) StartUndo(ctx context.Context, name string, req MoveRequest, anywhere bool, by rights.Person) (journey.Run, error) {
	if err := rights.May(by, rights.Operate, ""); err != nil {
		return journey.Run{}, err
	}
	b, err := a.goingBack(ctx, name, req, anywhere)
	if err != nil {
		return journey.Run{}, err
	}
	return a.begin(ctx, b.course, journey.Back, b.options, by.By(), req.Why)
}

// begin starts a run, or lets the same one go on.
func (a *App) begin(ctx context.Context, c course, way journey.Way, o runOptions, by, why string) (journey.Run, error) {
	name := c.Journey.Expansion
	options, err := json.Marshal(o)
	if err != nil {
		return journey.Run{}, err
	}
	conductor, err := a.conduct(ctx)
	if err != nil {
		return journey.Run{}, err
	}
	open, err := a.openRun(ctx, name)
	if err != nil {
		return open, err
	}
	if open.State.Open() {
		same, err := a.same(ctx, open, c, way, string(options))
		switch {
		case err != nil:
			return open, err
		case same && open.State == journey.Running:
			return open, nil
		case same:
			return open, conductor.GoOn(ctx, open, by)
		case open.State == journey.Running:
			return open, fault.Newf(fault.Conflict, "%s is being carried out with another plan (%s of %s by %s); wait for it, or end it with caravan cancel %s", name, open.Way, open.ID, open.By, name)
		}
		if err := conductor.Cancel(ctx, open, by, "another "+string(way)+" takes its place"); err != nil {
			return open, err
		}
	}
	if err := a.still(ctx, name); err != nil {
		return journey.Run{}, err
	}
	if err := a.store.KeepCourse(ctx, name, c.Journey.Digest, c); err != nil {
		return journey.Run{}, err
	}
	r := journey.Start(c.Journey, way)
	r.By, r.Why = by, why
	started, err := conductor.Start(ctx, r, string(options))
	if fault.KindOf(err) != fault.Conflict {
		return started, err
	}
	// Somebody was quicker, maybe with the very same.
	if open, none := a.openRun(ctx, name); none == nil && open.State == journey.Running {
		if same, none := a.same(ctx, open, c, way, string(options)); none == nil && same {
			return open, nil
		}
	}
	return started, err
}

// same reports whether a run carries out a course, that way, with those options.
func (a *App) same(ctx context.Context, r journey.Run, c course, way journey.Way, options string) (bool, error) {
	_, before, err := a.store.Run(ctx, r.ID)
	return r.Way == way && r.Journey == c.Journey.Digest && before == options, err
}

// still waits until nothing of an expansion is being done: what was cancelled takes a moment to break off.
func (a *App) still(ctx context.Context, name string) error {
	for {
		n, err := a.store.Doing(ctx, name)
		if err != nil || n == 0 {
			return err
		}
		select {
		case <-time.After(lookAgain):
		case <-ctx.Done():
			return fault.Newf(fault.Unavailable, "%d steps of %s are still being broken off: %w; try again in a moment", n, name, ctx.Err())
		}
	}
}

// openRun is the run of an expansion that may go on; one of no state when there is none.
func (a *App) openRun(ctx context.Context, name string) (journey.Run, error) {
	runs, err := a.store.Runs(ctx, name, 1)
	if err != nil || len(runs) == 0 || !runs[0].State.Open() {
		return journey.Run{}, err
	}
	return runs[0], nil
}

// lastRun is the run of an expansion that began last; nil when there was none.
func (a *App) lastRun(ctx context.Context, name string) (*journey.Run, error) {
	runs, err := a.store.Runs(ctx, name, 1)
	if err != nil || len(runs) == 0 {
		return nil, err
	}
	r, _, err := a.store.Run(ctx, runs[0].ID)
	return &r, err
}

// Turning is what may be done to a run that is open.
type Turning struct {
	Why string `json:"why,omitempty" doc:"Reason, for the audit and for those who look on."`
}

// Pause lets nothing else of an expansion's run begin. NotFound when none is open.
func (a *App) Pause(ctx context.Context, name string, by rights.Person, t Turning) (journey.Run, error) {
	return a.turn(ctx, name, by, func(c *conductor.Conductor, r journey.Run) error { return c.Pause(ctx, r, by.By(), t.Why) })
}

// Resume lets a run that was paused, or that stopped, go on where it was.
func (a *App) Resume(ctx context.Context, name string, by rights.Person) (journey.Run, error) {
	return a.turn(ctx, name, by, func(c *conductor.Conductor, r journey.Run) error { return c.GoOn(ctx, r, by.By()) })
}

// Cancel ends a run where it is. What it did stays, until it is moved again or undone.
func (a *App) Cancel(ctx context.Context, name string, by rights.Person, t Turning) (journey.Run, error) {
	return a.turn(ctx, name, by, func(c *conductor.Conductor, r journey.Run) error { return c.Cancel(ctx, r, by.By(), t.Why) })
}

func (a *App) turn(ctx context.Context, name string, by rights.Person, do func(*conductor.Conductor, journey.Run) error) (journey.Run, error) {
	if err := rights.May(by, rights.Operate, ""); err != nil {
		return journey.Run{}, err
	}
	c, err := a.conduct(ctx)
	if err != nil {
		return journey.Run{}, err
	}
	open, err := a.openRun(ctx, name)
	if err != nil {
		return open, err
	}
	if !open.State.Open() {
		return open, fault.Newf(fault.NotFound, "nothing of %s is being carried out; run %s to begin", name, beginCommand(name))
	}
	if err := do(c, open); err != nil {
		return open, err
	}
	r, _, err := a.store.Run(ctx, open.ID)
	return r, err
}

// Runs are the runs of an expansion without their steps, the last first.
func (a *App) Runs(ctx context.Context, name string, limit int) ([]journey.Run, error) {
	if err := a.inWorkspace(); err != nil {
		return nil, err
	}
	return a.store.Runs(ctx, name, limit)
}

// Watched is how a run stands, with what its steps said since it was looked at last.
type Watched struct {
	Run   journey.Run  `json:"run"`
	Lines []store.Line `json:"lines,omitempty"`
	Seen  Seen         `json:"seen"`
	Moved *Moved       `json:"moved,omitempty"` // once it has ended
}

// Seen is what somebody who watches a run knows already.
type Seen struct {
	Line int64         `json:"line" query:"line" doc:"Id of the last line."`
	Mark estate.Digest `json:"mark" query:"mark" doc:"Of how everything stood."`
}

const (
	lookAgain = 100 * time.Millisecond
	lookLong  = 10 * time.Second
)

// WatchRun waits, some seconds at most, until there is news of a run.
func (a *App) WatchRun(ctx context.Context, id journey.RunID, seen Seen) (Watched, error) {
	if err := a.inWorkspace(); err != nil {
		return Watched{}, err
	}
	tick := time.NewTicker(lookAgain)
	defer tick.Stop()
	enough := time.NewTimer(lookLong)
	defer enough.Stop()
	for {
		w, err := a.watchOnce(ctx, id, seen)
		if err != nil || len(w.Lines) > 0 || w.Seen.Mark != seen.Mark || w.Run.State != journey.Running {
			return w, err
		}
		select {
		case <-tick.C:
		case <-enough.C:
			return w, nil
		case <-ctx.Done():
			return w, fault.Newf(fault.Unavailable, "no longer watching: %w; what is being done goes on", ctx.Err())
		}
	}
}

func (a *App) watchOnce(ctx context.Context, id journey.RunID, seen Seen) (Watched, error) {
	r, options, err := a.store.Run(ctx, id)
	if err != nil {
		return Watched{}, err
	}
	lines, err := a.store.Lines(ctx, id, "", seen.Line, 0)
	if err != nil {
		return Watched{}, err
	}
	w := Watched{Run: r, Lines: lines, Seen: Seen{Line: seen.Line, Mark: estate.DigestOf(r)}}
	if len(lines) > 0 {
		w.Seen.Line = lines[len(lines)-1].ID
	}
	if r.State != journey.Running && r.Count(journey.Doing) == 0 {
		w.Moved, err = a.moved(ctx, r, options)
	}
	return w, err
}

// moved is what a run did.
func (a *App) moved(ctx context.Context, r journey.Run, options string) (*Moved, error) {
	var c course
	o, err := readOptions(r.ID, options)
	if err := errors.Join(err, a.store.Course(ctx, r.Journey, &c)); err != nil {
		return nil, err
	}
	m := Moved{Expansion: r.Expansion, Proposal: c.Proposal.Digest, Folder: o.Folder, Where: a.where(c, o)}
	for i, s := range c.Journey.Steps {
		changes := r.Steps[i].Changes
		switch {
		case s.Kind == journey.Addresses && r.Way == journey.Back:
		case s.Kind == journey.Removal || r.Way == journey.Back:
			m.Removed = append(m.Removed, changes...)
		default:
			m.Steps = append(m.Steps, StepResult{Step: s.ID, Wave: s.Wave, Kind: s.Kind, Changes: changes})
		}
	}
	if r.Way == journey.Forth {
		m.ToDo = Plan{Proposal: c.Proposal}.toDo()
		return &m, nil
	}
	slices.SortFunc(m.Removed, func(x, y journey.Change) int { return cmp.Compare(x.Path, y.Path) })
	leases, err := a.store.Leases(ctx, r.Expansion)
	m.GivenBack = slices.DeleteFunc(leases, func(l address.Lease) bool { return l.State != address.Quarantined || l.Since.Before(r.Started) })
	return &m, err
}
