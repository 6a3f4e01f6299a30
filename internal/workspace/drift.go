package workspace

import (
	"maps"
	"slices"
	"time"

	"example.org/caravan/internal/document"
	"example.org/caravan/internal/syntax"
)

// Drift is how many differences between what runs and what is declared are put up with, and for how long a look at an environment counts.
type Drift struct {
	Budget *int           `json:"budget,omitempty" jsonschema:"minimum=0" jsonschema_description:"Accidents a team may have and still bring something new; no bound when left out."`
	Teams  map[string]int `json:"teams,omitempty" jsonschema_description:"Of teams that have another budget, by name."`
	Stale  time.Duration  `json:"stale,omitempty" jsonschema:"type=string" jsonschema_description:"How long a look at an environment counts, such as 30m; an hour when left out. What was seen before that is stale, and nobody says that it is in sync."`
	Every  time.Duration  `json:"every,omitempty" jsonschema:"type=string" jsonschema_description:"How often caravan serve looks by itself, such as 15m; not at all when left out."`
}

// usualStale is how long a look counts where nobody says otherwise, oftenest how often environments may be looked at.
const (
	usualStale = time.Hour
	oftenest   = time.Minute
	mostBudget = 1 << 20
)

// Lasts is how long a look at an environment counts.
func (d Drift) Lasts() time.Duration {
	if d.Stale == 0 {
		return usualStale
	}
	return d.Stale
}

func drifting(r *document.Reader, n syntax.Node, at string) (d Drift) {
	budget := -1
	r.Object(n, at, []document.Field{
		document.Optional("budget", document.Integer(&budget, 0, mostBudget)),
		document.Optional("teams", budgets(&d.Teams)),
		document.Optional("stale", document.Duration(&d.Stale)),
		document.Optional("every", document.Duration(&d.Every)),
	})
	if budget >= 0 {
		d.Budget = &budget
	}
	if d.Every != 0 && d.Every < oftenest {
		r.At(at+".every", "%s is too often; write a minute or more, such as 15m", d.Every)
	}
	return d
}

// budgets are those of teams, by name.
func budgets(into *map[string]int) document.Taker {
	return func(r *document.Reader, n syntax.Node, at string) {
		r.Entries(n, at, func(team string, v syntax.Node, at string) {
			var most int
			document.Integer(&most, 0, mostBudget)(r, v, at)
			if *into == nil {
				*into = map[string]int{}
			}
			(*into)[team] = most
		})
	}
}

// checkDrift reports budgets of teams that there are not.
func checkDrift(r *document.Reader, w Workspace) {
	if len(w.Teams) == 0 {
		return // they are named elsewhere
	}
	known := names(w.Teams, func(t Team) string { return string(t.Name) })
	for _, name := range slices.Sorted(maps.Keys(w.Drift.Teams)) {
		if !slices.Contains(known, name) {
			hint := "teams says which there are"
			if near, ok := document.Nearest(name, known); ok {
				hint = "did you mean " + near + "?"
			}
			r.At("drift.teams."+name, "no team %q; %s", name, hint)
		}
	}
}
