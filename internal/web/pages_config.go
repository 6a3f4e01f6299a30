package web

import (
	"net/http"
	"net/url"
	"strings"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/web/configuration"
	"example.org/caravan/internal/web/shell"
)

// Configuration is how a service is configured in an environment.
type Configuration = configuration.View

// ConfigurationSwitch is how what its processes are told compares with that.
type ConfigurationSwitch = configuration.Switch

// ConfigurationPlace is an environment that a service is in.
type ConfigurationPlace = configuration.Place

// ConfigurationUnread is a machine that was not read, and why.
type ConfigurationUnread = configuration.Unread

// showConfiguration answers how a service is configured, and, when it is asked to ask machines, what processes are told. Parts of a page get a failure
// in the place of the answer.
func (p *portal) showConfiguration(w http.ResponseWriter, r *http.Request) error {
	name, env := estate.ServiceName(r.PathValue("name")), estate.EnvironmentName(r.URL.Query().Get("environment"))
	ask, part := r.URL.Query().Get("ask") != "", r.Header.Get("HX-Request") != ""
	f := p.frame(r, "map", shell.Moment{})
	v, err := p.Backend.Configuration(r.Context(), name, env)
	if err != nil {
		return err
	}
	if ask {
		found, err := p.Backend.ConfigurationSwitch(r.Context(), name, v.Effective.Environment)
		switch {
		case err != nil && part:
			p.render(w, r, http.StatusOK, configuration.Failed(err.Error()))
			return nil
		case err != nil:
			return err
		}
		v.Switch = &found
		if part {
			p.render(w, r, http.StatusOK, configuration.Told(f, v))
			return nil
		}
	}
	p.render(w, r, http.StatusOK, configuration.Page(f.Titled("How "+string(name)+" is configured"), v))
	return nil
}

// switchPage is the page of a switch, when the name of a journey stands for one: config:SERVICE:ENVIRONMENT; or that of a datastore that moves:
// store:DATASTORE:ENVIRONMENT.
func (p *portal) switchPage(r *http.Request, name string) (string, bool) {
	kind, rest, _ := strings.Cut(name, ":")
	i := strings.LastIndexByte(rest, ':')
	switch {
	case i < 0:
		return "", false
	case kind == "store":
		return p.Base + "/standbys#" + url.PathEscape(rest[:i]+"@"+rest[i+1:]), true
	case kind != "config":
		return "", false
	}
	return configuration.Address(p.frame(r, "map", shell.Moment{}), estate.ServiceName(rest[:i]), estate.EnvironmentName(rest[i+1:])) + "&ask=machines", true
}
