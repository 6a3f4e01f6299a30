package store

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/standby"
	"example.org/caravan/internal/store/pgtest"
)

func TestLooksAtADatastoreAddUpByTheHourAndWhatBefellItIsKeptOnce(t *testing.T) {
	for name, o := range map[string]func(t *testing.T) Options{
		"sqlite":     func(t *testing.T) Options { return Options{Path: filepath.Join(t.TempDir(), "caravan.db")} },
		"postgresql": func(t *testing.T) Options { return Options{Database: pgtest.Start(t).Database(t)} },
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, o(t))
			hour := time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC)
			if seen, err := s.Seen(t.Context(), "orders-db", "p"); err != nil || seen.Timeline != 0 {
				t.Fatalf("before any: %+v, %v", seen, err)
			}
			keep := func(at time.Time, timeline int) {
				t.Helper()
				befell := []standby.Incident{{ID: "timeline 4", Member: "a", What: standby.FailedOver, At: hour}, {ID: "x", Member: "b", What: standby.Evicted, At: at}}
				looks := []standby.Look{{Member: "a", Hour: at.Truncate(time.Hour), Looks: 1, Followed: 1, Late: 1, Disk: standby.Disk{Blocks: 10, Took: time.Second, Cached: 5}}}
				if err := s.KeepLook(t.Context(), "orders-db", "p", at, standby.Seen{Timeline: timeline}, befell, looks); err != nil {
					t.Fatal(err)
				}
			}
			keep(hour.Add(time.Minute), 4)
			keep(hour.Add(2*time.Minute), 5)
			looks, err := s.Looks(t.Context(), "orders-db", "p")
			want := []standby.Look{{Member: "a", Hour: hour, Looks: 2, Followed: 2, Late: 2, Disk: standby.Disk{Blocks: 20, Took: 2 * time.Second, Cached: 10}}}
			if diff := cmp.Diff(want, looks); err != nil || diff != "" {
				t.Errorf("%v\n%s", err, diff)
			}
			befell, err := s.Incidents(t.Context(), "orders-db", "p")
			once := []standby.Incident{{ID: "timeline 4", Member: "a", What: standby.FailedOver, At: hour}, {ID: "x", Member: "b", What: standby.Evicted, At: hour.Add(time.Minute)}}
			if diff := cmp.Diff(once, befell); err != nil || diff != "" {
				t.Errorf("%v\n%s", err, diff)
			}
			if seen, err := s.Seen(t.Context(), "orders-db", "p"); err != nil || seen.Timeline != 5 {
				t.Errorf("last seen: %+v, %v", seen, err)
			}
			keep(hour.Add(MeasuresKept+time.Hour), 5)
			if looks, err = s.Looks(t.Context(), "orders-db", "p"); err != nil || len(looks) != 1 || looks[0].Looks != 1 {
				t.Errorf("a month later: %+v, %v", looks, err)
			}
			if err := s.KeepTopology(t.Context(), standby.Topology{Datastore: "orders-db", Environment: "p", At: hour}); err != nil {
				t.Fatal(err)
			}
			if err := s.ForgetTopologies(t.Context(), func(estate.ServiceName, estate.EnvironmentName) bool { return false }); err != nil {
				t.Fatal(err)
			}
			looks, err = s.Looks(t.Context(), "orders-db", "p")
			befell, more := s.Incidents(t.Context(), "orders-db", "p")
			seen, _ := s.Seen(t.Context(), "orders-db", "p")
			if err != nil || more != nil || len(looks)+len(befell) > 0 || seen.Timeline != 0 {
				t.Errorf("of a datastore that is looked at no more: %+v, %+v, %+v", looks, befell, seen)
			}
		})
	}
}
