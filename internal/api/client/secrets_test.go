package client_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.org/caravan/examples"
	"example.org/caravan/internal/api"
	"example.org/caravan/internal/api/client"
	"example.org/caravan/internal/app"
	"example.org/caravan/internal/store"
)

// TestPlantedSecretsAreOnNoPageAndInNoStore scans the sample company, in which secrets are planted, and looks for them
// in everything that comes out.
func TestPlantedSecretsAreOnNoPageAndInNoStore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "kopi")
	if err := os.CopyFS(dir, examples.Kopi()); err != nil {
		t.Fatal(err)
	}
	ctx, now := context.Background(), func() time.Time { return time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC) }
	a, err := app.New(ctx, app.Options{Workspace: dir, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	somebody := a.Door().Runner()
	h, err := api.Site(api.Options{App: a, Now: now, Nobody: &somebody})
	if err != nil {
		t.Fatal(err)
	}
	c := client.New("http://localhost", client.InProcess(h))
	scanned(t, c)
	m, err := c.Map(ctx, api.Query{})
	if err != nil {
		t.Fatal(err)
	}
	paths := []string{"/", "/map.json", "/doubts", "/scan", "/api/v1/map", "/api/v1/doubts", "/api/v1/snapshots", "/api/v1/services"}
	for _, f := range []string{"dot", "mermaid", "svg", "html", "json"} {
		paths = append(paths, "/api/v1/export?format="+f)
	}
	for _, s := range m.Services {
		name := url.PathEscape(string(s.Name))
		paths = append(paths, "/services/"+name, "/api/v1/services/"+name, "/detail.json?service="+url.QueryEscape(string(s.Name)))
	}
	for _, p := range paths {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(ctx, http.MethodGet, "http://localhost"+p, nil))
		if w.Code >= http.StatusInternalServerError {
			t.Errorf("%s: %d", p, w.Code)
		}
		noCanary(t, p, w.Body.String())
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(ctx, store.Options{Path: filepath.Join(dir, ".caravan", "caravan.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	snapshot, _, err := s.Snapshot(ctx, "latest")
	if err != nil || len(snapshot.Components) == 0 {
		t.Fatalf("%d components, %v", len(snapshot.Components), err)
	}
	text, err := json.Marshal(snapshot)
	if err != nil {
		t.Fatal(err)
	}
	noCanary(t, "the store", string(text))
}

func noCanary(t *testing.T, where, text string) {
	t.Helper()
	list, err := os.ReadFile(filepath.Join("..", "..", "..", "examples", "kopi-canaries.txt"))
	if err != nil {
		t.Fatal(err)
	}
	planted := 0
	for line := range strings.Lines(string(list)) {
		if fields := strings.Fields(line); len(fields) > 0 && !strings.HasPrefix(line, "#") {
			planted++
			if strings.Contains(text, fields[0]) {
				t.Errorf("%s shows %s", where, fields[0])
			}
		}
	}
	if planted < 5 {
		t.Fatal("hardly any canaries: the test would prove nothing")
	}
}
