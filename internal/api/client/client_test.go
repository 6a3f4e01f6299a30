package client_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"example.org/caravan/internal/api"
	"example.org/caravan/internal/api/client"
	"example.org/caravan/internal/app"
	"example.org/caravan/internal/fault"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, goleak.IgnoreCurrent()) }

const estateFile = `services:
  "web shop/1": {image: acme/web, container_name: web, environment: {API: "http://api:80", DB_HOST: db, DB_PORT: "5432"}}
  api: {image: acme/api, environment: {NOWHERE: "http://nowhere:80"}}
  db: {image: "postgres:16"}
  prometheus: {image: prom/prometheus, command: "--web.external-url=http://x --scrape=api:80"}
`

// program is an app over a small estate, with its site.
func program(t *testing.T) (*app.App, http.Handler) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "docker-compose.yml"), []byte(estateFile), 0o644); err != nil {
		t.Fatal(err)
	}
	now := func() time.Time { return time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC) }
	a, err := app.New(context.Background(), app.Options{Dirs: []string{dir}, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	somebody := a.Door().Runner()
	h, err := api.Site(api.Options{App: a, Version: "test", Now: now, Nobody: &somebody})
	if err != nil {
		t.Fatal(err)
	}
	return a, h
}

func TestHowThingsAreDoneIsToldOverTheWire(t *testing.T) {
	each(t, func(t *testing.T, _ *app.App, c *client.Client) {
		started, err := c.StartScan(t.Context(), app.ScanRequest{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.WaitScan(t.Context(), started.ID, func(app.ScanState) {}); err != nil {
			t.Fatal(err)
		}
		g, err := c.How(t.Context(), "web shop/1", "")
		if err != nil || g.Service != "web" || len(g.Answers) == 0 || len(g.Notes) != 1 {
			t.Errorf("%+v, %v", g, err)
		}
		a, err := c.HowTo(t.Context(), "web shop/1", "journalctl", "")
		if err != nil || a.Action != "logs" {
			t.Errorf("%+v, %v", a, err)
		}
		if _, err := c.HowTo(t.Context(), "web shop/1", "lgos", ""); fault.KindOf(err) != fault.Usage || !strings.Contains(err.Error(), "did you mean logs") {
			t.Errorf("%v", err)
		}
		for _, ask := range []func() error{
			func() error { _, err := c.How(t.Context(), "latte", ""); return err },
			func() error { _, err := c.How(t.Context(), "db", "mars"); return err },
			func() error { _, err := c.HowTo(t.Context(), "db", "deploy", ""); return err },
		} {
			if err := ask(); fault.KindOf(err) != fault.NotFound {
				t.Errorf("%v", err)
			}
		}
	})
}

// each runs a test with a client in process and with one over the network.
func each(t *testing.T, test func(t *testing.T, a *app.App, c *client.Client)) {
	t.Run("in process", func(t *testing.T) {
		a, h := program(t)
		test(t, a, client.New("http://localhost", client.InProcess(h)))
	})
	t.Run("over the network", func(t *testing.T) {
		a, h := program(t)
		s := httptest.NewServer(h)
		t.Cleanup(s.Close)
		transport := &http.Transport{}
		t.Cleanup(transport.CloseIdleConnections)
		test(t, a, client.New(s.URL, transport))
	})
}

func scanned(t *testing.T, c *client.Client) app.ScanState {
	t.Helper()
	st, err := c.StartScan(context.Background(), app.ScanRequest{})
	if err != nil {
		t.Fatal(err)
	}
	states := 0
	st, err = c.WaitScan(context.Background(), st.ID, func(app.ScanState) { states++ })
	if err != nil || st.State != "done" || states == 0 {
		t.Fatalf("%+v after %d states: %v", st, states, err)
	}
	return st
}

func TestAMapSurvivesTheWire(t *testing.T) {
	each(t, func(t *testing.T, a *app.App, c *client.Client) {
		ctx := context.Background()
		st := scanned(t, c)
		want, _, err := a.Graph(ctx, "")
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.Map(ctx, api.Query{Snapshot: string(st.Digest)})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got.Graph); diff != "" {
			t.Error(diff)
		}
	})
}

func TestEveryQuestionIsAnswered(t *testing.T) {
	each(t, func(t *testing.T, _ *app.App, c *client.Client) {
		ctx := context.Background()
		scanned(t, c)
		d, err := c.Service(ctx, "", "web shop/1")
		if err != nil || d.Service.Name == "" || len(d.Needs) != 2 {
			t.Fatalf("service: %+v %v", d, err)
		}
		breaks, err := c.Breaks(ctx, "", "db")
		if err != nil || len(breaks) != 1 {
			t.Errorf("breaks: %v %v", breaks, err)
		}
		needs, err := c.Needs(ctx, "", string(d.Service.Name))
		if err != nil || len(needs) != 3 {
			t.Errorf("needs: %v %v", needs, err)
		}
		doubts, err := c.Doubts(ctx, "")
		if err != nil || len(doubts) != 1 {
			t.Errorf("doubts: %v %v", doubts, err)
		}
		unowned, err := c.Unowned(ctx, "")
		if err != nil || len(unowned) == 0 {
			t.Errorf("unowned: %v %v", unowned, err)
		}
		list, err := c.Snapshots(ctx)
		if err != nil || len(list) != 1 || list[0].Edges == 0 {
			t.Errorf("snapshots: %v %v", list, err)
		}
		scans, err := c.Scans(ctx)
		if err != nil || len(scans) != 1 || scans[0].State != "done" || scans[0].Digest != list[0].Digest {
			t.Errorf("scans: %v %v", scans, err)
		}
		diff, err := c.Diff(ctx, "latest", string(list[0].Digest))
		if err != nil || !diff.Empty() {
			t.Errorf("diff: %v %v", diff, err)
		}
		for format, mark := range map[string]string{"dot": "digraph", "mermaid": "flowchart", "svg": "<svg", "html": "<!doctype html>", "json": `"services"`} {
			data, err := c.Export(ctx, format, api.Query{})
			if err != nil || !strings.Contains(string(data), mark) {
				t.Errorf("%s: %.80s %v", format, data, err)
			}
		}
	})
}

func TestProblemsComeBackAsTheFaultsTheyWere(t *testing.T) {
	each(t, func(t *testing.T, _ *app.App, c *client.Client) {
		ctx := context.Background()
		if _, err := c.Map(ctx, api.Query{}); fault.KindOf(err) != fault.NotFound {
			t.Errorf("before any scan: %v", err)
		}
		if _, err := c.Scan(ctx, "scan-99"); fault.KindOf(err) != fault.NotFound {
			t.Errorf("no such scan: %v", err)
		}
		if err := c.CancelScan(ctx, "scan-99"); fault.KindOf(err) != fault.NotFound {
			t.Errorf("no such scan: %v", err)
		}
		if _, err := c.WaitScan(ctx, "scan-99", func(app.ScanState) {}); fault.KindOf(err) != fault.NotFound {
			t.Errorf("no such scan: %v", err)
		}
		scanned(t, c)
		if _, err := c.Service(ctx, "", "nobody"); fault.KindOf(err) != fault.NotFound || !strings.Contains(err.Error(), "nobody") {
			t.Errorf("no such service: %v", err)
		}
		if _, err := c.Export(ctx, "png", api.Query{}); fault.KindOf(err) != fault.Invalid {
			t.Errorf("no such form: %v", err)
		}
	})
}

func TestAWaitEndsWithItsContext(t *testing.T) {
	each(t, func(t *testing.T, _ *app.App, c *client.Client) {
		ctx, cancel := context.WithCancel(context.Background())
		st, err := c.StartScan(ctx, app.ScanRequest{})
		if err != nil {
			t.Fatal(err)
		}
		cancel()
		if _, err := c.WaitScan(ctx, st.ID, func(app.ScanState) {}); !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
	})
}

func TestTheQueryFilters(t *testing.T) {
	each(t, func(t *testing.T, _ *app.App, c *client.Client) {
		scanned(t, c)
		m, err := c.Map(context.Background(), api.Query{HideInfrastructure: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range m.Services {
			if s.Infrastructure {
				t.Errorf("%s is infrastructure", s.Name)
			}
		}
		m, err = c.Map(context.Background(), api.Query{Kind: "database"})
		if err != nil || len(m.Edges) != 1 || len(m.Services) != 2 {
			t.Errorf("databases: %d edges, %d services, %v", len(m.Edges), len(m.Services), err)
		}
	})
}

func TestForeignPagesAreTurnedAway(t *testing.T) {
	_, h := program(t)
	s := httptest.NewServer(h)
	defer s.Close()
	for _, c := range []struct {
		what, method, host string
		header             map[string]string
		want               int
	}{
		{"a name that a foreign resolver points here", http.MethodGet, "evil.example.org", nil, http.StatusForbidden},
		{"the same with a port", http.MethodGet, "evil.example.org:7070", nil, http.StatusForbidden},
		{"localhost", http.MethodGet, "localhost:1", nil, http.StatusOK},
		{"a form of another site", http.MethodPost, "", map[string]string{"Origin": "http://evil.example.org"}, http.StatusForbidden},
		{"a fetch of another site", http.MethodPost, "", map[string]string{"Sec-Fetch-Site": "cross-site"}, http.StatusForbidden},
		{"an opaque origin", http.MethodPost, "", map[string]string{"Origin": "null"}, http.StatusForbidden},
	} {
		t.Run(c.what, func(t *testing.T) {
			path := "/api/v1/health"
			if c.method == http.MethodPost {
				path = "/api/v1/scans"
			}
			req, err := http.NewRequestWithContext(context.Background(), c.method, s.URL+path, strings.NewReader("{}"))
			if err != nil {
				t.Fatal(err)
			}
			req.Host = c.host
			req.Header.Set("Content-Type", "application/json")
			for k, v := range c.header {
				req.Header.Set(k, v)
			}
			res, err := s.Client().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if res.StatusCode != c.want {
				t.Errorf("%s", res.Status)
			}
		})
	}
}

func TestTheDocumentationAndItsScriptAreServed(t *testing.T) {
	_, h := program(t)
	for path, mark := range map[string]string{
		"/api/v1/docs": "<rapi-doc", "/api/v1/docs/rapidoc-min.js": "RapiDoc", "/api/v1/openapi.json": `"openapi":"3.1`, "/api/v1/openapi.yaml": "openapi: 3.1", "/": "<!doctype html>",
	} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://localhost"+path, nil))
		if w.Code != http.StatusOK || !strings.Contains(strings.ToLower(w.Body.String()), strings.ToLower(mark)) {
			t.Errorf("%s: %d %.200s", path, w.Code, w.Body.String())
		}
	}
}

func TestATokenIsNotSentWhereAServerSendsOnTo(t *testing.T) {
	var asked []string
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked = append(asked, r.Header.Get("Authorization")) }))
	defer other.Close()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL+r.URL.Path, http.StatusTemporaryRedirect) // the same host, and another port
	}))
	defer server.Close()
	_, err := client.New(server.URL, http.DefaultTransport).WithToken("cvn_secret").Me(t.Context())
	if fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "sends on to "+other.URL) {
		t.Error(err)
	}
	if len(asked) > 0 {
		t.Errorf("the other was asked, with %q", asked)
	}
}
