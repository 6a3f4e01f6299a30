package web

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"example.org/caravan/internal/drift"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/web/drifts"
)

// Drift is what differs between what runs and what is declared, as its page shows it.
type Drift = drifts.View

// DriftBudget is how many accidents a team has, and may have.
type DriftBudget = drifts.Budget

func (p *portal) showDrift(w http.ResponseWriter, r *http.Request) error {
	return p.drift(w, r, http.StatusOK, drifts.Attempt{})
}

// drift answers the page, with a form that was not taken.
func (p *portal) drift(w http.ResponseWriter, r *http.Request, status int, tried drifts.Attempt) error {
	f, err := p.around(r, "drift")
	if err != nil {
		return err
	}
	v, err := p.Backend.Drift(r.Context())
	if err != nil {
		return err
	}
	q := r.URL.Query()
	v.Service, v.Environment, v.Team = estate.ServiceName(q.Get("service")), estate.EnvironmentName(q.Get("environment")), estate.TeamName(q.Get("team"))
	v.Attempt = tried
	p.render(w, r, status, drifts.Page(f.Titled("Drift"), v))
	return nil
}

// driftDone goes back to the page, or tells there what was not taken.
func (p *portal) driftDone(w http.ResponseWriter, r *http.Request, tried drifts.Attempt, err error) error {
	switch fault.KindOf(err) {
	case fault.Invalid, fault.Conflict, fault.Unavailable:
		tried.Error = err.Error()
		return p.drift(w, r, fault.KindOf(err).Status(), tried)
	}
	if err != nil {
		return err
	}
	at := p.Base + "/drift"
	if tried.ID != "" {
		at += "#d-" + url.PathEscape(string(tried.ID))
	}
	http.Redirect(w, r, at, http.StatusSeeOther)
	return nil
}

func (p *portal) lookForDrift(w http.ResponseWriter, r *http.Request) error {
	return p.driftDone(w, r, drifts.Attempt{}, p.Backend.LookForDrift(r.Context()))
}

func (p *portal) acceptDrift(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, mostForm)
	if err := r.ParseForm(); err != nil {
		return fault.Newf(fault.Invalid, "the form cannot be read: load the page again")
	}
	tried := drifts.Attempt{ID: drift.ID(r.PathValue("id")), Why: strings.TrimSpace(r.PostFormValue("why")), Until: strings.TrimSpace(r.PostFormValue("until"))}
	until, err := time.Parse(time.DateOnly, tried.Until)
	if err != nil {
		return p.driftDone(w, r, tried, fault.Newf(fault.Invalid, "say until when it is accepted, with a date"))
	}
	return p.driftDone(w, r, tried, p.Backend.AcceptDrift(r.Context(), tried.ID, tried.Why, until.AddDate(0, 0, 1).Add(-time.Second)))
}

// mendDrift begins to mend and goes to the journey, where it can be watched.
func (p *portal) mendDrift(w http.ResponseWriter, r *http.Request) error {
	tried := drifts.Attempt{ID: drift.ID(r.PathValue("id"))}
	name, err := p.Backend.MendDrift(r.Context(), tried.ID)
	if err != nil {
		return p.driftDone(w, r, tried, err)
	}
	http.Redirect(w, r, p.Base+"/expansions/"+url.PathEscape(name)+"/journey", http.StatusSeeOther)
	return nil
}
