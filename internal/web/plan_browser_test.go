package web

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"example.org/caravan/internal/web/plan"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// walletForm is the form of one undecided edge.
const walletForm = `[data-undecided="payments → wallet"] form`

func pick(fate string) step {
	return chromedp.Click(chromedp.CSS(walletForm + ` input[value="` + fate + `"]`))
}

func TestAnEdgeIsDecidedOnThePage(t *testing.T) {
	w := open(t, 1280, 900, chromedp.Navigate(serveGallery(t)+"/small/expansions/malaysia"))
	w.until(`typeof htmx === 'object'`)
	w.do(chromedp.Click(chromedp.CSS(`[data-undecided="payments → wallet"] .decide > summary`)))
	w.until(`document.querySelector('` + walletForm + `').checkVisibility()`)

	if free := ask[bool](w, `document.querySelector('`+walletForm+` input[value="call-back"]').disabled`); !free {
		t.Error("what residency forbids can be chosen")
	}
	shown := func(field string) bool {
		return ask[bool](w, `document.querySelector('`+walletForm+` input[name=`+field+`]').checkVisibility()`)
	}
	if shown("with") || shown("through") {
		t.Error("fields of fates that are not chosen are shown")
	}
	w.do(pick("replace"))
	if !shown("with") || shown("through") {
		t.Error("a replacement asks for what takes the place, and for nothing else")
	}

	w.do(chromedp.Click(chromedp.CSS(walletForm + ` button`)))
	w.until(`document.activeElement.matches(':invalid') && document.activeElement.name === 'why'`) // the browser asks first
	w.do(chromedp.SendKeys(chromedp.CSS(walletForm+` input[name=by]`), "finance"), chromedp.SendKeys(chromedp.CSS(walletForm+` input[name=why]`), "cards are local"))
	w.do(chromedp.Click(chromedp.CSS(walletForm + ` button`)))
	w.until(`document.querySelector('` + walletForm + ` .form-error')?.innerText.startsWith('say with what wallet is replaced')`)
	w.until(`document.activeElement.classList.contains('form-error')`)
	if why := ask[string](w, `document.querySelector('`+walletForm+` input[name=why]').value`); why != "cards are local" {
		t.Errorf("what was typed became %q", why)
	}

	w.do(chromedp.SendKeys(chromedp.CSS(walletForm+` input[name=with]`), "dompet.example.org"), press(kb.Enter))
	w.until(`document.querySelector('[data-decided="payments → wallet"] .verdict')?.innerText.includes('replaced with dompet.example.org')`)
	w.until(fmt.Sprintf(`document.activeElement.id === %q`, plan.Anchor("payments", "wallet")))
	w.until(`(() => { const r = document.activeElement.getBoundingClientRect(); return r.top >= 0 && r.top < innerHeight; })()`)
	if n := ask[int](w, `document.querySelectorAll('[data-undecided]').length`); n != 4 {
		t.Errorf("%d edges are left to decide, want 4", n)
	}
	if by := ask[string](w, `document.querySelector('[data-undecided] input[name=by]').value`); by != "finance" {
		t.Errorf("who decides has to be typed again: %q", by)
	}
}

func TestMembersAreFilteredInPlace(t *testing.T) {
	w := open(t, 1280, 900, chromedp.Navigate(serveGallery(t)+"/small/expansions/malaysia"))
	w.until(`typeof htmx === 'object'`)
	w.do(chromedp.Evaluate[chromedp.Void](`(() => { const s = document.querySelector('#member-team'); s.value = 'shop'; s.dispatchEvent(new Event('change', {bubbles: true})); })()`))
	w.until(`document.querySelectorAll('[data-member]').length === 3 && location.search === '?team=shop'`)
}

func TestTheTreeOfManyFilesIsFilteredAndAFileIsShownBesideIt(t *testing.T) {
	w := open(t, 1280, 900, chromedp.Navigate(serveGallery(t)+"/large/expansions/thailand/files"))
	w.until(`typeof htmx === 'object' && document.querySelector('#tree-filter').checkVisibility()`)
	visible := `[...document.querySelectorAll('[data-path]')].filter((e) => e.checkVisibility()).length`
	if n := ask[int](w, visible); n != 0 {
		t.Errorf("%d files are shown before anything is opened", n)
	}
	if n := ask[int](w, `document.querySelectorAll('[data-path]').length`); n < 1500 {
		t.Errorf("the tree has %d files, want those of a large expansion", n)
	}
	w.do(chromedp.SendKeys(chromedp.CSS(`#tree-filter`), "account-00-API-0 deployment"))
	w.until(visible + ` === 1`)
	w.do(chromedp.Click(chromedp.CSS(`[data-path$="account-00-api-0/deployment.yaml"]`)))
	w.until(`document.querySelector('#viewer h2')?.innerText.endsWith('account-00-api-0/deployment.yaml') && document.querySelectorAll('#viewer .code tr').length > 20`)
	w.until(`location.search.includes('account-00-api-0') && document.querySelector('[data-path][aria-current]').dataset.path.endsWith('account-00-api-0/deployment.yaml')`)
	if typed := ask[string](w, `document.querySelector('#tree-filter').value`); typed == "" {
		t.Error("opening a file forgets the filter")
	}
	w.do(chromedp.Click(chromedp.CSS(`#viewer .segmented a:last-child`)))
	w.until(`document.querySelector('#viewer [data-diff]')?.innerText.includes('+1')`)
	w.do(chromedp.Evaluate[chromedp.Void](`(() => { const f = document.querySelector('#tree-filter'); f.value = 'espresso'; f.dispatchEvent(new Event('input', {bubbles: true})); })()`))
	w.until(`document.querySelector('.tree-none').checkVisibility()`)
	w.do(chromedp.Evaluate[chromedp.Void](`(() => { const f = document.querySelector('#tree-filter'); f.value = ''; f.dispatchEvent(new Event('input', {bubbles: true})); })()`))
	w.until(visible + ` === 0`)
	w.do(chromedp.Evaluate[chromedp.Void](`void history.back()`))
	w.until(`!document.querySelector('#viewer [data-diff]') && document.querySelectorAll('#viewer .code tr').length > 20`)
	w.until(`document.querySelector('#tree-filter').checkVisibility()`)
}

// follow does what leads to another page and waits until that is loaded.
func (w *tab) follow(action step) {
	w.Helper()
	loaded := chromedp.Events(w.Context, page.LoadEventFired)
	w.do(action)
	for _, err := range loaded {
		if err != nil {
			w.Fatal(err)
		}
		return
	}
}

func TestThePictureOfAddressesIsZoomedInAndOut(t *testing.T) {
	w := open(t, 1280, 900, chromedp.Navigate(serveGallery(t)+"/small/addresses"))
	title := func() string { return ask[string](w, `document.querySelector('h1').innerText`) }
	for _, tt := range []struct {
		name string
		step step
		want string
	}{
		{"a click on a block", chromedp.Click(chromedp.CSS(`.space-map [data-block="10.66.0.0/16"] rect`)), "10.66.0.0/16"},
		{"a click on a block inside it", chromedp.Click(chromedp.CSS(`.space-map [data-block="10.66.128.0/20"] rect`)), "10.66.128.0/20"},
		{"the table by keyboard", press(kb.Enter), "10.66.128.0/26"},
		{"the way back, in the middle", chromedp.Click(chromedp.CSS(`nav.crumb a:nth-of-type(3)`)), "10.66.0.0/16"},
		{"the way back, to its start", chromedp.Click(chromedp.CSS(`nav.crumb a:first-of-type`)), "Addresses"},
	} {
		if tt.want == "10.66.128.0/26" {
			w.do(chromedp.Focus(chromedp.CSS(`[data-row="10.66.128.0/26"] a`)))
		}
		w.follow(tt.step)
		if got := title(); got != tt.want {
			t.Fatalf("%s leads to %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestLabelsOfThePictureStayInsideTheirBlocks(t *testing.T) {
	base := serveGallery(t)
	for _, width := range []int64{1280, 390} {
		for _, at := range []string{"/small/addresses", "/small/addresses?at=10.64.0.0/10", "/small/addresses?at=10.66.128.0/26", "/large/addresses?at=10.0.0.0/8", "/small/addresses?at=fd4b:6f70:6900::/48"} {
			w := open(t, width, 900, chromedp.Navigate(base+at))
			for _, out := range ask[[]string](w, `[...document.querySelectorAll('.space-map .block text')].filter((e) => e.checkVisibility()).filter((e) => {
				const t = e.getBoundingClientRect(), b = e.parentElement.querySelector('rect').getBoundingClientRect();
				return t.right > b.right + 2 || t.bottom > b.bottom + 2;
			}).map((e) => e.textContent)`) {
				t.Errorf("%d wide, %s: %q sticks out of its block", width, at, out)
			}
		}
	}
}

func TestHostileNamesDoNothingInABrowserAndStayOnThePage(t *testing.T) {
	s := httptest.NewServer(hostileHandler(t))
	t.Cleanup(s.Close)
	for _, at := range hostilePages() {
		w := open(t, 390, 844, chromedp.Navigate(s.URL+at))
		if title := ask[string](w, `document.title`); title == "taken" {
			t.Errorf("%s: a name ran as a script", at)
		}
		if wide := ask[int](w, `document.documentElement.scrollWidth`); wide > 390 {
			culprits := ask[[]string](w, `[...document.querySelectorAll('main *')].filter((e) => e.checkVisibility() && !e.closest('.sections') && e.getBoundingClientRect().right > 391).map((e) => e.tagName + '.' + e.getAttribute('class')).slice(0, 8)`)
			t.Errorf("%s is %d pixels wide: %s", at, wide, strings.Join(culprits, " "))
		}
	}
}
