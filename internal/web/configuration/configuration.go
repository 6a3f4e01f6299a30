// Package configuration is the page that shows how a service is configured: each value with the layer and the line that say so, and, where it runs
// on machines, how what its processes are told compares with that.
package configuration

import (
	"net/url"
	"strings"
	"time"

	"example.org/caravan/internal/config"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/web/shell"
)

// View is what the page shows.
type View struct {
	Effective config.Effective // in one environment; of none when the service is nowhere
	Team      estate.TeamName
	Places    []Place
	Problems  []config.Problem
	Switch    *Switch // once its machines were asked
}

// Place is an environment that the service is in.
type Place struct {
	Environment estate.EnvironmentName
	Kind        string // "vm" or "kubernetes"
	Planned     bool
}

// Switch is how what processes are told compares with configuration, and who has agreed to have them told by it.
type Switch struct {
	Report   config.Report
	Unread   []Unread
	InTheWay string    // a line for each reason; "" when it may be switched
	At       time.Time // when it was switched; zero when it was not
	By       string
	Until    time.Time // it may go back until then
	Changed  []config.Parity
	Name     string // of its journey
	Journey  estate.Digest
	Step     journey.StepID
	Does     []string // in words
	Missing  []estate.TeamName
}

// Unread is a machine that was not read, and why.
type Unread struct{ Machine, Why string }

func (v View) service() estate.ServiceName { return v.Effective.Service }

// here is the place that is shown.
func (v View) here() Place {
	for _, p := range v.Places {
		if p.Environment == v.Effective.Environment {
			return p
		}
	}
	return Place{}
}

// Address is where the page is, of one environment unless it is "".
func Address(f shell.Frame, service estate.ServiceName, env estate.EnvironmentName) string {
	at := f.URL("/config/" + (&url.URL{Path: string(service)}).EscapedPath())
	if env != "" {
		at += "?environment=" + url.QueryEscape(string(env))
	}
	return at
}

func asking(f shell.Frame, v View) string {
	return Address(f, v.service(), v.Effective.Environment) + "&ask=machines"
}

// weaker are the layers that give a key something, and lose.
func weaker(e config.Entry) []config.Given { return e.Given[:len(e.Given)-1] }

func text(v config.Value) string {
	switch {
	case v.Unset:
		return "taken away"
	case v.Secret != nil:
		return v.Secret.String()
	}
	return v.Text
}

func where(s config.Slot) string {
	if s.File == "" {
		return ""
	}
	return "of " + s.File
}

// differing are the rows that are not equal, which come first.
func differing(r config.Report) []config.Parity { return only(r, false) }

func equal(r config.Report) []config.Parity { return only(r, true) }

func only(r config.Report, same bool) []config.Parity {
	var out []config.Parity
	for _, k := range r.Keys {
		if (k.Verdict == config.Equal) == same {
			out = append(out, k)
		}
	}
	return out
}

func instances(k config.Parity) string { return strings.Join(k.Instances, ", ") }

func lines(text string) []string { return strings.Split(text, "\n") }
