package app

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/postgres/servertest"
	"example.org/caravan/internal/standby"
	"example.org/caravan/internal/store"
)

func TestWhatLooksMeasureIsKeptAndAdvisedOn(t *testing.T) {
	if testing.Short() {
		t.Skip("it raises two servers of PostgreSQL")
	}
	primary := servertest.Primary(t, "track_io_timing=on")
	primary.Do(t, "postgres", "CREATE ROLE "+standby.Account+" LOGIN NOINHERIT")
	primary.Do(t, "postgres", standby.Objects())
	other := primary.Standby(t, "other")
	other.Caught(t, primary)
	a := standbyWorkspace(t, fmt.Sprintf(`  datastores:
  - {name: orders-db, environment: cloud, team: orders, tls: disable, members: {primary: %q, other: %q}, admin: {user: postgres}}
  - {name: orders-db, environment: racks, team: orders, tls: disable, members: {primary: "127.0.0.1:1"}, admin: {user: postgres}}
  moves: [{datastore: orders-db, from: cloud, to: racks, databases: [postgres]}]
environments: [{name: cloud, kind: kubernetes}, {name: racks, kind: vm}]
`, primary.Address, other.Address))
	q := StandbyQuery{Datastore: "orders-db", Environment: "cloud"}
	for range 2 {
		if _, err := a.LookAtStandbys(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	other.Kill()
	if _, err := a.LookAtStandbys(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	other.Start(t)
	for range 2 {
		if _, err := a.LookAtStandbys(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	befell, err := a.store.Incidents(t.Context(), "orders-db", "cloud")
	if err != nil || len(befell) != 1 || befell[0].What != standby.Restarted || befell[0].Member != "other" {
		t.Errorf("what befell them: %+v, %v", befell, err)
	}
	got, err := a.Advise(t.Context(), StandbyQuery{})
	if err != nil || len(got.Datastores) != 1 {
		t.Fatalf("one runs, where it was not moved from: %+v, %v", got, err)
	}
	d := got.Datastores[0]
	if m := d.Measured; d.Verdict != standby.NotEnoughSeen || m.Kind != standby.Kubernetes || m.Restarts != 1 || m.Instances != 2 || m.Hours == 0 || m.Size == nil || *m.Size < 1<<20 {
		t.Errorf("%+v", d)
	}
	seen, err := a.store.Seen(t.Context(), "orders-db", "cloud")
	if err != nil || seen.Reads["primary"].Blocks == 0 || seen.Timeline != 1 {
		t.Errorf("what its server times: %+v, %v", seen, err)
	}
	aMonthOf(t, a, seen)
	if got, err = a.Advise(t.Context(), q); err != nil || got.Datastores[0].Verdict != standby.Move || got.Datastores[0].Kind != standby.VM || got.Datastores[0].WayBack.Rehearsed() {
		t.Fatalf("after a month: %+v, %v", got, err)
	}
	if next := strings.Join(got.Datastores[0].Next, "\n"); !strings.Contains(next, "caravan standby back orders-db --to racks: so the way back is rehearsed") {
		t.Errorf("next:\n%s", next)
	}
	wentAlong(t, a, journey.Forth)
	if got, err = a.Advise(t.Context(), q); err != nil || len(got.Datastores) != 0 {
		t.Errorf("where it was moved from: %+v, %v", got, err)
	}
	wentAlong(t, a, journey.Back)
	if got, err = a.Advise(t.Context(), q); err != nil || len(got.Datastores) != 1 || !got.Datastores[0].WayBack.Rehearsed() || got.Datastores[0].Next[1] != "caravan standby move orders-db --to racks" {
		t.Errorf("once it went there and back: %+v, %v", got, err)
	}
	if _, err := a.Advise(t.Context(), StandbyQuery{Datastore: "ghost"}); fault.KindOf(err) != fault.NotFound {
		t.Errorf("of what is not declared: %v", err)
	}
}

// wentAlong keeps that the database was moved, or came back.
func wentAlong(t *testing.T, a *App, way journey.Way) {
	t.Helper()
	const name = "store:orders-db:racks"
	digest := estate.DigestOf(name)
	if err := a.store.KeepCourse(t.Context(), name, digest, name); err != nil {
		t.Fatal(err)
	}
	run, err := a.store.StartRun(t.Context(), journey.Run{Expansion: name, Way: way, Journey: digest, By: "ann", Started: a.now()}, "{}")
	if err != nil {
		t.Fatal(err)
	}
	if err := a.store.Turn(t.Context(), run.ID, []journey.RunState{journey.Running}, journey.Finished, store.Cause{}, store.Entry{At: a.now(), By: "ann", What: "ended"}); err != nil {
		t.Fatal(err)
	}
}

// aMonthOf keeps what four weeks of looks at a cluster that evicts would have found.
func aMonthOf(t *testing.T, a *App, seen standby.Seen) {
	t.Helper()
	now := a.now().UTC()
	var looks []standby.Look
	var befell []standby.Incident
	for h := range 28 * 24 {
		looks = append(looks, standby.Look{Member: "other", Hour: now.Add(-time.Duration(h) * time.Hour).Truncate(time.Hour), Looks: 360, Followed: 360})
	}
	for n := range 5 {
		befell = append(befell, standby.Incident{ID: fmt.Sprint(n), Member: "other", What: standby.Evicted, At: now.Add(-time.Duration(n+1) * 24 * time.Hour)})
	}
	if err := a.store.KeepLook(t.Context(), "orders-db", "cloud", now, seen, befell, looks); err != nil {
		t.Fatal(err)
	}
}
