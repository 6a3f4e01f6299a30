package conductor_test

import (
	"context"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.org/caravan/internal/conductor"
	"example.org/caravan/internal/consent"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/store"
	"example.org/caravan/internal/store/pgtest"
)

// hall is a conductor in this program.
type hall struct {
	bench
	*conductor.Conductor
}

func (b bench) conduct(t *testing.T, act effects, allow func([]journey.Step) error) hall {
	t.Helper()
	act.dir, act.store = filepath.Join(b.dir, "effects"), b.store
	if act.say == nil {
		act.say = func(string) {}
	}
	o := options(b.store, b.dir, b.database, act)
	if allow != nil {
		o.Allow = func(_ context.Context, _ journey.Run, steps []journey.Step, _ []consent.GreenLight, _ []consent.Veto) error {
			return allow(steps)
		}
	}
	c, err := conductor.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return hall{b, c}
}

func (h hall) begin(t *testing.T) journey.Run {
	t.Helper()
	r := journey.Start(h.course.Journey, journey.Forth)
	r.By = "ayu"
	r, err := h.Start(t.Context(), r, "")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// until waits for a run to stand in a way, with nothing being done.
func (h hall) until(t *testing.T, id journey.RunID, states ...journey.RunState) journey.Run {
	t.Helper()
	for {
		r := h.run(t, id)
		if slices.Contains(states, r.State) && r.Count(journey.Doing) == 0 {
			return r
		}
		if r.State != journey.Running && !slices.Contains(states, r.State) {
			t.Fatalf("%s is %s: %s", id, r.State, r.Reason)
		}
		runtime.Gosched()
	}
}

func TestARunStopsAtTheFirstFailureAndGoesOnWhereItStopped(t *testing.T) {
	b := prepare(t, "")
	var mu sync.Mutex
	broken := true
	h := b.conduct(t, effects{fail: func(w journey.Work) error {
		mu.Lock()
		defer mu.Unlock()
		if broken && w.Step.ID == "id/service/s3-4" {
			return fault.Newf(fault.Unavailable, "the image does not exist")
		}
		return nil
	}}, nil)
	r := h.until(t, h.begin(t).ID, journey.Stopped)
	if r.Kind != "unavailable" || r.Reason != "id/service/s3-4: the image does not exist" {
		t.Errorf("%s: %s", r.Kind, r.Reason)
	}
	for _, s := range r.Steps {
		if s.Wave > 3 && s.State != journey.Waiting || s.Wave < 3 && s.State != journey.Done {
			t.Errorf("%s is %s", s.Step, s.State)
		}
	}
	mu.Lock()
	broken = false
	mu.Unlock()
	if err := h.GoOn(t.Context(), r, "budi"); err != nil {
		t.Fatal(err)
	}
	r = h.until(t, r.ID, journey.Finished)
	for _, s := range r.Steps {
		if want := map[bool]int{true: 2, false: 1}[s.Step == "id/service/s3-4"]; s.Attempt != want || s.Error != "" {
			t.Errorf("%s: attempt %d, %q", s.Step, s.Attempt, s.Error)
		}
	}
	if err := h.GoOn(t.Context(), r, "budi"); fault.KindOf(err) != fault.Conflict {
		t.Errorf("%v", err)
	}
	lines, err := h.store.Lines(t.Context(), r.ID, "id/service/s1-0", 0, 0)
	if err != nil || len(lines) != 2 || lines[0].Text != "begin" || lines[1].Text != "verified" {
		t.Errorf("%v %v", lines, err)
	}
}

func TestNothingOfAWaveBeginsWhileSomebodyIsMissing(t *testing.T) {
	b := prepare(t, "")
	var mu sync.Mutex
	missing := true
	h := b.conduct(t, effects{}, func(steps []journey.Step) error {
		mu.Lock()
		defer mu.Unlock()
		for _, s := range steps {
			if missing && s.ID == "id/service/s2-9" {
				return fault.Newf(fault.Denied, "green lights are missing from orders")
			}
		}
		return nil
	})
	r := h.until(t, h.begin(t).ID, journey.Stopped)
	if r.Kind != "denied" || r.Reason != "green lights are missing from orders" {
		t.Errorf("%s: %s", r.Kind, r.Reason)
	}
	for _, s := range r.Steps {
		if s.Wave > 1 && !s.Began.IsZero() {
			t.Errorf("%s began", s.Step)
		}
	}
	mu.Lock()
	missing = false
	mu.Unlock()
	if err := h.GoOn(t.Context(), r, "budi"); err != nil {
		t.Fatal(err)
	}
	h.until(t, r.ID, journey.Finished)
	b.check(t, r.ID)
}

// held is an action's gate: steps wait in it.
type held struct {
	reached chan journey.StepID
	let     chan struct{}
}

func (g held) wait(ctx context.Context, id journey.StepID) error {
	g.reached <- id
	select {
	case <-g.let:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// gated are effects that wait at a gate, and end when they are told to.
type gated struct {
	effects
	held
}

func (g gated) Verify(ctx context.Context, w journey.Work, _ journey.Tell) error {
	return g.wait(ctx, w.Step.ID)
}

func (b bench) gate(t *testing.T) (hall, held) {
	t.Helper()
	g := held{reached: make(chan journey.StepID, 100), let: make(chan struct{})}
	o := options(b.store, b.dir, b.database, gated{effects{dir: filepath.Join(b.dir, "effects"), store: b.store, say: func(string) {}}, g})
	c, err := conductor.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	return hall{b, c}, g
}

func TestAPausedRunFinishesWhatItBeganAndNothingElse(t *testing.T) {
	h, g := prepare(t, "").gate(t)
	r := h.begin(t)
	<-g.reached
	if err := h.Pause(t.Context(), r, "ayu", "lunch"); err != nil {
		t.Fatal(err)
	}
	close(g.let)
	r = h.until(t, r.ID, journey.Paused)
	if r.Count(journey.Done) != 1 || r.Reason != "lunch" {
		t.Errorf("%d done, %q", r.Count(journey.Done), r.Reason)
	}
	if err := h.GoOn(t.Context(), r, "ayu"); err != nil {
		t.Fatal(err)
	}
	h.until(t, r.ID, journey.Finished)
	h.check(t, r.ID)
}

func TestACancelledRunBreaksOffWhatIsDone(t *testing.T) {
	h, g := prepare(t, "").gate(t)
	r := h.begin(t)
	<-g.reached
	if err := h.store.Turn(t.Context(), r.ID, []journey.RunState{journey.Running}, journey.Cancelled, store.Cause{Reason: "wrong country"}, store.Entry{At: time.Now(), By: "ayu", What: "move cancelled"}); err != nil {
		t.Fatal(err)
	}
	back := journey.Start(h.course.Journey, journey.Back)
	back.By, back.Started = "ayu", time.Now()
	if _, err := h.store.StartRun(t.Context(), back, ""); fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), "still being broken off") {
		t.Errorf("the way back begins while a step is being done: %v", err)
	}
	r = h.until(t, r.ID, journey.Cancelled)
	if s := r.Steps[0]; s.State != journey.Failed || !strings.Contains(s.Error, "cancelled while") {
		t.Errorf("%+v", s)
	}
	if err := h.GoOn(t.Context(), r, "ayu"); fault.KindOf(err) != fault.Conflict {
		t.Errorf("%v", err)
	}
	close(g.let)
	h.until(t, h.begin(t).ID, journey.Finished) // another one may begin, now that all is broken off
}

func TestAProgramThatEndsLetsOthersGoOn(t *testing.T) {
	b := prepare(t, "")
	h, g := b.gate(t)
	r := h.begin(t)
	<-g.reached
	if err := h.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r = b.run(t, r.ID); r.State != journey.Running || r.Steps[0].State != journey.Waiting || r.Steps[0].Attempt != 2 {
		t.Fatalf("%s %+v", r.State, r.Steps[0])
	}
	b.conduct(t, effects{}, nil).until(t, r.ID, journey.Finished)
	b.check(t, r.ID)
}

func TestOneRunOfAnExpansionAtATime(t *testing.T) {
	h, g := prepare(t, "").gate(t)
	defer close(g.let)
	r := h.begin(t)
	_, err := h.Start(t.Context(), journey.Run{Expansion: r.Expansion, Way: journey.Back, Journey: r.Journey, By: "ayu"}, "")
	if fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), "caravan cancel indonesia") {
		t.Errorf("%v", err)
	}
}

func TestADefectInAnActionStopsTheRunAndNothingElse(t *testing.T) {
	h := prepare(t, "").conduct(t, effects{fail: func(journey.Work) error { panic("nil map") }}, nil)
	if r := h.until(t, h.begin(t).ID, journey.Stopped); r.Kind != "internal" || !strings.Contains(r.Reason, "nil map; please report it") {
		t.Errorf("%s: %s", r.Kind, r.Reason)
	}
}

func TestAJourneyWaitsWhileTheDatabaseIsAwayAndFinishes(t *testing.T) {
	cluster := pgtest.Start(t)
	b := prepare(t, cluster.Database(t))
	reached := make(chan struct{}, 100)
	h := b.conduct(t, effects{say: func(string) {
		select {
		case reached <- struct{}{}:
		default:
		}
	}}, nil)
	r := h.begin(t)
	for range 30 {
		<-reached
	}
	cluster.Restart(t, func() {})
	h.until(t, r.ID, journey.Finished)
	b.check(t, r.ID)
}

func TestASilentProgramIsTakenOverFrom(t *testing.T) {
	b := prepare(t, "")
	r := b.start(t, journey.Forth)
	const elsewhere = "another-machine/7/7"
	if _, err := b.store.Beat(t.Context(), elsewhere); err != nil {
		t.Fatal(err)
	}
	begun, err := b.store.BeginStep(t.Context(), r.ID, r.Steps[0].Step, 1, 4, elsewhere, time.Now(), func(journey.Run, []consent.GreenLight, []consent.Veto) error { return nil })
	if err != nil || !begun {
		t.Fatal(begun, err)
	}
	o := options(b.store, b.dir, "", effects{dir: filepath.Join(b.dir, "effects"), store: b.store, say: func(string) {}})
	o.Grace = time.Millisecond
	c, err := conductor.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	hall{b, c}.until(t, r.ID, journey.Finished)
	b.check(t, r.ID)
}
