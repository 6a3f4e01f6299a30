package consent

import (
	"time"

	"example.org/caravan/internal/estate"
)

// Drifted is what a team is told of new differences between what runs and what is declared, all of a look at once.
type Drifted struct {
	Team    estate.TeamName `json:"team"`
	Found   []DriftedThing  `json:"found"`
	All     int             `json:"all"`            // accidents of the team, these included
	Most    int             `json:"most,omitempty"` // it may have, when it is over that
	Over    bool            `json:"over,omitempty"` // it waits with what is new
	Contact string          `json:"contact,omitempty"`
	Link    string          `json:"link,omitempty"`
}

// DriftedThing is one difference.
type DriftedThing struct {
	ID          string                 `json:"id"`
	Service     estate.ServiceName     `json:"service,omitempty"`
	Environment estate.EnvironmentName `json:"environment"`
	What        string                 `json:"what"`
	Since       time.Time              `json:"since"`
}

// Render writes it down. Long lists are cut short.
func (d Drifted) Render(s Style) (string, error) { return Templates{}.Drifted(d, s) }

// Drifted writes down what a team is told of differences.
func (t Templates) Drifted(d Drifted, s Style) (string, error) {
	return t.fill("drift", s, time.UTC, d)
}
