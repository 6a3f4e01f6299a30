package api

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/draw"
	"example.org/caravan/internal/rights"
	"example.org/caravan/internal/web"
)

// picture is a form in which a whole map can be had.
type picture struct {
	contentType string
	draw        func(depmap.Graph, draw.Options) ([]byte, error)
}

var pictures = map[string]picture{
	"dot":     {"text/vnd.graphviz; charset=utf-8", func(g depmap.Graph, o draw.Options) ([]byte, error) { return draw.DOT(g, o), nil }},
	"mermaid": {"text/plain; charset=utf-8", func(g depmap.Graph, o draw.Options) ([]byte, error) { return draw.Mermaid(g, o), nil }},
	"svg":     {"image/svg+xml", func(g depmap.Graph, o draw.Options) ([]byte, error) { return draw.SVG(g, o), nil }},
	"html":    {"text/html; charset=utf-8", func(g depmap.Graph, _ draw.Options) ([]byte, error) { return web.HTML(g) }},
	"json":    {"application/json", func(g depmap.Graph, _ draw.Options) ([]byte, error) { return plainJSON(g) }},
	"yaml":    {"application/yaml", func(g depmap.Graph, _ draw.Options) ([]byte, error) { return YAML(g) }},
}

// plainJSON is the graph itself, for programs: the same bytes whenever it was read.
func plainJSON(g depmap.Graph) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(g)
	return b.Bytes(), err
}

// file is an answer that is not JSON.
type file struct {
	ContentType string `header:"Content-Type"`
	Sniff       string `header:"X-Content-Type-Options"`
	Policy      string `header:"Content-Security-Policy"`
	Body        []byte
}

// exports adds the route that answers with the map as a file of another kind.
func (r routes) exports(a huma.API) {
	huma.Register(a, asking(rights.Read, huma.Operation{OperationID: "export", Method: http.MethodGet, Path: Prefix + "/export", Summary: "The map as a file: dot, mermaid, svg, html, json or yaml", Tags: []string{"map"}}),
		func(ctx context.Context, in *struct {
			Query
			Format string `query:"format" enum:"dot,mermaid,svg,html,json,yaml" default:"svg"`
		}) (*file, error) {
			m, err := r.mapOf(ctx, in.Query)
			if err != nil {
				return nil, problemOf(err)
			}
			p := pictures[in.Format]
			data, err := p.draw(m.Graph, draw.Options{ReadAt: m.TakenAt.UTC().Format("2006-01-02 15:04 UTC")})
			return answered(&file{ContentType: p.contentType, Sniff: "nosniff", Policy: "sandbox allow-scripts", Body: data}, err)
		})
}
