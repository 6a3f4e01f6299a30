// Package diagnosis shows why a service does not work: a button for each environment that can be looked at, and what comes of it, the
// most likely cause first. It arranges what a why.Diagnosis says and adds nothing.
package diagnosis

import (
	"net/url"
	"strings"
	"time"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/web/shell"
	"example.org/caravan/internal/why"
)

// Place is an environment a service runs in.
type Place struct {
	Environment estate.EnvironmentName
	Kind        string // "kubernetes" or "vm"
	Hidden      string // why it cannot be looked at; "" when it can
}

// View is where a service can be looked at, and what came of it where somebody did.
type View struct {
	Service   estate.ServiceName
	Places    []Place
	Diagnosis *why.Diagnosis // nil where nobody looked yet
}

// address of a look at a service; of the choice of places when env is "".
func address(f shell.Frame, service estate.ServiceName, env estate.EnvironmentName) string {
	path := f.Base + "/why/" + url.PathEscape(string(service))
	if env == "" {
		return path
	}
	return path + "?environment=" + url.QueryEscape(string(env))
}

// kind is what an environment is made of, for people.
func kind(k string) string {
	if k == "vm" {
		return "machines"
	}
	return "Kubernetes"
}

// anchor is where the answer of an environment goes.
func anchor(env estate.EnvironmentName) string {
	return "why-" + strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return '_'
	}, string(env))
}

// clock is a time as proofs have it.
func clock(t *time.Time) string { return t.Format(time.TimeOnly) }

// moment is when something was read.
func moment(t time.Time) string { return t.Format(time.DateTime + " MST") }
