package api

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"example.org/caravan/examples"
	"example.org/caravan/internal/app"
	"example.org/caravan/internal/browsertest"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/rights"
	"example.org/caravan/internal/signin/providertest"
)

// somebody is a person of the sample company, whose password is their name.
func somebody(name string, groups ...string) providertest.Person {
	return providertest.Person{ID: "id-" + name, Username: name, Password: name, FirstName: strings.ToUpper(name[:1]) + name[1:], LastName: "Kopi", Email: name + "@kopi.example.com", EmailVerified: true, Groups: groups}
}

// company is the sample company behind a portal that people sign in to with a real provider. Its cluster in Indonesia is carried out for real, into a folder.
func company(t *testing.T, people ...providertest.Person) (a *app.App, address string) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address = "http://" + l.Addr().String()
	from, _ := providertest.Start(t, address+"/signin/callback", people...)
	dir := filepath.Join(t.TempDir(), "kopi")
	if err := os.CopyFS(dir, examples.Kopi()); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "caravan.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text = fmt.Appendf(text, "targets:\n  - {environment: indonesia, folder: %s}\nconsent: {unowned: platform}\nsignin:\n  issuer: %s\n  clientID: %s\n  clientSecretFile: client-secret\n  url: %s\n  roles: {platform: [platform], admins: [it]}\n",
		filepath.Join(t.TempDir(), "fleet"), from, providertest.ClientID, address)
	for name, data := range map[string][]byte{file: text, filepath.Join(dir, "client-secret"): []byte(providertest.Secret + "\n")} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if a, err = app.New(t.Context(), app.Options{Workspace: dir, Now: time.Now}); err != nil {
		t.Fatal(err)
	}
	h, err := Site(Options{App: a, Version: "test", Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	server := Server(h)
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	t.Cleanup(func() {
		_ = server.Close()
		<-served
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	(&house{T: t, app: a}).scan()
	return a, address
}

// chromium is a browser for one test.
func chromium(t *testing.T) context.Context {
	t.Helper()
	ctx, end, err := browsertest.Open()
	if err != nil {
		if os.Getenv("CARAVAN_TEST_ALL") == "1" {
			t.Fatal(err)
		}
		t.Skipf("SKIPPED: no Chromium to sign in with: %v", err)
	}
	t.Cleanup(end)
	return ctx
}

// seat is somebody at a browser of their own.
type seat struct {
	*testing.T
	context.Context
}

func sit(in context.Context, t *testing.T) seat {
	t.Helper()
	ctx, cancel := chromedp.NewContext(in, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	ctx, stop := context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(stop)
	return seat{t, ctx}
}

func (s seat) do(actions ...chromedp.Action[chromedp.Void]) {
	s.Helper()
	if err := chromedp.Do(s.Context, actions...); err != nil {
		s.Fatal(err)
	}
}

// until waits for an expression to become true. A page that is on its way to another site answers with an error for a moment.
func (s seat) until(expression string) {
	s.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	enough := time.NewTimer(time.Minute)
	defer enough.Stop()
	for {
		is, err := chromedp.Run(s.Context, chromedp.Evaluate[bool]("document.readyState === 'complete' && !!("+expression+")"))
		if err == nil && is {
			return
		}
		select {
		case <-tick.C:
		case <-enough.C:
			page, _ := chromedp.Run(s.Context, chromedp.Evaluate[string](`location.href + ' ' + document.body.innerText.slice(0, 1500)`))
			s.Fatalf("never came true: %s: %v\n%s", expression, err, page)
		}
	}
}

func (s seat) is(expression string) bool {
	s.Helper()
	out, err := chromedp.Run(s.Context, chromedp.Evaluate[bool]("!!("+expression+")"))
	if err != nil {
		s.Fatalf("%s: %v", expression, err)
	}
	return out
}

// signIn goes to a page, is asked to sign in, does so at the provider and comes back to the page.
func (s seat) signIn(address string, p providertest.Person) {
	s.Helper()
	s.do(chromedp.Navigate(address))
	s.until(`document.querySelector('[data-start]')`)
	s.do(chromedp.Click(chromedp.CSS(`[data-start]`)))
	s.until(`document.querySelector('#username')`)
	s.do(chromedp.SendKeys(chromedp.CSS(`#username`), p.Username), chromedp.SendKeys(chromedp.CSS(`#password`), p.Password), chromedp.Click(chromedp.CSS(`button`)))
	s.until(fmt.Sprintf(`location.href === %q && document.querySelector('.who')?.dataset.who === %q`, address, p.Email))
}

func TestPeopleOfFourTeamsSignInWithARealProviderAndSpeakForTheirOwnTeamAlone(t *testing.T) {
	if testing.Short() {
		t.Skip("a browser takes its time: make test runs this")
	}
	teams := []string{"orders", "payments", "storefront", "platform"}
	people := map[string]providertest.Person{"orders": somebody("ani", "orders"), "payments": somebody("budi", "payments"), "storefront": somebody("citra", "storefront"), "platform": somebody("dewi", "platform")}
	eka := somebody("eka", "football")
	a, address := company(t, people["orders"], people["payments"], people["storefront"], people["platform"], eka)
	journey := address + "/expansions/indonesia/journey"
	in := chromium(t)
	for i, team := range teams {
		t.Run(team, func(t *testing.T) {
			s := sit(in, t)
			s.signIn(journey, people[team])
			if may := s.is(`document.querySelector('.turns')`); may != (team == "platform") {
				t.Errorf("may carry out: %t", may)
			}
			for _, other := range teams[i+1:] {
				if !s.is(fmt.Sprintf(`document.querySelector('[data-team=%s] [data-refused=agree]')`, other)) || s.is(fmt.Sprintf(`document.querySelector('[data-team=%s] button')`, other)) {
					t.Errorf("%s can answer for %s, or is not told why not", team, other)
				}
				status, err := chromedp.Run(s.Context, chromedp.Evaluate[int](fmt.Sprintf(`fetch('/expansions/indonesia/answer', {method: 'POST', body: new URLSearchParams({team: %q, answer: 'yes',
					step: document.querySelector('[data-team=%s] [data-asked]').dataset.asked, journey: document.querySelector('[name=journey]').value})}).then((r) => r.status)`, other, other), chromedp.EvalAwaitPromise))
				if err != nil || status != http.StatusForbidden {
					t.Errorf("a form that %s made up for %s is answered with %d %v", team, other, status, err)
				}
			}
			s.do(chromedp.Click(chromedp.CSS(fmt.Sprintf(`[data-team=%s] summary`, team))), chromedp.Click(chromedp.CSS(fmt.Sprintf(`[data-team=%s] button[value=yes]`, team))))
			s.until(fmt.Sprintf(`location.hash === '#asked' && !document.querySelector('[data-team=%s]')`, team))
			if team == "platform" {
				s.do(chromedp.Click(chromedp.CSS(`.turns button[value=move]`)))
				s.until(`document.querySelector('.journey-head h2')?.innerText.startsWith('Under way') || document.querySelector('[data-run]')`)
			}
			s.do(chromedp.Click(chromedp.CSS(`.who > summary`)), chromedp.Click(chromedp.CSS(`.who form button`)))
			s.until(`location.pathname === '/signin' && document.querySelector('h1').innerText === 'Signed out'`)
			s.do(chromedp.Navigate(journey))
			s.until(`document.querySelector('[data-signin]')`)
		})
	}
	consents, err := a.Consents(t.Context(), "indonesia")
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range consents.Steps {
		if step.Asked && !step.Verdict.Allowed {
			t.Errorf("%s waits: %v", step.ID, step.Verdict.Reasons)
		}
	}
	lines, err := a.Audit(t.Context(), "indonesia", 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range lines {
		if team, ok := strings.CutPrefix(e.What, "green light of "); ok && e.By != people[team].Email {
			t.Errorf("%s by %s", e.What, e.By)
		}
	}
	t.Run("somebody of no team looks, and is told why nothing else", func(t *testing.T) {
		s := sit(in, t)
		s.signIn(address+"/scan", eka)
		s.until(`document.querySelector('[data-refused=scan]')?.innerText.includes('that takes the role platform')`)
		if p, err := a.PersonOfMail(t.Context(), eka.Email); err != nil || p.Role != rights.Viewer {
			t.Errorf("%+v %v", p, err)
		}
	})
	t.Run("a token that somebody makes on their page speaks for them", func(t *testing.T) {
		s := sit(in, t)
		s.signIn(address+"/tokens", people["orders"])
		s.do(chromedp.SendKeys(chromedp.CSS(`input[name=name]`), "chat"), chromedp.Click(chromedp.CSS(`input[value="agree:orders"]`)), chromedp.Click(chromedp.CSS(`.token-form button`)))
		s.until(`document.querySelector('[data-made=chat] .secret')?.innerText.startsWith('cvn_')`)
		secret, err := chromedp.Run(s.Context, chromedp.Evaluate[string](`document.querySelector('.secret').innerText`))
		if err != nil {
			t.Fatal(err)
		}
		p, err := a.Door().WithToken(t.Context(), secret)
		if err != nil || rights.May(p, rights.Agree, estate.TeamName("orders")) != nil || rights.May(p, rights.Agree, "payments") == nil {
			t.Errorf("%+v %v", p, err)
		}
	})
}
