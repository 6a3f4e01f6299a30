// Package finding holds the word for everything Caravan notices about an estate: what, where, whose and what to do. It
// judges nothing itself; every check that does returns findings.
package finding

import (
	"time"

	"example.org/caravan/internal/estate"
)

// Finding is one thing that was noticed.
type Finding struct {
	Check       string                 `json:"check"`                 // what found it: "address-exhaustion"
	Subject     string                 `json:"subject"`               // what it is about, by name
	Environment estate.EnvironmentName `json:"environment,omitempty"` // where, when it is about one
	Team        estate.TeamName        `json:"team,omitempty"`
	Severity    Severity               `json:"severity"`
	What        string                 `json:"what"`   // one line
	Advice      string                 `json:"advice"` // one line: how to mend it
	Evidence    []string               `json:"evidence,omitempty"`
	Mend        string                 `json:"mend,omitempty"` // what would mend it, as a diff, where that can be said
	Since       time.Time              `json:"since,omitzero"` // when it was first noticed, of what is noticed again and again
	Due         time.Time              `json:"due,omitzero"`   // when it becomes harm, if that is known
}

// Severity is how much a finding matters.
type Severity string

// The severities.
const (
	Note     Severity = "note"
	Warning  Severity = "warning"
	Critical Severity = "critical"
)
