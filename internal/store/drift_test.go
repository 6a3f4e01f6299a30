package store

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.org/caravan/internal/drift"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/store/pgtest"
)

var driftPromises = []struct {
	name  string
	check func(t *testing.T, s *Store)
}{
	{"a difference is as old as it was when it was first seen, and mended when a look does not find it", driftAges},
	{"a look that failed keeps what was seen before", driftLooks},
	{"an exception takes the place of the one before, and is in the audit", driftExceptions},
	{"that a team was told is kept", driftTold},
}

func TestDatabasesKeepTheirPromisesAboutDrift(t *testing.T) {
	for _, p := range driftPromises {
		t.Run("SQLite: "+p.name, func(t *testing.T) {
			t.Parallel()
			p.check(t, open(t, Options{Path: filepath.Join(t.TempDir(), "caravan.db")}))
		})
	}
	cluster := pgtest.Start(t)
	for _, p := range driftPromises {
		t.Run("PostgreSQL: "+p.name, func(t *testing.T) { p.check(t, open(t, Options{Database: cluster.Database(t)})) })
	}
}

var midday = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

func scaled() drift.Difference {
	return drift.Difference{ID: "0123456789ab", Service: "orders", Environment: "id", Team: "orders", Kind: drift.Replicas, Class: drift.Accident, Subject: "deployment orders/orders", What: "scaled", Content: "sha256:1"}
}

func keep(t *testing.T, s *Store, at time.Time, failed string, found ...drift.Difference) {
	t.Helper()
	l := DriftLook{Look: drift.Look{Environment: "id", At: at, Failed: failed}}
	if failed == "" {
		l.Running = []drift.Running{{Service: "orders", Environment: "id", Version: "4"}}
	}
	if err := s.KeepDrift(t.Context(), found, []DriftLook{l}, at); err != nil {
		t.Fatal(err)
	}
}

func knownDrift(t *testing.T, s *Store) ([]drift.Record, []DriftLook, []drift.Exception) {
	t.Helper()
	records, looks, exceptions, err := s.Drift(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return records, looks, exceptions
}

func driftAges(t *testing.T, s *Store) {
	keep(t, s, midday, "", scaled())
	keep(t, s, midday.Add(time.Hour), "", scaled())
	records, _, _ := knownDrift(t, s)
	if len(records) != 1 || !records[0].Since.Equal(midday) || !records[0].Last.Equal(midday.Add(time.Hour)) || records[0].What != "scaled" {
		t.Fatalf("%+v", records)
	}
	keep(t, s, midday.Add(2*time.Hour), "")
	if records, _, _ := knownDrift(t, s); len(records) != 0 {
		t.Errorf("it is not mended: %+v", records)
	}
	keep(t, s, midday.Add(3*time.Hour), "", scaled())
	if records, _, _ := knownDrift(t, s); len(records) != 1 || !records[0].Since.Equal(midday) || records[0].Times != 2 {
		t.Errorf("it came again and is young: %+v", records)
	}
	if err := s.ForgetDriftLooks(t.Context(), func(e estate.EnvironmentName) bool { return e != "id" }); err != nil {
		t.Fatal(err)
	}
	if records, looks, _ := knownDrift(t, s); len(records)+len(looks) != 0 {
		t.Errorf("%+v %+v", records, looks)
	}
}

func driftLooks(t *testing.T, s *Store) {
	keep(t, s, midday, "", scaled())
	keep(t, s, midday.Add(time.Hour), "no route")
	records, looks, _ := knownDrift(t, s)
	if len(records) != 1 || len(looks) != 1 || looks[0].Failed == "" || !looks[0].At.Equal(midday) || len(looks[0].Running) != 1 {
		t.Errorf("%+v %+v", records, looks)
	}
}

func driftExceptions(t *testing.T, s *Store) {
	e := drift.Exception{ID: "0123456789ab", Content: "sha256:1", Why: "sale", By: "mei", At: midday, Until: midday.Add(time.Hour)}
	for _, why := range []string{"sale", "longer sale"} {
		e.Why = why
		if err := s.AcceptDrift(t.Context(), e, "deployment orders/orders"); err != nil {
			t.Fatal(err)
		}
	}
	_, _, exceptions := knownDrift(t, s)
	if len(exceptions) != 1 || exceptions[0] != e {
		t.Errorf("%+v", exceptions)
	}
	e.Until = time.Time{}
	wantKind(t, s.AcceptDrift(t.Context(), e, "x"), fault.Invalid, "until when")
	var lines int
	if err := s.db.QueryRowContext(t.Context(), `SELECT count(*) FROM audit WHERE person = 'mei'`).Scan(&lines); err != nil || lines != 2 {
		t.Errorf("%d lines in the audit, %v", lines, err)
	}
}

func driftTold(t *testing.T, s *Store) {
	keep(t, s, midday, "", scaled())
	if err := s.ToldDrift(t.Context(), []drift.ID{"0123456789ab"}, midday); err != nil {
		t.Fatal(err)
	}
	keep(t, s, midday.Add(time.Hour), "", scaled())
	if records, _, _ := knownDrift(t, s); !records[0].Told.Equal(midday) {
		t.Errorf("%+v", records)
	}
}

// BenchmarkDriftFromStore reads what is known of 500 services in three environments, judges it and lays it out.
func BenchmarkDriftFromStore(b *testing.B) {
	s, err := Open(b.Context(), Options{Path: filepath.Join(b.TempDir(), "caravan.db")})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	const services, accidents = 500, 300
	var looks []DriftLook
	var found []drift.Difference
	for _, env := range []estate.EnvironmentName{"id", "my", "sg"} {
		l := DriftLook{Look: drift.Look{Environment: env, At: midday}}
		for n := range services {
			service := estate.ServiceName(fmt.Sprintf("service-%03d", n))
			l.Running = append(l.Running, drift.Running{Service: service, Environment: env, Team: "orders", Version: "5.0.3", Declared: true, At: midday})
			if n < accidents {
				d := scaled()
				d.ID, d.Service, d.Environment, d.Mend = drift.ID(fmt.Sprintf("%s%09d", env, n)), service, env, strings.Repeat("-  replicas: 5\n+  replicas: 2\n", 20)
				found = append(found, d)
			}
		}
		looks = append(looks, l)
	}
	if err := s.KeepDrift(b.Context(), found, looks, midday); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		records, looks, exceptions, err := s.Drift(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		var bare []drift.Look
		var running []drift.Running
		for _, l := range looks {
			bare, running = append(bare, l.Look), append(running, l.Running...)
		}
		all := drift.Judge(records, exceptions, bare, midday, time.Hour)
		if cells := drift.Matrix(running, nil, all, bare, midday, time.Hour); len(cells) != 3*services || len(all) != 3*accidents {
			b.Fatalf("%d cells, %d differences", len(cells), len(all))
		}
	}
}
