package web

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/gate"
	"example.org/caravan/internal/rights"
	"example.org/caravan/internal/web/problem"
	"example.org/caravan/internal/web/shell"
	"github.com/a-h/templ"
)

// answer is a handler that leaves the telling of errors to one place.
type answer func(w http.ResponseWriter, r *http.Request) error

// page serves an answer. An error becomes a page of its status; one that says no snapshot exists yet becomes the page
// that tells how to make the first.
func (p *portal) page(a answer) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := a(w, r)
		if err == nil {
			return
		}
		kind := fault.KindOf(err)
		frame := p.frame(r, "", shell.Moment{})
		view := problem.View{Status: kind.Status(), Kind: kind.String(), Text: err.Error()}
		w.Header().Set("Cache-Control", "no-store")
		p.render(w, r, view.Status, problem.Page(frame.Titled(view.Title()), view))
	})
}

// refuse answers a request that the gate does not let through: whoever may sign in is asked to, and comes back here.
func (p *portal) refuse(w http.ResponseWriter, r *http.Request, refusal gate.Refusal) {
	page := r.Method == http.MethodGet && r.Header.Get("HX-Request") == "" && strings.Contains(r.Header.Get("Accept"), "text/html")
	if refusal.SignIn && page {
		http.Redirect(w, r, p.Base+"/signin?back="+url.QueryEscape(r.URL.RequestURI()), http.StatusSeeOther)
		return
	}
	view := problem.View{Status: refusal.Status, Kind: fault.KindOf(refusal.Err).String(), Text: refusal.Err.Error()}
	p.render(w, r, view.Status, problem.Page(p.frame(r, "", shell.Moment{}).Titled(view.Title()), view))
}

func (p *portal) notFound(_ http.ResponseWriter, r *http.Request) error {
	return fault.Newf(fault.NotFound, "there is no page %s: go to the map and search there", r.URL.Path)
}

// render writes a page; nothing is sent before all of it could be made.
func (p *portal) render(w http.ResponseWriter, r *http.Request, status int, c templ.Component) {
	var b bytes.Buffer
	if err := c.Render(r.Context(), &b); err != nil {
		http.Error(w, "the page could not be made: "+err.Error(), http.StatusInternalServerError)
		return
	}
	if w.Header().Get("Cache-Control") == "" {
		w.Header().Set("Cache-Control", "no-cache")
	}
	send(w, r, status, "text/html; charset=utf-8", b.Bytes())
}

func (p *portal) frame(r *http.Request, active string, read shell.Moment) shell.Frame {
	return shell.Frame{Active: active, Base: p.Base, Read: read, Version: p.Version, API: p.API, Assets: p.Base + p.assets.prefix(), Person: rights.Of(r.Context())}
}

func sendJSON(w http.ResponseWriter, r *http.Request, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	send(w, r, http.StatusOK, "application/json", b)
	return nil
}

// send writes a body, packed when the browser takes that and it is worth it.
func send(w http.ResponseWriter, r *http.Request, status int, contentType string, body []byte) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Add("Vary", "Accept-Encoding")
	if len(body) > 1024 && acceptsGzip(r) {
		h.Set("Content-Encoding", "gzip")
		body = packed(body, gzip.BestSpeed)
	}
	w.WriteHeader(status)
	_, _ = w.Write(body) // the browser has gone; nobody is left to tell
}

func acceptsGzip(r *http.Request) bool {
	for _, offer := range strings.Split(r.Header.Get("Accept-Encoding"), ",") {
		name, quality, _ := strings.Cut(strings.TrimSpace(offer), ";")
		if name == "gzip" && strings.TrimSpace(quality) != "q=0" {
			return true
		}
	}
	return false
}

// packed is gzip's bytes of body; equal bodies give equal bytes. Writing to memory does not fail.
func packed(body []byte, level int) []byte {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, level)
	if err != nil {
		return body
	}
	_, _ = z.Write(body)
	_ = z.Close()
	return b.Bytes()
}
