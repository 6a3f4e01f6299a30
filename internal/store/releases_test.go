package store

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.org/caravan/internal/delivery"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/store/pgtest"
)

// releasePromises are what every database must keep about releases. Each gets an empty store.
var releasePromises = []struct {
	name  string
	check func(t *testing.T, s *Store)
}{
	{"a release has a number, a line of the audit, and builds that remember it", releaseBegins},
	{"one release of a service is open at a time", oneReleaseAtATime},
	{"the same release goes on with whoever asks first once its program is gone", releaseGoesOn},
	{"a program that lost a release changes nothing any more", lostReleaseIsLost},
	{"what runs is kept with the release that brought it, or not at all", standingsAreKept},
	{"lines come in their order", releaseLinesInOrder},
}

func TestDatabasesKeepTheirPromisesAboutReleases(t *testing.T) {
	for _, p := range releasePromises {
		t.Run("SQLite: "+p.name, func(t *testing.T) {
			t.Parallel()
			p.check(t, open(t, Options{Path: filepath.Join(t.TempDir(), "caravan.db")}))
		})
	}
	cluster := pgtest.Start(t)
	for _, p := range releasePromises {
		t.Run("PostgreSQL: "+p.name, func(t *testing.T) { p.check(t, open(t, Options{Database: cluster.Database(t)})) })
	}
}

var releaseAt = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// release is one to begin.
func release(service estate.ServiceName, version string) delivery.Release {
	return delivery.Release{Service: service, Way: delivery.Forth, Version: version, By: "ann", Why: "fix", Started: releaseAt, Deliveries: []delivery.Delivery{
		{Environment: "id", World: delivery.Kubernetes, State: delivery.Waiting, To: delivery.Build{Version: version, Image: "r/" + string(service) + "@" + version}},
	}}
}

func alive(string, time.Duration) bool { return false }
func dead(string, time.Duration) bool  { return true }

// begin starts a release that has to be the worker's own.
func begin(t *testing.T, s *Store, r delivery.Release, worker string, gone Gone) delivery.Release {
	t.Helper()
	r, mine, err := s.StartRelease(t.Context(), r, worker, gone)
	if err != nil || !mine {
		t.Fatal(mine, err)
	}
	return r
}

func releaseBegins(t *testing.T, s *Store) {
	begin(t, s, release("shop", "9"), "w1", alive)
	r := begin(t, s, release("orders", "2"), "w1", alive)
	if r.ID != "orders-1" || r.Number != 1 || r.State != delivery.Running || r.Deliveries[0].To.Number != 1 {
		t.Errorf("%+v", r)
	}
	kept, err := s.ReleaseOf(t.Context(), "orders-1")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(r, kept); d != "" {
		t.Error(d)
	}
	lines, err := s.Audit(t.Context(), "", 0)
	if err != nil || len(lines) != 2 || lines[0].What != "deploy started" || lines[0].Subject != "orders-1" || lines[0].By != "ann" || lines[0].Why != "fix" {
		t.Errorf("%+v (%v)", lines, err)
	}
	_, err = s.ReleaseOf(t.Context(), "orders-9")
	wantKind(t, err, fault.NotFound, "caravan releases")
}

func oneReleaseAtATime(t *testing.T, s *Store) {
	first := begin(t, s, release("orders", "2"), "w1", alive)
	_, _, err := s.StartRelease(t.Context(), release("orders", "3"), "w2", alive)
	wantKind(t, err, fault.Conflict, "deploy of 2 is under way (orders-1 by ann)")
	same, mine, err := s.StartRelease(t.Context(), release("orders", "2"), "w2", alive)
	if err != nil || mine || same.ID != first.ID {
		t.Errorf("the same release: %s %v %v", same.ID, mine, err)
	}
	next := begin(t, s, release("orders", "3"), "w2", dead)
	if next.ID != "orders-2" {
		t.Error(next.ID)
	}
	if old, err := s.ReleaseOf(t.Context(), first.ID); err != nil || old.State != delivery.Replaced || !strings.Contains(old.Reason, "was gone") {
		t.Errorf("%+v (%v)", old, err)
	}
	all, err := s.Releases(t.Context(), "orders", 0)
	if err != nil || len(all) != 2 || all[0].ID != "orders-2" {
		t.Errorf("%+v (%v)", all, err)
	}
	running, err := s.OpenReleases(t.Context())
	if err != nil || len(running) != 1 || running[0].ID != "orders-2" {
		t.Errorf("%+v (%v)", running, err)
	}
}

func releaseGoesOn(t *testing.T, s *Store) {
	r := begin(t, s, release("orders", "2"), "w1", alive)
	r.Deliveries[0].State = delivery.Doing
	if err := s.KeepRelease(t.Context(), r, "w1", nil); err != nil {
		t.Fatal(err)
	}
	if _, mine, err := s.TakeRelease(t.Context(), r.ID, "w2", alive); err != nil || mine {
		t.Error("it was taken from a program that lives", err)
	}
	asked := 0
	again, mine, err := s.StartRelease(t.Context(), release("orders", "2"), "w2", func(worker string, silent time.Duration) bool {
		asked++
		return worker == "w1" && silent >= 0 && silent < time.Minute
	})
	if err != nil || !mine || again.ID != r.ID || again.Deliveries[0].State != delivery.Doing || asked != 1 {
		t.Errorf("%+v %v %v, asked %d times", again, mine, err, asked)
	}
	if err := s.LeaveRelease(t.Context(), r.ID, "w2"); err != nil {
		t.Fatal(err)
	}
	if got, mine, err := s.TakeRelease(t.Context(), r.ID, "w3", alive); err != nil || !mine || got.Deliveries[0].State != delivery.Doing {
		t.Errorf("%+v %v %v", got, mine, err)
	}
}

func lostReleaseIsLost(t *testing.T, s *Store) {
	r := begin(t, s, release("orders", "2"), "w1", alive)
	if _, mine, err := s.TakeRelease(t.Context(), r.ID, "w2", dead); err != nil || !mine {
		t.Fatal(mine, err)
	}
	standing := delivery.Standing{Service: "orders", Environment: "id", Build: r.Deliveries[0].To}
	err := s.KeepRelease(t.Context(), r, "w1", []delivery.Standing{standing}, Entry{At: releaseAt, By: "ann", What: "deployed"})
	wantKind(t, err, fault.Conflict, "carried out by another program")
	wantKind(t, s.BeatRelease(t.Context(), r.ID, "w1"), fault.Conflict, "another program")
	if err := s.BeatRelease(t.Context(), r.ID, "w2"); err != nil {
		t.Error(err)
	}
	if all, err := s.Standings(t.Context(), "orders"); err != nil || len(all) != 0 {
		t.Errorf("%+v (%v)", all, err)
	}
	if lines, err := s.Audit(t.Context(), "", 0); err != nil || len(lines) != 1 {
		t.Errorf("%+v (%v)", lines, err)
	}
}

func standingsAreKept(t *testing.T, s *Store) {
	r := begin(t, s, release("orders", "2"), "w1", alive)
	standing := delivery.Standing{Service: "orders", Environment: "id", World: delivery.Kubernetes, Build: r.Deliveries[0].To, Before: &delivery.Build{Version: "1"}, Running: 2, All: 3, Since: releaseAt}
	wantKind(t, s.KeepRelease(t.Context(), r, "w1", []delivery.Standing{standing}, Entry{What: "nobody did it"}), fault.Invalid, "audit")
	if all, err := s.Standings(t.Context(), ""); err != nil || len(all) != 0 {
		t.Errorf("it was kept without its line: %+v (%v)", all, err)
	}
	r.State, r.Deliveries[0].State = delivery.Finished, delivery.Done
	if err := s.KeepRelease(t.Context(), r, "w1", []delivery.Standing{standing}, Entry{At: releaseAt, By: "ann", What: "deploy finished"}); err != nil {
		t.Fatal(err)
	}
	wantKind(t, s.BeatRelease(t.Context(), r.ID, "w1"), fault.Conflict, "another program") // it has ended
	err := s.ChangeStandings(t.Context(), "orders", func(all []delivery.Standing) ([]delivery.Standing, []Entry, error) {
		all[0].Paused = &delivery.Intent{Why: "freeze", By: "bob", At: releaseAt, Until: releaseAt.Add(time.Hour)}
		return all, []Entry{{At: releaseAt, By: "bob", What: "paused", Subject: "orders in id", Why: "freeze"}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	all, err := s.Standings(t.Context(), "")
	standing.Paused = &delivery.Intent{Why: "freeze", By: "bob", At: releaseAt, Until: releaseAt.Add(time.Hour)}
	if d := cmp.Diff([]delivery.Standing{standing}, all); d != "" || err != nil {
		t.Error(d, err)
	}
	err = s.ChangeStandings(t.Context(), "orders", func([]delivery.Standing) ([]delivery.Standing, []Entry, error) {
		return nil, nil, fault.Newf(fault.NotFound, "no such environment")
	})
	wantKind(t, err, fault.NotFound, "no such environment")
}

func releaseLinesInOrder(t *testing.T, s *Store) {
	r := begin(t, s, release("orders", "2"), "w1", alive)
	lines := []ReleaseLine{{Environment: "id", At: releaseAt, Text: "one"}, {Environment: "id", At: releaseAt, Text: "two"}}
	if err := s.SayRelease(t.Context(), r.ID, lines); err != nil {
		t.Fatal(err)
	}
	got, err := s.ReleaseLines(t.Context(), r.ID, 0, 0)
	if err != nil || len(got) != 2 || got[0].Text != "one" || !got[0].At.Equal(releaseAt) {
		t.Fatalf("%+v (%v)", got, err)
	}
	if rest, err := s.ReleaseLines(t.Context(), r.ID, got[0].ID, 0); err != nil || len(rest) != 1 || rest[0].Text != "two" {
		t.Errorf("%+v (%v)", rest, err)
	}
}
