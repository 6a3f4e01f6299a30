package web

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"example.org/caravan/internal/browsertest"
	"example.org/caravan/internal/web/gallery"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

var (
	screenshots = flag.String("screenshots", "", "TestScreenshots: write a picture of every page to this directory")
	portalURL   = flag.String("portal", "", "TestScreenshots: take them from this portal instead of the gallery, as http://127.0.0.1:8080")
)

// browser is one Chromium for all tests of the package; each test opens a tab of its own.
var browser struct {
	sync.Once
	ctx context.Context
	end func()
	err error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if browser.end != nil {
		browser.end()
	}
	os.Exit(code)
}

// step is something done in a tab.
type step = chromedp.Action[chromedp.Void]

// tab is a page in the browser. It fails the test on any error or warning in the console, any exception and any
// request that leaves the machine.
type tab struct {
	testing.TB
	context.Context
	sync.Mutex
	requests  []string
	complaint []string
	ignore    string // complaints with this text are expected
}

func open(t testing.TB, width, height int64, actions ...step) *tab {
	t.Helper()
	if testing.Short() {
		t.Skip("a browser takes its time: make test runs this")
	}
	browser.Do(func() { browser.ctx, browser.end, browser.err = browsertest.Open() })
	if browser.err != nil {
		if os.Getenv("CARAVAN_TEST_ALL") == "1" {
			t.Fatalf("Chromium is needed: %v", browser.err)
		}
		t.Skipf("SKIPPED: no Chromium to test the portal with: %v", browser.err)
	}
	ctx, cancel := chromedp.NewContext(browser.ctx, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	ctx, stop := context.WithTimeout(ctx, 5*time.Minute)
	t.Cleanup(stop)
	w := &tab{TB: t, Context: ctx}
	w.do(chromedp.EmulateViewport(width, height))
	if err := chromedp.Listen(ctx, w.hear); err != nil {
		t.Fatal(err)
	}
	w.do(actions...)
	t.Cleanup(w.checkQuiet)
	return w
}

func (w *tab) hear(event any) {
	w.Lock()
	defer w.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		w.requests = append(w.requests, e.Request.URL)
	case *runtime.EventConsoleAPICalled:
		if e.Type == "error" || e.Type == "warning" {
			text, _ := json.Marshal(e.Args)
			w.complaint = append(w.complaint, string(text))
		}
	case *runtime.EventExceptionThrown:
		w.complaint = append(w.complaint, e.ExceptionDetails.Text+" "+e.ExceptionDetails.Exception.Description)
	case *log.EventEntryAdded:
		w.complaint = append(w.complaint, e.Entry.Text+" "+e.Entry.URL)
	}
}

func (w *tab) checkQuiet() {
	w.Lock()
	defer w.Unlock()
	for _, c := range w.complaint {
		if w.ignore != "" && strings.Contains(c, w.ignore) {
			continue
		}
		w.Errorf("the console is not quiet: %s", c)
	}
	for _, r := range w.requests {
		if !strings.HasPrefix(r, "http://127.0.0.1:") && !strings.HasPrefix(r, "data:") && !strings.HasPrefix(r, "file:") && !strings.HasPrefix(r, "blob:") {
			w.Errorf("a request left the machine: %s", r)
		}
	}
}

func (w *tab) do(actions ...step) {
	w.Helper()
	if err := chromedp.Do(w.Context, actions...); err != nil {
		w.Fatalf("%v\nconsole: %v", err, w.complaint)
	}
}

// until waits for an expression to become true; how long is bounded by the tab's own time.
func (w *tab) until(expression string) {
	w.Helper()
	poll := chromedp.Poll[chromedp.Void](expression, chromedp.WithPollingInterval(20*time.Millisecond), chromedp.WithPollingTimeout(time.Minute))
	if _, err := chromedp.Run(w.Context, poll); err != nil {
		html, _ := chromedp.Run(w.Context, chromedp.Evaluate[string](`document.body.innerText.slice(0, 1500)`))
		w.Fatalf("never came true: %s: %v\npage: %s\nconsole: %v", expression, err, html, w.complaint)
	}
}

func (w *tab) ready() {
	w.Helper()
	w.until(`document.querySelector('#map')?.dataset.state === 'ready'`)
}

func (w *tab) selected(name string) {
	w.Helper()
	w.until(fmt.Sprintf(`document.querySelector('#map').dataset.selected === %q`, name))
}

func ask[T any](w *tab, expression string) T {
	w.Helper()
	out, err := chromedp.Run(w.Context, chromedp.Evaluate[T](expression))
	if err != nil {
		w.Fatalf("%s: %v", expression, err)
	}
	return out
}

func serveGallery(t testing.TB) string {
	t.Helper()
	h, err := Gallery()
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func media(name, value string) step {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: name, Value: value}}})
		return err
	})
}

// TestScreenshots takes pictures of the pages: go test ./internal/web -run TestScreenshots -screenshots DIR takes all,
// with -portal http://127.0.0.1:8080 those of a real portal. Without a directory one is taken, to see that it works.
func TestScreenshots(t *testing.T) {
	pages, base := galleryPages(), *portalURL
	if base == "" {
		base = serveGallery(t)
	} else {
		pages = realPages("")
	}
	dir := *screenshots
	if dir == "" {
		dir, pages = t.TempDir(), map[string]string{"map": pages["map"]}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, path := range pages {
		t.Run(name, func(t *testing.T) {
			for _, size := range [][2]int64{{1440, 900}, {390, 844}} {
				for _, scheme := range []string{"light", "dark"} {
					file := filepath.Join(dir, fmt.Sprintf("%s-%s-%d.png", name, scheme, size[0]))
					takePicture(t, base+path, size, scheme, file)
				}
			}
		})
	}
}

// realPages are the pages of a portal that shows the coffee company.
func realPages(base string) map[string]string {
	return map[string]string{
		"map": base + "/", "selected": base + "/?select=orders", "focus": base + "/?select=orders&focus=1", "list": base + "/?view=list",
		"expansions": base + "/expansions", "addresses": base + "/addresses",
		"search": base + "/?q=pay", "service": base + "/services/orders", "doubts": base + "/doubts", "scan": base + "/scan",
	}
}

func galleryPages() map[string]string {
	pages := realPages("/small")
	for name, path := range map[string]string{
		"large": "/large/", "large-open": "/large/?open=team+team-07", "large-select": "/large/?select=account-10-api-3",
		"journey": "/small/expansions/malaysia/journey", "journey-team": "/small/expansions/malaysia/journey?team=shop", "journey-large": "/large/expansions/thailand/journey",
		"plan": "/small/expansions/malaysia", "plan-broken": "/small/expansions/laos", "plan-large": "/large/expansions/thailand",
		"files": "/small/expansions/malaysia/files?path=malaysia/malaysia/shop/menu/deployment.yaml", "files-large": "/large/expansions/thailand/files",
		"files-diff": "/small/expansions/malaysia/files?path=malaysia/malaysia/shop/menu/deployment.yaml&view=diff", "no-expansions": "/empty/expansions",
		"addresses-zoomed": "/small/addresses?at=10.64.0.0/10", "addresses-large": "/large/addresses?at=10.0.0.0/8", "no-addresses": "/empty/addresses",
		"config": "/small/config/orders", "config-asked": "/small/config/orders?environment=singapore-vm&ask=machines",
		"empty": "/empty/", "broken": "/broken/", "running": "/running/scan", "failed": "/large/scan",
		"not-found": "/small/nowhere", "nothing": "/small/?kind=host&team=finance",
		"diff": "/small/diff?old=" + string(gallery.Earlier().Digest) + "&new=" + string(gallery.Small().Digest),
	} {
		pages[name] = path
	}
	return pages
}

func takePicture(t *testing.T, address string, size [2]int64, scheme, file string) {
	w := open(t, size[0], size[1], media("prefers-color-scheme", scheme))
	w.ignore = "Failed to load resource" // what the browser notes of an error page
	w.do(chromedp.Navigate(address))
	w.until(`!document.querySelector('#map') || document.querySelector('#map').dataset.state === 'ready'`)
	w.until(`document.querySelector('#map')?.dataset.selected !== ''`)
	w.until(`new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(() => drawn(true))))`)
	picture, err := chromedp.Run(w.Context, chromedp.CaptureScreenshot())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, picture, 0o644); err != nil {
		t.Fatal(err)
	}
}
