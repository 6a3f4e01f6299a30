// Package estatemap is the map page: the frame in which the map's script draws, and the page shown before anything was
// scanned. The graph itself comes to the script as data, in one request.
package estatemap

import (
	"fmt"
	"slices"

	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/web/shell"
)

// View is what the page says before the map is drawn.
type View struct {
	Data     string // address of the map's data; empty when it is in the page
	Detail   string // address of a service's details, without its name
	Export   string // address of exports, without the format
	Services int
	Edges    int
	Doubts   int
	Looked   bool // something that runs was looked at
	Digest   estate.Digest
}

// Of fills a view; data, detail and export are addresses.
func Of(g depmap.Graph, data, detail, export string) View {
	return View{Data: data, Detail: detail, Export: export, Services: len(g.Services), Edges: len(g.Edges), Doubts: len(g.Doubts), Looked: slices.ContainsFunc(g.Edges, func(e depmap.Edge) bool { return e.Seen != nil }), Digest: g.Digest}
}

func (v View) summary() string {
	return fmt.Sprintf("%s, %s", shell.Count(v.Services, "service"), shell.Count(v.Edges, "edge"))
}

// format is one way to take the map along.
type format struct{ name, label, what string }

func formats() []format {
	return []format{
		{"html", "Web page", "one file, works without a server"},
		{"svg", "Picture", "SVG, for documents"},
		{"json", "Data", "JSON, with all evidence"},
		{"dot", "Graphviz", "DOT"},
		{"mermaid", "Mermaid", "for Markdown"},
	}
}

// kind is a kind of component with the words of its filter.
type kind struct{ name, label string }

func kinds() []kind {
	return []kind{
		{string(estate.Service), "Services"}, {string(estate.Datastore), "Datastores"},
		{string(estate.External), "Externals"}, {string(estate.Host), "Hosts"},
	}
}

// File is what the map is made of when it is one file.
type File struct {
	View    View
	Policy  string // content security policy
	Style   string
	Scripts []string
	Data    string // JSON without "<"
}
