package kube

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/standby"
)

// podOfAStatefulSet is one that was evicted, made anew, and then killed for its memory, as an API server lists it.
const podOfAStatefulSet = `{"apiVersion": "v1", "kind": "Pod",
	"metadata": {"name": "orders-db-0", "namespace": "team-shop", "uid": "second", "creationTimestamp": "2026-03-01T08:05:00Z"},
	"status": {"phase": "Running", "podIP": "10.244.1.7", "containerStatuses": [
		{"name": "postgres", "restartCount": 1, "state": {"running": {"startedAt": "2026-03-01T09:00:05Z"}},
		 "lastState": {"terminated": {"reason": "OOMKilled", "exitCode": 137, "finishedAt": "2026-03-01T09:00:00Z"}}},
		{"name": "exporter", "restartCount": 1, "state": {"running": {}}, "lastState": {"terminated": {"reason": "Error", "finishedAt": "2026-03-01T09:00:00Z"}}}]}}`

const eventsOfIt = `{"apiVersion": "v1", "kind": "EventList", "items": [
	{"metadata": {"name": "a"}, "involvedObject": {"kind": "Pod", "name": "orders-db-0", "uid": "first"}, "reason": "Evicted", "lastTimestamp": "2026-03-01T08:04:00Z"},
	{"metadata": {"name": "b"}, "involvedObject": {"kind": "Pod", "name": "orders-db-0", "uid": "first"}, "reason": "TaintManagerEviction", "lastTimestamp": null, "eventTime": "2026-03-01T08:04:00.000000Z"},
	{"metadata": {"name": "c"}, "involvedObject": {"kind": "Pod", "name": "orders-db-0", "uid": "second"}, "reason": "Pulled", "lastTimestamp": "2026-03-01T08:05:01Z"}]}`

// answeringCluster serves what an API server would, and keeps what it was asked for.
func answeringCluster(t *testing.T, answers map[string]string) (Options, *[]string) {
	t.Helper()
	var asked []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Path+"?"+r.URL.Query().Get("fieldSelector"))
		w.Header().Set("Content-Type", "application/json")
		text, ok := answers[r.URL.Path]
		if !ok {
			w.WriteHeader(http.StatusForbidden)
			text = `{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Forbidden", "message": "events is forbidden", "code": 403}`
		}
		_, _ = fmt.Fprint(w, text)
	}))
	t.Cleanup(s.Close)
	file := filepath.Join(t.TempDir(), "config")
	text := fmt.Sprintf("apiVersion: v1\nkind: Config\ncurrent-context: x\nclusters: [{name: x, cluster: {server: %q}}]\ncontexts: [{name: x, context: {cluster: x, user: x}}]\nusers: [{name: x, user: {token: t}}]\n", s.URL)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return Options{Kubeconfig: file, Context: "x"}, &asked
}

func TestAPodTellsOfItsEvictionsAndWhatItWasKilledFor(t *testing.T) {
	const base = "/api/v1/namespaces/team-shop/"
	list := `{"apiVersion": "v1", "kind": "PodList", "items": [` + podOfAStatefulSet + `]}`
	o, asked := answeringCluster(t, map[string]string{"/api/v1/pods": list, base + "pods/orders-db-0": podOfAStatefulSet, base + "events": eventsOfIt})
	got, err := PodOf(t.Context(), o, "10.244.1.7:5432")
	if err != nil {
		t.Fatal(err)
	}
	at := func(hour, minute int) time.Time { return time.Date(2026, 3, 1, hour, minute, 0, 0, time.UTC) }
	want := standby.Pod{Name: "orders-db-0", UID: "second", Made: at(8, 5), Befell: []standby.Incident{
		{ID: "first", What: standby.Evicted, At: at(8, 4)},
		{ID: "second/postgres/2026-03-01T09:00:00Z", What: standby.KilledOOM, At: at(9, 0)},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(strings.Join(*asked, " "), "status.podIP=10.244.1.7") || !strings.Contains(strings.Join(*asked, " "), "involvedObject.kind=Pod,involvedObject.name=orders-db-0") {
		t.Errorf("it asked for %v", *asked)
	}
	if named, err := PodOf(t.Context(), o, "orders-db-0.orders-db.team-shop.svc.cluster.local:5432"); err != nil || named.UID != "second" {
		t.Errorf("by its name: %+v, %v", named, err)
	}
}

func TestAPodThatMayNotBeAskedIsSaid(t *testing.T) {
	o, _ := answeringCluster(t, map[string]string{"/api/v1/pods": `{"apiVersion": "v1", "kind": "PodList", "items": []}`, "/api/v1/namespaces/team-shop/pods/orders-db-0": podOfAStatefulSet})
	if _, err := PodOf(t.Context(), o, "10.244.9.9:5432"); fault.KindOf(err) != fault.NotFound {
		t.Errorf("no pod there: %v", err)
	}
	if _, err := PodOf(t.Context(), o, "orders-db-0.orders-db.team-shop.svc:5432"); err == nil || !strings.Contains(err.Error(), "events of pod orders-db-0") {
		t.Errorf("events that may not be listed: %v", err)
	}
	if _, err := PodOf(t.Context(), o, "nowhere"); fault.KindOf(err) != fault.Invalid {
		t.Errorf("no address: %v", err)
	}
}
