package app

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/postgres/transfer"
	"example.org/caravan/internal/standby"
	"example.org/caravan/internal/workspace"
)

// pausing answers as Patroni does, and remembers what it was told of being paused.
func pausing(t *testing.T, told *[]any) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPatch {
			var body map[string]any
			if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
				t.Error(err)
			}
			*told = append(*told, body["pause"])
		}
		_, _ = w.Write([]byte(`{"ignore_slots": [{"type": "logical", "plugin": "pgoutput", "database": "shop"}]}`)) // whoever asked is gone, or reads it
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// ordersMove is a declared move of a database whose instances nobody reaches.
func ordersMove(t *testing.T) (*App, relocation) {
	t.Helper()
	a := standbyWorkspace(t, `  datastores:
  - {name: orders-db, environment: vm, team: orders, members: {old: "127.0.0.1:1"}, admin: {user: postgres}}
  - {name: orders-db, environment: cluster, team: orders, members: {new: "127.0.0.1:1"}, admin: {user: postgres}}
  moves: [{datastore: orders-db, from: vm, to: cluster}]
`)
	r, err := a.relocationTo(t.Context(), "orders-db", "cluster")
	if err != nil {
		t.Fatal(err)
	}
	return a, r
}

func TestWhoMeetsAnotherProgramAtAMoveLeavesItAlone(t *testing.T) {
	a, r := ordersMove(t)
	var told []any
	m := &postgresMove{app: a, r: r, state: standby.Transfer{ID: "m1", Phase: standby.Following}}
	r.from.Patroni = []string{pausing(t, &told)}
	m.ends = [2]*end{{Kept: r.from, route: &route{dial: (&net.Dialer{}).DialContext}, topology: standby.Topology{Paused: true}}, {Kept: r.to}}
	if got := m.forgetful(t.Context(), []string{"shop"}); len(got) != 0 {
		t.Errorf("slots of shop stay: %+v", got)
	}
	if got := m.forgetful(t.Context(), []string{"shop", "crm"}); len(got) != 1 || got[0].Blocking || !strings.Contains(got[0].What, "drops slots") {
		t.Errorf("slots of crm do not stay: %+v", got)
	}
	keep := func(x standby.Transfer) {
		t.Helper()
		if err := a.store.KeepTransfer(t.Context(), relocationName(r.StoreMove), x, a.now()); err != nil {
			t.Fatal(err)
		}
	}
	kept := func() (x standby.Transfer) {
		t.Helper()
		if _, err := a.store.Transfer(t.Context(), relocationName(r.StoreMove), &x); err != nil {
			t.Fatal(err)
		}
		return x
	}
	keep(standby.Transfer{ID: "m1", Phase: standby.Cutting, Stilled: []string{"vm"}})
	err := m.still(t.Context(), func() error {
		return fault.Newf(fault.Conflict, "transfer m1 %w", transfer.ErrTaken)
	})
	if fault.KindOf(err) != fault.Conflict || kept().Phase != standby.Cutting || !slices.Equal(kept().Stilled, []string{"vm"}) || slices.Contains(told, nil) {
		t.Errorf("another is in its cut: %v; %+v, told %v", err, kept(), told)
	}
	told = nil
	err = m.still(t.Context(), func() error {
		keep(standby.Transfer{ID: "m1", Phase: standby.Proven, Stilled: []string{"vm"}})
		return fault.Newf(fault.Conflict, "transfer m1 became proven meanwhile")
	})
	if fault.KindOf(err) != fault.Conflict || kept().Phase != standby.Proven || len(kept().Stilled) != 0 || !slices.Equal(told, []any{true, nil}) {
		t.Errorf("another made its cut before: %v; %+v, told %v", err, kept(), told)
	}
	keep(standby.Transfer{ID: "m2", Phase: standby.Following})
	err = m.still(t.Context(), func() error { t.Error("it was carried on"); return nil })
	if fault.KindOf(err) != fault.Conflict || kept().ID != "m2" {
		t.Errorf("another move was begun since: %v; %+v", err, kept())
	}
}

// A cut that was killed before it was kept that it began has told Patroni to keep still, and is still to come.
func TestPatroniThatWasToldToKeepStillIsToldTheContraryOnTheWayBack(t *testing.T) {
	a, r := ordersMove(t)
	var told []any
	r.from.Patroni, r.to.Patroni = []string{pausing(t, &told)}, []string{pausing(t, &told)}
	at := func(k workspace.Kept) *end { return &end{Kept: k, route: &route{dial: (&net.Dialer{}).DialContext}} }
	m := &postgresMove{app: a, r: r, ends: [2]*end{at(r.from), at(r.to)}, state: standby.Transfer{ID: "m1", Phase: standby.Following, Stilled: []string{"vm"}}}
	name := relocationName(r.StoreMove)
	if err := a.store.KeepTransfer(t.Context(), name, m.state, a.now()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := m.back(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	var kept standby.Transfer
	if _, err := a.store.Transfer(t.Context(), name, &kept); err != nil || !slices.Equal(told, []any{nil}) || len(kept.Stilled) > 0 || kept.Phase != standby.Following {
		t.Errorf("told %v, kept %+v, %v", told, kept, err)
	}
}
