// Package web is Caravan's portal: pages a browser shows about the newest picture of an estate, and the same map as
// one file that works without a server. It knows graphs and how to show them; what is scanned, kept and computed it
// asks of a Backend. Pages are rendered here, with templates that decide nothing; scripts and styles are embedded.
package web

import (
	"net/http"
	"time"

	"example.org/caravan/internal/fault"
)

// Options are what the portal needs to know. Backend and Now are required.
type Options struct {
	Backend Backend
	Now     func() time.Time
	Version string // shown at the foot of pages
	Base    string // path the portal is mounted under, without a slash at its end; "" for the root
	API     string // path of the API's own page; no link when empty
}

// Validate tells what is missing.
func (o Options) Validate() error {
	if o.Backend == nil || o.Now == nil {
		return fault.Newf(fault.Internal, "portal: a backend and a clock are required")
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
	mux := http.NewServeMux()
	for pattern, answer := range map[string]answer{
		"GET /{$}":                       p.showMap,
		"GET /map.json":                  p.mapData,
		"GET /detail.json":               p.detail,
		"GET /export":                    p.export,
		"GET /services/{name...}":        p.showService,
		"GET /how/{name...}":             p.showHow,
		"GET /why/{name...}":             p.showWhy,
		"GET /expansions":                p.showExpansions,
		"GET /expansions/{name}":         p.showPlan,
		"GET /expansions/{name}/files":   p.showFiles,
		"POST /expansions/{name}/decide": p.decide,
		"GET /expansions/{name}/journey": p.showJourney,
		"POST /expansions/{name}/answer": p.answer,
		"POST /expansions/{name}/turn":   p.turn,
		"GET /addresses":                 p.showAddresses,
		"GET /doubts":                    p.showDoubts,
		"GET /scan":                      p.showScan,
		"GET /scan/progress":             p.showProgress,
		"POST /scan":                     p.startScan,
		"GET /diff":                      p.showChanges,
		"/":                              p.notFound,
	} {
		mux.Handle(pattern, p.page(answer))
	}
	mux.Handle("GET /assets/", a)
	return secured(http.StripPrefix(o.Base, http.NewCrossOriginProtection().Handler(mux))), nil
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
