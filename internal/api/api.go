// Package api answers over HTTP what the program knows: it starts scans and gives out graphs, questions about them and
// pictures. It decides nothing itself; every route is a few lines around a call of app or depmap. The command line is a
// client of it, in the same process or over the network.
package api

import (
	"errors"
	"log/slog"
	"net/http"
	"path"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"example.org/caravan/internal/app"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/gate"
	"example.org/caravan/internal/rights"
	"example.org/caravan/internal/signin"
	"example.org/caravan/internal/web"
	"example.org/caravan/schemas"
)

// Options of the API. App and Now are required.
type Options struct {
	App     *app.App
	Version string
	Now     func() time.Time
	Log     *slog.Logger // takes what goes wrong inside, of which answers do not speak; slog.Default() when nil
	Private bool         // the only client is this very process: answers tell it all, nothing is logged, and whoever runs it asks

	// Nobody is who asks when no session and no token is shown; what sign-in makes of that when nil: nobody with a provider, without one
	// somebody who may look.
	Nobody *rights.Person
}

// Validate tells what is missing.
func (o Options) Validate() error {
	if o.App == nil || o.Now == nil {
		return errors.New("api: a program and a clock are required")
	}
	return nil
}

func (o Options) log() *slog.Logger {
	if o.Log != nil {
		return o.Log
	}
	return slog.Default()
}

// Prefix is the path below which every route lies.
const Prefix = "/api/v1"

// maxBody bounds what a request may send.
const maxBody = 1 << 20

// Handler serves the API alone.
func Handler(o Options) (http.Handler, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	g, err := o.gate()
	if err != nil {
		return nil, err
	}
	mux := g.Mux(refuse)
	register(mux, o, g)
	mux.Handle("/", rights.Anyone, http.HandlerFunc(unknown))
	return guard(mux, own(g.Door().URL()), o.log()), g.Err()
}

// Site serves the API and the portal beside it.
func Site(o Options) (http.Handler, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	g, err := o.gate()
	if err != nil {
		return nil, err
	}
	return whole(o, g)
}

// whole is the API and the portal behind one gate.
func whole(o Options, g *gate.Gate) (http.Handler, error) {
	portal, err := web.Handler(web.Options{Backend: app.Portal{App: o.App}, Gate: g, Now: o.Now, Version: o.Version, API: Prefix + "/docs"})
	if err != nil {
		return nil, err
	}
	routes := g.Mux(refuse)
	register(routes, o, g)
	mux := http.NewServeMux()
	mux.Handle(Prefix+"/", routes)
	mux.Handle("/schemas/", routes)
	mux.Handle(SlackPath, routes)
	mux.Handle(MetricsPath, routes)
	mux.Handle("/", portal)
	return guard(mux, own(g.Door().URL()), o.log()), g.Err()
}

// gate is what stands in front of all routes.
func (o Options) gate() (*gate.Gate, error) {
	door := o.App.Door()
	g := gate.Options{Door: door, Proxies: o.App.Proxies(), Now: o.Now}
	switch {
	case o.Private:
		g.Nobody = door.Runner()
	case o.Nobody != nil:
		g.Nobody = *o.Nobody
	case !door.Provided():
		g.Nobody = rights.Person{Role: rights.Viewer}
	}
	return gate.New(g)
}

// refuse answers a request that the gate does not let through.
func refuse(w http.ResponseWriter, _ *http.Request, refusal gate.Refusal) {
	p := problemOf(refusal.Err)
	p.Status, p.Title = refusal.Status, http.StatusText(refusal.Status)
	writeProblem(w, p)
}

// How long a client may take. Answers have no limit of their own: a scan's news go on as long as the scan.
const (
	headerTimeout = 10 * time.Second
	readTimeout   = 30 * time.Second
	idleTimeout   = 2 * time.Minute
	maxHeader     = 64 << 10
)

// Server is an HTTP server with bounds on what clients may take.
func Server(h http.Handler) *http.Server {
	return &http.Server{Handler: h, ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader}
}

// problemsForErrors makes the router's own complaints problems. The router keeps that choice for the whole process,
// so it is made once, however many handlers there are.
var problemsForErrors = sync.OnceFunc(func() { huma.NewError = newProblem })

// register adds every route.
func register(mux *gate.Mux, o Options, g *gate.Gate) {
	config := huma.DefaultConfig("Caravan", o.Version)
	config.Info.Description = "What depends on what in an estate, with the line that proves it."
	config.OpenAPIPath, config.DocsPath, config.SchemasPath = Prefix+"/openapi", "", Prefix+"/schemas"
	config.CreateHooks = nil // answers are the domain values themselves, without $schema
	config.Transformers = []huma.Transformer{o.inside}
	config.Components = &huma.Components{
		Schemas:         huma.NewMapRegistry("#/components/schemas/", schemaName),
		SecuritySchemes: map[string]*huma.SecurityScheme{bearer: {Type: "http", Scheme: "bearer", Description: "A token, as caravan token create makes it."}},
	}
	problemsForErrors()
	a := huma.NewAPI(config, ruled{humago.NewAdapter(nil, ""), mux})
	r := routes{Options: o, door: g.Door()}
	r.scans(a)
	r.graphs(a)
	r.exports(a)
	r.expansions(a)
	r.how(a)
	r.why(a)
	r.releases(a)
	r.drift(a)
	r.standbys(a)
	r.relocations(a)
	r.access(a)
	mux.Handle("POST "+SlackPath, rights.Anyone, http.HandlerFunc(r.slack))
	mux.Handle("GET "+MetricsPath, rights.Read, metrics(o.App))
	mux.Handle("GET "+Prefix+"/docs", rights.Read, http.HandlerFunc(docs))
	mux.Handle("GET "+Prefix+"/docs/rapidoc-min.js", rights.Anyone, http.HandlerFunc(docsScript))
	mux.Handle("GET /schemas/workspace.schema.json", rights.Anyone, schema(schemas.Workspace))
	mux.Handle("GET /schemas/expansion.schema.json", rights.Anyone, schema(schemas.Expansion))
	mux.Handle("GET /schemas/config.schema.json", rights.Anyone, schema(schemas.Config))
	mux.Handle("/schemas/", rights.Anyone, http.HandlerFunc(unknown))
	mux.Handle(Prefix+"/", rights.Anyone, http.HandlerFunc(unknown))
}

// ruled declares the routes of the router behind the gate, each with the right its operation names. The router's own documents are for who may look.
type ruled struct {
	huma.Adapter
	mux *gate.Mux
}

// asksFor is the key of an operation's right.
const asksFor = "right"

// Handle declares a route.
func (a ruled) Handle(op *huma.Operation, answer func(huma.Context)) {
	right, ok := op.Metadata[asksFor].(rights.Right)
	if !ok && op.OperationID == "" {
		right = rights.Read
	}
	a.mux.Handle(op.Method+" "+op.Path, right, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { answer(humago.NewContext(op, r, w)) }))
}

// asking is an operation that asks for a right.
func asking(right rights.Right, op huma.Operation) huma.Operation {
	op.Metadata = map[string]any{asksFor: right}
	if right != rights.Anyone {
		op.Description = "Asks for the right " + string(right) + "."
		op.Security = []map[string][]string{{bearer: {}}}
	}
	return op
}

// bearer is the name of the scheme by which programs show tokens.
const bearer = "token"

// schemaName names a type in the OpenAPI document. Words that several packages use are told apart by the package.
func schemaName(t reflect.Type, hint string) string {
	name := huma.DefaultSchemaNamer(t, hint)
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch pkg := path.Base(t.PkgPath()); pkg {
	case "expansion", "journey", "render", "workload", "address", "how", "consent", "message", "why", "config", "delivery", "drift", "standby":
		return strings.ToUpper(pkg[:1]) + pkg[1:] + name
	}
	return name
}

// schema answers with the JSON Schema of a file people write, for editors.
func schema(text []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/schema+json")
		_, _ = w.Write(text)
	}
}

// unknown answers what no route does.
func unknown(w http.ResponseWriter, r *http.Request) {
	writeProblem(w, problemOf(fault.Newf(fault.NotFound, "nothing answers %s %s; %s/docs lists what does", r.Method, r.URL.Path, Prefix)))
}

// routes are what answers, with what it needs to know.
type routes struct {
	Options
	door *signin.Door
}
