package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"example.org/caravan/internal/app"
	"example.org/caravan/internal/drift"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/gate"
	"example.org/caravan/internal/rights"
	"example.org/caravan/internal/store"
)

const issuer = "https://sso.example.org"

const guarded = `organisation: kopi
standby: {datastores: [{name: orders, environment: p, admin: {}, members: {a: "127.0.0.1:1"}}, {name: orders, environment: q, admin: {}, members: {a: "127.0.0.1:1"}}], moves: [{datastore: orders, from: p, to: q}]}
sources: [{name: kopi, dir: src}]
teams: [{name: orders, owns: [orders]}, {name: payments, owns: [payments]}, {name: pricing, owns: [pricing]}, {name: platform}]
signin: {issuer: "` + issuer + `", clientID: caravan, url: "http://127.0.0.1:7070"}
`

// house is a workspace people sign in to, with everybody the table is about.
type house struct {
	*testing.T
	app   *app.App
	store *store.Store
	site  http.Handler
	gate  *gate.Gate
	dir   string
	log   bytes.Buffer
	n     int
}

func newHouse(t *testing.T) *house {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"caravan.yaml":           guarded,
		"src/docker-compose.yml": "services:\n  orders: {image: kopi/orders, environment: {PRICING: \"http://pricing:80\"}}\n  pricing: {image: kopi/pricing}\n  payments: {image: kopi/payments}\n",
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	a, err := app.New(t.Context(), app.Options{Workspace: dir, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), store.Options{Path: filepath.Join(dir, ".caravan", "caravan.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	h := &house{T: t, app: a, store: s, dir: dir}
	o := Options{App: a, Version: "test", Now: time.Now, Log: slog.New(slog.NewTextHandler(&h.log, nil))}
	g, err := o.gate()
	if err != nil {
		t.Fatal(err)
	}
	h.gate = g
	if h.site, err = whole(o, g); err != nil {
		t.Fatal(err)
	}
	h.scan()
	return h
}

// drift keeps a difference that is open.
func (h *house) drift() {
	h.Helper()
	l := store.DriftLook{Look: drift.Look{Environment: "p", At: time.Now()}}
	if err := h.store.KeepDrift(h.Context(), []drift.Difference{drifted}, []store.DriftLook{l}, time.Now()); err != nil {
		h.Fatal(err)
	}
}

// drifted is something of orders that is not as declared.
var drifted = drift.Difference{ID: "0123456789ab", Team: "orders", Service: "orders", Environment: "p", Kind: drift.Replicas, Class: drift.Accident, Content: "sha256:1", Subject: "deployment orders/orders"}

func (h *house) scan() {
	h.Helper()
	state, err := h.app.StartScan(app.ScanRequest{})
	for err == nil && state.Running() {
		var changed <-chan struct{}
		if state, changed, err = h.app.Watch(state.ID); err == nil && state.Running() {
			<-changed
		}
	}
	if err != nil || state.State != "done" {
		h.Fatalf("%+v %v", state, err)
	}
}

// secret is one that nobody had before, and its hash.
func (h *house) secret() (text, hash string) {
	h.n++
	sum := sha256.Sum256(fmt.Appendf(nil, "secret %d", h.n))
	text = base64.RawURLEncoding.EncodeToString(sum[:])
	return text, hashed(text)
}

func hashed(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// session signs somebody in, and gives the cookie.
func (h *house) session(role rights.Role, teams ...estate.TeamName) string {
	h.Helper()
	text, hash := h.secret()
	now := time.Now()
	p := rights.Person{Mail: string(role) + "@example.org", Subject: fmt.Sprint(role, teams), Role: role, Teams: teams}
	if err := h.store.Enter(h.Context(), store.Session{Hash: hash, Via: issuer, Began: now, Ends: now.Add(time.Hour)}, p, "", now.Add(-time.Hour)); err != nil {
		h.Fatal(err)
	}
	return text
}

// token makes a token of a member of orders and payments.
func (h *house) token(ends time.Time, scopes ...rights.Scope) string {
	h.Helper()
	h.session(rights.Member, "orders", "payments")
	text, _ := h.secret()
	text = "cvn_" + text
	err := h.store.KeepToken(h.Context(), store.Token{Hash: hashed(text), Name: fmt.Sprint("t", h.n), Owner: "member@example.org", Scopes: scopes,
		Created: ends.Add(-time.Hour), Expires: ends, Via: issuer, Subject: fmt.Sprint(rights.Member, []estate.TeamName{"orders", "payments"})})
	if err != nil {
		h.Fatal(err)
	}
	return text
}

// callers are the columns of the table, and how each shows who they are.
var callers = []struct {
	who  string
	show func(h *house, r *http.Request)
}{
	{"anonymous", func(*house, *http.Request) {}},
	{"a viewer", func(h *house, r *http.Request) { cookie(r, h.session(rights.Viewer)) }},
	{"a member of orders", func(h *house, r *http.Request) { cookie(r, h.session(rights.Member, "orders")) }},
	{"a member of payments", func(h *house, r *http.Request) { cookie(r, h.session(rights.Member, "payments")) }},
	{"platform", func(h *house, r *http.Request) { cookie(r, h.session(rights.Platform, "platform")) }},
	{"an admin", func(h *house, r *http.Request) { cookie(r, h.session(rights.Admin)) }},
	{"a token to read", func(h *house, r *http.Request) { bears(r, h.token(time.Now().Add(time.Hour))) }},
	{"a token for orders' yes", func(h *house, r *http.Request) {
		bears(r, h.token(time.Now().Add(time.Hour), rights.Scope{Right: rights.Agree, Team: "orders"}))
	}},
	{"a token that expired", func(h *house, r *http.Request) {
		bears(r, h.token(time.Now().Add(-time.Minute), rights.Scope{Right: rights.Agree}))
	}},
	{"a session that was ended", func(h *house, r *http.Request) {
		secret := h.session(rights.Admin)
		if err := h.app.Door().Leave(h.Context(), secret); err != nil {
			h.Fatal(err)
		}
		cookie(r, secret)
	}},
}

func cookie(r *http.Request, secret string) {
	r.AddCookie(&http.Cookie{Name: "caravan", Value: secret})
}
func bears(r *http.Request, token string) { r.Header.Set("Authorization", "Bearer "+token) }

// kinds are the rows of the table: + is let through, ? must sign in first (401, or 303 to the page where that is done), - may not (403).
var kinds = map[string]string{
	//         anonymous, viewer, orders, payments, platform, admin, token to read, token for orders' yes, expired, ended
	"open":       "++++++++++",
	"link":       "----------", // open, and the link that is tried is good no longer
	"look":       "?+++++++??",
	"own tokens": "?+++++--??",
	"agree":      "?-+----+??",
	"drill":      "?-+-----??",
	"decide":     "?-+-++--??",
	"deploy":     "?-+-++--??",
	"scan":       "?---++--??",
	"plan":       "?---++--??",
	"operate":    "?---++--??",
	"administer": "?----+--??",
}

// rows says of every route which row of the table it is.
var rows = map[string][]string{
	"open": {
		"/", "/schemas/", "/api/v1/", "GET /api/v1/health", "GET /api/v1/docs/rapidoc-min.js", "GET /schemas/workspace.schema.json", "GET /schemas/expansion.schema.json", "GET /schemas/config.schema.json", "GET /assets/",
		"GET /signin", "GET /signin/start", "GET /signin/callback", "POST /signout", "POST /slack/interactions",
	},
	"link": {"GET /signin/link"},
	"look": {
		"GET /api/v1/openapi.json", "GET /api/v1/openapi-3.0.json", "GET /api/v1/openapi.yaml", "GET /api/v1/openapi-3.0.yaml", "GET /api/v1/schemas/{schema}", "GET /api/v1/docs",
		"GET /api/v1/me", "GET /api/v1/scans", "GET /api/v1/scans/{id}", "GET /api/v1/scans/{id}/events", "GET /api/v1/snapshots", "GET /api/v1/snapshots/{digest}", "GET /api/v1/map",
		"GET /api/v1/services", "GET /api/v1/services/{name}", "GET /api/v1/services/{name}/needs", "GET /api/v1/services/{name}/breaks", "GET /api/v1/doubts", "GET /api/v1/unowned", "GET /api/v1/diff",
		"GET /api/v1/export", "GET /api/v1/services/{name}/how", "GET /api/v1/services/{name}/how/{action}", "GET /api/v1/services/{name}/why/places", "GET /api/v1/services/{name}/why",
		"GET /api/v1/expansions/{name}/messages", "GET /api/v1/messages",
		"GET /api/v1/expansions", "GET /api/v1/expansions/{name}/proposals", "GET /api/v1/expansions/{name}/proposals/{digest}", "GET /api/v1/expansions/{name}/removal", "GET /api/v1/comparison",
		"GET /api/v1/workloads/{name}", "POST /api/v1/expansions/{name}/move/preview", "POST /api/v1/expansions/{name}/undo/preview", "GET /api/v1/expansions/{name}/status",
		"GET /api/v1/expansions/{name}/consents", "GET /api/v1/expansions/{name}/readiness", "GET /api/v1/expansions/{name}/runs", "GET /api/v1/runs/{id}", "GET /api/v1/audit", "GET /api/v1/audit/proof",
		"GET /api/v1/config/services/{name}", "GET /api/v1/config/services/{name}/diff", "GET /api/v1/config/trace", "GET /api/v1/config/services/{name}/shadow", "GET /api/v1/config/services/{name}/import", "GET /api/v1/config/services/{name}/keys", "GET /api/v1/config/keys",
		"GET /{$}", "GET /map.json", "GET /detail.json", "GET /export", "GET /services/{name...}", "GET /how/{name...}", "GET /why/{name...}", "GET /config/{name...}", "GET /expansions", "GET /expansions/{name}", "GET /expansions/{name}/files",
		"GET /api/v1/addresses", "GET /api/v1/addresses/changes", "GET /api/v1/services/{name}/image", "GET /api/v1/services/{name}/releases", "GET /api/v1/releases/{id}",
		"GET /api/v1/drift", "POST /api/v1/drift/look", "GET /api/v1/standbys", "POST /api/v1/standbys/look", "GET /api/v1/standbys/warmth", "GET /api/v1/standbys/advice", "GET /metrics",
		"GET /expansions/{name}/journey", "GET /addresses", "GET /drift", "POST /drift/look", "GET /standbys", "POST /standbys/look", "GET /doubts", "GET /scan", "GET /scan/progress", "GET /diff",
	},
	"own tokens": {"GET /api/v1/tokens", "POST /api/v1/tokens", "DELETE /api/v1/tokens/{name}", "GET /tokens", "POST /tokens", "POST /tokens/revoke"},
	"agree":      {"POST /api/v1/expansions/{name}/approvals", "POST /api/v1/expansions/{name}/revocations", "POST /api/v1/expansions/{name}/vetoes", "POST /expansions/{name}/answer", "POST /api/v1/config/services/{name}/signatures"},
	"drill":      {"POST /api/v1/expansions/{name}/drills"},
	"decide": {
		"POST /api/v1/expansions/{name}/decisions", "POST /expansions/{name}/decide", "PUT /api/v1/config/services/{name}/values", "POST /api/v1/config/services/{name}/import", "POST /api/v1/config/services/{name}/adoption",
		"POST /api/v1/drift/{id}/exception", "POST /api/v1/drift/{id}/mend", "POST /drift/{id}/accept", "POST /drift/{id}/mend",
		"POST /api/v1/standbys", "POST /api/v1/standbys/switch", "POST /standbys/switch", "POST /api/v1/standbys/{name}/close", "GET /api/v1/standbys/{name}/move", "POST /api/v1/standbys/{name}/backup", "POST /api/v1/standbys/{name}/drill",
	},
	"scan": {"POST /api/v1/scans", "DELETE /api/v1/scans/{id}", "POST /scan"},
	"plan": {"POST /api/v1/expansions", "POST /api/v1/expansions/{name}/plan", "POST /api/v1/workloads/{name}", "PUT /api/v1/config/values", "POST /api/v1/addresses/leases", "POST /api/v1/addresses/releases"},
	"deploy": {
		"POST /api/v1/services/{name}/releases", "POST /api/v1/services/{name}/releases/preview", "POST /api/v1/services/{name}/releases/back",
		"POST /api/v1/services/{name}/delivery/pause", "POST /api/v1/services/{name}/delivery/resume",
	},
	"operate": {
		"POST /api/v1/expansions/{name}/move", "POST /api/v1/expansions/{name}/undo", "POST /api/v1/expansions/{name}/pause", "POST /api/v1/expansions/{name}/resume",
		"POST /api/v1/expansions/{name}/cancel", "POST /expansions/{name}/turn", "POST /api/v1/expansions/{name}/announcements", "POST /api/v1/services/{name}/why",
		"POST /api/v1/config/services/{name}/switch", "POST /api/v1/config/services/{name}/back",
		"POST /api/v1/standbys/{name}/move", "POST /api/v1/standbys/{name}/back",
	},
	"administer": {"GET /api/v1/people", "POST /api/v1/people/expulsions"},
}

// bodies are what is sent where something must be: it speaks for orders.
var bodies = map[string]string{
	"POST /api/v1/expansions/{name}/approvals":       `{"team":"orders"}`,
	"POST /api/v1/expansions/{name}/revocations":     `{"team":"orders"}`,
	"POST /api/v1/expansions/{name}/vetoes":          `{"team":"orders","reason":"no"}`,
	"POST /api/v1/expansions/{name}/drills":          `{"team":"orders","service":"orders","practice":"runbook"}`,
	"POST /api/v1/expansions/{name}/decisions":       `[{"from":"orders","to":"pricing","decide":"drop","by":"","why":"x"}]`,
	"POST /api/v1/expansions":                        `{"name":"laos","country":"LA","from":"p","services":["orders"]}`,
	"POST /api/v1/addresses/leases":                  `{"holder":"laos","pool":"a","prefix":24,"purpose":"nodes"}`,
	"POST /api/v1/addresses/releases":                `{"holder":"laos"}`,
	"POST /api/v1/tokens":                            `{"name":"ci","expires":3600000000000}`,
	"POST /api/v1/people/expulsions":                 `{"who":"nobody@example.org"}`,
	"POST /api/v1/expansions/{name}/move/preview":    `{}`,
	"POST /api/v1/expansions/{name}/undo/preview":    `{}`,
	"PUT /api/v1/config/services/{name}/values":      `{"key":"A","value":"b"}`,
	"PUT /api/v1/config/values":                      `{"key":"A","value":"b"}`,
	"POST /api/v1/config/services/{name}/signatures": `{"environment":"p","key":"A","why":"x"}`,
	"POST /api/v1/config/services/{name}/switch":     `{"environment":"p"}`,
	"POST /api/v1/config/services/{name}/back":       `{"environment":"p"}`,
	"POST /api/v1/drift/{id}/exception":              `{"why":"x","until":"2100-01-01T00:00:00Z"}`,
	"POST /api/v1/drift/{id}/mend":                   `{}`,
	"POST /drift/look":                               "x=y",
	"POST /api/v1/standbys":                          `{"name":"new-db","type":"postgres","for":"orders"}`,
	"POST /api/v1/standbys/switch":                   `{}`,
	"POST /api/v1/standbys/{name}/move":              `{}`,
	"POST /api/v1/standbys/{name}/back":              `{}`,
	"POST /api/v1/standbys/{name}/close":             `{}`,
	"POST /api/v1/standbys/{name}/backup":            `{}`,
	"POST /standbys/look":                            "x=y",
	"POST /standbys/switch":                          "datastore=orders&environment=p&to=a",
	"POST /drift/{id}/accept":                        "why=x&until=2100-01-01",
	"POST /drift/{id}/mend":                          "x=y",
	"POST /expansions/{name}/answer":                 "team=orders&step=a&answer=veto&reason=no",
	"POST /expansions/{name}/decide":                 "from=orders&to=pricing&decide=drop&why=x",
	"POST /expansions/{name}/turn":                   "do=move",
	"POST /tokens":                                   "name=ci&expires=720h",
	"POST /tokens/revoke":                            "name=ci",
	"POST /api/v1/services/{name}/releases":          `{"version":"1"}`,
	"POST /api/v1/services/{name}/releases/preview":  `{"version":"1"}`,
	"POST /api/v1/services/{name}/delivery/pause":    `{"only":["vm"],"why":"x"}`,
	"POST /api/v1/services/{name}/delivery/resume":   `{"only":["vm"]}`,
}

var parameter = regexp.MustCompile(`\{(\w+)(\.\.\.)?\}`)

// request is one to a route.
func request(pattern string) *http.Request {
	method, path, ok := strings.Cut(pattern, " ")
	if !ok {
		method, path = http.MethodGet, pattern+"nowhere"
	}
	path = strings.TrimSuffix(path, "{$}")
	name := "nowhere"
	if strings.Contains(path, "/config/") || strings.Contains(path, "/releases") || strings.Contains(path, "/delivery/") || strings.Contains(path, "/standbys/{name}") { // those of orders are its team's
		name = "orders"
	}
	if strings.Contains(path, "/drift/{id}") {
		name = string(drifted.ID)
	}
	path = parameter.ReplaceAllString(path, name)
	if strings.HasPrefix(path, Prefix+"/standbys/") {
		path += "?datastore=orders&environment=p"
	}
	body, kind := bodies[pattern], "application/json"
	switch {
	case !strings.HasPrefix(path, Prefix):
		kind = "application/x-www-form-urlencoded"
	case body == "" && method == http.MethodPost:
		body = "{}"
	}
	if strings.HasSuffix(path, "/resume") && body == "{}" {
		body = ""
	}
	r := httptest.NewRequest(method, "http://localhost"+path, strings.NewReader(body))
	r.Header.Set("Accept", "text/html, application/json")
	if method != http.MethodGet {
		r.Header.Set("Origin", "http://localhost")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		if body != "" {
			r.Header.Set("Content-Type", kind)
		}
	}
	return r
}

func TestEveryRouteLetsThoseThroughWhoMayAndNobodyElse(t *testing.T) {
	h := newHouse(t)
	kindOf := map[string]string{}
	for kind, patterns := range rows {
		for _, p := range patterns {
			kindOf[p] = kind
		}
	}
	var seen []string
	for _, route := range h.gate.Routes() {
		seen = append(seen, route.Pattern)
		want, ok := kinds[kindOf[route.Pattern]]
		if !ok {
			t.Errorf("%s asks for %s and has no row in the table: decide who may, and add it", route.Pattern, route.Right)
			continue
		}
		t.Run(route.Pattern, func(t *testing.T) {
			h.T = t
			h.drift()
			for i, c := range callers {
				r := request(route.Pattern)
				r.RemoteAddr = fmt.Sprintf("192.0.2.%d:4711", h.n%250+1) // nobody is turned away for trying often
				c.show(h, r)
				w := httptest.NewRecorder()
				h.site.ServeHTTP(w, r)
				if got := verdict(w); got != want[i] {
					t.Errorf("%s: %c, want %c: %d %s %.300s", c.who, got, want[i], w.Code, w.Header().Get("Location"), told(w))
				}
				if strings.Contains(w.Header().Get("Set-Cookie"), "Domain=") {
					t.Error("a cookie is for other hosts, too")
				}
			}
		})
	}
	h.T = t
	for pattern := range kindOf {
		if !slices.Contains(seen, pattern) {
			t.Errorf("%s is in the table and no route", pattern)
		}
	}
}

func TestSecretsAreInNoStoreNoLogAndNoAnswer(t *testing.T) {
	h := newHouse(t)
	session := h.session(rights.Admin)
	token, old := h.token(time.Now().Add(time.Hour)), h.token(time.Now().Add(-time.Minute))
	const once, code = "canary-of-a-link", "canary-of-a-code"
	var told bytes.Buffer
	for _, pattern := range []string{"GET /api/v1/me", "POST /api/v1/scans", "GET /api/v1/tokens", "GET /tokens", "GET /{$}", "GET /nowhere", "POST /signout", "GET /signin/link?once=" + once, "GET /signin/callback?state=x&code=" + code} {
		for _, show := range []func(*http.Request){
			func(r *http.Request) { cookie(r, session) }, func(r *http.Request) { cookie(r, session[1:]) }, func(r *http.Request) { bears(r, token) }, func(r *http.Request) { bears(r, old) }, func(r *http.Request) { bears(r, token[1:]) },
		} {
			r := request(pattern)
			show(r)
			w := httptest.NewRecorder()
			h.site.ServeHTTP(w, r)
			told.Write(w.Body.Bytes())
			_ = w.Header().Write(&told)
		}
	}
	places := map[string][]byte{"an answer": told.Bytes(), "the log": h.log.Bytes()}
	files, err := filepath.Glob(filepath.Join(h.dir, ".caravan", "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("nothing is kept: %v", err)
	}
	for _, file := range files {
		if places[file], err = os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Contains(bytes.Join(slices.Collect(maps.Values(places)), nil), []byte(hashed(token))) {
		t.Error("not even the hash is kept, so the test looks in the wrong place")
	}
	for place, data := range places {
		for _, secret := range []string{session, token[1:], old[1:], once, code} {
			if bytes.Contains(data, []byte(secret)) {
				t.Errorf("%s is in %s", secret, place)
			}
		}
	}
}

// told is what an answer says, without the page around it.
func told(w *httptest.ResponseRecorder) string {
	_, after, ok := strings.Cut(w.Body.String(), `class="state-text">`)
	if !ok {
		return w.Body.String()
	}
	return after
}

// verdict is what an answer says of whoever asked.
func verdict(w *httptest.ResponseRecorder) byte {
	at, err := url.Parse(w.Header().Get("Location"))
	switch {
	case w.Code == http.StatusUnauthorized || err == nil && w.Code == http.StatusSeeOther && at.Path == "/signin" && at.Query().Get("back") != "":
		return '?'
	case w.Code == http.StatusForbidden:
		return '-'
	case w.Code == http.StatusTooManyRequests || w.Code == http.StatusInternalServerError:
		return '!'
	}
	return '+'
}
