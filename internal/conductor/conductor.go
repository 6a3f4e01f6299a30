// Package conductor carries journeys out: it asks which steps may begin (journey.Run), hands them to the queue, and does those that
// the queue hands to this program, each only once somebody has said yes to it. How everything stands is in the store, so any
// number of programs work on the same runs: one that is killed, or loses the store, is noticed by the others or by the next one,
// and its steps are done again.
package conductor

import (
	"context"
	"errors"
	"sync"
	"time"

	"example.org/caravan/internal/consent"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/jobs"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/store"
)

// Options of a conductor.
type Options struct {
	Store *store.Store
	Queue jobs.Options // without Work and Most
	Now   func() time.Time
	// Act gives what does a step.
	Act func(journey.Work) (journey.Action, error)
	// Allow says what is against beginning some steps of a run; nil when nothing is.
	Allow func(ctx context.Context, r journey.Run, steps []journey.Step, lights []consent.GreenLight, vetoes []consent.Veto) error
	// Most is how many steps of one run are done at once; 4 for 0.
	Most int
	// Grace is how long a program that cannot be looked at may be silent before others take over; 15 s for 0.
	Grace time.Duration
}

const (
	most  = 4
	grace = 15 * time.Second
	beat  = time.Second // between two looks at everything
)

// Conductor carries out what is open. Close ends it.
type Conductor struct {
	Options
	queue  jobs.Queue
	worker string
	nudge  chan struct{}
	stop   context.CancelFunc
	done   sync.WaitGroup

	mu      sync.Mutex
	doing   map[task]*effort
	courses map[estate.Digest]journey.Course // of the runs that are open, intact
}

// Open begins to carry out what is open in the store, and what is started later.
func Open(ctx context.Context, o Options) (*Conductor, error) {
	if o.Most == 0 {
		o.Most = most
	}
	if o.Grace == 0 {
		o.Grace = grace
	}
	c := &Conductor{Options: o, worker: Self(), nudge: make(chan struct{}, 1), doing: map[task]*effort{}, courses: map[estate.Digest]journey.Course{}}
	if _, err := c.Store.Beat(ctx, c.worker); err != nil {
		return nil, err
	}
	o.Queue.Most, o.Queue.Work = 2*o.Most, c.work
	var err error
	if c.queue, err = jobs.Open(ctx, o.Queue); err != nil {
		return nil, err
	}
	ctx, c.stop = context.WithCancel(context.WithoutCancel(ctx))
	c.done.Go(func() { c.look(ctx) })
	return c, nil
}

// errClosing is why a step that is being done is broken off when the program ends: it goes on later.
var errClosing = errors.New("the program ends")

// Close breaks off what this program does and lets others go on with it.
func (c *Conductor) Close(ctx context.Context) error {
	c.stop()
	c.done.Wait()
	c.breakOff(func(task, *effort) bool { return true }, errClosing)
	err := c.queue.Close(ctx)
	_, buried := c.Store.Bury(ctx, c.worker, c.Now())
	return errors.Join(err, buried)
}

// task is an attempt at a step.
type task struct {
	run     journey.RunID
	step    journey.StepID
	attempt int
}

// effort is what this program does about a task.
type effort struct {
	cancel context.CancelCauseFunc
	begun  bool // it stands in the store
}

// breakOff cancels steps that this program does.
func (c *Conductor) breakOff(which func(task, *effort) bool, because error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for t, e := range c.doing {
		if which(t, e) {
			e.cancel(because)
		}
	}
}

// Start begins a run of a course that is kept in the store. Options are the caller's own, for its actions.
func (c *Conductor) Start(ctx context.Context, r journey.Run, options string) (journey.Run, error) {
	r.Started = c.Now()
	r, err := c.Store.StartRun(ctx, r, options)
	c.hurry()
	return r, err
}

// GoOn lets a run that is paused or stopped go on where it was; one that runs already runs.
func (c *Conductor) GoOn(ctx context.Context, r journey.Run, by string) error {
	err := c.Store.Turn(ctx, r.ID, []journey.RunState{journey.Paused, journey.Stopped}, journey.Running, store.Cause{}, store.Entry{At: c.Now(), By: by, What: string(r.Way) + " goes on"})
	c.hurry()
	return err
}

// Pause lets nothing else of a run begin; what began is finished.
func (c *Conductor) Pause(ctx context.Context, r journey.Run, by, why string) error {
	return c.Store.Turn(ctx, r.ID, []journey.RunState{journey.Running}, journey.Paused, store.Cause{Reason: why}, store.Entry{At: c.Now(), By: by, What: string(r.Way) + " paused", Why: why})
}

// Cancel ends a run where it is. What is being done is broken off.
func (c *Conductor) Cancel(ctx context.Context, r journey.Run, by, why string) error {
	err := c.Store.Turn(ctx, r.ID, []journey.RunState{journey.Running, journey.Paused, journey.Stopped}, journey.Cancelled, store.Cause{Reason: why}, store.Entry{At: c.Now(), By: by, What: string(r.Way) + " cancelled", Why: why})
	c.hurry()
	return err
}

// hurry has everything looked at now.
func (c *Conductor) hurry() {
	select {
	case c.nudge <- struct{}{}:
	default:
	}
}

// look looks after everything that is open, again and again. What fails is tried again the next time: the store may be away for a
// while.
func (c *Conductor) look(ctx context.Context) {
	tick := time.NewTicker(beat)
	defer tick.Stop()
	for {
		_ = c.lookOnce(ctx)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-c.nudge:
		}
	}
}

func (c *Conductor) lookOnce(ctx context.Context) error {
	ages, err := c.Store.Beat(ctx, c.worker)
	if err != nil {
		return err
	}
	for name, age := range ages {
		if name != c.worker && Gone(name, age > c.Grace) {
			if _, err := c.Store.Bury(ctx, name, c.Now()); err != nil {
				return err
			}
		}
	}
	mine := c.begun()
	open, err := c.Store.OpenRuns(ctx)
	if err != nil {
		return err
	}
	c.forget(mine, open)
	for _, r := range open {
		if err := c.handOut(ctx, r); err != nil {
			return err
		}
	}
	return nil
}

// begun is what this program does by now.
func (c *Conductor) begun() map[task]bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := map[task]bool{}
	for t, e := range c.doing {
		out[t] = e.begun
	}
	return out
}

// errCancelled is why a step of a run that was cancelled is broken off.
var errCancelled = fault.Newf(fault.Conflict, "cancelled while it was being done; move again to finish it, or undo")

// forget breaks off what was begun before the runs that are open were read, and is part of none or another program's by now; and
// lets go of courses nobody needs.
func (c *Conductor) forget(mine map[task]bool, open []journey.Run) {
	courses := map[estate.Digest]bool{}
	for _, r := range open {
		courses[r.Journey] = true
		for _, s := range r.Steps {
			if s.Worker == c.worker {
				delete(mine, task{r.ID, s.Step, s.Attempt})
			}
		}
	}
	c.breakOff(func(t task, _ *effort) bool { return mine[t] }, errCancelled)
	c.mu.Lock()
	defer c.mu.Unlock()
	for digest := range c.courses {
		if !courses[digest] {
			delete(c.courses, digest)
		}
	}
}

// window is after how many seconds a step that nobody took is handed out again.
const window = 20

// handOut puts the steps of a run that may begin into the queue.
func (c *Conductor) handOut(ctx context.Context, r journey.Run) error {
	room := c.Most - r.Count(journey.Doing)
	if r.State != journey.Running || room <= 0 {
		return nil
	}
	course, _, err := c.course(ctx, r)
	if err != nil {
		return err
	}
	attempts := map[journey.StepID]int{}
	for _, s := range r.Steps {
		attempts[s.Step] = s.Attempt
	}
	var next []jobs.Job
	for _, id := range r.Next(course.Journey) {
		if len(next) < room {
			next = append(next, jobs.Job{Run: r.ID, Step: id, Attempt: attempts[id], By: c.worker, Window: c.Now().Unix() / window})
		}
	}
	return c.queue.Put(ctx, next)
}

// course is what a run carries out, and whether it was altered since it was planned. One that was is not remembered: it may be put right.
func (c *Conductor) course(ctx context.Context, r journey.Run) (course journey.Course, altered, err error) {
	c.mu.Lock()
	course, ok := c.courses[r.Journey]
	c.mu.Unlock()
	if ok {
		return course, nil, nil
	}
	if err := c.Store.Course(ctx, r.Journey, &course); err != nil {
		return course, nil, err
	}
	if what := course.Altered(r.Journey); what != "" {
		return course, fault.Newf(fault.Invalid, "what is kept of %s was altered since it was planned (%s); end it with caravan cancel %s, then move again, and ask who may write to the database", r.ID, what, r.Expansion), nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.courses[r.Journey] = course
	return course, nil, nil
}
