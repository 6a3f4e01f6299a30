package web

import (
	"net/http"

	"example.org/caravan/internal/web/guide"
	"example.org/caravan/internal/web/shell"
)

// showHow answers the page of what can be done to a service, or the part of it that a service's page asks for.
func (p *portal) showHow(w http.ResponseWriter, r *http.Request) error {
	g, err := p.Backend.How(r.Context(), r.PathValue("name"))
	if err != nil {
		return err
	}
	view := guide.View{Guide: g}
	if r.Header.Get("HX-Request") != "" {
		p.render(w, r, http.StatusOK, guide.Section(view))
		return nil
	}
	p.render(w, r, http.StatusOK, guide.Page(p.frame(r, "map", shell.Moment{}).Titled("How to run "+string(g.Service)), view))
	return nil
}
