package drift

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/finding"
)

// Record is what is kept of a difference: how it was last seen, since when, and whether it is mended.
type Record struct {
	Difference
	Last   time.Time `json:"last"`            // seen
	Mended time.Time `json:"mended,omitzero"` // a later look did not find it any more
	Told   time.Time `json:"told,omitzero"`   // its team was told of it
}

// Open reports whether a difference is still there, as far as is known.
func (r Record) Open() bool { return r.Mended.IsZero() }

// Flaps is how long a difference may be gone and is still the same one when it comes again, as old as it was.
const Flaps = 7 * 24 * time.Hour

// Remember gives the records that change after a look: new differences, those seen again, and those that are mended. An environment that could
// not be looked at mends nothing and makes nothing new but that; one of which a part could not be, mends nothing.
func Remember(known []Record, found []Difference, looks []Look, now time.Time) []Record {
	looked, partly := map[estate.EnvironmentName]bool{}, map[estate.EnvironmentName]bool{}
	for _, l := range looks {
		looked[l.Environment], partly[l.Environment] = l.Failed == "", l.Partly
	}
	before := make(map[ID]Record, len(known))
	for _, r := range known {
		before[r.ID] = r
	}
	seen := map[ID]bool{}
	var out []Record
	for _, d := range found {
		seen[d.ID] = true
		if d.Kind == Unreachable || d.Kind == Setting || looked[d.Environment] || partly[d.Environment] {
			out = append(out, again(before[d.ID], d, now))
		}
	}
	for _, r := range known {
		if r.Open() && !seen[r.ID] && (looked[r.Environment] || r.Kind == Setting) {
			r.Mended = now
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(x, y Record) int { return cmp.Compare(x.ID, y.ID) })
	return out
}

// again is the record of a difference that is there now, beside the one there was.
func again(was Record, d Difference, now time.Time) Record {
	r := Record{Difference: d, Last: now, Told: was.Told}
	r.Since, r.Times = now, 1
	if was.ID == "" {
		return r
	}
	if was.Open() || now.Sub(was.Mended) <= Flaps {
		r.Since, r.Times = was.Since, was.Times
	}
	if !was.Open() {
		r.Times++
		r.Told = time.Time{}
	}
	return r
}

// Exception is that a team accepts a difference until a date. It holds for the very difference that was looked at: when either side becomes
// another, it is none.
type Exception struct {
	ID      ID            `json:"id"`
	Content estate.Digest `json:"content"`
	Why     string        `json:"why"`
	By      string        `json:"by"`
	At      time.Time     `json:"at"`
	Until   time.Time     `json:"until"`
}

// Holds reports whether an exception is one for a difference at a time.
func (e Exception) Holds(d Difference, now time.Time) bool {
	return e.ID == d.ID && e.Content == d.Content && now.Before(e.Until)
}

// Judge gives the differences that are open, as they stand at a time: with what was accepted, and marked where nobody knows whether they are
// still so, since their environment was not looked at for longer than a look lasts.
func Judge(known []Record, exceptions []Exception, looks []Look, now time.Time, lasts time.Duration) []Difference {
	fresh := map[estate.EnvironmentName]bool{}
	for _, l := range looks {
		fresh[l.Environment] = l.Fresh(now, lasts)
	}
	accepted := map[ID]Exception{}
	for _, e := range exceptions {
		accepted[e.ID] = e
	}
	var out []Difference
	for _, r := range known {
		if !r.Open() {
			continue
		}
		d := r.Difference
		d.Seen = r.Last
		d.Stale = d.Kind == Unreachable || d.Kind != Setting && !fresh[d.Environment]
		if e, ok := accepted[d.ID]; ok && d.Class == Accident && e.Holds(d, now) {
			d.Class, d.Until, d.Reason = Excepted, e.Until, e.Why+" ("+e.By+")"
		}
		out = append(out, d)
	}
	return order(out)
}

// Budget is how many accidents a team may have while it brings something new; less than none for no bound.
type Budget struct {
	Usual int
	Teams map[estate.TeamName]int
}

// Of is the budget of a team; false when it has none.
func (b Budget) Of(team estate.TeamName) (int, bool) {
	n, own := b.Teams[team]
	if !own {
		n = b.Usual
	}
	return n, n >= 0
}

// Over are the accidents of a team when they are more than its budget; none when it keeps within.
func (b Budget) Over(team estate.TeamName, all []Difference) []Difference {
	most, bounded := b.Of(team)
	out := Accidents(team, all)
	if !bounded || team == "" || len(out) <= most {
		return nil
	}
	return out
}

// Cell is how a service stands in an environment.
type Cell struct {
	Service     estate.ServiceName     `json:"service"`
	Environment estate.EnvironmentName `json:"environment"`
	Team        estate.TeamName        `json:"team,omitempty"`
	Version     string                 `json:"version,omitempty"`
	State       State                  `json:"state"`
	Accidents   int                    `json:"accidents,omitempty"`
	Exceptions  int                    `json:"exceptions,omitempty"`
	Intended    int                    `json:"intended,omitempty"`
	Since       time.Time              `json:"since,omitzero"`  // the oldest accident was seen
	Looked      time.Time              `json:"looked,omitzero"` // last
}

// State is how a service stands in an environment, in a word.
type State string

// The states, the best first.
const (
	InSync  State = "in-sync"
	Differs State = "differs" // only as is intended or accepted
	Drifted State = "drifted"
	Stale   State = "stale" // nobody knows: it was not looked at for too long, or could not be
)

// Matrix is how every service stands in every environment it is in, by service and environment. Running says where each is.
func Matrix(running []Running, teams map[estate.ServiceName]estate.TeamName, all []Difference, looks []Look, now time.Time, lasts time.Duration) []Cell {
	at := map[spot]*Cell{}
	look := map[estate.EnvironmentName]Look{}
	for _, l := range looks {
		look[l.Environment] = l
	}
	cell := func(service estate.ServiceName, env estate.EnvironmentName) *Cell {
		c := at[spot{service, env}]
		if c == nil {
			c = &Cell{Service: service, Environment: env, Team: teams[service], State: InSync, Looked: look[env].At}
			if !look[env].Fresh(now, lasts) {
				c.State = Stale
			}
			at[spot{service, env}] = c
		}
		return c
	}
	for _, r := range running {
		if c := cell(r.Service, r.Environment); c.Version == "" {
			c.Version = r.Version
		}
	}
	for _, d := range all {
		if d.Service != "" {
			cell(d.Service, d.Environment).count(d)
		}
	}
	out := make([]Cell, 0, len(at))
	for _, c := range at {
		out = append(out, *c)
	}
	slices.SortFunc(out, func(x, y Cell) int {
		return cmp.Or(cmp.Compare(x.Service, y.Service), cmp.Compare(x.Environment, y.Environment))
	})
	return out
}

func (c *Cell) count(d Difference) {
	state := Differs
	switch d.Class {
	case Accident:
		c.Accidents++
		state = Drifted
		if c.Since.IsZero() || d.Since.Before(c.Since) {
			c.Since = d.Since
		}
	case Excepted:
		c.Exceptions++
	default:
		c.Intended++
	}
	if c.State == InSync || c.State == Differs {
		c.State = state
	}
}

// Finding is a difference as the list of everything that is noticed has it.
func (d Difference) Finding() finding.Finding {
	f := finding.Finding{
		Check: "drift", Subject: d.Subject, Environment: d.Environment, Team: d.Team, Severity: finding.Warning, What: d.What, Evidence: d.Evidence, Mend: d.Mend, Since: d.Since, Due: d.Until,
		Advice: "caravan drift mend " + string(d.ID) + ", or accept it until a date: caravan drift accept " + string(d.ID),
	}
	if d.Class != Accident {
		f.Severity, f.Advice = finding.Note, "nothing is to be done: "+d.Reason
	}
	return f
}

// Untold are the accidents that their teams were not told of, by team.
func Untold(known []Record, judged []Difference) map[estate.TeamName][]Difference {
	told := map[ID]bool{}
	for _, r := range known {
		told[r.ID] = !r.Told.IsZero()
	}
	out := map[estate.TeamName][]Difference{}
	for _, d := range judged {
		if d.Class == Accident && !d.Stale && d.Team != "" && !told[d.ID] {
			out[d.Team] = append(out[d.Team], d)
		}
	}
	return out
}

// Accidents are those of a team that count against its budget.
func Accidents(team estate.TeamName, all []Difference) []Difference {
	var out []Difference
	for _, d := range all {
		if d.Team == team && d.Class == Accident && d.Kind != Unreachable {
			out = append(out, d)
		}
	}
	return out
}

// shownOver is how many differences of a team are named to who has to wait for them.
const shownOver = 5

// Promotable refuses to bring something new of teams that are over their budget, naming what is in the way. Denied.
func Promotable(b Budget, teams []estate.TeamName, all []Difference) error {
	teams = slices.Compact(slices.Sorted(slices.Values(teams)))
	var lines []error
	for _, t := range teams {
		over := b.Over(t, all)
		if len(over) == 0 {
			continue
		}
		most, _ := b.Of(t)
		var named []string
		for _, d := range over[:min(len(over), shownOver)] {
			named = append(named, string(d.ID)+" "+string(d.Environment)+": "+d.What)
		}
		more := ""
		if n := len(over) - len(named); n > 0 {
			more = fmt.Sprintf("; and %d more", n)
		}
		lines = append(lines, fault.Newf(fault.Denied, "team %s has %d differences that nobody declared, over its budget of %d, so nothing new of it is brought: %s%s; mend them with caravan drift mend, or accept them until a date with caravan drift accept", t, len(over), most, strings.Join(named, "; "), more))
	}
	return errors.Join(lines...)
}
