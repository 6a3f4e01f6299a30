package how

import (
	"cmp"
	"strings"

	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/estate"
)

// Call is something a service calls, as configuration says where it is.
type Call struct {
	To    estate.ServiceName
	Kind  string // technology of a datastore, else the kind of the edge
	Host  string
	Port  int  // 0 when no line says it
	TLS   bool // its address says so: https, rediss, amqps
	Place estate.Place
}

// Calls are what a service calls in an environment, of each address one, in the order of the graph. Infrastructure is left out, and
// so is what no line gives an address for.
func Calls(e Estate, s depmap.Service, env estate.EnvironmentName) []Call {
	t := today{Estate: e, s: s, env: env}
	var out []Call
	seen := map[string]bool{}
	for _, edge := range e.Graph.Edges {
		if edge.From != s.Name || edge.Infrastructure || !t.holds(edge) {
			continue
		}
		host, proof := t.addressed(edge)
		c := Call{To: edge.To, Kind: cmp.Or(t.technology(edge.To), string(edge.Kind)), Host: host, Port: edge.Port, TLS: overTLS(proof.Value), Place: proof.Place}
		if id := string(c.To) + "\n" + c.Host; host != "" && !seen[id] {
			seen[id] = true
			out = append(out, c)
		}
	}
	return out
}

// technology of a datastore of the graph; "" of anything else.
func (t today) technology(name estate.ServiceName) string {
	for _, s := range t.Graph.Services {
		if s.Name == name && s.Kind == estate.Datastore {
			return s.Technology
		}
	}
	return ""
}

// overTLS tells from an address that it is spoken to over TLS from the first byte.
func overTLS(value string) bool {
	for _, scheme := range []string{"https://", "rediss://", "amqps://"} {
		if strings.HasPrefix(value, scheme) {
			return true
		}
	}
	return false
}
