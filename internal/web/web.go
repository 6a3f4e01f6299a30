// Package web is Caravan's portal: pages a browser shows about the newest picture of an estate, and the same map as
// one file that works without a server. It knows graphs and how to show them; what is scanned, kept and computed it
// asks of a Backend. Pages are rendered here, with templates that decide nothing; scripts and styles are embedded.
package web

import (
	"net/http"
	"time"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/gate"
	"example.org/caravan/internal/rights"
	"example.org/caravan/internal/signin"
)

// Options are what the portal needs to know. Backend, Gate and Now are required.
type Options struct {
	Backend Backend
	Gate    *gate.Gate // in front of all pages
	Now     func() time.Time
	Version string // shown at the foot of pages
	Base    string // path the portal is mounted under, without a slash at its end; "" for the root
	API     string // path of the API's own page; no link when empty
}

// Validate tells what is missing.
func (o Options) Validate() error {
	if o.Backend == nil || o.Gate == nil || o.Now == nil {
		return fault.Newf(fault.Internal, "portal: a backend, a gate and a clock are required")
	}
	return nil
}

// portal is the handlers with what they share.
type portal struct {
	Options
	assets *assets
}

// Handler serves the portal. It answers every path below Base, with a page of its own for what does not exist.
func Handler(o Options) (http.Handler, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	a, err := loadAssets()
	if err != nil {
		return nil, err
	}
	p := &portal{Options: o, assets: a}
	mux := o.Gate.Mux(p.refuse)
	for _, r := range p.routes() {
		mux.Handle(r.pattern, r.right, p.page(r.answer))
	}
	mux.Handle("GET /assets/", rights.Anyone, a)
	return secured(http.StripPrefix(o.Base, sameOrigin(o.Gate.Door().URL(), mux))), nil
}

// route is a page or a form, and what it asks of whoever opens it.
type route struct {
	pattern string
	right   rights.Right
	answer  answer
}

// routes are all of the portal.
func (p *portal) routes() []route {
	return []route{
		{"GET /{$}", rights.Read, p.showMap},
		{"GET /map.json", rights.Read, p.mapData},
		{"GET /detail.json", rights.Read, p.detail},
		{"GET /export", rights.Read, p.export},
		{"GET /services/{name...}", rights.Read, p.showService},
		{"GET /how/{name...}", rights.Read, p.showHow},
		{"GET /why/{name...}", rights.Read, p.showWhy},
		{"GET /config/{name...}", rights.Read, p.showConfiguration},
		{"GET /expansions", rights.Read, p.showExpansions},
		{"GET /expansions/{name}", rights.Read, p.showPlan},
		{"GET /expansions/{name}/files", rights.Read, p.showFiles},
		{"POST /expansions/{name}/decide", rights.Decide, p.decide},
		{"GET /expansions/{name}/journey", rights.Read, p.showJourney},
		{"POST /expansions/{name}/answer", rights.Agree, p.answer},
		{"POST /expansions/{name}/turn", rights.Operate, p.turn},
		{"GET /addresses", rights.Read, p.showAddresses},
		{"GET /drift", rights.Read, p.showDrift},
		{"POST /drift/look", rights.Read, p.lookForDrift},
		{"POST /drift/{id}/accept", rights.Decide, p.acceptDrift},
		{"POST /drift/{id}/mend", rights.Decide, p.mendDrift},
		{"GET /standbys", rights.Read, p.showStandbys},
		{"POST /standbys/look", rights.Read, p.lookAtStandbys},
		{"POST /standbys/switch", rights.Decide, p.switchOver},
		{"GET /doubts", rights.Read, p.showDoubts},
		{"GET /scan", rights.Read, p.showScan},
		{"GET /scan/progress", rights.Read, p.showProgress},
		{"POST /scan", rights.Scan, p.startScan},
		{"GET /diff", rights.Read, p.showChanges},
		{"GET /signin", rights.Anyone, p.showSignIn},
		{"GET /signin/start", rights.Anyone, p.beginSignIn},
		{"GET " + signin.CallbackPath, rights.Anyone, p.finishSignIn},
		{"GET /signin/link", rights.Anyone, p.redeemLink},
		{"POST /signout", rights.Anyone, p.signOut},
		{"GET /tokens", rights.Tokens, p.showTokens},
		{"POST /tokens", rights.Tokens, p.makeToken},
		{"POST /tokens/revoke", rights.Tokens, p.revokeToken},
		{"/", rights.Anyone, p.notFound},
	}
}

// sameOrigin lets forms of the portal's own pages through alone; at is where people open it, "" for wherever a request says.
func sameOrigin(at string, next http.Handler) http.Handler {
	c := http.NewCrossOriginProtection()
	if at != "" && c.AddTrustedOrigin(at) != nil {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
	}
	return c.Handler(next)
}

// secured sets the headers every answer carries: only the portal's own files may load, run or frame anything.
func secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
		next.ServeHTTP(w, r)
	})
}
