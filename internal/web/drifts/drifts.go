// Package drifts is the page of what differs between what runs and what is declared: every service in every environment, and behind each cell
// what differs there, whose it is, since when, and what mends it.
package drifts

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"example.org/caravan/internal/drift"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/web/shell"
)

// View is all that the page shows.
type View struct {
	Now         time.Time
	Lasts       time.Duration // a look counts
	Looks       []drift.Look
	Cells       []drift.Cell       // by service and environment
	Differences []drift.Difference // by service and environment
	Budgets     []Budget           // by team

	Service     estate.ServiceName     // asked for; "" for all
	Environment estate.EnvironmentName // likewise
	Team        estate.TeamName        // likewise
	Attempt     Attempt
}

// Budget is how many accidents a team has, and may have.
type Budget struct {
	Team      estate.TeamName
	Accidents int
	Most      int // less than none for no bound
	Over      bool
}

// says is how a team stands with its budget.
func (b Budget) says() string {
	text := shell.Number(b.Accidents)
	if b.Most >= 0 {
		text += " of " + shell.Number(b.Most)
	}
	if b.Over {
		text += ", waits with what is new"
	}
	return text
}

// Attempt is a form that was not taken, with what was filled in.
type Attempt struct {
	ID         drift.ID
	Why, Until string
	Error      string
}

// chosen reports whether something less than everything is asked for.
func (v View) chosen() bool { return v.Service != "" || v.Environment != "" }

// environments are those with a column, sorted.
func (v View) environments() []estate.EnvironmentName {
	var out []estate.EnvironmentName
	for _, c := range v.Cells {
		out = append(out, c.Environment)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// mostRows bounds the matrix: services that differ come first when there are more.
const mostRows = 200

// services are those with a row, sorted; of too many, those that drifted.
func (v View) services() (shown []estate.ServiceName, left int) {
	all, bad := map[estate.ServiceName]bool{}, map[estate.ServiceName]bool{}
	for _, c := range v.Cells {
		if v.Team != "" && c.Team != v.Team {
			continue
		}
		all[c.Service] = true
		if c.Accidents > 0 {
			bad[c.Service] = true
		}
	}
	for s := range all {
		if len(all) <= mostRows || bad[s] {
			shown = append(shown, s)
		}
	}
	slices.Sort(shown)
	shown = shown[:min(len(shown), mostRows)]
	return shown, len(all) - len(shown)
}

// cell is how a service stands in an environment; false when it is not there.
func (v View) cell(s estate.ServiceName, env estate.EnvironmentName) (drift.Cell, bool) {
	i := slices.IndexFunc(v.Cells, func(c drift.Cell) bool { return c.Service == s && c.Environment == env })
	if i < 0 {
		return drift.Cell{}, false
	}
	return v.Cells[i], true
}

const day = 24 * time.Hour

// aged is the class of a cell: how it stands, and how old what drifted is.
func (v View) aged(c drift.Cell) string {
	if c.Accidents == 0 {
		return string(c.State)
	}
	switch old := v.Now.Sub(c.Since); {
	case old < day:
		return "drifted new"
	case old < 7*day:
		return "drifted days"
	case old < 30*day:
		return "drifted weeks"
	}
	return "drifted months"
}

// says is what a cell says, which its colour only repeats.
func (v View) says(c drift.Cell) string {
	var parts []string
	switch {
	case c.Accidents > 0:
		parts = append(parts, shell.Count(c.Accidents, "accident")+", "+v.age(c.Since))
	case c.State == drift.Differs:
		parts = append(parts, "as intended")
	case c.State == drift.InSync:
		parts = append(parts, "in sync")
	}
	if c.State == drift.Stale {
		parts = append(parts, "stale")
	}
	if c.Exceptions > 0 {
		parts = append(parts, shell.Count(c.Exceptions, "exception"))
	}
	return strings.Join(parts, " · ")
}

// age is how old something is, in one unit.
func (v View) age(since time.Time) string {
	d := v.Now.Sub(since)
	switch {
	case since.IsZero():
		return "age unknown"
	case d < time.Minute:
		return "now"
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 2*day:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d d", int(d/day))
}

// ago is when something was.
func (v View) ago(at time.Time) string {
	if v.Now.Sub(at) < time.Minute {
		return "just now"
	}
	return v.age(at) + " ago"
}

// looked says when an environment was looked at.
func (v View) looked(l drift.Look) string {
	switch {
	case l.Failed != "" && l.At.IsZero():
		return "could not be looked at: " + l.Failed
	case l.At.IsZero():
		return "was never looked at while it ran: it needs a live source, or a move to a target"
	case l.Failed != "":
		return "last looked at " + v.ago(l.At) + "; since then it could not be: " + l.Failed
	case !l.Fresh(v.Now, v.Lasts):
		return "looked at " + v.ago(l.At) + ", which is too long: what is said of it may be over"
	}
	return "looked at " + v.ago(l.At)
}

// asked are the differences that are shown: of what is chosen, all; else the accidents.
func (v View) asked() []drift.Difference {
	var out []drift.Difference
	for _, d := range v.Differences {
		if v.Service != "" && d.Service != v.Service || v.Environment != "" && d.Environment != v.Environment || v.Team != "" && d.Team != v.Team {
			continue
		}
		if v.chosen() || d.Class == drift.Accident {
			out = append(out, d)
		}
	}
	return out
}

// mostShown bounds how many differences are shown at once.
const mostShown = 100

// class is the class of a difference in words.
func (v View) class(d drift.Difference) string {
	text := string(d.Class)
	if d.Class == drift.Excepted {
		text += " until " + d.Until.UTC().Format("2 January 2006")
	}
	return text
}

// address is the page with something chosen.
func address(f shell.Frame, service estate.ServiceName, env estate.EnvironmentName, team estate.TeamName) string {
	q := url.Values{}
	for key, value := range map[string]string{"service": string(service), "environment": string(env), "team": string(team)} {
		if value != "" {
			q.Set(key, value)
		}
	}
	if len(q) == 0 {
		return f.Base + "/drift"
	}
	return f.Base + "/drift?" + q.Encode()
}

// line is a line of a mend with its sign.
type line struct{ class, text string }

// lines are those of a mend: of a unified diff, each with what becomes of it.
func lines(mend string) []line {
	var out []line
	for text := range strings.Lines(mend) {
		text = strings.TrimSuffix(text, "\n")
		switch {
		case strings.HasPrefix(text, "diff "), strings.HasPrefix(text, "---"), strings.HasPrefix(text, "+++"), strings.HasPrefix(text, "@@"):
			out = append(out, line{"head", text})
		case strings.HasPrefix(text, "+"):
			out = append(out, line{"added", text})
		case strings.HasPrefix(text, "-"):
			out = append(out, line{"removed", text})
		default:
			out = append(out, line{"", text})
		}
	}
	return out
}

// filled is what the form of a difference was filled in with.
func filled(v View, d drift.Difference) Attempt {
	if v.Attempt.ID == d.ID {
		return v.Attempt
	}
	return Attempt{}
}
