package workspace

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"time"

	"example.org/caravan/internal/delivery"
	"example.org/caravan/internal/document"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/syntax"
)

// Delivery is how versions get to environments.
type Delivery struct {
	Registry  string        `json:"registry,omitempty" jsonschema:"pattern=^[a-z0-9][a-z0-9.:-]*(/[a-z0-9][a-z0-9._-]*)*$" jsonschema_description:"Where images are kept, such as registry.example.com/kopi; each service has a repository of its name below it."`
	Insecure  bool          `json:"insecure,omitempty" jsonschema_description:"True for a registry that answers over plain HTTP alone: what is pushed and pulled, passwords too, goes over the network in the clear."`
	Base      string        `json:"base,omitempty" jsonschema_description:"Image that releases are laid over, best by its digest; scratch for programs that need nothing. caravan image --base names another."`
	Order     []string      `json:"order,omitempty" jsonschema_description:"Names or globs of environments, in the order in which they get a version; the order of targets when left out."`
	Skew      time.Duration `json:"skew,omitempty" jsonschema:"type=string" jsonschema_description:"How long environments may run different versions before that is a finding, such as 4h; 24h when left out."`
	Balancers []Balancer    `json:"balancers,omitempty" jsonschema_description:"HAProxies that spread requests over machines no expansion made, where the map does not show on which machines they run."`
	Skews     []Skew        `json:"skews,omitempty" jsonschema_description:"Teams whose services may differ for another time."`
}

// Balancer is HAProxy on machines of an environment.
type Balancer struct {
	Environment estate.EnvironmentName `json:"environment" jsonschema_description:"Environment whose machines it passes requests to."`
	Hosts       []string               `json:"hosts" jsonschema:"minItems=1" jsonschema_description:"Machines it runs on, as name=address or an address alone; reached as the environment's target says."`
}

// Skew is how long versions of a team's services may differ.
type Skew struct {
	Team estate.TeamName `json:"team" jsonschema_description:"Team that owns the services."`
	Most time.Duration   `json:"most" jsonschema:"type=string" jsonschema_description:"How long their versions may differ, such as 1h."`
}

func deliveries(into *Delivery) document.Taker {
	return document.Into(
		document.Optional("registry", document.Text(&into.Registry)),
		document.Optional("insecure", document.Boolean(&into.Insecure)),
		document.Optional("base", document.Text(&into.Base)),
		document.Optional("order", document.Texts(&into.Order)),
		document.Optional("balancers", document.List(&into.Balancers, balancer)),
		document.Optional("skew", document.Duration(&into.Skew)),
		document.Optional("skews", document.List(&into.Skews, skew)),
	)
}

func balancer(r *document.Reader, n syntax.Node, at string) (b Balancer) {
	r.Object(n, at, []document.Field{
		document.Required("environment", document.Text(&b.Environment)),
		document.Required("hosts", document.NonEmpty(document.Texts(&b.Hosts))),
	})
	return b
}

func skew(r *document.Reader, n syntax.Node, at string) (s Skew) {
	r.Object(n, at, []document.Field{
		document.Required("team", document.Text(&s.Team)),
		document.Required("most", document.Duration(&s.Most)),
	})
	return s
}

// registryForm is a registry, with a folder in it or none.
var registryForm = regexp.MustCompile(`^[a-z0-9][a-z0-9.:-]*(/[a-z0-9][a-z0-9._-]*)*$`)

// checkDelivery reports an order that is none, and a registry that is an address of the web.
func checkDelivery(r *document.Reader, w Workspace) {
	d := w.Delivery
	if d.Registry != "" && !registryForm.MatchString(d.Registry) {
		r.At("delivery.registry", "%q is not where images are kept; write a registry and a folder in small letters, such as registry.example.com/kopi", d.Registry)
	}
	for i, glob := range d.Order {
		if _, err := path.Match(glob, ""); err != nil {
			r.At(fmt.Sprintf("delivery.order[%d]", i), "%q is not a glob; write a name or a pattern such as *-data", glob)
		}
	}
	for i, b := range d.Balancers {
		for j, text := range b.Hosts {
			if _, ok := ParseLiveHost(text); !ok {
				r.At(fmt.Sprintf("delivery.balancers[%d].hosts[%d]", i, j), "%q is no machine; write name=address, such as lb1=10.0.0.7", text)
			}
		}
	}
	declared := names(w.Teams, func(t Team) string { return string(t.Name) })
	for i, s := range d.Skews {
		at := fmt.Sprintf("delivery.skews[%d].team", i)
		reference(r, at, "team", string(s.Team), declared)
		if slices.ContainsFunc(d.Skews[:i], func(other Skew) bool { return other.Team == s.Team }) {
			r.At(at, "team %s is there twice; keep one of them", s.Team)
		}
	}
}

// BalancersOf are the machines that HAProxy runs on for an environment, as the file says.
func (w Workspace) BalancersOf(env estate.EnvironmentName) []LiveHost {
	var out []LiveHost
	for _, b := range w.Delivery.Balancers {
		for _, text := range b.Hosts {
			if h, ok := ParseLiveHost(text); ok && b.Environment == env {
				out = append(out, h)
			}
		}
	}
	return out
}

// SkewPolicy is how long versions may differ.
func (w Workspace) SkewPolicy() delivery.Policy {
	p := delivery.Policy{Skew: w.Delivery.Skew}
	for _, s := range w.Delivery.Skews {
		if p.Teams == nil {
			p.Teams = map[estate.TeamName]time.Duration{}
		}
		p.Teams[s.Team] = s.Most
	}
	return p
}

// DeliveryOrder are names and globs of environments in the order in which they get a version.
func (w Workspace) DeliveryOrder() []string {
	out := append([]string{}, w.Delivery.Order...)
	for _, t := range w.Targets {
		out = append(out, t.Environment)
	}
	return out
}
