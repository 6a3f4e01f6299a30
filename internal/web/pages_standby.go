package web

import (
	"net/http"
	"net/url"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/web/standbys"
)

// Standbys is how databases that keep copies of themselves stand, as their page shows it.
type Standbys = standbys.View

// Datastore is one of them.
type Datastore = standbys.Datastore

// DatastoreMove is how the move of one to where it is declared stands.
type DatastoreMove = standbys.Move

func (p *portal) showStandbys(w http.ResponseWriter, r *http.Request) error {
	return p.standbys(w, r, http.StatusOK, "", nil)
}

// standbys answers the page, with what was refused.
func (p *portal) standbys(w http.ResponseWriter, r *http.Request, status int, of string, refused error) error {
	f, err := p.around(r, "standbys")
	if err != nil {
		return err
	}
	v, err := p.Backend.Standbys(r.Context())
	if err != nil {
		return err
	}
	if refused != nil {
		v.Error, v.Refused = refused.Error(), of
	}
	p.render(w, r, status, standbys.Page(f.Titled("Databases"), v))
	return nil
}

// standbysDone goes back to the page, or tells there what was refused.
func (p *portal) standbysDone(w http.ResponseWriter, r *http.Request, of string, err error) error {
	switch fault.KindOf(err) {
	case fault.Invalid, fault.Conflict, fault.Unavailable, fault.NotFound, fault.Denied:
		return p.standbys(w, r, fault.KindOf(err).Status(), of, err)
	}
	if err != nil {
		return err
	}
	http.Redirect(w, r, p.Base+"/standbys#"+url.PathEscape(of), http.StatusSeeOther)
	return nil
}

func (p *portal) lookAtStandbys(w http.ResponseWriter, r *http.Request) error {
	return p.standbysDone(w, r, "", p.Backend.LookAtStandbys(r.Context()))
}

func (p *portal) switchOver(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, mostForm)
	if err := r.ParseForm(); err != nil {
		return fault.Newf(fault.Invalid, "the form cannot be read: load the page again")
	}
	d := standbys.Datastore{}
	d.Datastore, d.Environment = estate.ServiceName(r.PostFormValue("datastore")), estate.EnvironmentName(r.PostFormValue("environment"))
	return p.standbysDone(w, r, d.ID(), p.Backend.SwitchOver(r.Context(), d.Datastore, d.Environment, r.PostFormValue("to")))
}
