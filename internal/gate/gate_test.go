package gate

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/rights"
	"example.org/caravan/internal/signin"
	"example.org/caravan/internal/store"
)

// clock is one that a test sets.
type clock struct{ atomic.Int64 }

func (c *clock) now() time.Time { return time.Unix(1_772_366_400+c.Load(), 0) }

// keeper knows one token, of whoever runs the program; and fails when it is to.
type keeper struct {
	signin.Keeper
	made   store.Token
	failed error
}

func (k *keeper) Tokens(context.Context, string) ([]store.Token, error) { return nil, nil }

func (k *keeper) KeepToken(_ context.Context, t store.Token) error {
	k.made = t
	return nil
}

func (k *keeper) UseToken(_ context.Context, hash string, _ time.Time) (store.Token, error) {
	switch {
	case k.failed != nil:
		return store.Token{}, k.failed
	case hash != k.made.Hash:
		return store.Token{}, fault.Newf(fault.NotFound, "there is no such token")
	}
	return k.made, nil
}

// entrance is a gate with a route for each of some rights, a link's session and a token.
type entrance struct {
	*Gate
	clock
	keeper  keeper
	mux     *Mux
	session string
	token   string
}

func newEntrance(t *testing.T, proxies ...string) *entrance {
	t.Helper()
	e := &entrance{}
	runner := rights.Person{Name: "ani", Role: rights.Admin, EveryTeam: true}
	door := signin.New(signin.Options{Keeper: &e.keeper, Now: e.now, Runner: runner})
	made, err := door.MakeToken(t.Context(), runner, signin.TokenRequest{Name: "ci", Scopes: []rights.Scope{{Right: rights.Operate}}})
	if err != nil {
		t.Fatal(err)
	}
	e.token = made.Secret
	door.Link(func(secret string) { e.session = secret })
	if e.session, err = door.Redeem(e.session); err != nil {
		t.Fatal(err)
	}
	o := Options{Door: door, Nobody: rights.Person{Role: rights.Viewer}, Now: e.now}
	for _, p := range proxies {
		o.Proxies = append(o.Proxies, netip.MustParsePrefix(p))
	}
	if e.Gate, err = New(o); err != nil {
		t.Fatal(err)
	}
	e.mux = e.Mux(func(w http.ResponseWriter, _ *http.Request, r Refusal) { http.Error(w, r.Err.Error(), r.Status) })
	for _, right := range []rights.Right{rights.Anyone, rights.Read, rights.Operate, rights.Scan} {
		e.mux.Handle("/"+string(right), right, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, rights.Of(r.Context()).By()) }))
	}
	return e
}

func (e *entrance) ask(method, path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://127.0.0.1:7070"+path, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	e.mux.ServeHTTP(w, r)
	return w
}

func TestWhoAsksIsFoundOutAndSoIsWhetherTheyMay(t *testing.T) {
	e := newEntrance(t)
	cookie := "caravan-7070=" + e.session
	for _, c := range []struct {
		what, method, path string
		header             []string
		status             int
		says               string
	}{
		{"nobody looks", "GET", "/read", nil, 200, ""},
		{"nobody acts", "POST", "/operate", nil, 401, "sign in to carry anything out"},
		{"a session", "GET", "/operate", []string{"Cookie", cookie}, 200, "ani"},
		{"a session from a page", "POST", "/operate", []string{"Cookie", cookie, "Sec-Fetch-Site", "same-origin"}, 200, "ani"},
		{"a session from a page of old", "POST", "/operate", []string{"Cookie", cookie, "Origin", "http://127.0.0.1:7070"}, 200, "ani"},
		{"a session from no page", "POST", "/operate", []string{"Cookie", cookie}, 403, "programs send a token"},
		{"a session of another port", "GET", "/operate", []string{"Cookie", "caravan-7071=" + e.session}, 401, ""},
		{"a session that is none", "GET", "/read", []string{"Cookie", "caravan-7070=" + strings.Repeat("a", 43)}, 200, ""},
		{"a token", "POST", "/operate", []string{"Authorization", "Bearer " + e.token}, 200, "ani (token ci)"},
		{"a token in small letters", "POST", "/operate", []string{"Authorization", "bearer " + e.token}, 200, "ani (token ci)"},
		{"a token for something else", "POST", "/scan", []string{"Authorization", "Bearer " + e.token}, 403, "the token ci may not scan"},
		{"a token goes before a session", "POST", "/scan", []string{"Authorization", "Bearer " + e.token, "Cookie", cookie, "Origin", "x"}, 403, "the token ci may not scan"},
		{"a token that is none is not nobody", "GET", "/read", []string{"Authorization", "Bearer cvn_" + strings.Repeat("a", 43)}, 401, "no such token"},
		{"a token that is none, where nothing is asked", "GET", "/anyone", []string{"Authorization", "Bearer cvn_x"}, 200, ""},
		{"a password, which is a proxy's business", "GET", "/read", []string{"Authorization", "Basic YTpi"}, 200, ""},
		{"a session as a token", "GET", "/read", []string{"Authorization", "Bearer " + e.session}, 401, ""},
	} {
		w := e.ask(c.method, c.path, c.header...)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.says) {
			t.Errorf("%s: %d %s", c.what, w.Code, w.Body)
		}
		if secret := c.status != 200 && (strings.Contains(w.Body.String(), e.token) || strings.Contains(w.Body.String(), e.session)); secret {
			t.Errorf("%s: a secret is told: %s", c.what, w.Body)
		}
		known := c.status == 200 && c.says != ""
		if kept := w.Header().Get("Cache-Control") != "no-store"; kept && (known || c.status != 200) {
			t.Errorf("%s: the answer may be kept", c.what)
		}
		if (c.status == 401) != (w.Header().Get("WWW-Authenticate") != "") {
			t.Errorf("%s: %d with %q", c.what, c.status, w.Header().Get("WWW-Authenticate"))
		}
	}
	e.keeper.failed = fault.Newf(fault.Unavailable, "the store is locked")
	if w := e.ask("GET", "/read", "Authorization", "Bearer "+e.token); w.Code != 503 {
		t.Errorf("while the store is away: %d %s", w.Code, w.Body)
	}
}

func TestARouteWithoutARightLetsNobodyThroughAndIsFoundOut(t *testing.T) {
	e := newEntrance(t)
	if e.Err() != nil || len(e.Routes()) != 4 {
		t.Fatal(e.Err(), e.Routes())
	}
	e.mux.Handle("/forgotten", "", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("let through") }))
	if err := e.Err(); err == nil || !strings.Contains(err.Error(), "/forgotten") {
		t.Errorf("%v", err)
	}
	if w := e.ask("GET", "/forgotten", "Authorization", "Bearer "+e.token); w.Code != 403 {
		t.Errorf("%d", w.Code)
	}
}

func TestBadTokensFromOneAddressAreCountedAndGoodOnesAreNot(t *testing.T) {
	e := newEntrance(t, "10.0.0.0/8")
	bad := func(from ...string) int {
		r := httptest.NewRequest(http.MethodGet, "http://127.0.0.1:7070/read", nil)
		r.RemoteAddr = from[0] + ":4711"
		for _, hop := range from[1:] {
			r.Header.Add("X-Forwarded-For", hop)
		}
		r.Header.Set("Authorization", "Bearer cvn_bad")
		w := httptest.NewRecorder()
		e.mux.ServeHTTP(w, r)
		if w.Code == 429 && w.Header().Get("Retry-After") == "" {
			t.Error("it is not said how long to wait")
		}
		return w.Code
	}
	for range triesAtOnce {
		if code := bad("192.0.2.1"); code != 401 {
			t.Fatalf("%d", code)
		}
	}
	for what, code := range map[string][2]int{
		"once more":                              {bad("192.0.2.1"), 429},
		"behind an address it makes up":          {bad("192.0.2.1", "203.0.113.9"), 429},
		"another address":                        {bad("192.0.2.2"), 401},
		"the address behind a proxy":             {bad("10.0.0.5", "192.0.2.1"), 429},
		"the same, with more before it":          {bad("10.0.0.5", "198.51.100.1, 192.0.2.1"), 429},
		"another address behind a proxy":         {bad("10.0.0.5", "192.0.2.3"), 401},
		"behind two proxies":                     {bad("10.0.0.5", "192.0.2.1, 10.0.0.6"), 429},
		"a proxy that says nothing one can read": {bad("10.0.0.5", "unknown"), 401},
	} {
		if code[0] != code[1] {
			t.Errorf("%s: %d, want %d", what, code[0], code[1])
		}
	}
	if w := e.ask("GET", "/read", "Authorization", "Bearer "+e.token); w.Code != 200 {
		t.Errorf("a good token is turned away: %d", w.Code)
	}
	e.Add(int64(triesEvery / time.Second))
	if code := bad("192.0.2.1"); code != 401 {
		t.Errorf("after a while: %d", code)
	}
	for i := range triesAtOnce {
		if code := bad(fmt.Sprintf("[2001:db8::%d]", i)); code != 401 {
			t.Fatalf("%d", code)
		}
	}
	if code := bad("[2001:db8::ffff]"); code != 429 {
		t.Errorf("another address of the same customer: %d", code)
	}
}

func TestCookiesAreForThisHostAloneAndNoScriptReadsThem(t *testing.T) {
	for url, want := range map[string]string{
		"https://caravan.example.org": "__Host-caravan=s; Path=/; HttpOnly; Secure; SameSite=Lax",
		"http://127.0.0.1:7070":       "caravan-7070=s; Path=/; HttpOnly; SameSite=Lax",
	} {
		var c clock
		door := signin.New(signin.Options{Now: c.now, Provider: signin.NewProvider(signin.ProviderOptions{Issuer: "https://sso.example.org", URL: url, Now: c.now})})
		g, err := New(Options{Door: door, Now: c.now})
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest(http.MethodGet, "http://127.0.0.1:7070/", nil)
		w := httptest.NewRecorder()
		g.Admit(w, r, "s")
		if got := w.Header().Get("Set-Cookie"); got != want {
			t.Errorf("%s: %s", url, got)
		}
		a := signin.Attempt{State: "state", Nonce: "nonce", Verifier: "verifier", Back: "/scan", Begun: c.now().UTC()}
		w = httptest.NewRecorder()
		if err := g.Begun(w, r, a); err != nil {
			t.Fatal(err)
		}
		back := httptest.NewRequest(http.MethodGet, "http://127.0.0.1:7070/", nil)
		back.Header.Set("Cookie", strings.Split(w.Header().Get("Set-Cookie"), ";")[0])
		w = httptest.NewRecorder()
		if got := g.Attempt(w, back); got != a || !strings.Contains(w.Header().Get("Set-Cookie"), "Max-Age=0") {
			t.Errorf("%+v, %s", got, w.Header().Get("Set-Cookie"))
		}
		back.Header.Set("Cookie", "caravan-attempt-7070=%%; __Host-caravan-attempt=%%")
		if got := g.Attempt(httptest.NewRecorder(), back); got != (signin.Attempt{}) {
			t.Errorf("%+v", got)
		}
	}
}
