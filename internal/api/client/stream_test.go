package client_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"example.org/caravan/internal/api"
	"example.org/caravan/internal/api/client"
	"example.org/caravan/internal/app"
	"example.org/caravan/internal/fault"
)

// held is a program over a workspace whose scans have read everything and then wait for release before they are kept.
func held(t *testing.T) (c *client.Client, release func()) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"caravan.yaml":             "organisation: Made up\nsources:\n  - name: repos\n    dir: repos\n",
		"repos/docker-compose.yml": estateFile,
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	gate := make(chan struct{})
	var asked atomic.Int32
	now := func() time.Time {
		if asked.Add(1) == 2 { // the first is when the scan starts, the second when it has read
			<-gate
		}
		return time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
	}
	a, err := app.New(context.Background(), app.Options{Workspace: dir, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	somebody := a.Door().Runner()
	h, err := api.Handler(api.Options{App: a, Version: "test", Now: now, Nobody: &somebody})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(nil)
	s.Config = api.Server(h)
	s.Start()
	t.Cleanup(s.Close)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return client.New(s.URL, transport), func() { close(gate) }
}

func TestAScanCancelledOverTheWireEndsItsEvents(t *testing.T) {
	c, release := held(t)
	ctx := context.Background()
	st, err := c.StartScan(ctx, app.ScanRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.CancelScan(ctx, st.ID); err != nil {
		t.Fatal(err)
	}
	release()
	st, err = c.WaitScan(ctx, st.ID, func(app.ScanState) {})
	if st.State != "cancelled" || fault.KindOf(err) != fault.Unavailable {
		t.Errorf("%+v, %v", st, err)
	}
	if list, err := c.Snapshots(ctx); err != nil || len(list) != 0 {
		t.Errorf("kept %v, %v", list, err)
	}
	if list, err := c.Scans(ctx); err != nil || len(list) != 1 || list[0].State != "cancelled" {
		t.Errorf("noted %v, %v", list, err)
	}
}

func TestASecondScanIsAConflict(t *testing.T) {
	c, release := held(t)
	ctx := context.Background()
	st, err := c.StartScan(ctx, app.ScanRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.StartScan(ctx, app.ScanRequest{}); fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), string(st.ID)) {
		t.Errorf("%v", err)
	}
	release()
	if st, err := c.WaitScan(ctx, st.ID, func(app.ScanState) {}); err != nil || st.State != "done" {
		t.Errorf("%+v, %v", st, err)
	}
}

func TestAListenerThatLeavesLeavesTheScanAlone(t *testing.T) {
	c, release := held(t)
	st, err := c.StartScan(context.Background(), app.ScanRequest{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	if _, err := c.WaitScan(ctx, st.ID, func(app.ScanState) { cancel() }); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if st, err := c.Scan(context.Background(), st.ID); err != nil || !st.Running() {
		t.Errorf("%+v, %v", st, err)
	}
	release()
	if st, err := c.WaitScan(context.Background(), st.ID, func(app.ScanState) {}); err != nil || st.State != "done" {
		t.Errorf("%+v, %v", st, err)
	}
}

func TestHowAScanEndedIsKnownFromItsLastEvent(t *testing.T) {
	for _, c := range []struct {
		what, events string
		state        string
		kind         fault.Kind
		says         string
	}{
		{"failed", `data: {"id":"scan-1","state":"failed","kind":"invalid","error":"mend line 3"}`, "failed", fault.Invalid, "mend line 3"},
		{"failed inside", `data: {"id":"scan-1","state":"failed","kind":"internal","error":"see the log"}`, "failed", fault.Internal, "see the log"},
		{"cancelled", `data: {"id":"scan-1","state":"cancelled","kind":"unavailable","error":"it was cancelled"}`, "cancelled", fault.Unavailable, "cancelled"},
		{"the stream ends too early", `data: {"id":"scan-1","state":"running"}`, "running", fault.Unavailable, "went away"},
		{"nothing comes", "", "", fault.Unavailable, "went away"},
		{"only noise comes", ": hello\n\nevent: x\ndata: {", "", fault.Unavailable, "went away"},
	} {
		t.Run(c.what, func(t *testing.T) {
			h := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, c.events+"\n\n") })
			st, err := client.New("http://localhost", client.InProcess(h)).WaitScan(context.Background(), "scan-1", func(app.ScanState) {})
			if st.State != c.state || err == nil || fault.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%+v, %s: %v", st, fault.KindOf(err), err)
			}
		})
	}
}

func TestWhatIsNoCaravanServerIsToldApart(t *testing.T) {
	for what, h := range map[string]http.HandlerFunc{
		"a page":         func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<!doctype html>") },
		"half a map":     func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"services":[`) },
		"a proxy's page": func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "bad gateway", http.StatusBadGateway) },
		"a crash":        func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		t.Run(what, func(t *testing.T) {
			_, err := client.New("http://localhost", client.InProcess(h)).Map(context.Background(), api.Query{})
			if err == nil || !strings.Contains(err.Error(), "Caravan server") {
				t.Errorf("%v", err)
			}
		})
	}
	t.Run("nothing at all", func(t *testing.T) {
		s := httptest.NewServer(http.NotFoundHandler())
		s.Close()
		_, err := client.New(s.URL, &http.Transport{}).Map(context.Background(), api.Query{})
		if fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "caravan serve") {
			t.Errorf("%v", err)
		}
	})
	t.Run("an address that is none", func(t *testing.T) {
		_, err := client.New("http://[", &http.Transport{}).Map(context.Background(), api.Query{})
		if fault.KindOf(err) != fault.Usage {
			t.Errorf("%v", err)
		}
	})
}

func TestACallerMayLeaveBeforeTheAnswerEnds(t *testing.T) {
	_, h := program(t)
	rt := client.InProcess(h)
	scanned(t, client.New("http://localhost", rt))
	for _, path := range []string{"/api/v1/map", "/api/v1/export?format=html", "/api/v1/health", "/"} {
		req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://localhost"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := rt.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		if err := res.Body.Close(); err != nil || res.StatusCode != http.StatusOK {
			t.Errorf("%s: %d %v", path, res.StatusCode, err)
		}
	}
}

func TestAnAnswerEndsWithTheRequestsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(ended)
		_, _ = io.WriteString(w, "begun")
		<-r.Context().Done()
	})
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://localhost/", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := client.InProcess(h).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := io.ReadAll(res.Body); !errors.Is(err, context.Canceled) {
		t.Errorf("read to %v", err)
	}
	if err := res.Body.Close(); err != nil {
		t.Error(err)
	}
	<-ended
}

const namesFile = `services:
  "a%2Fb": {image: acme/percent}
  "a/b": {image: acme/slash}
  "100%": {image: acme/hundred}
  "a b?c#d": {image: acme/query}
  "käffchen 咖啡": {image: acme/coffee}
`

func TestServicesAreFoundByAnyNameTheyHave(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "docker-compose.yml"), []byte(namesFile), 0o644); err != nil {
		t.Fatal(err)
	}
	a, err := app.New(context.Background(), app.Options{Dirs: []string{dir}, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	somebody := a.Door().Runner()
	h, err := api.Handler(api.Options{App: a, Version: "test", Now: time.Now, Nobody: &somebody})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(h)
	defer s.Close()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	for what, c := range map[string]*client.Client{"in process": client.New("http://localhost", client.InProcess(h)), "over the network": client.New(s.URL, transport)} {
		t.Run(what, func(t *testing.T) {
			ctx := context.Background()
			scanned(t, c)
			found := map[string]string{}
			for _, name := range []string{"a%2Fb", "a/b", "100%", "a b?c#d", "käffchen 咖啡"} {
				d, err := c.Service(ctx, "", name)
				if err != nil {
					t.Errorf("%s: %v", name, err)
					continue
				}
				if other, ok := found[string(d.Service.Name)]; ok {
					t.Errorf("%q and %q are both %s", name, other, d.Service.Name)
				}
				found[string(d.Service.Name)] = name
				if _, err := c.Needs(ctx, "", name); err != nil {
					t.Errorf("needs of %s: %v", name, err)
				}
				if _, err := c.Breaks(ctx, "", name); err != nil {
					t.Errorf("breaks of %s: %v", name, err)
				}
			}
			for _, name := range []string{"", ".", "..", "a%252Fb", "%", "a", "\x00"} {
				if _, err := c.Service(ctx, "", name); err == nil {
					t.Errorf("%q is found", name)
				}
			}
		})
	}
}
