package workload

import (
	"strings"

	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/estate"
)

// Seen is what is known of a service that so far ran on machines.
type Seen struct {
	Component   estate.Component
	Team        estate.TeamName
	Environment estate.EnvironmentName // it is taken from: what holds only elsewhere does not count
	Uses        []Use                  // sorted by name
}

// Use is a provider the service needs.
type Use struct {
	Name     estate.ServiceName
	Type     string   // of resource
	Port     int      // 0 when unknown
	Names    []string // every name and address the provider goes by, longest first, so that it is found in values
	Moves    bool     // it has another address in the new place
	Evidence []depmap.Evidence
}

// Proposal is a workload made of what was seen, with what could not be.
type Proposal struct {
	Workload  Workload
	Questions []Question
	Origins   map[string]estate.Place // path in the workload ("containers.orders.variables.LOG_LEVEL") → where it was seen
}

// Question is something only the owner can answer.
type Question struct {
	Service estate.ServiceName `json:"service"`
	Topic   string             `json:"topic"`
	Text    string             `json:"text"` // one line: what is unknown, and what is done until it is answered
	Place   estate.Place       `json:"place,omitzero"`
	Path    string             `json:"path,omitempty"` // in the workload
}

// NameOf is a name as Score, Kubernetes and systemd take it: a DNS label (RFC 1123).
func NameOf(name string) string {
	clean := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '-'
	}, name)
	if len(clean) > maxLabel {
		clean = clean[:maxLabel]
	}
	if clean = strings.Trim(clean, "-"); len(clean) > 1 {
		return clean
	}
	return "x" + clean + "x"
}

const maxLabel = 63
