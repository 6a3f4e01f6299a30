package web

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/expansion"
	"example.org/caravan/internal/finding"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/render"
	"example.org/caravan/internal/web/gallery"
	"example.org/caravan/internal/web/plan"
	"github.com/PuerkitoBio/goquery"
)

// post sends a form, "name=value&…", as a browser alone does, or with htmx.
func post(h http.Handler, target, form string, htmx bool) *http.Response {
	r := httptest.NewRequest(http.MethodPost, target, strings.NewReader(form))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if htmx {
		r.Header.Set("HX-Request", "true")
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func read(t *testing.T, answer *http.Response) *goquery.Document {
	t.Helper()
	doc, err := goquery.NewDocumentFromReader(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func smallHandler(t *testing.T) http.Handler {
	t.Helper()
	h, err := Handler(Options{Gate: ownGate(t), Backend: smallShelf(gallery.DecidedAt()), Now: gallery.DecidedAt, Base: "/small"})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

const decideMalaysia = "/small/expansions/malaysia/decide"

func TestADecisionThatIsNotTakenIsToldAtItsForm(t *testing.T) {
	for _, tt := range []struct{ name, form, message string }{
		{"nothing is chosen", "by=finance&why=x", "choose what becomes of the edge"},
		{"there is no reason", "decide=drop&by=finance", "say why: the reason is kept with the decision"},
		{"a replacement is not named", "decide=replace&by=finance&why=x", "say with what wallet is replaced: a host, or host:port"},
		{"what residency forbids was sent all the same", "decide=call-back&through=vpn&by=finance&why=x", "payments → wallet may not be decided call-back: data of payments may not leave MY"},
		{"calls back go nowhere", "decide=call-back&by=finance&why=x", "through"},
		{"an answer without a path", "decide=stub&answers=none&by=finance&why=x", `"none" is no answer; write a path`},
		{"a fate nobody knows", "decide=keep&by=finance&why=x", `"keep"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := smallHandler(t)
			for _, htmx := range []bool{false, true} {
				answer := post(h, decideMalaysia, "from=payments&to=wallet&"+tt.form, htmx)
				doc := read(t, answer)
				at := doc.Find(`[data-undecided="payments → wallet"] details[open] .form-error`)
				if at.Length() != 1 || !strings.Contains(at.Text(), tt.message) {
					t.Errorf("htmx %t: the form says %q, want %q", htmx, at.Text(), tt.message)
				}
				if doc.Find(".form-error").Length() != 1 {
					t.Errorf("htmx %t: the error is said at other forms too", htmx)
				}
				if want := map[bool]int{false: http.StatusUnprocessableEntity, true: http.StatusOK}[htmx]; answer.StatusCode != want {
					t.Errorf("htmx %t: %s, want %d", htmx, answer.Status, want)
				}
				if doc.Find(`[data-undecided="payments → wallet"] input[name=why]`).AttrOr("value", "") == "" && strings.Contains(tt.form, "why=x") {
					t.Errorf("htmx %t: what was typed is gone", htmx)
				}
			}
		})
	}
}

func TestADecisionGoesBackToItsEdge(t *testing.T) {
	for _, tt := range []struct{ name, form, anchor, selector, text string }{
		{"an edge that stays cut", "from=payments&to=wallet&decide=stub&by=finance&why=no+wallet+in+the+first+year", plan.Anchor("payments", "wallet"),
			`[data-decided="payments → wallet"] > .quiet`, "finance, 2 March 2026: no wallet in the first year expansions/malaysia.yaml:"},
		{"a stub with its answers", "from=payments&to=wallet&decide=stub&answers=%2Fpay+402%0D%0A%0D%0A%2F+text%2Fplain+none&by=finance&why=no+wallet", plan.Anchor("payments", "wallet"),
			`[data-decided="payments → wallet"] textarea[name=answers]`, "/pay 402 / text/plain none"},
		{"a replacement with what takes its place", "from=payments&to=wallet&decide=replace&with=dompet.example.org&country=my&through=vpn&by=finance&why=local", plan.Anchor("payments", "wallet"),
			`[data-decided="payments → wallet"] .verdict b`, "replaced with dompet.example.org"},
		{"a service that comes too", "from=orders&to=inventory&decide=clone&by=roastery&why=stock+is+counted+here", plan.MemberAnchor("inventory"),
			`[data-member=inventory] .reasons`, "cloned for orders, decided by roastery"},
		{"a provider abroad that keeps its data in the country", "from=payments&to=stripe&decide=call-back&kept=my&by=finance&why=it+has+servers+here", plan.Anchor("payments", "stripe"),
			`[data-decided="payments → stripe"] > .quiet`, "finance, 2 March 2026: it has servers here"},
		{"a change of mind", "from=orders&to=loyalty&decide=drop&by=shop&why=not+even+that", plan.Anchor("orders", "loyalty"),
			`[data-decided="orders → loyalty"] .verdict b`, "given up"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := smallHandler(t)
			answer := post(h, decideMalaysia, tt.form, false)
			if to := answer.Header.Get("Location"); answer.StatusCode != http.StatusSeeOther || to != "/small/expansions/malaysia#"+tt.anchor {
				t.Fatalf("answered %s to %q: %s", answer.Status, to, read(t, answer).Find(".form-error").Text())
			}
			doc := shown(t, h, "/small/expansions/malaysia")
			found := doc.Find("#" + tt.anchor)
			if text := strings.Join(strings.Fields(doc.Find(tt.selector).Text()), " "); !strings.HasPrefix(text, tt.text) || found.Length() != 1 {
				t.Errorf("%s says %q, want %q; %d elements are at the anchor", tt.selector, text, tt.text, found.Length())
			}
			inPlace := post(smallHandler(t), decideMalaysia, tt.form, true)
			if swap := inPlace.Header.Get("HX-Reswap"); inPlace.StatusCode != http.StatusOK || !strings.Contains(swap, "#"+tt.anchor) {
				t.Errorf("with htmx: %s, %q", inPlace.Status, swap)
			}
			if read(t, inPlace).Find("#"+tt.anchor+"[autofocus]").Length() != 1 {
				t.Error("with htmx the keyboard is not at what was decided")
			}
		})
	}
}

func TestADecisionCannotBeWrittenFromAnotherSite(t *testing.T) {
	answer := fetch(t, smallHandler(t), "POST", decideMalaysia, "Sec-Fetch-Site", "cross-site", "Origin", "https://elsewhere.example.org")
	if answer.StatusCode != http.StatusForbidden {
		t.Errorf("answered %s", answer.Status)
	}
}

func TestAFormOfEndlessLengthIsNotRead(t *testing.T) {
	answer := post(smallHandler(t), decideMalaysia, "from=payments&to=wallet&decide=drop&by=x&why="+strings.Repeat("x", mostForm), false)
	if answer.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("answered %s", answer.Status)
	}
}

// hostile is a plan and a space in which every name is written by somebody who means harm.
type hostile struct{ shelf }

const (
	markup  = `<script>document.title="taken"</script><img src=x onerror=alert(1)>"'`
	turning = "orders\u202egnp.exe\u2066"
)

func long() string { return strings.Repeat("very-long-name-", 14) }

func (hostile) Expansions(context.Context) ([]Expansion, error) {
	return []Expansion{{Name: markup, Country: markup, Source: markup}, {Name: long(), Problem: markup}, {Name: turning}}, nil
}

func (hostile) Plan(context.Context, string) (Plan, error) {
	names := []estate.ServiceName{markup, turning, estate.ServiceName(long())}
	place := estate.Place{File: markup, Line: 1}
	reason := expansion.Reason{Text: markup, Place: place}
	p := expansion.Proposal{Expansion: markup, Country: markup, Source: markup, Environments: []expansion.Environment{{Name: markup, Kind: markup}},
		Substitutions: expansion.Substitutions{Locale: markup, Providers: []expansion.Provider{{Replaces: markup, With: markup, Why: markup}}}}
	var files []render.File
	for i, n := range names {
		p.Members = append(p.Members, expansion.Member{Name: n, Team: estate.TeamName(n), Reasons: []expansion.Reason{reason}, Path: names, Routes: []string{markup}, In: []estate.EnvironmentName{markup},
			Variables: map[string]expansion.Value{string(n): {Value: markup, Why: reason}}, Wave: 1})
		c := expansion.Cut{From: n, To: names[(i+1)%3], Team: markup, Kinds: []depmap.EdgeKind{markup}, Proof: depmap.Evidence{Place: place, Key: string(n), Value: markup, Why: markup},
			Cost: expansion.Cost{Residency: markup, Coupled: expansion.Reach{Count: len(names), Names: names}}, Brings: &expansion.Reach{Count: len(names), Names: names}, Forbidden: map[expansion.Fate]string{expansion.CallBack: markup}}
		p.Cuts = append(p.Cuts, c)
		c.From, c.Decision = names[(i+2)%3], &expansion.Decision{To: n, Decide: expansion.Replace, With: string(n), By: markup, Why: markup}
		p.Cuts = append(p.Cuts, c)
		p.Optional = append(p.Optional, expansion.Spared{From: n, To: n, Routes: []string{markup}})
		p.Datastores = append(p.Datastores, expansion.Datastore{Name: n, Technology: markup, For: names, Because: reason, Storage: markup, Residency: markup,
			Placement: expansion.Placement{Points: []expansion.Point{{For: markup, Text: markup, Place: place}}, WayBack: markup}})
		p.Addresses = append(p.Addresses, expansion.Lease{Holder: string(n), Prefix: netip.MustParsePrefix("10.0.0.0/8"), Purpose: markup})
		files = append(files, render.File{Path: "id/" + string(n) + ".yaml", Text: markup + ": \"" + markup + "\" # " + markup + "\n", Subject: n})
	}
	j := journey.Journey{Steps: []journey.Step{{ID: markup, Kind: markup, Subject: markup, Team: markup, Needs: []journey.StepID{markup}, Preview: []string{markup}, Files: []journey.Written{{Path: markup}}, Wave: 1}}}
	return Plan{Proposal: p, Journey: j, Files: files, Before: files[:1]}, nil
}

func (hostile) Addresses(context.Context) (Addresses, error) {
	part := func(prefix, holder string) Part {
		return Part{Prefix: netip.MustParsePrefix(prefix), Holder: holder, Purpose: markup, State: markup, Place: markup}
	}
	return Addresses{
		Findings: []finding.Finding{{Check: markup, Subject: turning, Severity: markup, What: markup, Advice: markup, Evidence: []string{markup}}},
		Pools:    []Pool{{Name: markup, Prefix: netip.MustParsePrefix("10.0.0.0/8"), Parts: []Part{part("10.0.0.0/10", markup), part("10.64.0.0/10", turning), part("10.128.0.0/9", long())}}},
	}, nil
}

func hostileHandler(t *testing.T) http.Handler {
	t.Helper()
	h, err := Handler(Options{Gate: ownGate(t), Backend: hostile{}, Now: gallery.DecidedAt})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func hostilePages() []string {
	name := url.PathEscape(markup)
	file := url.QueryEscape("id/" + markup + ".yaml")
	return []string{"/expansions", "/expansions/" + name, "/expansions/" + name + "/files", "/expansions/" + name + "/files?path=" + file,
		"/expansions/" + name + "/files?view=diff&path=" + file, "/addresses", "/addresses?at=10.0.0.0/8", "/addresses?at=10.0.0.0/10"}
}

func TestHostileNamesAreTextAndNothingElse(t *testing.T) {
	h := hostileHandler(t)
	for _, at := range hostilePages() {
		answer := fetch(t, h, "GET", at)
		doc := read(t, answer)
		if answer.StatusCode != http.StatusOK {
			t.Errorf("%s answers %s: %s", at, answer.Status, doc.Find(".state-text").Text())
		}
		if n := doc.Find("img, script:not([src]), [onerror], [style], main iframe").Length(); n != 0 {
			t.Errorf("%s: %d elements that a name made", at, n)
		}
		if !strings.Contains(doc.Find("main").Text(), "<script>") {
			t.Errorf("%s does not show the name at all", at)
		}
		if ids := repeated(doc); len(ids) > 0 {
			t.Errorf("%s uses an id twice: %v", at, ids)
		}
		doc.Find("a[href]").Each(func(_ int, s *goquery.Selection) {
			if to := s.AttrOr("href", ""); !strings.HasPrefix(to, "/") && !strings.HasPrefix(to, "#") {
				t.Errorf("%s leads out of the portal: %q", at, to)
			}
		})
	}
}
