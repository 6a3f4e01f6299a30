package web

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"

	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/draw"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/web/estatemap"
	"github.com/a-h/templ"
)

// export answers the graph as a file in the format asked for.
func (p *portal) export(w http.ResponseWriter, r *http.Request) error {
	s, f, err := p.looked(r, "map")
	if err != nil {
		return err
	}
	format := r.URL.Query().Get("format")
	o := draw.Options{ReadAt: f.Read.Absolute}
	var body []byte
	var contentType, ending string
	switch format {
	case "svg":
		body, contentType, ending = draw.SVG(s.Graph, o), "image/svg+xml", "svg"
	case "dot":
		body, contentType, ending = draw.DOT(s.Graph, o), "text/vnd.graphviz", "dot"
	case "mermaid":
		body, contentType, ending = draw.Mermaid(s.Graph, o), "text/plain; charset=utf-8", "mmd"
	case "json":
		body, err = json.MarshalIndent(s.Graph, "", "  ")
		contentType, ending = "application/json", "json"
	case "html":
		body, err = HTML(s.Graph)
		contentType, ending = "text/html; charset=utf-8", "html"
	default:
		return fault.Newf(fault.Usage, "a map cannot be exported as %q: use html, svg, json, dot or mermaid", format)
	}
	if err != nil {
		return err
	}
	w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", "map."+ending))
	send(w, r, http.StatusOK, contentType, body)
	return nil
}

// HTML is the map as one file that needs no server: scripts, styles and all evidence are in it. Its own policy lets
// nothing run but these scripts, whatever a service is called. Equal graphs give equal bytes.
func HTML(g depmap.Graph) ([]byte, error) {
	a, err := loadAssets()
	if err != nil {
		return nil, err
	}
	// encoding/json writes <, > and & as \u003c and so on, so no name can end the element.
	data, err := json.Marshal(struct {
		Map   mapData      `json:"map"`
		Graph depmap.Graph `json:"graph"`
	}{mapDataOf(g), g})
	if err != nil {
		return nil, err
	}
	file := estatemap.File{
		View: estatemap.Of(g, "", "", ""), Style: string(a.joined(styles())), Data: string(data),
		Scripts: []string{string(a.joined([]string{"js/theme.js"})), string(a.joined(mapScripts()))},
	}
	file.Policy = policyOf(file)
	var b bytes.Buffer
	err = estatemap.Standalone(file).Render(templ.InitializeContext(context.Background()), &b)
	return b.Bytes(), err
}

func policyOf(f estatemap.File) string {
	policy := "default-src 'none'; img-src data:; style-src " + hashed(f.Style) + "; script-src"
	for _, s := range f.Scripts {
		policy += " " + hashed(s)
	}
	return policy
}

func hashed(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
