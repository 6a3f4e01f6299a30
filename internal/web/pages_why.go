package web

import (
	"net/http"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/web/diagnosis"
	"example.org/caravan/internal/web/shell"
)

// WhyPlace is an environment that a service can be looked at in, or why not.
type WhyPlace = diagnosis.Place

// showWhy answers where a service can be looked at, and, where an environment is named, what came of looking. Parts of a page get a
// failure in the place of the answer.
func (p *portal) showWhy(w http.ResponseWriter, r *http.Request) error {
	name, env := r.PathValue("name"), estate.EnvironmentName(r.URL.Query().Get("environment"))
	part := r.Header.Get("HX-Request") != ""
	f := p.frame(r, "map", shell.Moment{})
	if part && env != "" {
		d, err := p.Backend.Why(r.Context(), name, env)
		if err != nil {
			p.render(w, r, http.StatusOK, diagnosis.Failed(err.Error()))
			return nil
		}
		p.render(w, r, http.StatusOK, diagnosis.Result(d))
		return nil
	}
	places, err := p.Backend.WhyPlaces(r.Context(), name)
	if err != nil {
		return err
	}
	v := diagnosis.View{Service: estate.ServiceName(name), Places: places}
	if env != "" {
		d, err := p.Backend.Why(r.Context(), name, env)
		if err != nil {
			return err
		}
		v.Diagnosis = &d
	}
	if part {
		p.render(w, r, http.StatusOK, diagnosis.Section(f, v))
		return nil
	}
	p.render(w, r, http.StatusOK, diagnosis.Page(f.Titled("Why is "+name+" not working?"), v))
	return nil
}
