package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"go.yaml.in/yaml/v3"

	"example.org/caravan/internal/app"
	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, goleak.IgnoreCurrent()) }

func clock() time.Time { return time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC) }

// options are those of an API over one small file.
func options(t *testing.T) Options {
	t.Helper()
	dir := t.TempDir()
	file := "services:\n  web: {image: acme/web, environment: {API: \"http://api:80\"}}\n  api: {image: acme/api}\n"
	if err := os.WriteFile(filepath.Join(dir, "docker-compose.yml"), []byte(file), 0o644); err != nil {
		t.Fatal(err)
	}
	a, err := app.New(context.Background(), app.Options{Dirs: []string{dir}, Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	somebody := a.Door().Runner()
	return Options{App: a, Version: "test", Now: clock, Log: slog.New(slog.DiscardHandler), Nobody: &somebody}
}

func site(t *testing.T) http.Handler {
	t.Helper()
	h, err := Site(options(t))
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestNothingIsServedWithoutAProgramOrAClock(t *testing.T) {
	whole := options(t)
	for _, o := range []Options{{}, {App: whole.App}, {Now: clock}} {
		if _, err := Handler(o); err == nil {
			t.Errorf("Handler(%+v) works", o)
		}
		if _, err := Site(o); err == nil {
			t.Errorf("Site(%+v) works", o)
		}
	}
}

// problem decodes an answer that must be one.
func problem(t *testing.T, w *httptest.ResponseRecorder) Problem {
	t.Helper()
	var p Problem
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil || w.Header().Get("Content-Type") != "application/problem+json" {
		t.Fatalf("no problem: %d %s %.200s", w.Code, w.Header().Get("Content-Type"), w.Body)
	}
	if p.Status != w.Code || p.Title != http.StatusText(w.Code) || p.Detail == "" {
		t.Errorf("status %d with %+v", w.Code, p)
	}
	return p
}

func TestWhatIsRefusedSaysSoAsAProblem(t *testing.T) {
	h := site(t)
	const asJSON = "application/json"
	for _, c := range []struct {
		what, method, path, contentType, body string
		status                                int
		kind                                  fault.Kind
	}{
		{"a route that does not exist", "GET", "/api/v1/nothing", "", "", 404, fault.NotFound},
		{"a method the route does not have", "PUT", "/api/v1/map", "", "", 404, fault.NotFound},
		{"a map before any scan", "GET", "/api/v1/map", "", "", 404, fault.NotFound},
		{"a snapshot before any scan", "GET", "/api/v1/snapshots/abcdef", "", "", 404, fault.NotFound},
		{"a snapshot that cannot be", "GET", "/api/v1/snapshots/yesterday", "", "", 422, fault.Invalid},
		{"services of a snapshot that cannot be", "GET", "/api/v1/services?snapshot=yesterday", "", "", 422, fault.Invalid},
		{"who breaks in a snapshot that cannot be", "GET", "/api/v1/services/web/breaks?snapshot=yesterday", "", "", 422, fault.Invalid},
		{"a scan nobody started", "GET", "/api/v1/scans/scan-9", "", "", 404, fault.NotFound},
		{"events of a scan nobody started", "GET", "/api/v1/scans/scan-9/events", "", "", 404, fault.NotFound},
		{"a form", "POST", "/api/v1/scans", "application/x-www-form-urlencoded", "a=b", 415, fault.Invalid},
		{"text", "POST", "/api/v1/scans", "text/plain", "{}", 415, fault.Invalid},
		{"a body of no declared type", "POST", "/api/v1/scans", "", "{}", 415, fault.Invalid},
		{"a value of another type", "POST", "/api/v1/scans", asJSON, `{"configOnly":"hunter2"}`, 422, fault.Invalid},
		{"a field that does not exist", "POST", "/api/v1/scans", asJSON, `{"hunter2":true}`, 422, fault.Invalid},
		{"half a body", "POST", "/api/v1/scans", asJSON, `{"configOnly":"hunter2`, 400, fault.Usage},
		{"no body", "POST", "/api/v1/scans", asJSON, "", 400, fault.Usage},
		{"a body of two megabytes", "POST", "/api/v1/scans", asJSON, `"` + strings.Repeat("x", 2<<20) + `"`, 413, fault.Invalid},
		{"a flag that is neither true nor false", "GET", "/api/v1/map?hideInfrastructure=maybe", "", "", 422, fault.Invalid},
		{"a diff of nothing", "GET", "/api/v1/diff", "", "", 422, fault.Invalid},
		{"a form of export that does not exist", "GET", "/api/v1/export?format=png", "", "", 422, fault.Invalid},
	} {
		t.Run(c.what, func(t *testing.T) {
			r := httptest.NewRequest(c.method, "http://localhost"+c.path, strings.NewReader(c.body))
			if c.contentType != "" {
				r.Header.Set("Content-Type", c.contentType)
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			p := problem(t, w)
			if w.Code != c.status || p.Kind != c.kind.String() {
				t.Errorf("%d %s: %s", w.Code, p.Kind, p.Detail)
			}
			if strings.Contains(p.Detail, "hunter2`") || strings.Contains(p.Detail, `"hunter2`) || len(p.Detail) > 300 {
				t.Errorf("the answer repeats what was sent: %.300s", p.Detail)
			}
		})
	}
}

func TestTheServerAnswersToItsOwnNamesAndPagesAlone(t *testing.T) {
	h := site(t)
	for _, c := range []struct {
		what, method, path, host string
		header                   map[string]string
		want                     int
	}{
		{"localhost", "GET", "/api/v1/health", "localhost", nil, 200},
		{"localhost in capitals, with a port", "GET", "/api/v1/health", "LOCALHOST:7070", nil, 200},
		{"a loopback address", "GET", "/api/v1/health", "127.0.0.2:7070", nil, 200},
		{"a loopback address of version 6", "GET", "/api/v1/health", "[::1]:7070", nil, 200},
		{"a name a foreign resolver points here", "GET", "/api/v1/health", "evil.example.org:7070", nil, 403},
		{"a name that begins like ours", "GET", "/api/v1/health", "localhost.evil.example.org", nil, 403},
		{"a name that begins like an address", "GET", "/api/v1/health", "127.0.0.1.evil.example.org", nil, 403},
		{"an address of the network", "GET", "/api/v1/health", "10.0.0.1:7070", nil, 403},
		{"no name", "GET", "/api/v1/health", "", nil, 403},
		{"the portal under a foreign name", "GET", "/", "evil.example.org", nil, 403},
		{"a program", "DELETE", "/api/v1/scans/scan-1", "localhost:7070", nil, 404},
		{"a page of this server", "DELETE", "/api/v1/scans/scan-1", "localhost:7070", map[string]string{"Origin": "http://localhost:7070", "Sec-Fetch-Site": "same-origin"}, 404},
		{"a page of another port", "DELETE", "/api/v1/scans/scan-1", "localhost:7070", map[string]string{"Origin": "http://localhost:3000"}, 403},
		{"a page of another site", "DELETE", "/api/v1/scans/scan-1", "localhost:7070", map[string]string{"Origin": "http://evil.example.org"}, 403},
		{"a page without an origin of its own", "DELETE", "/api/v1/scans/scan-1", "localhost:7070", map[string]string{"Origin": "null"}, 403},
		{"a fetch from the same site but another origin", "DELETE", "/api/v1/scans/scan-1", "localhost:7070", map[string]string{"Sec-Fetch-Site": "same-site"}, 403},
		{"a form of another site to the portal", "POST", "/scan", "localhost:7070", map[string]string{"Origin": "http://evil.example.org"}, 403},
	} {
		t.Run(c.what, func(t *testing.T) {
			r := httptest.NewRequest(c.method, "http://localhost"+c.path, nil)
			r.Host = c.host
			for k, v := range c.header {
				r.Header.Set(k, v)
			}
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code != c.want {
				t.Errorf("%d %.200s", w.Code, w.Body)
			}
			if c.want == http.StatusForbidden {
				problem(t, w)
			}
		})
	}
}

func TestAServerOnTheNetworkAnswersToAnyName(t *testing.T) {
	r := httptest.NewRequest(http.MethodGet, "http://caravan.example.org/api/v1/health", nil)
	for address, want := range map[string]int{"10.1.2.3": 200, "127.0.0.1": 403} {
		local := &net.TCPAddr{IP: net.ParseIP(address), Port: 7070}
		w := httptest.NewRecorder()
		site(t).ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, net.Addr(local))))
		if w.Code != want {
			t.Errorf("through %s: %d", address, w.Code)
		}
	}
}

// What is left of a refused body must not be read as the next request of the connection.
func TestTheRestOfARefusedBodyIsNoRequest(t *testing.T) {
	s := httptest.NewUnstartedServer(nil)
	s.Config = Server(site(t))
	s.Start()
	defer s.Close()
	conn, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const smuggled = "GET /api/v1/health HTTP/1.1\r\nHost: localhost\r\n\r\n"
	body := strings.Repeat(" ", maxBody) + strings.Repeat(smuggled, 10000)
	written := make(chan struct{})
	go func() {
		defer close(written)
		_, _ = fmt.Fprintf(conn, "POST /api/v1/scans HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
	}()
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != http.StatusRequestEntityTooLarge || !res.Close {
		t.Errorf("%s, and the connection stays open: %v", res.Status, !res.Close)
	}
	_ = conn.Close()
	<-written
}

func TestEveryKindOfFaultGoesOverTheWireAndBack(t *testing.T) {
	for _, k := range []fault.Kind{fault.Usage, fault.Invalid, fault.NotFound, fault.Conflict, fault.Denied, fault.Unavailable, fault.Internal} {
		p := problemOf(fmt.Errorf("outer: %w", fault.Newf(k, "what to do")))
		data, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		var back Problem
		if err := json.Unmarshal(data, &back); err != nil {
			t.Fatal(err)
		}
		if got := fault.KindOf(back.Fault()); got != k || back.Status != k.Status() || back.Title == "" {
			t.Errorf("%s came back as %s in %s", k, got, data)
		}
		if says := strings.Contains(string(data), "what to do"); says == (k == fault.Internal) {
			t.Errorf("%s: %s", k, data)
		}
	}
}

func TestAProblemOfUnknownKindGoesByItsStatus(t *testing.T) {
	for status, want := range map[int]fault.Kind{
		400: fault.Usage, 401: fault.Denied, 403: fault.Denied, 404: fault.NotFound, 405: fault.Invalid, 406: fault.Invalid, 409: fault.Conflict,
		413: fault.Invalid, 415: fault.Invalid, 422: fault.Invalid, 429: fault.Unavailable, 500: fault.Internal, 502: fault.Unavailable, 503: fault.Unavailable,
	} {
		p := &Problem{Status: status, Detail: "x"}
		if got := fault.KindOf(p.Fault()); got != want {
			t.Errorf("%d is %s, not %s", status, got, want)
		}
		if se := newProblem(status, "x").(*Problem); se.Kind != want.String() {
			t.Errorf("%d is told as %s, not %s", status, se.Kind, want)
		}
	}
}

func TestWhatWentWrongInsideIsLoggedAndNotTold(t *testing.T) {
	canary := errors.New("open /srv/canary: bad descriptor")
	for _, p := range []*Problem{problemOf(canary), newProblem(500, "unexpected error", canary).(*Problem), newProblem(500, canary.Error()).(*Problem)} {
		data, err := json.Marshal(p)
		if err != nil || strings.Contains(string(data), "canary") || !strings.Contains(p.cause.Error(), "canary") {
			t.Errorf("%s, cause %v, %v", data, p.cause, err)
		}
	}
	var log bytes.Buffer
	r := routes{Options: Options{Log: slog.New(slog.NewTextHandler(&log, nil))}}
	told := r.told(app.ScanState{ID: "scan-1", State: "failed", Kind: fault.Internal.String(), Error: canary.Error(), Err: canary})
	if told.Error != internalDetail || !strings.Contains(log.String(), "canary") {
		t.Errorf("told %q, logged %q", told.Error, log.String())
	}
	told = r.told(app.ScanState{State: "failed", Kind: fault.Invalid.String(), Error: "mend this"})
	if told.Error != "mend this" {
		t.Errorf("told %q", told.Error)
	}
}

func TestAScanThatFailedInsideIsListedWithoutItsReason(t *testing.T) {
	told := routes{}.withoutReasons([]store.Scan{{ID: "a", Kind: "internal", Error: "open /srv/canary"}, {ID: "b", Kind: "invalid", Error: "mend this"}})
	if told[0].Error != internalDetail || told[1].Error != "mend this" {
		t.Errorf("%+v", told)
	}
}

func TestARouteThatFailsInsideIsLogged(t *testing.T) {
	var log bytes.Buffer
	o := options(t)
	o.Log = slog.New(slog.NewTextHandler(&log, nil))
	transform := o.inside
	ctx := humago.NewContext(&huma.Operation{OperationID: "get-map"}, httptest.NewRequest(http.MethodGet, "/", nil), httptest.NewRecorder())
	if _, err := transform(ctx, "500", problemOf(errors.New("canary"))); err != nil || !strings.Contains(log.String(), "canary") || !strings.Contains(log.String(), "get-map") {
		t.Errorf("logged %q, %v", log.String(), err)
	}
	log.Reset()
	if _, err := transform(ctx, "404", problemOf(fault.Newf(fault.NotFound, "none"))); err != nil || log.Len() != 0 {
		t.Errorf("logged %q, %v", log.String(), err)
	}
}

func TestAnAnswerThatBreaksOffLooksBroken(t *testing.T) {
	var log bytes.Buffer
	broken := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "half")
		panic(errors.New("canary"))
	})
	s := httptest.NewServer(guard(broken, "", slog.New(slog.NewTextHandler(&log, nil))))
	res, err := s.Client().Get(s.URL)
	if err == nil {
		_, err = io.ReadAll(res.Body)
		_ = res.Body.Close()
	}
	s.Close()
	if err == nil || !strings.Contains(log.String(), "canary") {
		t.Errorf("read to the end with %v, logged %q", err, log.String())
	}
}

func TestWhatWentWrongInsideIsToldToAClientThatIsThisProcess(t *testing.T) {
	var log bytes.Buffer
	o := Options{Private: true, Log: slog.New(slog.NewTextHandler(&log, nil))}
	ctx := humago.NewContext(&huma.Operation{OperationID: "get-map"}, httptest.NewRequest(http.MethodGet, "/", nil), httptest.NewRecorder())
	p, err := o.inside(ctx, "500", problemOf(errors.New("canary")))
	if err != nil || p.(*Problem).Detail != "canary" || fault.KindOf(p.(*Problem).Fault()) != fault.Internal {
		t.Errorf("%+v, %v", p, err)
	}
	r := routes{Options: o}
	if told := r.told(app.ScanState{Kind: "internal", Error: "canary"}); told.Error != "canary" {
		t.Errorf("%+v", told)
	}
	if told := r.withoutReasons([]store.Scan{{Kind: "internal", Error: "canary"}}); told[0].Error != "canary" {
		t.Errorf("%+v", told)
	}
	if log.Len() != 0 {
		t.Errorf("logged %s", log.String())
	}
}

// sample has two teams, a shared database and a monitor.
func sample() depmap.Graph {
	return depmap.Graph{
		Digest: "sha256:abc",
		Services: []depmap.Service{
			{Name: "billing", Kind: estate.Service, Team: "money"}, {Name: "db", Kind: estate.Datastore}, {Name: "monitor", Kind: estate.Service, Infrastructure: true},
			{Name: "orders", Kind: estate.Service, Team: "shop"}, {Name: "reports", Kind: estate.Service, Team: "money"},
		},
		Edges: []depmap.Edge{
			{From: "billing", To: "db", Kind: depmap.Database}, {From: "monitor", To: "billing", Kind: depmap.Monitoring, Infrastructure: true},
			{From: "orders", To: "billing", Kind: depmap.HTTP}, {From: "orders", To: "db", Kind: depmap.Database},
		},
	}
}

func TestAQueryWantsAPartOfTheMap(t *testing.T) {
	for _, c := range []struct {
		what            string
		query           Query
		services, edges string
	}{
		{"everything", Query{}, "billing db monitor orders reports", "billing→db monitor→billing orders→billing orders→db"},
		{"no infrastructure", Query{HideInfrastructure: true}, "billing db orders reports", "billing→db orders→billing orders→db"},
		{"a team and its neighbours", Query{Team: "money"}, "billing db monitor orders reports", "billing→db monitor→billing orders→billing"},
		{"a team without infrastructure", Query{Team: "shop", HideInfrastructure: true}, "billing db orders", "orders→billing orders→db"},
		{"a kind and what it joins", Query{Kind: "database"}, "billing db orders", "billing→db orders→db"},
		{"a kind within a team", Query{Kind: "database", Team: "shop"}, "db orders", "orders→db"},
		{"a team that does not exist", Query{Team: "nobody"}, "", ""},
		{"a kind nothing is of", Query{Kind: "mail"}, "", ""},
	} {
		t.Run(c.what, func(t *testing.T) {
			whole := sample()
			got := Filter(whole, c.query)
			var services, edges []string
			for _, s := range got.Services {
				services = append(services, string(s.Name))
			}
			for _, e := range got.Edges {
				edges = append(edges, string(e.From+"→"+e.To))
			}
			if strings.Join(services, " ") != c.services || strings.Join(edges, " ") != c.edges || got.Digest != whole.Digest {
				t.Errorf("%s: %v %v", got.Digest, services, edges)
			}
			if diff := cmp.Diff(sample(), whole); diff != "" {
				t.Errorf("the caller's graph changed: %s", diff)
			}
		})
	}
}

// A kind that depmap gains must be one that can be asked for.
func TestEveryKindOfEdgeCanBeAskedFor(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "../depmap/graph.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || fmt.Sprint(spec.Type) != "EdgeKind" {
			return true
		}
		kind, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, kind)
		return true
	})
	if diff := cmp.Diff(want, Kinds()); diff != "" || len(want) < 10 {
		t.Errorf("(-depmap +api):\n%s", diff)
	}
}

func TestTheTeamsOfAMapAreThoseDeclaredAndThoseThatOwn(t *testing.T) {
	g := sample()
	g.Teams = []estate.Team{{Name: "idle"}, {Name: "shop"}}
	if got := teamsOf(g); !slices.Equal(got, []string{"idle", "money", "shop"}) {
		t.Errorf("%v", got)
	}
}

func TestAQuerySurvivesItsURL(t *testing.T) {
	for _, q := range []Query{{}, {Snapshot: "sha256:abcdef", HideInfrastructure: true, Team: "a & b=c", Kind: "http"}} {
		v := q.Values()
		got := Query{Snapshot: v.Get("snapshot"), HideInfrastructure: v.Get("hideInfrastructure") == "true", Team: v.Get("team"), Kind: v.Get("kind")}
		if got != q {
			t.Errorf("%+v became %+v", q, got)
		}
	}
}

func TestAGraphInYAMLIsTheGraph(t *testing.T) {
	g := sample()
	g.Edges[0].Confidence, g.Edges[0].Port = 0.30000000000000004, 5432
	g.Edges[0].Evidence = []depmap.Evidence{{Key: "yes", Value: "a: b # c\n\ttrue\x7f\u2028", Why: "0x10"}, {Key: "<<", Value: "null", Why: "1e3"}}
	text, err := YAML(g)
	if err != nil {
		t.Fatal(err)
	}
	var plain any
	if err := yaml.Unmarshal(text, &plain); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	data, err := json.Marshal(plain)
	if err != nil {
		t.Fatal(err)
	}
	var back depmap.Graph
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(g, back); diff != "" {
		t.Errorf("%s\n%s", diff, text)
	}
}

func FuzzAnyTextSurvivesYAML(f *testing.F) {
	for _, s := range []string{"", "plain", "~", "012", "2001-01-01", "- a", "a\r\nb", " lead", "\x00", "\ufeff", "é😀", "!!int 3", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		s = strings.ToValidUTF8(s, "\ufffd") // as JSON does
		text, err := YAML(map[string]any{"v": []any{s, 1.5, nil, true}})
		if err != nil {
			t.Fatal(err)
		}
		var back struct{ V []any }
		if err := yaml.Unmarshal(text, &back); err != nil || len(back.V) != 4 || back.V[0] != s || back.V[1] != 1.5 || back.V[2] != nil || back.V[3] != true {
			t.Fatalf("%q became %#v (%v) by way of %s", s, back.V, err, text)
		}
	})
}

func TestEveryRouteIsInTheDocument(t *testing.T) {
	w := httptest.NewRecorder()
	site(t).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://localhost/api/v1/openapi.json", nil))
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]any
	}
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil || !strings.HasPrefix(doc.OpenAPI, "3.1") {
		t.Fatalf("%q, %v", doc.OpenAPI, err)
	}
	for _, route := range []string{
		"post /scans", "get /scans", "get /scans/{id}", "get /scans/{id}/events", "delete /scans/{id}", "get /snapshots", "get /snapshots/{digest}", "get /map", "get /services", "get /services/{name}",
		"get /services/{name}/needs", "get /services/{name}/breaks", "get /doubts", "get /unowned", "get /diff", "get /export", "get /health",
	} {
		method, path, _ := strings.Cut(route, " ")
		if doc.Paths[Prefix+path][method] == nil {
			t.Errorf("%s is missing", route)
		}
	}
}

// The page must work without the network: all it loads comes from this server.
func TestThePageOfTheAPILoadsNothingFromElsewhere(t *testing.T) {
	w := httptest.NewRecorder()
	site(t).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://localhost/api/v1/docs", nil))
	if strings.Contains(w.Body.String(), "://") || !strings.Contains(w.Header().Get("Content-Security-Policy"), "default-src 'self'") {
		t.Errorf("%s\n%s", w.Header().Get("Content-Security-Policy"), w.Body)
	}
	if len(rapidoc) == 0 || len(rapidoc) > 2<<20 {
		t.Errorf("its script has %d bytes", len(rapidoc))
	}
}
