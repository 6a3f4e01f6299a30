package signin

import (
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/rights"
	"example.org/caravan/internal/signin/providertest"
	"example.org/caravan/internal/store"
)

const portal = "http://127.0.0.1:7070"

var (
	ani  = providertest.Person{ID: "17", Username: "ani", Password: "kopi", FirstName: "Ani", LastName: "Lestari", Email: "Ani@example.org", EmailVerified: true, Groups: []string{"orders", "football"}}
	budi = providertest.Person{ID: "18", Username: "budi", Password: "kopi", FirstName: "Budi", LastName: "S", Email: "boss@example.org", Groups: []string{"it"}}
	eka  = providertest.Person{ID: "19", Username: "eka", Password: "kopi", FirstName: "Eka", LastName: "P", Email: "eka@example.org", EmailVerified: true, Groups: []string{"football"}}
)

// clock is one that a test sets.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time      { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) add(d time.Duration) { c.ahead.Add(int64(d)) }
func kept(t *testing.T) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), store.Options{Path: filepath.Join(t.TempDir(), "caravan.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// house is a door with a real provider.
type house struct {
	*Door
	clock
	stop func()
}

func provided(t *testing.T) *house {
	t.Helper()
	issuer, stop := providertest.Start(t, portal+CallbackPath, ani, budi, eka)
	h := &house{stop: stop}
	h.Door = New(Options{
		Keeper: kept(t), Session: 12 * time.Hour, Idle: 2 * time.Hour, Now: h.now, Runner: rights.Person{Name: "root", Role: rights.Admin},
		Groups: rights.Groups{Declared: []estate.TeamName{"orders", "payments"}, Admins: []string{"it"}, Viewers: []string{"staff"}},
		Provider: NewProvider(ProviderOptions{Issuer: issuer, ClientID: providertest.ClientID, URL: portal, Groups: "groups", Now: h.now,
			Secret: func() (string, error) { return providertest.Secret, nil }}),
	})
	return h
}

var requestID = regexp.MustCompile(`name="id" value="([^"]+)"`)

// browse does what a browser does at the provider, and gives what it is sent back with.
func browse(t *testing.T, there string, p providertest.Person) url.Values {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	back := errors.New("back")
	var answer url.Values
	c := &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), portal) {
			answer = r.URL.Query()
			return back
		}
		return nil
	}}
	res, err := c.Get(there)
	if err != nil {
		t.Fatal(err)
	}
	page, _ := io.ReadAll(res.Body)
	_ = res.Body.Close()
	id := requestID.FindSubmatch(page)
	if id == nil {
		t.Fatalf("no form to sign in with: %s", page)
	}
	at := *res.Request.URL
	at.Path, at.RawQuery = "/login/username", ""
	if res, err = c.PostForm(at.String(), url.Values{"id": {string(id[1])}, "username": {p.Username}, "password": {p.Password}}); err == nil {
		_ = res.Body.Close()
	}
	if !errors.Is(err, back) || answer == nil {
		t.Fatalf("the provider sent nobody back: %v", err)
	}
	return answer
}

func wants(t *testing.T, err error, kind fault.Kind, text string) {
	t.Helper()
	if err == nil || fault.KindOf(err) != kind || !strings.Contains(err.Error(), text) || strings.Contains(err.Error(), "\n") {
		t.Errorf("%v, want %s: %s", err, kind, text)
	}
}

func TestARealProviderSignsPeopleIn(t *testing.T) {
	h := provided(t)
	a, there, err := h.Begin(t.Context(), "/expansions?x=1")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"code_challenge_method=S256", "nonce=", "state=", "response_type=code"} {
		if !strings.Contains(there, want) {
			t.Errorf("no %s in %s", want, there)
		}
	}
	if strings.Contains(there, providertest.Secret) || strings.Contains(there, a.Verifier) {
		t.Errorf("a secret is in the address: %s", there)
	}
	secret, p, err := h.Finish(t.Context(), a, browse(t, there, ani), "")
	if err != nil {
		t.Fatal(err)
	}
	if p.Who() != "ani@example.org" || p.Name != "Ani Lestari" || p.Subject != "17" || p.Role != rights.Member || !slices.Equal(p.Teams, []estate.TeamName{"orders"}) {
		t.Errorf("%+v", p)
	}
	if again, err := h.InSession(t.Context(), secret); err != nil || again.Who() != p.Who() {
		t.Errorf("%+v %v", again, err)
	}
	other, _, err := h.Begin(t.Context(), "/")
	if err != nil {
		t.Fatal(err)
	}
	t.Run("again, with another session in the place of the first", func(t *testing.T) {
		a, there, err := h.Begin(t.Context(), "/")
		if err != nil {
			t.Fatal(err)
		}
		next, _, err := h.Finish(t.Context(), a, browse(t, there, ani), secret)
		if err != nil || next == secret {
			t.Fatalf("the same session: %v", err)
		}
		_, err = h.InSession(t.Context(), secret)
		wants(t, err, fault.NotFound, "sign in again")
		if err := h.Leave(t.Context(), next); err != nil {
			t.Fatal(err)
		}
		_, err = h.InSession(t.Context(), next)
		wants(t, err, fault.NotFound, "sign in again")
	})
	t.Run("an answer to another attempt", func(t *testing.T) {
		a, there, err := h.Begin(t.Context(), "/")
		if err != nil {
			t.Fatal(err)
		}
		answer := browse(t, there, ani)
		_, _, err = h.Finish(t.Context(), other, answer, "")
		wants(t, err, fault.Invalid, "not begun in this browser")
		_, _, err = h.Finish(t.Context(), Attempt{}, answer, "")
		wants(t, err, fault.Invalid, "not begun in this browser")
		stolen := a
		stolen.Verifier = other.Verifier
		_, _, err = h.Finish(t.Context(), stolen, answer, "")
		wants(t, err, fault.Denied, "did not let you in")
	})
	t.Run("an answer with another sign-in's nonce", func(t *testing.T) {
		a, there, err := h.Begin(t.Context(), "/")
		if err != nil {
			t.Fatal(err)
		}
		a.Nonce = other.Nonce
		_, _, err = h.Finish(t.Context(), a, browse(t, there, ani), "")
		wants(t, err, fault.Denied, "answers another sign-in")
	})
	t.Run("a code twice", func(t *testing.T) {
		a, there, err := h.Begin(t.Context(), "/")
		if err != nil {
			t.Fatal(err)
		}
		answer := browse(t, there, ani)
		if _, _, err := h.Finish(t.Context(), a, answer, ""); err != nil {
			t.Fatal(err)
		}
		_, _, err = h.Finish(t.Context(), a, answer, "")
		wants(t, err, fault.Denied, "did not let you in")
	})
	t.Run("a mail address that is not verified is nobody's", func(t *testing.T) {
		a, there, err := h.Begin(t.Context(), "/")
		if err != nil {
			t.Fatal(err)
		}
		_, p, err := h.Finish(t.Context(), a, browse(t, there, budi), "")
		if err != nil || p.Mail != "" || p.Who() != "18" || p.Role != rights.Admin {
			t.Errorf("%+v %v", p, err)
		}
	})
	t.Run("somebody with no business here", func(t *testing.T) {
		a, there, err := h.Begin(t.Context(), "/")
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = h.Finish(t.Context(), a, browse(t, there, eka), "")
		wants(t, err, fault.Denied, "none of their groups has business here")
	})
	t.Run("too late", func(t *testing.T) {
		a, there, err := h.Begin(t.Context(), "/")
		if err != nil {
			t.Fatal(err)
		}
		answer := browse(t, there, ani)
		h.add(attemptLength + time.Minute)
		defer h.add(-attemptLength - time.Minute)
		_, _, err = h.Finish(t.Context(), a, answer, "")
		wants(t, err, fault.Invalid, "too long ago")
	})
	t.Run("a clock half a minute ahead is no reason to distrust a provider, one of hours is", func(t *testing.T) {
		for ahead, fine := range map[time.Duration]bool{30 * time.Second: true, -30 * time.Second: true, 5 * time.Hour: false} {
			h.add(ahead)
			a, there, err := h.Begin(t.Context(), "/")
			if err != nil {
				t.Fatal(err)
			}
			_, _, err = h.Finish(t.Context(), a, browse(t, there, ani), "")
			h.add(-ahead)
			if (err == nil) != fine {
				t.Errorf("%s ahead: %v", ahead, err)
			}
		}
	})
	t.Run("the provider goes away", func(t *testing.T) {
		a, there, err := h.Begin(t.Context(), "/")
		if err != nil {
			t.Fatal(err)
		}
		in, _, err := h.Finish(t.Context(), a, browse(t, there, ani), "")
		if err != nil {
			t.Fatal(err)
		}
		late, there, err := h.Begin(t.Context(), "/")
		if err != nil {
			t.Fatal(err)
		}
		answer := browse(t, there, ani)
		h.stop()
		_, _, err = h.Finish(t.Context(), late, answer, "")
		wants(t, err, fault.Unavailable, "does not answer")
		if _, err := h.InSession(t.Context(), in); err != nil {
			t.Errorf("who is signed in is affected: %v", err)
		}
		if p, err := h.OfMail(t.Context(), "ANI@example.org"); err != nil || p.Subject != "17" {
			t.Errorf("%+v %v", p, err)
		}
		_, err = h.OfMail(t.Context(), "nobody@example.org")
		wants(t, err, fault.Denied, "has not signed in within 30 days")
		h.add(31 * 24 * time.Hour)
		_, err = h.OfMail(t.Context(), "ani@example.org")
		wants(t, err, fault.Denied, "has not signed in within 30 days")
	})
}

func TestWhatAProviderSaysThatIsNoneIsNotBelieved(t *testing.T) {
	var c clock
	nowhere := httptest.NewServer(http.NotFoundHandler())
	defer nowhere.Close()
	liar := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"issuer":"https://other.example.org","authorization_endpoint":"https://other.example.org/auth"}`)
	}))
	defer liar.Close()
	endless := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for range 3 << 10 {
			_, _ = io.WriteString(w, strings.Repeat(" ", 1<<10))
		}
	}))
	defer endless.Close()
	for _, at := range []string{nowhere.URL, liar.URL, endless.URL, "http://127.0.0.1:1"} {
		p := NewProvider(ProviderOptions{Issuer: at, ClientID: "caravan", URL: portal, Groups: "groups", Now: c.now})
		_, _, err := p.Begin(t.Context(), "/")
		wants(t, err, fault.Unavailable, "does not answer as an OpenID Connect provider should")
	}
	for answer, want := range map[string]string{
		"state=s&error=access_denied&error_description=call+0800+scam": "did not let you in (access_denied)",
		"state=s&error=<script>": "says nothing",
		"state=s":                "says nothing",
		"state=s&code=c&iss=https://evil.example.org": "another provider's",
	} {
		q, err := url.ParseQuery(answer)
		if err != nil {
			t.Fatal(err)
		}
		p := NewProvider(ProviderOptions{Issuer: nowhere.URL, ClientID: "caravan", URL: portal, Now: c.now})
		_, err = p.Finish(t.Context(), Attempt{State: "s", Begun: c.now()}, q)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "scam") || strings.Contains(err.Error(), "script") {
			t.Errorf("%s: %v", answer, err)
		}
	}
}

func TestASignInLeadsBackIntoThePortalAlone(t *testing.T) {
	for path, want := range map[string]string{
		"/": "/", "/expansions/indonesia/journey?team=orders#asked": "/expansions/indonesia/journey?team=orders#asked", "/services/a%2Fb": "/services/a%2Fb",
		"": "/", "//evil.example.org": "/", "/\\evil.example.org": "/", "https://evil.example.org/": "/", "javascript:alert(1)": "/", "evil": "/", "/\nSet-Cookie: a=b": "/",
		"/%2F/evil": "/", "/signin/start": "/", "/" + strings.Repeat("a", 3000): "/", "http:/evil": "/", "/\t/evil.example.org": "/",
	} {
		if got := SafePath(path); got != want {
			t.Errorf("%.60q leads to %q, not %q", path, got, want)
		}
	}
}

func TestALinkOpensOneSessionOfWhoeverRunsTheProgram(t *testing.T) {
	var c clock
	d := New(Options{Now: c.now, Runner: rights.Person{Name: "ani", Role: rights.Admin, EveryTeam: true}})
	if _, err := d.Redeem(""); err == nil {
		t.Fatal("nothing opens a session before there is a link")
	}
	var links []string
	d.Link(func(secret string) { links = append(links, secret) })
	session, err := d.Redeem(links[0])
	if err != nil || len(links) != 2 || links[0] == links[1] {
		t.Fatalf("%v, links %q", err, links)
	}
	if p, err := d.InSession(t.Context(), session); err != nil || p.Who() != "ani" || !p.EveryTeam {
		t.Errorf("%+v %v", p, err)
	}
	for _, used := range []string{links[0], "", "guess", session} {
		_, err := d.Redeem(used)
		wants(t, err, fault.Denied, "used already")
	}
	c.add(localIdle + time.Minute)
	_, err = d.InSession(t.Context(), session)
	wants(t, err, fault.NotFound, "open the link")
	next, err := d.Redeem(links[1])
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Leave(t.Context(), next); err != nil {
		t.Fatal(err)
	}
	_, err = d.InSession(t.Context(), next)
	wants(t, err, fault.NotFound, "open the link")
	for range 2 * localSessions {
		if _, err := d.Redeem(links[len(links)-1]); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(d.link.sessions); n > localSessions {
		t.Errorf("%d sessions are kept", n)
	}
}

func TestTokensAreTheirOwnersWithLess(t *testing.T) {
	var c clock
	s := kept(t)
	runner := rights.Person{Name: "root", Role: rights.Admin, EveryTeam: true}
	d := New(Options{Keeper: s, Now: c.now, Runner: runner})
	made, err := d.MakeToken(t.Context(), runner, TokenRequest{Name: "ci", Scopes: []rights.Scope{{Right: rights.Agree, Team: "orders"}}})
	if err != nil || !strings.HasPrefix(made.Secret, TokenPrefix) || !made.Expires.Equal(made.Created.Add(tokenLife)) {
		t.Fatalf("%+v %v", made, err)
	}
	p, err := d.WithToken(t.Context(), made.Secret)
	if err != nil || p.By() != "root (token ci)" || rights.May(p, rights.Agree, "orders") != nil || rights.May(p, rights.Agree, "payments") == nil || rights.May(p, rights.Operate, "") == nil {
		t.Errorf("%+v %v", p, err)
	}
	for _, odd := range []string{"", "cvn_", made.Secret[:20], made.Secret + "a", strings.TrimPrefix(made.Secret, TokenPrefix), "cvn_" + strings.Repeat("!", 43)} {
		_, err := d.WithToken(t.Context(), odd)
		wants(t, err, fault.NotFound, "no token")
	}
	for _, req := range []TokenRequest{{Name: ""}, {Name: "A b"}, {Name: "ok", Expires: time.Second}, {Name: "ok", Expires: 9000 * time.Hour}, {Name: strings.Repeat("a", 65)}} {
		_, err := d.MakeToken(t.Context(), runner, req)
		wants(t, err, fault.Usage, "token")
	}
	_, err = d.MakeToken(t.Context(), runner, TokenRequest{Name: "ci"})
	wants(t, err, fault.Conflict, "already")
	_, err = d.MakeToken(t.Context(), p, TokenRequest{Name: "child"})
	wants(t, err, fault.Denied, "may not make tokens")
	_, err = d.Tokens(t.Context(), rights.Person{Mail: "v@example.org", Role: rights.Viewer}, true)
	wants(t, err, fault.Denied, "role admin")
	err = d.RevokeToken(t.Context(), rights.Person{Mail: "v@example.org", Role: rights.Viewer}, "root", "ci")
	wants(t, err, fault.Denied, "role admin")
	c.add(tokenLife)
	_, err = d.WithToken(t.Context(), made.Secret)
	wants(t, err, fault.NotFound, "expired")
	for i := range tokensOfPerson {
		if _, err := d.MakeToken(t.Context(), runner, TokenRequest{Name: "t" + strings.Repeat("x", i)}); err != nil {
			t.Fatal(err)
		}
	}
	_, err = d.MakeToken(t.Context(), runner, TokenRequest{Name: "more"})
	wants(t, err, fault.Conflict, "nobody needs more")
	signedIn := New(Options{Keeper: s, Now: c.now, Runner: runner, Provider: NewProvider(ProviderOptions{Issuer: "https://sso.example.org", Now: c.now})})
	ofAni := rights.Person{Mail: "ani@example.org", Subject: "17", Role: rights.Member, Teams: []estate.TeamName{"orders"}}
	hers, err := signedIn.MakeToken(t.Context(), ofAni, TokenRequest{Name: "hers"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = d.WithToken(t.Context(), hers.Secret)
	wants(t, err, fault.NotFound, "another provider")
}

func TestAnAddressHasSoManyTriesAndFewAddressesAreRemembered(t *testing.T) {
	var c clock
	l := NewLimiter(3, time.Minute, c.now)
	l.most = 100
	for i := range 3 {
		if !l.Try("192.0.2.1") {
			t.Fatalf("turned away at try %d", i)
		}
	}
	if l.Try("192.0.2.1") || !l.Try("192.0.2.2") {
		t.Error("tries are counted wrongly")
	}
	c.add(time.Minute)
	if !l.Try("192.0.2.1") || l.Try("192.0.2.1") {
		t.Error("one more try should be there by now")
	}
	for i := range 1000 {
		l.Try(strings.Repeat("x", i))
	}
	if len(l.from) > 100 {
		t.Errorf("%d addresses are remembered", len(l.from))
	}
}
