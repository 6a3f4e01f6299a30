package patroni_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/patroni"
	"example.org/caravan/internal/patroni/patronitest"
	"example.org/caravan/internal/standby"
)

// soon is how long a cluster may take to settle on a busy machine.
const soon = 3 * time.Minute

func TestARealClusterIsReadAndSwitchedOver(t *testing.T) {
	c := patronitest.Start(t, 2)
	w := patroni.Where{Addresses: []string{"127.0.0.1:1", c.Members[1].REST}}
	top := await(t, w, func(top standby.Topology) bool {
		m, ok := top.Member("pg-2")
		return ok && m.Role == standby.Standby && m.Lag != nil && m.Healthy()
	})
	leader, ok := top.Member("pg-1")
	if !ok || leader.Role != standby.Primary || leader.Address != c.Members[0].Address || leader.Timeline != 1 || !leader.Healthy() {
		t.Errorf("the primary: %+v", leader)
	}
	if !top.Failover.IsZero() {
		t.Errorf("a primary that never changed did at %s", top.Failover)
	}
	if err := patroni.SwitchOver(t.Context(), w, "pg-1", "pg-9"); fault.KindOf(err) != fault.NotFound {
		t.Errorf("to a member there is not: %v", err)
	}
	if err := patroni.SwitchOver(t.Context(), w, "pg-2", "pg-1"); fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), "leader") {
		t.Errorf("from a member that does not lead: %v", err)
	}
	if version, err := patroni.Version(t.Context(), w); err != nil || !strings.Contains(version, ".") {
		t.Errorf("version %q, %v", version, err)
	}
	if err := os.WriteFile(filepath.Join(c.Members[1].Config, "2-preference.yml"), []byte(patroni.Preference(7)), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := patroni.Reload(t.Context(), w, "pg-2"); err != nil {
		t.Fatal(err)
	}
	await(t, w, func(top standby.Topology) bool {
		m, _ := top.Member("pg-2")
		return m.Priority != nil && *m.Priority == 7 && !m.NoFailover
	})
	if err := patroni.Reload(t.Context(), w, "pg-9"); fault.KindOf(err) != fault.NotFound {
		t.Errorf("a member there is not: %v", err)
	}
	for _, pause := range []bool{true, false} {
		if err := patroni.Pause(t.Context(), w, pause); err != nil {
			t.Fatal(err)
		}
		await(t, w, func(top standby.Topology) bool { return top.Paused == pause })
	}
	before := time.Now()
	if err := patroni.SwitchOver(t.Context(), w, "pg-1", "pg-2"); err != nil {
		t.Fatal(err)
	}
	top = await(t, w, func(top standby.Topology) bool {
		one, _ := top.Member("pg-1")
		two, _ := top.Member("pg-2")
		return two.Role == standby.Primary && one.Role == standby.Standby && !top.Failover.IsZero()
	})
	if top.Failover.Before(before.Add(-time.Second)) {
		t.Errorf("the primary changed at %s, and was told after %s", top.Failover, before)
	}
}

func await(t *testing.T, w patroni.Where, ok func(standby.Topology) bool) standby.Topology {
	t.Helper()
	for deadline := time.Now().Add(soon); ; time.Sleep(100 * time.Millisecond) {
		top, err := patroni.Read(t.Context(), w, time.Now())
		if err == nil && ok(top) {
			return top
		}
		if time.Now().After(deadline) {
			t.Fatalf("%+v, %v", top, err)
		}
	}
}

func TestWhatPatroniAnswersIsUnderstood(t *testing.T) {
	answer := func(code int, body string) *httptest.Server {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/cluster":
				w.WriteHeader(code)
				_, _ = w.Write([]byte(body))
			case "/history":
				_, _ = w.Write([]byte(`[[1,100,"no recovery target specified","2026-02-01T10:00:00.5+07:00","a"],[2,200,"no recovery target specified","2026-03-01T10:00:00+00:00","b"]]`))
			case "/config":
				_, _ = w.Write([]byte(`{"ttl":30,"ignore_slots":[{"name":"one","type":"logical"},{"type":"physical"},{"type":"logical","plugin":"test_decoding"},{"type":"logical","database":"shop","plugin":"pgoutput"}]}`))
			default:
				w.WriteHeader(http.StatusUnauthorized)
			}
		}))
		t.Cleanup(s.Close)
		return s
	}
	good := answer(200, `{"pause":true,"members":[
		{"name":"c","role":"replica","state":"stopped","lag":"unknown","tags":{"nofailover":true}},
		{"name":"b","role":"leader","state":"running","host":"10.0.0.2","port":5432,"timeline":3},
		{"name":"a","role":"sync_standby","state":"streaming","host":"fd00::1","port":5432,"timeline":3,"lag":4096,"tags":{"failover_priority":0}},
		{"name":"d","role":"quorum_standby","state":"streaming","tags":{"failover_priority":7}}]}`)
	top, err := patroni.Read(t.Context(), patroni.Where{Addresses: []string{good.URL}}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	a, c, d := top.Members[0], top.Members[2], top.Members[3]
	if !top.Paused || top.Failover.Format(time.RFC3339) != "2026-03-01T10:00:00Z" {
		t.Errorf("%+v", top)
	}
	if a.Address != "[fd00::1]:5432" || !a.Synchronous || *a.Lag != 4096 || !a.NoFailover {
		t.Errorf("a: %+v", a)
	}
	if c.Lag != nil || !c.NoFailover || c.Healthy() || c.Address != "" {
		t.Errorf("c: %+v", c)
	}
	if d.Priority == nil || *d.Priority != 7 || d.NoFailover || !d.Synchronous {
		t.Errorf("d: %+v", d)
	}
	if err := patroni.SwitchOver(t.Context(), patroni.Where{Addresses: []string{good.URL}}, "b", "a"); fault.KindOf(err) != fault.Denied {
		t.Errorf("without an account: %v", err)
	}
	for database, want := range map[string]bool{"shop": true, "crm": false} {
		if got, err := patroni.KeepsSlots(t.Context(), patroni.Where{Addresses: []string{good.URL}}, database); got != want || err != nil {
			t.Errorf("slots of %s stay: %t, %v", database, got, err)
		}
	}
	for why, s := range map[string]*httptest.Server{"an error": answer(503, `{}`), "a page of something else": answer(200, `<html>`)} {
		if _, err := patroni.Read(t.Context(), patroni.Where{Addresses: []string{s.URL}}, time.Now()); fault.KindOf(err) != fault.Unavailable {
			t.Errorf("%s: %v", why, err)
		}
	}
}

func TestWhoHeedsAPreference(t *testing.T) {
	for version, want := range map[string]bool{"2.1.4": false, "3.0.2": false, "3.2.0": true, "4.1.4": true, "3.1.2": false, "main": true} {
		if got := patroni.Prefers(version); got != want {
			t.Errorf("%s: %t", version, got)
		}
	}
	if text := patroni.Preference(0); !strings.Contains(text, "failover_priority: 1\n") {
		t.Errorf("it would never take over: %s", text)
	}
}
