package kopi_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"example.org/caravan/internal/browsertest"
	"example.org/caravan/internal/signin/providertest"
)

// teams are people of the four teams, one of each, as the provider knows them; their passwords are their names.
func teams() map[string]providertest.Person {
	out := map[string]providertest.Person{}
	for team, name := range map[string]string{"orders": "ani", "payments": "budi", "storefront": "citra", "platform": "dewi"} {
		out[team] = providertest.Person{ID: "id-" + name, Username: name, Password: name, FirstName: name, LastName: "Kopi", Email: name + "@kopi.example.com", EmailVerified: true, Groups: []string{team}}
	}
	return out
}

// portal is a portal that runs, and a browser that people sit down at one after the other.
type portal struct {
	address string
	people  map[string]providertest.Person
	browser context.Context
	close   func()
}

// serve starts the portal within the bed, and lets a browser outside of it look, and the portal ask the provider there.
func (m mover) serve(t *testing.T, address, issuer string, people map[string]providertest.Person) portal {
	t.Helper()
	at := address[len("http://"):]
	outside, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	pass(t, outside, func(ctx context.Context) (net.Conn, error) { return m.bed.Dial(ctx, "tcp", at) })
	provider, err := url.Parse(issuer)
	if err != nil {
		t.Fatal(err)
	}
	inside, err := m.bed.Listen(t.Context(), "tcp", provider.Host)
	if err != nil {
		t.Fatal(err)
	}
	pass(t, inside, func(ctx context.Context) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", provider.Host)
	})
	cmd := m.command(t, "serve", "--listen", at)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	over := false
	p := portal{address: address, people: people, close: func() {
		if !over {
			over = true
			_ = cmd.Process.Signal(os.Interrupt)
			_ = cmd.Wait()
		}
	}}
	t.Cleanup(p.close)
	browser, end, err := browsertest.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(end)
	p.browser = browser
	wait(t, "the portal", func() error {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address+"/signin", nil)
		if err != nil {
			return err
		}
		answer, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		return answer.Body.Close()
	})
	return p
}

// pass passes connections on, until the test ends.
func pass(t *testing.T, from net.Listener, to func(context.Context) (net.Conn, error)) {
	t.Helper()
	var all sync.WaitGroup
	all.Go(func() {
		for {
			near, err := from.Accept()
			if err != nil {
				return
			}
			far, err := to(t.Context())
			if err != nil {
				_ = near.Close()
				continue
			}
			over := func() { _, _ = near.Close(), far.Close() }
			stop := context.AfterFunc(t.Context(), over)
			for _, way := range [][2]net.Conn{{near, far}, {far, near}} {
				all.Go(func() {
					_, _ = io.Copy(way[0], way[1])
					over()
					stop()
				})
			}
		}
	})
	t.Cleanup(func() {
		_ = from.Close()
		all.Wait()
	})
}

// wait asks again until there is no error.
func wait(t *testing.T, what string, ready func() error) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	enough := time.NewTimer(2 * time.Minute)
	defer enough.Stop()
	for {
		err := ready()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-enough.C:
			t.Fatalf("%s: %v", what, err)
		}
	}
}

// agree has somebody of a team sign in, look at the journey, agree to all that is asked of the team, and sign out.
func (p portal) agree(t *testing.T, team string) {
	t.Helper()
	ctx, cancel := chromedp.NewContext(p.browser, chromedp.WithNewBrowserContext())
	defer cancel()
	do := func(actions ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		if err := chromedp.Do(ctx, actions...); err != nil {
			t.Fatal(err)
		}
	}
	until := func(expression string) {
		t.Helper()
		wait(t, expression, func() error {
			is, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("document.readyState === 'complete' && !!("+expression+")"))
			if err == nil && !is {
				return fmt.Errorf("not yet")
			}
			return err
		})
	}
	who, page := p.people[team], p.address+"/expansions/indonesia/journey"
	do(chromedp.Navigate(page))
	until(`document.querySelector('[data-start]')`)
	do(chromedp.Click(chromedp.CSS(`[data-start]`)))
	until(`document.querySelector('#username')`)
	do(chromedp.SendKeys(chromedp.CSS(`#username`), who.Username), chromedp.SendKeys(chromedp.CSS(`#password`), who.Password), chromedp.Click(chromedp.CSS(`button`)))
	until(fmt.Sprintf(`location.href === %q && document.querySelector('.who')?.dataset.who === %q`, page, who.Email))
	do(chromedp.Click(chromedp.CSS(fmt.Sprintf(`[data-team=%s] summary`, team))), chromedp.Click(chromedp.CSS(fmt.Sprintf(`[data-team=%s] button[value=yes]`, team))))
	until(fmt.Sprintf(`location.hash === '#asked' && !document.querySelector('[data-team=%s]')`, team))
	do(chromedp.Click(chromedp.CSS(`.who > summary`)), chromedp.Click(chromedp.CSS(`.who form button`)))
	until(`location.pathname === '/signin'`)
}
