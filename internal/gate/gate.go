// Package gate decides of every request who asks and whether they may, for the API and the portal alike. A route is declared together with the
// right it asks for, and there is no other way to declare one; before its handler runs, the gate has found out who asks and has asked rights.May. It knows how
// secrets travel: a session in a cookie, a token in a header.
//
// It does not know who is who (signin does), what a person may (rights does), or how a refusal looks (whoever has the routes does).
package gate

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/rights"
	"example.org/caravan/internal/signin"
)

// Options of a gate. Door and Now are required.
type Options struct {
	Door    *signin.Door
	Nobody  rights.Person  // who asks when nothing is shown
	Proxies []netip.Prefix // whose word on where requests come from is taken
	Now     func() time.Time
}

// Gate is in front of all routes of a server.
type Gate struct {
	o      Options
	tries  *signin.Limiter
	routes []Route
	wrong  error
}

// Route is a route and what it asks for.
type Route struct {
	Pattern string
	Right   rights.Right
}

// How often an address may try to sign in, or show a token that is none.
const (
	triesAtOnce = 20
	triesEvery  = 6 * time.Second
)

// New is a gate without routes.
func New(o Options) (*Gate, error) {
	if o.Door == nil || o.Now == nil {
		return nil, errors.New("gate: a door and a clock are required")
	}
	return &Gate{o: o, tries: signin.NewLimiter(triesAtOnce, triesEvery, o.Now)}, nil
}

// Door is where people come in.
func (g *Gate) Door() *signin.Door { return g.o.Door }

// Routes are all routes behind the gate.
func (g *Gate) Routes() []Route { return g.routes }

// Refusal is why a request is not let through.
type Refusal struct {
	Status int   // 401, 403, 429, or that of a store that does not answer
	Err    error // one line: who may not do what, and what to do about it
	SignIn bool  // signing in may help
}

// Mux is a group of routes whose refusals look alike.
type Mux struct {
	gate   *Gate
	mux    *http.ServeMux
	refuse func(http.ResponseWriter, *http.Request, Refusal)
}

// Mux is a new group of routes; refuse answers in the place of a handler.
func (g *Gate) Mux(refuse func(http.ResponseWriter, *http.Request, Refusal)) *Mux {
	return &Mux{gate: g, mux: http.NewServeMux(), refuse: refuse}
}

// Handle declares a route, as http.ServeMux has them, with the right it asks for. A route without one lets nobody through, and Err says so.
func (m *Mux) Handle(pattern string, right rights.Right, h http.Handler) {
	if !right.Known() {
		m.gate.wrong = errors.Join(m.gate.wrong, errors.New("gate: "+pattern+" asks for no right there is"))
	}
	m.gate.routes = append(m.gate.routes, Route{pattern, right})
	m.mux.Handle(pattern, m.gate.admit(right, h, m.refuse))
}

// ServeHTTP answers with the route a request fits.
func (m *Mux) ServeHTTP(w http.ResponseWriter, r *http.Request) { m.mux.ServeHTTP(w, r) }

// Err says which routes were declared wrongly.
func (g *Gate) Err() error { return g.wrong }

// admit lets a request through to h when whoever asks may do that.
func (g *Gate) admit(right rights.Right, h http.Handler, refuse func(http.ResponseWriter, *http.Request, Refusal)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, shown, refusal := g.whoAsks(r)
		if refusal == nil {
			refusal = g.judge(p, right)
		}
		if shown {
			w.Header().Set("Cache-Control", "no-store")
		}
		if refusal != nil && right != rights.Anyone {
			g.explain(w, refusal)
			refuse(w, r.WithContext(rights.With(r.Context(), p)), *refusal)
			return
		}
		h.ServeHTTP(w, r.WithContext(rights.With(r.Context(), p)))
	})
}

func (g *Gate) judge(p rights.Person, right rights.Right) *Refusal {
	err := rights.May(p, right, "")
	switch {
	case err == nil:
		return nil
	case p.Who() == "":
		return &Refusal{http.StatusUnauthorized, fault.Newf(fault.Denied, "%w: %s", err, g.how()), true}
	}
	return &Refusal{http.StatusForbidden, err, false}
}

// how says how to sign in here.
func (g *Gate) how() string {
	if url := g.o.Door.URL(); url != "" {
		return "at " + url + "/signin, or with a token (caravan signin)"
	}
	return "open the link that caravan serve printed last, or use a token (caravan token create)"
}

// explain sets the headers a refusal has.
func (g *Gate) explain(w http.ResponseWriter, refusal *Refusal) {
	w.Header().Set("Cache-Control", "no-store")
	switch refusal.Status {
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", `Bearer realm="caravan"`)
	case http.StatusTooManyRequests:
		w.Header().Set("Retry-After", strconv.Itoa(int(triesEvery/time.Second)))
	}
}

// whoAsks is who a request is from, and whether it showed a secret of theirs. A token goes before a session.
func (g *Gate) whoAsks(r *http.Request) (p rights.Person, shown bool, refusal *Refusal) {
	if token, ok := bearer(r); ok {
		p, err := g.o.Door.WithToken(r.Context(), token)
		return p, err == nil, g.unknown(r, err)
	}
	secret := g.Session(r)
	if secret == "" {
		return g.o.Nobody, false, nil
	}
	p, err := g.o.Door.InSession(r.Context(), secret)
	switch {
	case fault.KindOf(err) == fault.NotFound:
		return g.o.Nobody, false, nil
	case err != nil:
		return g.o.Nobody, false, &Refusal{fault.KindOf(err).Status(), err, false}
	case !fromPage(r):
		return p, true, &Refusal{http.StatusForbidden, fault.Newf(fault.Denied, "a session changes things from the portal's own pages alone; programs send a token"), false}
	}
	return p, true, nil
}

// unknown is the refusal of a token that is none. A good one is let through however many bad ones came from its address: an office shares one.
func (g *Gate) unknown(r *http.Request, err error) *Refusal {
	switch {
	case err == nil:
		return nil
	case fault.KindOf(err) != fault.NotFound:
		return &Refusal{fault.KindOf(err).Status(), err, false}
	case !g.tries.Try(g.address(r)):
		return tooOften()
	}
	return &Refusal{http.StatusUnauthorized, fault.Newf(fault.Denied, "%w", err), false}
}

func tooOften() *Refusal {
	return &Refusal{http.StatusTooManyRequests, fault.Newf(fault.Unavailable, "too many tries from your address; wait a minute, then try again"), false}
}

// Try counts a try to sign in; a refusal when there were too many from its address.
func (g *Gate) Try(w http.ResponseWriter, r *http.Request) error {
	if g.tries.Try(g.address(r)) {
		return nil
	}
	refusal := tooOften()
	g.explain(w, refusal)
	return refusal.Err
}

// bearer is the token a request shows. Other schemes are a proxy's business.
func bearer(r *http.Request) (string, bool) {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.TrimSpace(token), ok && strings.EqualFold(scheme, "Bearer")
}

// fromPage reports whether a request that may change something says that it comes from a page: browsers always do. From which page is looked at elsewhere.
func fromPage(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		return true
	}
	return r.Header.Get("Origin") != "" || r.Header.Get("Sec-Fetch-Site") != ""
}

// address is where a request comes from: what a proxy that is trusted says, from the nearest on, else who is connected.
func (g *Gate) address(r *http.Request) string {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	from := at.Addr().Unmap()
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && g.trusts(from); i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		from = hop.Unmap()
	}
	return network(from)
}

// network is the address, or of one of version 6 the /64 that one customer has.
func network(a netip.Addr) string {
	const subnet = 64
	if a.Is4() {
		return a.String()
	}
	p, err := a.WithZone("").Prefix(subnet)
	if err != nil {
		return a.String()
	}
	return p.String()
}

func (g *Gate) trusts(a netip.Addr) bool {
	for _, p := range g.o.Proxies {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// Leave ends the session a request shows.
func (g *Gate) Leave(ctx context.Context, w http.ResponseWriter, r *http.Request) error {
	secret := g.Session(r)
	g.forget(w, r, sessionCookie)
	if secret == "" {
		return nil
	}
	return g.o.Door.Leave(ctx, secret)
}
