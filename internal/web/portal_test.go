package web

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/web/gallery"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

func press(keys string) step { return chromedp.KeyEvent(keys) }

// slash presses the key as one event, so that a page that takes it as a shortcut keeps it out of the field.
func slash() step {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeKeyDown, Key: "/", Code: "Slash", Text: "/"})
		return err
	})
}

func TestASearchFindsAServiceAndShowsItsEvidence(t *testing.T) {
	w := open(t, 1440, 900, chromedp.Navigate(serveGallery(t)+"/small/"))
	w.ready()
	w.do(slash())
	w.until(`document.activeElement.id === 'search'`)
	w.do(press("ord"))
	w.until(`document.querySelectorAll('#results [role=option]').length >= 2`)
	w.do(press(kb.ArrowDown))
	w.until(`document.querySelector('#search').getAttribute('aria-activedescendant') === 'result-1'`)
	w.do(press(kb.ArrowUp), press(kb.Enter))
	w.selected("orders")
	needs := ask[string](w, `document.querySelector('#panel [data-list=needs] [data-neighbour=kopi-orders-db]').innerText`)
	for _, want := range []string{"database", "98 % sure", "orders/src/main/resources/application.yml:12", "spring.datasource.url = jdbc:postgresql://orders:***@", "address in configuration"} {
		if !strings.Contains(needs, want) {
			t.Errorf("the edge to the datastore does not show %q:\n%s", want, needs)
		}
	}
	breaks := ask[string](w, `document.querySelector('#panel [data-list=breaks]').innerText`)
	for _, want := range []string{"edge", "storefront", "promotions", "barista-app"} {
		if !strings.Contains(breaks, want) {
			t.Errorf("%q is not among who breaks:\n%s", want, breaks)
		}
	}
}

func TestOtherNamesOfAServiceAreFound(t *testing.T) {
	w := open(t, 1440, 900, chromedp.Navigate(serveGallery(t)+"/small/"))
	w.ready()
	w.do(slash(), press("rabbitmq.kopi"))
	w.until(`document.querySelector('#results [data-service=rabbitmq]')?.innerText.includes('rabbitmq.kopi.internal')`)
	w.do(press(kb.Enter))
	w.selected("rabbitmq")
}

func TestTheAddressKeepsWhatIsChosenAndTheBackButtonUndoesIt(t *testing.T) {
	w := open(t, 1440, 900, chromedp.Navigate(serveGallery(t)+"/small/?select=menu&team=shop&infrastructure=0"))
	w.ready()
	w.selected("menu")
	if shown := ask[int](w, `caravan.look().shown`); shown != 7 {
		t.Errorf("%d services are shown for team shop, want its 7", shown)
	}
	w.do(chromedp.Click(chromedp.CSS(`#panel [data-list=needs] [data-neighbour=redis-sessions] .go`)))
	w.selected("redis-sessions")
	if at := ask[string](w, `location.search`); !strings.Contains(at, "select=redis-sessions") || !strings.Contains(at, "team=shop") {
		t.Errorf("the address is %q", at)
	}
	w.do(chromedp.Evaluate[chromedp.Void](`void history.back()`))
	w.selected("menu")
	w.do(chromedp.Evaluate[chromedp.Void](`void history.forward()`))
	w.selected("redis-sessions")
}

func TestInfrastructureIsHiddenOnRequest(t *testing.T) {
	w := open(t, 1440, 900, chromedp.Navigate(serveGallery(t)+"/small/"))
	w.ready()
	before := ask[int](w, `caravan.look().shown`)
	w.do(chromedp.Click(chromedp.CSS(`#hide-infrastructure`)))
	w.until(fmt.Sprintf(`caravan.look().shown === %d - 4`, before))
	w.until(`location.search === '?infrastructure=0'`)
	w.until(`caravan.look().edges.every((e) => !e.classes.includes('infrastructure'))`)
}

func TestTheMapWorksByKeyboardAlone(t *testing.T) {
	w := open(t, 1440, 900, chromedp.Navigate(serveGallery(t)+"/small/"))
	w.ready()
	w.do(press(kb.Tab))
	w.until(`document.activeElement.className === 'skip'`)
	w.do(chromedp.Focus(chromedp.CSS(`#canvas`)))
	w.until(`caravan.look().nodes.filter((n) => n.classes.includes('cursor')).length === 1`)
	first := ask[string](w, `caravan.look().nodes.find((n) => n.classes.includes('cursor')).label`)
	w.do(press(kb.ArrowRight))
	w.until(fmt.Sprintf(`caravan.look().nodes.find((n) => n.classes.includes('cursor')).label !== %q`, first))
	second := ask[string](w, `caravan.look().nodes.find((n) => n.classes.includes('cursor')).label`)
	w.do(press(kb.Enter))
	w.selected(second)
	w.do(press(kb.Escape))
	w.until(`document.querySelector('#panel').hidden && document.activeElement.id === 'canvas'`)
}

func TestEveryControlOfTheMapCanBeReachedAndHasAName(t *testing.T) {
	w := open(t, 1440, 900, chromedp.Navigate(serveGallery(t)+"/small/?select=orders"))
	w.ready()
	w.selected("orders")
	nameless := ask[[]string](w, `[...document.querySelectorAll('a, button, input, select, summary')].filter((e) => e.checkVisibility())
		.filter((e) => !(e.innerText || e.getAttribute('aria-label') || e.labels?.[0]?.innerText || '').trim() || e.tabIndex < 0).map((e) => e.outerHTML)`)
	for _, e := range nameless {
		t.Errorf("no name, or out of reach of the keyboard: %s", e)
	}
}

func TestTheListHasWhatTheMapHas(t *testing.T) {
	w := open(t, 1440, 900, chromedp.Navigate(serveGallery(t)+"/small/"))
	w.ready()
	w.do(chromedp.Click(chromedp.CSS(`#view-list`)))
	w.until(fmt.Sprintf(`document.querySelectorAll('#rows tr').length === %d`, len(gallery.Small().Services)))
	w.do(chromedp.Click(chromedp.CSS(`#rows [data-service=mailer] .go`)))
	w.selected("mailer")
}

func TestBoxesOfTheMapDoNotOverlapAndHoldTheirNames(t *testing.T) {
	base := serveGallery(t)
	for _, path := range []string{"/small/", "/small/?select=orders&focus=1", "/large/", "/large/?open=team+team-07"} {
		t.Run(path, func(t *testing.T) { // each closes its page
			w := open(t, 1440, 900, chromedp.Navigate(base+path))
			w.ready()
			overlaps := ask[[]string](w, `(() => {
				const all = caravan.look().nodes.filter((n) => !caravan.look().nodes.some((m) => m.id === n.id && /−$/.test(m.label)));
				const bad = [];
				all.forEach((a, i) => all.slice(0, i).forEach((b) => {
					if (a.box.x1 + 4 < b.box.x2 && b.box.x1 + 4 < a.box.x2 && a.box.y1 + 4 < b.box.y2 && b.box.y1 + 4 < a.box.y2) bad.push(a.label + ' over ' + b.label);
				}));
				return bad;
			})()`)
			for _, o := range overlaps {
				t.Error(o)
			}
		})
	}
}

func TestALargeEstateOpensGroupedWithOneDataRequestAndGroupsOpen(t *testing.T) {
	w := open(t, 1440, 900, chromedp.Navigate(serveGallery(t)+"/large/"))
	w.ready()
	w.Lock()
	data := 0
	for _, r := range w.requests {
		if strings.Contains(r, ".json") {
			data++
		}
	}
	w.Unlock()
	if data != 1 {
		t.Errorf("%d data requests for the first view, want 1: %v", data, w.requests)
	}
	if boxes := ask[int](w, `caravan.look().nodes.length`); boxes != 40 {
		t.Errorf("%d boxes, want one for each of the 40 teams", boxes)
	}
	w.do(chromedp.Focus(chromedp.CSS(`#canvas`)), press(kb.Enter))
	w.until(`caravan.look().nodes.length === 40 + 50`)
	w.until(`location.search.startsWith('?open=team')`)
	w.do(slash(), press("fraud-06-api-2"))
	w.until(`document.querySelectorAll('#results [role=option]').length === 1`)
	w.do(press(kb.Enter))
	w.selected("fraud-06-api-2")
	w.until(`caravan.look().nodes.some((n) => n.label === 'fraud-06-api-2' && n.classes.includes('selected'))`)
}

func TestDarkModeFollowsTheSystemAndTheToggleIsKept(t *testing.T) {
	base := serveGallery(t)
	w := open(t, 1440, 900, media("prefers-color-scheme", "dark"), chromedp.Navigate(base+"/small/"))
	w.ready()
	dark := ask[string](w, `getComputedStyle(document.body).backgroundColor`)
	w.do(chromedp.Click(chromedp.CSS(`[data-theme-toggle]`)))
	w.until(fmt.Sprintf(`getComputedStyle(document.body).backgroundColor !== %q`, dark))
	light := ask[string](w, `getComputedStyle(document.body).backgroundColor`)
	w.do(chromedp.Navigate(base + "/small/doubts"))
	if got := ask[string](w, `getComputedStyle(document.body).backgroundColor`); got != light {
		t.Errorf("the choice of light is forgotten on the next page: %s", got)
	}
}

func TestTextIsReadableInLightAndDark(t *testing.T) {
	base := serveGallery(t)
	for _, scheme := range []string{"light", "dark"} {
		for _, path := range []string{"/small/?select=orders", "/small/services/orders", "/small/doubts", "/small/scan", "/large/scan", "/empty/", "/large/",
			"/small/how/orders#how-restart", "/small/how/menu#how-logs", "/small/expansions", "/empty/expansions", "/small/expansions/malaysia", "/small/expansions/malaysia/journey", "/small/expansions/malaysia/journey?team=shop", "/small/expansions/laos", "/small/addresses", "/small/addresses?at=10.64.0.0/10",
			"/small/expansions/malaysia/files?path=malaysia/malaysia/shop/menu/deployment.yaml", "/small/expansions/malaysia/files?path=malaysia/malaysia/shop/menu/deployment.yaml&view=diff"} {
			t.Run(scheme+" "+path, func(t *testing.T) { // each closes its page
				w := open(t, 1440, 900, media("prefers-color-scheme", scheme), chromedp.Navigate(base+path))
				w.ignore = "Failed to load resource"
				w.until(`document.querySelector('#map')?.dataset.selected !== '' && (!document.querySelector('#map') || document.querySelector('#map').dataset.state === 'ready')`)
				for _, low := range ask[[]string](w, contrastBelowAA) {
					t.Error(low)
				}
			})
		}
	}
}

// contrastBelowAA lists texts whose contrast with what is behind them is below WCAG AA.
const contrastBelowAA = `(() => {
	const rgb = (c) => { const m = c.match(/[\d.]+/g).map(Number); return c.startsWith('color(') ? m.map((v, i) => i < 3 ? v * 255 : v) : m; };
	const light = (c) => { const [r, g, b] = c.slice(0, 3).map((v) => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; }); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
	const behind = (e) => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] === 1) return c; } return [255, 255, 255]; };
	const low = [];
	for (const e of document.querySelectorAll('body *')) {
		const drawn = e.closest('svg');
		if (drawn && e.tagName !== 'text') continue;
		if (!e.checkVisibility() || e.disabled || e.closest('[disabled], .hidden, .skip') || ![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim())) continue;
		if (e.classList.contains('hop')) continue; // an arrow, hidden from readers
		const style = getComputedStyle(e);
		const box = drawn && e.parentElement.querySelector('rect');
		const under = box ? getComputedStyle(box).fill : 'none';
		const a = light(rgb(drawn ? style.fill : style.color)), b = light(under === 'none' ? behind(drawn || e) : rgb(under));
		const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
		const large = parseFloat(style.fontSize) >= 24;
		if (contrast < (large ? 3 : 4.5)) low.push(contrast.toFixed(2) + ' ' + e.tagName + '.' + e.getAttribute('class') + ' ' + e.textContent.slice(0, 30));
	}
	return low;
})()`

func TestNothingScrollsSidewaysOnAPhone(t *testing.T) {
	base := serveGallery(t)
	for _, path := range []string{"/small/", "/small/?select=orders", "/small/?view=list", "/small/services/orders", "/small/doubts", "/small/scan", "/empty/", "/small/nowhere", "/large/", "/large/scan", "/running/scan",
		"/small/how/orders#how-config", "/small/how/orders#how-connect-database", "/small/how/menu#how-logs", "/small/expansions", "/empty/expansions", "/small/expansions/malaysia", "/small/expansions/malaysia/journey", "/small/expansions/malaysia/journey?team=shop", "/small/expansions/laos", "/small/expansions/malaysia/files", "/small/expansions/malaysia/files?path=malaysia/malaysia/shop/menu/deployment.yaml&view=diff",
		"/small/addresses", "/small/addresses?at=10.64.0.0/10", "/small/addresses?at=fd4b:6f70:6900::/48", "/large/addresses", "/small/diff?old=" + string(gallery.Earlier().Digest) + "&new=" + string(gallery.Small().Digest)} {
		t.Run(path, func(t *testing.T) { // each closes its page
			w := open(t, 390, 844)
			w.ignore = "Failed to load resource"
			w.do(chromedp.Navigate(base + path))
			w.until(`document.querySelector('#map')?.dataset.selected !== '' && (!document.querySelector('#map') || document.querySelector('#map').dataset.state === 'ready')`)
			if wide := ask[int](w, `Math.max(document.documentElement.scrollWidth, document.body.scrollWidth)`); wide > 390 {
				t.Errorf("it is %d pixels wide", wide)
			}
			for _, out := range ask[[]string](w, `[...document.querySelectorAll('header a, header button, main a, main button, main code')].filter((e) => e.checkVisibility({visibilityProperty: true}) && !e.closest('.hidden, .sections, .code-box') && (e.getBoundingClientRect().right > 391 || e.getBoundingClientRect().left < -1)).map((e) => e.outerHTML.slice(0, 120))`) {
				t.Errorf("beyond the edge: %s", out)
			}
		})
	}
}

func TestOnAPhoneFiltersAndPanelAreSheets(t *testing.T) {
	w := open(t, 390, 844, chromedp.Navigate(serveGallery(t)+"/small/"))
	w.ready()
	w.do(chromedp.Click(chromedp.CSS(`#open-filters`)))
	w.until(`document.activeElement.id === 'search' && document.querySelector('.filters').checkVisibility({visibilityProperty: true})`)
	w.do(press("orders"), press(kb.Enter))
	w.selected("orders")
	w.until(`!document.querySelector('.filters').checkVisibility({visibilityProperty: true})`)
	w.until(`Math.round(document.querySelector('#panel').getBoundingClientRect().bottom) === innerHeight`)
	w.until(`(() => { const n = caravan.look().nodes.find((n) => n.classes.includes('selected')).box; const free = document.querySelector('#panel').getBoundingClientRect().top - document.querySelector('#canvas').getBoundingClientRect().top; return n.x1 >= 0 && n.x2 <= 390 && n.y1 >= 0 && n.y2 <= free; })()`)
}

func TestAServicesPageGetsWhatCanBeDoneWhenThatIsScrolledTo(t *testing.T) {
	w := open(t, 1280, 600, chromedp.Navigate(serveGallery(t)+"/small/services/orders"))
	w.until(`typeof htmx === 'object'`)
	if n := ask[int](w, `document.querySelectorAll('details.how').length`); n != 0 {
		t.Errorf("%d actions before anybody looked", n)
	}
	w.do(chromedp.ScrollIntoView(chromedp.CSS(`#how`)))
	w.until(`document.querySelectorAll('#how details.how').length === 18`)
	w.do(chromedp.Click(chromedp.CSS(`[data-action=logs] > summary`)))
	w.until(`document.querySelector('[data-action=logs] pre').checkVisibility()`)
}

func TestTheDoubtsPageFiltersAsOneTypes(t *testing.T) {
	w := open(t, 1440, 900, chromedp.Navigate(serveGallery(t)+"/small/doubts"))
	w.until(`typeof htmx === 'object'`)
	w.do(chromedp.SendKeys(chromedp.CSS(`input[name=q]`), "CODEOWNERS"))
	w.until(`document.querySelectorAll('#found .doubt').length === 2 && location.search.includes('q=CODEOWNERS')`)
	w.until(`document.activeElement.name === 'q'`)
}

func TestTheScanPageFollowsAScanToItsEnd(t *testing.T) {
	b := &stage{now: time.Date(2026, time.March, 2, 9, 30, 0, 0, time.UTC)}
	h, err := Handler(Options{Gate: ownGate(t), Backend: b, Now: func() time.Time { return b.now }})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	w := open(t, 1440, 900, chromedp.Navigate(s.URL+"/scan"))
	w.until(`typeof htmx === 'object'`)
	w.do(chromedp.Click(chromedp.CSS(`#progress button`)))
	w.until(`document.querySelector('#progress').dataset.scan === 'running' && document.querySelector('#progress').innerText.includes('18,240 files seen')`)
	loaded := chromedp.Events(w.Context, page.LoadEventFired) // the page loads itself again
	b.finish()
	for _, err := range loaded {
		if err != nil {
			t.Fatal(err)
		}
		break
	}
	w.until(`document.querySelectorAll('[data-snapshot]').length === 1 && document.querySelector('#progress').dataset.scan === 'done'`)
}

func TestTheMapAsOneFileWorksWithoutAServerAndHostileNamesDoNothing(t *testing.T) {
	g := gallery.Small()
	hostile := estate.ServiceName(`</script><script>document.title="taken"</script><img src=x onerror=alert(1)>`)
	g.Services = append(g.Services, depmap.Service{Name: hostile, Kind: estate.Service})
	g.Edges = append(g.Edges, depmap.Edge{From: "orders", To: hostile, Kind: depmap.HTTP, Confidence: 0.9, Origin: depmap.Configured, Evidence: []depmap.Evidence{{Place: estate.Place{File: "a", Line: 1}, Key: string(hostile), Value: string(hostile), Why: "address in configuration"}}})
	body, err := HTML(g)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "map.html")
	if err := os.WriteFile(file, body, 0o600); err != nil {
		t.Fatal(err)
	}
	w := open(t, 1440, 900, chromedp.Navigate("file://"+file+"?select=orders"))
	w.ready()
	w.selected("orders")
	if needs := ask[string](w, `document.querySelector('#panel [data-list=needs]').innerText`); !strings.Contains(needs, "application.yml:12") || !strings.Contains(needs, "onerror=alert(1)") {
		t.Errorf("the panel shows:\n%s", needs)
	}
	if title := ask[string](w, `document.title`); title == "taken" {
		t.Error("a service's name ran as a script")
	}
	if n := ask[int](w, `document.querySelectorAll('img').length`); n != 0 {
		t.Error("a service's name became an element")
	}
	w.Lock()
	defer w.Unlock()
	for _, r := range w.requests {
		if !strings.HasPrefix(r, "file:") && !strings.HasPrefix(r, "data:") {
			t.Errorf("the file asked for %s", r)
		}
	}
}

// BenchmarkFirstView is the time from asking for the map page of 2,000 services and 10,000 edges, with nothing in the
// browser's cache, until it is drawn.
func BenchmarkFirstView(b *testing.B) {
	base := serveGallery(b)
	for b.Loop() {
		b.StopTimer()
		w := open(b, 1440, 900)
		b.StartTimer()
		w.do(chromedp.Navigate(base + "/large/"))
		w.ready()
		b.ReportMetric(ask[float64](w, `performance.getEntriesByName('map-ready')[0].startTime`), "ms-in-page")
	}
}
