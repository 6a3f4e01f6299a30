package api

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"example.org/caravan/internal/standby"
)

func TestPrometheusIsToldHowWarmStandbysAre(t *testing.T) {
	h := newHouse(t)
	lag := int64(4096)
	top := standby.Topology{Datastore: "orders", Environment: "p", Technology: "postgres", Keeper: standby.Nobody, At: time.Unix(1_800_000_000, 0), Backup: &standby.Backup{At: time.Unix(1_799_000_000, 0), Failed: "its repository is full"}, Members: []standby.Member{
		{Name: "a", Role: standby.Primary, State: "running"},
		{Name: "b", Role: standby.Standby, State: "running", Lag: &lag, Behind: 1500 * time.Millisecond, Warmth: &standby.Warmth{Share: 0.75, At: time.Unix(1_800_000_000, 0)}},
		{Name: "c", Role: standby.Unknown, Unreachable: "connection refused"},
	}}
	if err := h.store.KeepTopology(t.Context(), top); err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	metrics(h.app).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, MetricsPath, nil))
	for _, line := range []string{
		`caravan_standby_looked_timestamp_seconds{datastore="orders",environment="p"} 1.8e+09`,
		`caravan_standby_backup_timestamp_seconds{datastore="orders",environment="p"} 1.799e+09`,
		`caravan_standby_backup_healthy{datastore="orders",environment="p"} 0`,
		`caravan_standby_primary{datastore="orders",environment="p",member="a"} 1`,
		`caravan_standby_warmth_ratio{datastore="orders",environment="p",member="b"} 0.75`,
		`caravan_standby_lag_bytes{datastore="orders",environment="p",member="b"} 4096`,
		`caravan_standby_behind_seconds{datastore="orders",environment="p",member="b"} 1.5`,
		`caravan_standby_healthy{datastore="orders",environment="p",member="c"} 0`,
	} {
		if !strings.Contains(w.Body.String(), line+"\n") {
			t.Errorf("no line %s in\n%s", line, w.Body)
		}
	}
	if strings.Contains(w.Body.String(), `warmth_ratio{datastore="orders",environment="p",member="a"}`) {
		t.Error("a primary is given a warmth")
	}
}
