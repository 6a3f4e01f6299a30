// Package depmap draws the dependency graph of an estate: from a snapshot to edges, each with the lines that
// prove it, and answers questions about it. It is pure: no file, clock or network; equal snapshots give equal bytes.
package depmap

import (
	"time"

	"example.org/caravan/internal/estate"
)

// Graph is the dependency map. Services are sorted by name, edges by From, To and Kind, so equal graphs are equal bytes.
type Graph struct {
	Digest   estate.Digest  `json:"digest"` // of everything below
	Services []Service      `json:"services"`
	Edges    []Edge         `json:"edges"`
	Groups   []Group        `json:"groups,omitempty"` // cycles
	Teams    []estate.Team  `json:"teams,omitempty"`
	Doubts   []estate.Doubt `json:"doubts,omitempty"`
	Files    int            `json:"files"` // the scan saw
	Read     int            `json:"read"`  // and opened
}

// Service is a node of the graph: a service, datastore, external or host, told apart by Kind.
type Service struct {
	Name           estate.ServiceName       `json:"name"`
	Kind           estate.Kind              `json:"kind"`
	External       bool                     `json:"external,omitempty"`       // run by others; the same as Kind == external
	Infrastructure bool                     `json:"infrastructure,omitempty"` // observability, discovery, configuration: may be hidden
	Technology     string                   `json:"technology,omitempty"`
	Role           string                   `json:"role,omitempty"`
	Team           estate.TeamName          `json:"team,omitempty"`
	TeamFrom       string                   `json:"teamFrom,omitempty"`
	Environments   []estate.EnvironmentName `json:"environments,omitempty"`
	Hosts          []estate.ServiceName     `json:"hosts,omitempty"`
	Ports          []int                    `json:"ports,omitempty"`
	Names          []estate.Alias           `json:"names,omitempty"` // every name it was seen under
	Group          string                   `json:"group,omitempty"` // the cycle it is part of
	Places         []estate.Place           `json:"places,omitempty"`
}

// Edge says that From needs To. Edges between the same two with different kinds are kept apart.
type Edge struct {
	From           estate.ServiceName `json:"from"` // consumer
	To             estate.ServiceName `json:"to"`   // provider
	Kind           EdgeKind           `json:"kind"`
	Port           int                `json:"port,omitempty"`
	Confidence     float64            `json:"confidence"` // 0 to 1: how sure that From really uses To
	Origin         Origin             `json:"origin"`
	Infrastructure bool               `json:"infrastructure,omitempty"`
	Evidence       []Evidence         `json:"evidence"`       // strongest first, at least one
	Seen           *Sight             `json:"seen,omitempty"` // nil when nobody looked at where From runs
}

// Evidence is one line that proves an edge, or connections that were seen.
type Evidence struct {
	Place  estate.Place      `json:"place"`
	Key    string            `json:"key"`
	Value  string            `json:"value,omitempty"` // redacted
	Reader estate.ReaderName `json:"reader,omitempty"`
	Why    string            `json:"why"` // one phrase: "address in configuration", "start order only"
	// Environments are where this line holds, sorted; everywhere when empty.
	Environments []estate.EnvironmentName `json:"environments,omitempty"`
	At           time.Time                `json:"at,omitzero"`     // when it was so, of a connection that was seen
	Count        int                      `json:"count,omitempty"` // of connections then
}

// Address reports whether the value says where the provider is.
func (e Evidence) Address() bool {
	switch e.Why {
	case whyAddress, whyShared, whyRoute, whyUpstream, whyCommand, whyClient, whyURL, whyFallback:
		return true
	}
	return false
}

// Shipped reports whether it is an agent beside the service that goes to the provider, and not the service.
func (e Evidence) Shipped() bool { return e.Why == whyShip }

// EdgeKind says what the connection is for.
type EdgeKind string

// The kinds of edge.
const (
	HTTP          EdgeKind = "http"
	RPC           EdgeKind = "rpc"
	Database      EdgeKind = "database"
	Cache         EdgeKind = "cache"
	Messaging     EdgeKind = "messaging"
	Search        EdgeKind = "search"
	Route         EdgeKind = "route"
	Identity      EdgeKind = "identity"
	Configuration EdgeKind = "configuration"
	Discovery     EdgeKind = "discovery"
	Monitoring    EdgeKind = "monitoring"
	Logging       EdgeKind = "logging"
	Tracing       EdgeKind = "tracing"
	Mail          EdgeKind = "mail"
	Coordination  EdgeKind = "coordination"
	Unknown       EdgeKind = "unknown" // start order or a declared link with no hint
)

// Origin says how an edge is known; the strongest of its evidence.
type Origin string

// The origins.
const (
	Configured Origin = "configured"
	Code       Origin = "code"
	Declared   Origin = "declared"
	Observed   Origin = "observed"
)

// Group is a set of services that need each other in a circle, sorted by name.
type Group struct {
	Name     string               `json:"name"` // "cycle-1" …, numbered by first member
	Services []estate.ServiceName `json:"services"`
}

// Path is a chain of edges: Steps[i] needs Steps[i+1].
type Path struct {
	Steps []estate.ServiceName `json:"steps"`
}

// Question-and-answer shapes.
type (
	// Impact is one service that is reached, with the shortest path that shows why.
	Impact struct {
		Service    estate.ServiceName   `json:"service"`
		Distance   int                  `json:"distance"`
		Path       []estate.ServiceName `json:"path"`
		Confidence float64              `json:"confidence"` // product along the path
	}
	// Difference is what changed from one graph to another. Evidence that only moved lines is no change.
	Difference struct {
		Old             estate.Digest `json:"old"`
		New             estate.Digest `json:"new"`
		ServicesAdded   []Service     `json:"servicesAdded,omitempty"`
		ServicesRemoved []Service     `json:"servicesRemoved,omitempty"`
		ServicesChanged []Change      `json:"servicesChanged,omitempty"`
		EdgesAdded      []Edge        `json:"edgesAdded,omitempty"`
		EdgesRemoved    []Edge        `json:"edgesRemoved,omitempty"`
		EdgesChanged    []Change      `json:"edgesChanged,omitempty"`
	}
	// Change is one field of one service or edge that differs.
	Change struct {
		What  string `json:"what"` // "service orders" or "edge orders → postgres"
		Field string `json:"field"`
		Old   string `json:"old"`
		New   string `json:"new"`
	}
)
