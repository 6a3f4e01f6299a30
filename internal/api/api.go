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
	"example.org/caravan/internal/web"
	"example.org/caravan/schemas"
)

// Options of the API. App and Now are required.
type Options struct {
	App     *app.App
	Version string
	Now     func() time.Time
	Log     *slog.Logger // takes what goes wrong inside, of which answers do not speak; slog.Default() when nil
	Private bool         // the only client is this very process: answers tell it all, and nothing is logged
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
	mux := http.NewServeMux()
	register(mux, o)
	mux.HandleFunc("/", unknown)
	return guard(mux, o.log()), nil
}

// Site serves the API and the portal beside it.
func Site(o Options) (http.Handler, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	portal, err := web.Handler(web.Options{Backend: app.Portal{App: o.App}, Now: o.Now, Version: o.Version, API: Prefix + "/docs"})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	register(mux, o)
	mux.Handle("/", portal)
	return guard(mux, o.log()), nil
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
func register(mux *http.ServeMux, o Options) {
	config := huma.DefaultConfig("Caravan", o.Version)
	config.Info.Description = "What depends on what in an estate, with the line that proves it."
	config.OpenAPIPath, config.DocsPath, config.SchemasPath = Prefix+"/openapi", "", Prefix+"/schemas"
	config.CreateHooks = nil // answers are the domain values themselves, without $schema
	config.Transformers = []huma.Transformer{o.inside}
	config.Components = &huma.Components{Schemas: huma.NewMapRegistry("#/components/schemas/", schemaName)}
	problemsForErrors()
	a := humago.New(mux, config)
	r := routes{Options: o}
	r.scans(a)
	r.graphs(a)
	r.exports(a)
	r.expansions(a)
	r.how(a)
	mux.HandleFunc("POST "+SlackPath, r.slack)
	r.why(a)
	mux.HandleFunc("GET "+Prefix+"/docs", docs)
	mux.HandleFunc("GET "+Prefix+"/docs/rapidoc-min.js", docsScript)
	mux.HandleFunc("GET /schemas/workspace.schema.json", schema(schemas.Workspace))
	mux.HandleFunc("GET /schemas/expansion.schema.json", schema(schemas.Expansion))
	mux.HandleFunc(Prefix+"/", unknown)
}

// schemaName names a type in the OpenAPI document. Words that several packages use are told apart by the package.
func schemaName(t reflect.Type, hint string) string {
	name := huma.DefaultSchemaNamer(t, hint)
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch pkg := path.Base(t.PkgPath()); pkg {
	case "expansion", "journey", "render", "workload", "address", "how", "consent", "message", "why":
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
type routes struct{ Options }
