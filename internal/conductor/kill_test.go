package conductor_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.org/caravan/internal/address"
	"example.org/caravan/internal/conductor"
	"example.org/caravan/internal/consent"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/jobs"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/soak"
	"example.org/caravan/internal/store"
	"example.org/caravan/internal/store/pgtest"
)

// victim, in the environment, makes the test's program one of those that carry journeys out: the folder of its effects and of its store, and
// after a comma the address of a database when that is the store.
const victim = "CARAVAN_CONDUCTOR_VICTIM"

func TestMain(m *testing.M) {
	if where, ok := os.LookupEnv(victim); ok {
		dir, database, _ := strings.Cut(where, ",")
		if err := serve(dir, database); err != nil {
			fmt.Println("failed:", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// serve carries out what is open, for ever, and says what it does.
func serve(dir, database string) error {
	s, err := store.Open(context.Background(), whereIs(dir, database))
	if err != nil {
		return err
	}
	act := effects{dir: filepath.Join(dir, "effects"), store: s, say: func(line string) { fmt.Println(line) }}
	_, err = conductor.Open(context.Background(), options(s, dir, database, act))
	if err != nil {
		return err
	}
	fmt.Println("ready")
	select {}
}

func whereIs(dir, database string) store.Options {
	if database != "" {
		return store.Options{Database: database}
	}
	return store.Options{Path: filepath.Join(dir, "caravan.db")}
}

func options(s *store.Store, dir, database string, act journey.Action) conductor.Options {
	return conductor.Options{
		Store: s, Queue: jobs.Options{Database: database, Path: filepath.Join(dir, "jobs.db")}, Now: time.Now,
		Act: func(journey.Work) (journey.Action, error) { return act, nil },
		Allow: func(context.Context, journey.Run, []journey.Step, []consent.GreenLight, []consent.Veto) error {
			return nil
		},
	}
}

// effects is an action whose every effect can be counted: a file that may be made once, and a lease.
type effects struct {
	dir   string
	store *store.Store
	say   func(string)
	fail  func(journey.Work) error // after the effect; nil for never
}

func (e effects) path(w journey.Work) string {
	return filepath.Join(e.dir, strings.ReplaceAll(string(w.Step.ID), "/", "_"))
}

func (e effects) Preview(context.Context, journey.Work) ([]journey.Change, error) { return nil, nil }

func (e effects) Do(ctx context.Context, w journey.Work, tell journey.Tell) ([]journey.Change, error) {
	e.say("do " + string(w.Step.ID))
	tell("begin")
	what := journey.Created
	if err := os.Mkdir(e.path(w), 0o755); errors.Is(err, fs.ErrExist) {
		what = journey.Unchanged
	} else if err != nil {
		return nil, err
	}
	e.say("made " + string(w.Step.ID))
	err := e.lease(ctx, w)
	if err == nil && e.fail != nil {
		err = e.fail(w)
	}
	e.say("leased " + string(w.Step.ID))
	return []journey.Change{{Path: e.path(w), What: what}}, err
}

// lease takes one, when the store is there.
func (e effects) lease(ctx context.Context, w journey.Work) error {
	for {
		_, err := e.store.Allocate(ctx, address.Want{Holder: string(w.Step.ID), Parent: address.OfPool("all"), Purpose: address.ForPods, Bits: 26}, store.LeaseNote{At: time.Now(), By: "test"})
		if fault.KindOf(err) != fault.Unavailable || ctx.Err() != nil {
			return err
		}
	}
}

func (e effects) Verify(_ context.Context, w journey.Work, tell journey.Tell) error {
	tell("verified")
	e.say("verified " + string(w.Step.ID))
	return nil
}

func (e effects) Undo(ctx context.Context, w journey.Work, _ journey.Tell) ([]journey.Change, error) {
	e.say("undo " + string(w.Step.ID))
	if err := os.Remove(e.path(w)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	e.say("gone " + string(w.Step.ID))
	note := store.LeaseNote{At: time.Now(), By: "test"}
	if held, err := e.store.Leases(ctx, string(w.Step.ID)); err != nil || len(held) == 0 || held[0].State == address.Quarantined {
		return nil, err
	}
	_, err := e.store.Release(ctx, string(w.Step.ID), note.At, note)
	return nil, err
}

// sixty is a course of sixty steps in six waves, each but the first of a wave needing one of its wave.
func sixty() journey.Course {
	j := journey.Journey{Expansion: "indonesia"}
	for wave := range 6 {
		for n := range 10 {
			s := journey.Step{ID: journey.StepID(fmt.Sprintf("id/service/s%d-%d", wave+1, n)), Kind: journey.Deploy, Environment: "id", Wave: wave + 1}
			if n > 0 {
				s.Needs = []journey.StepID{journey.StepID(fmt.Sprintf("id/service/s%d-%d", wave+1, n/2))}
			}
			if n == 1 {
				s.Needs = []journey.StepID{journey.StepID(fmt.Sprintf("id/service/s%d-0", wave+1))}
			}
			j.Steps = append(j.Steps, s.Sealed())
		}
	}
	j.Digest = estate.DigestOf(j.Steps)
	return journey.Course{Journey: j}
}

// bench is a store with a course in it, and a folder for effects.
type bench struct {
	store         *store.Store
	dir, database string
	course        journey.Course
}

func prepare(t *testing.T, database string) bench {
	t.Helper()
	b := bench{dir: t.TempDir(), database: database, course: sixty()}
	s, err := store.Open(t.Context(), whereIs(b.dir, database))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	b.store = s
	note := store.LeaseNote{At: time.Now(), By: "test"}
	if err := errors.Join(os.Mkdir(filepath.Join(b.dir, "effects"), 0o755),
		s.Declare(t.Context(), []address.Pool{{Name: "all", Prefix: netip.MustParsePrefix("10.0.0.0/16")}}, note),
		s.KeepCourse(t.Context(), "indonesia", b.course.Journey.Digest, b.course)); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b bench) start(t *testing.T, way journey.Way) journey.Run {
	t.Helper()
	r := journey.Start(b.course.Journey, way)
	r.By, r.Started = "ayu", time.Now()
	r, err := b.store.StartRun(t.Context(), r, "")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (b bench) run(t *testing.T, id journey.RunID) journey.Run {
	t.Helper()
	for {
		r, _, err := b.store.Run(t.Context(), id)
		if err == nil {
			return r
		}
		if t.Context().Err() != nil {
			t.Fatal(err)
		}
	}
}

// program is one of those that carry out.
type program struct {
	cmd   *exec.Cmd
	lines chan string
}

func (b bench) program(t *testing.T) *program {
	t.Helper()
	p := &program{cmd: exec.CommandContext(t.Context(), os.Args[0]), lines: make(chan string, 1000)}
	p.cmd.Env, p.cmd.Stderr = append(os.Environ(), victim+"="+b.dir+","+b.database), os.Stderr
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.lines)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			p.lines <- lines.Text()
		}
	}()
	t.Cleanup(p.kill)
	return p
}

func (p *program) kill() {
	_ = p.cmd.Process.Kill()
	for range p.lines {
	}
	_ = p.cmd.Wait()
}

// over waits for the program to say n more lines, and reports whether it could not: the run has ended.
func (b bench) over(t *testing.T, p *program, n int, id journey.RunID) bool {
	t.Helper()
	for range n {
		select {
		case line, more := <-p.lines:
			if !more || strings.HasPrefix(line, "failed") {
				t.Fatalf("the program ended by itself: %s", line)
			}
		case <-time.After(50 * time.Millisecond): // it has nothing more to say, or is slow
			if !b.run(t, id).State.Open() {
				return true
			}
		}
	}
	return false
}

// TestKilledAtRandomMomentsEveryEffectIsThereOnce carries a journey out and back, again and again, by programs that are killed.
func TestKilledAtRandomMomentsEveryEffectIsThereOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("kills programs again and again for each kind of store")
	}
	t.Run("SQLite", func(t *testing.T) { prepare(t, "").killAgainAndAgain(t, 1) })
	t.Run("PostgreSQL with three replicas", func(t *testing.T) {
		prepare(t, pgtest.Start(t).Database(t)).killAgainAndAgain(t, 3)
	})
}

func (b bench) killAgainAndAgain(t *testing.T, replicas int) {
	programs := make([]*program, replicas)
	for i := range programs {
		programs[i] = b.program(t)
	}
	random := rand.New(rand.NewPCG(1, uint64(replicas)))
	kills := soak.JourneyKills.Count(t)
	way, killed, runs := journey.Forth, 0, 0
	for r := b.start(t, way); ; {
		i := random.IntN(replicas)
		if !b.over(t, programs[i], 1+random.IntN(60), r.ID) {
			programs[i].kill()
			killed++
			programs[i] = b.program(t)
			continue
		}
		runs++
		b.check(t, r.ID)
		if killed >= kills && way == journey.Forth {
			break
		}
		way = map[journey.Way]journey.Way{journey.Forth: journey.Back, journey.Back: journey.Forth}[way]
		r = b.start(t, way)
	}
	t.Logf("%d kills in %d runs", killed, runs)
}

// check wants a run to have ended well: every effect there exactly once, or gone, and every line of the audit.
func (b bench) check(t *testing.T, id journey.RunID) {
	t.Helper()
	r := b.run(t, id)
	if r.State != journey.Finished {
		t.Fatalf("%s: %s: %s", id, r.State, r.Reason)
	}
	want := len(b.course.Journey.Steps)
	if r.Way == journey.Back {
		want = 0
	}
	made, err := os.ReadDir(filepath.Join(b.dir, "effects"))
	if err != nil || len(made) != want {
		t.Errorf("%s: %d effects of %d: %v", id, len(made), want, err)
	}
	leases, err := b.store.Leases(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	held := map[string]int{}
	for _, l := range leases {
		if l.State != address.Quarantined {
			held[l.Holder]++
		}
	}
	if len(held) != want {
		t.Errorf("%s: %d leases of %d", id, len(held), want)
	}
	b.audited(t, r)
}

// audited wants each step to have begun as often as it was done or interrupted, and to be done once, in a chain that holds.
func (b bench) audited(t *testing.T, r journey.Run) {
	t.Helper()
	proof, err := b.store.VerifyAudit(t.Context(), 0, "")
	if err != nil || proof.Wrong != "" {
		t.Fatalf("%+v %v", proof, err)
	}
	all, err := b.store.Audit(t.Context(), "indonesia", 10000)
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]int{}
	for _, e := range all { // the last first
		if e.What == string(r.Way)+" started" && e.Subject == string(r.ID) {
			break
		}
		counts[e.What+" "+e.Subject]++
	}
	for _, s := range b.course.Journey.Steps {
		said := func(what string) int { return counts[string(r.Way)+": step "+what+" "+string(s.ID)] }
		if said("done") != 1 || said("began") != said("interrupted")+1 {
			t.Errorf("%s: %s began %d times, was interrupted %d times and done %d times", r.ID, s.ID, said("began"), said("interrupted"), said("done"))
		}
	}
}
