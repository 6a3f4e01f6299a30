package api

import (
	"encoding/json"
	"net/http"
	"strconv"

	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/draw"
	"example.org/caravan/internal/fault"
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
	"json":    {"application/json", func(g depmap.Graph, _ draw.Options) ([]byte, error) { return json.Marshal(g) }},
}

// export answers with the map as a file of another kind.
func (r routes) export(w http.ResponseWriter, req *http.Request) {
	v := req.URL.Query()
	hide, _ := strconv.ParseBool(v.Get("hideInfrastructure"))
	p, ok := pictures[v.Get("format")]
	if !ok {
		writeProblem(w, fault.Newf(fault.Invalid, "no form %q; choose dot, mermaid, svg, html or json", v.Get("format")))
		return
	}
	m, err := r.mapOf(req.Context(), Query{Snapshot: v.Get("snapshot"), HideInfrastructure: hide, Team: v.Get("team"), Kind: v.Get("kind")})
	if err != nil {
		writeProblem(w, err)
		return
	}
	data, err := p.draw(m.Graph, draw.Options{ReadAt: m.TakenAt.UTC().Format("2006-01-02 15:04 UTC")})
	if err != nil {
		writeProblem(w, err)
		return
	}
	h := w.Header()
	h.Set("Content-Type", p.contentType)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "sandbox allow-scripts")
	_, _ = w.Write(data)
}
