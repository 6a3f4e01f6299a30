package transfer

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/standby"
)

// onTheWay are the steps at which a mover is killed, one after the other; each next one carries on where the last was killed.
var (
	onTheWay     = []string{"preparing", "prepared", "subscribed", "following", "cutting", "held", "fenced", "drained", "sequences", "still", "forgotten", "opened", "redirected", "released", "stopped", "moved"}
	onTheWayBack = []string{"returning", "held", "fenced", "drained", "forgotten", "opened", "redirected", "released", "stopped", "returned", "undoing"}
)

func TestAMoverKilledAtEveryStepIsCarriedOnByTheNext(t *testing.T) {
	t.Parallel()
	s := set(t)
	e := s.errand(t)
	w, p := write(t, s.dsn(), 4, 200), probe(t, s.vm, s.kube)
	w.more(t, 50)
	for _, step := range onTheWay {
		if e.killed(t, step, patience) {
			t.Fatalf("the mover was done before it came to %s", step)
		}
	}
	if !e.killed(t, "", patience) {
		t.Fatal("the mover is never done")
	}
	x, err := kept(e.State)
	if err != nil || x.Phase != standby.Proven || !x.Cuts[0].Resumed {
		t.Fatalf("after all: %+v, %v", x, err)
	}
	w.more(t, 50)
	e.Undo = true
	s.staysWhenTheWayBackIsGivenUp(t, e)
	for _, step := range onTheWayBack {
		if e.killed(t, step, patience) {
			t.Fatalf("undoing was done before it came to %s", step)
		}
	}
	if !e.killed(t, "", patience) {
		t.Fatal("undoing is never done")
	}
	w.more(t, 50)
	s.allThere(t, w, p, s.vm, 2)
	s.isUndone(t)
}

// stubborn is a holder whose clients cannot be held.
type stubborn struct{ PgBouncer }

func (stubborn) Hold(context.Context) error {
	return fault.Newf(fault.Conflict, "a client does not let go")
}

// staysWhenTheWayBackIsGivenUp has a way back killed, and given up by who carries it on: then the transfer is as it was before.
func (s *scene) staysWhenTheWayBackIsGivenUp(t *testing.T, e errand) {
	t.Helper()
	m := s.mover(t)
	m.Holder = stubborn{s.pool}
	for range 2 {
		before, err := kept(e.State)
		if err != nil {
			t.Fatal(err)
		}
		if e.killed(t, "returning", patience) {
			t.Fatal("undoing was done before it came to returning")
		}
		x, err := kept(e.State)
		if err != nil || x.Phase != standby.Returning {
			t.Fatalf("killed on the way back: %s, %v", x.Phase, err)
		}
		if x, err = m.Back(t.Context(), x); fault.KindOf(err) != fault.Conflict {
			t.Fatalf("back with clients that are not held: %v", err)
		}
		if diff := cmp.Diff(before, x, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("given up on the way back (-before +after):\n%s", diff)
		}
		if err := keep(e.State, x); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAnotherServerThanItWasBegunOnIsLeftAlone(t *testing.T) {
	t.Parallel()
	s := &scene{vm: serve(t, "vm"), kube: serve(t, "kube")}
	shop(t, s.vm)
	m := s.mover(t)
	ctx, cancel := context.WithCancel(t.Context())
	m.passed = func(step string) {
		if step == string(standby.Preparing) {
			cancel()
		}
	}
	x, err := m.Follow(ctx, planned())
	if err == nil || x.Phase != standby.Preparing || x.Systems.Source == "" || x.Systems.Target == "" || s.kept[0].Systems != x.Systems {
		t.Fatalf("%+v, kept as %+v: %v", x, s.kept, err)
	}
	m.passed = nil
	sql(t, s.kube, maintenance, "CREATE DATABASE shop")
	begun := x.Systems
	x.Systems.Target = "1" // as if somebody had corrected the entry of the target since: all servers of these tests are copies of one
	if _, err := m.Undo(t.Context(), x); fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), "another server") {
		t.Errorf("undone on another server: %v", err)
	}
	if got := asked(t, s.kube, maintenance, "SELECT count(*) FROM pg_database WHERE datname = 'shop'"); got != "1" {
		t.Error("its database was dropped")
	}
	x.Systems = begun
	if x, err = m.Undo(t.Context(), x); err != nil || x.Phase != standby.Undone {
		t.Errorf("undone on its own: %s, %v", x.Phase, err)
	}
}

// allThere ends all writers and makes sure that a server has what they were promised, and that sides changed no more often than they should.
func (s *scene) allThere(t testing.TB, w *writers, p *prober, at Server, turns int) {
	t.Helper()
	w.end()
	p.end()
	for about, check := range map[string]func(testing.TB, Server) (int, int){"clients": w.checked, "direct writers": p.checked} {
		if lost, doubled := check(t, at); lost != 0 || doubled != 0 {
			t.Errorf("%s: %d lost, %d doubled of %d", about, lost, doubled, w.count())
		}
	}
	if got := p.turns(); got != turns {
		t.Errorf("the side that takes writes changed %d times, not %d", got, turns)
	}
}

func TestAMoveThatIsUndoneBeforeItsCutLeavesNothing(t *testing.T) {
	t.Parallel()
	s := set(t)
	w, p := write(t, s.dsn(), 4, 200), probe(t, s.vm, s.kube)
	for _, step := range []string{"preparing", "subscribed", "forgotten"} {
		e := s.errand(t)
		if e.killed(t, step, patience) {
			t.Fatalf("the mover was done before it came to %s", step)
		}
		e.Undo = true
		if !e.killed(t, "", time.Minute) {
			t.Fatalf("undoing after %s is never done", step)
		}
		w.more(t, 20)
		s.isUndone(t)
	}
	s.allThere(t, w, p, s.vm, 0)
}

func TestACutLeftInTheMiddleCanBeGoneBackFrom(t *testing.T) {
	t.Parallel()
	s := set(t)
	w, p := write(t, s.dsn(), 4, 200), probe(t, s.vm, s.kube)
	e := s.errand(t)
	m := s.mover(t)
	for _, c := range []struct {
		step string
		want standby.Phase
	}{{"fenced", standby.Following}, {"opened", standby.Returned}} {
		if e.killed(t, c.step, patience) {
			t.Fatalf("the mover was done before it came to %s", c.step)
		}
		x, err := kept(e.State)
		if err != nil {
			t.Fatal(err)
		}
		if x, err = m.Back(t.Context(), x); err != nil || x.Phase != c.want {
			t.Errorf("back from %s: %s, %v", c.step, x.Phase, err)
		}
		if err := keep(e.State, x); err != nil {
			t.Fatal(err)
		}
		w.more(t, 20)
	}
	s.allThere(t, w, p, s.vm, 2)

	x, err := kept(e.State)
	if err != nil {
		t.Fatal(err)
	}
	x.Cuts[1].Proof = nil // as if the way back was killed before its proof, and a failover then took the slot
	if err := dropSlots(t.Context(), into(t, s.vm, "shop"), x.Slot("shop"), 0); err != nil {
		t.Fatal(err)
	}
	if x, err = m.Undo(t.Context(), x); err != nil || x.Phase != standby.Undone || x.Cuts[1].Unproven == "" {
		t.Fatalf("undone without a slot: %+v, %v", x, err)
	}
	had := asked(t, s.kube, "shop", "SELECT count(*) FROM entries")
	if _, err := into(t, s.kube, "shop").Exec(t.Context(), "DELETE FROM entries"); err == nil || had == "0" {
		t.Errorf("what could not be compared has %s entries, and takes writes: %v", had, err)
	}
	sql(t, s.kube, maintenance, "DROP DATABASE shop WITH (FORCE)", "DROP ROLE shop", "DROP ROLE reader")
	s.isUndone(t)
}
