// Package readiness says how far each service of an expansion is from going live: red while something keeps it from running there,
// amber while it runs and its team or those who sign off are not ready, green when nothing is left. A proposal, how its steps
// stand and what teams have practised go in; a list of items for each service comes out, the first that is open being what to do next.
package readiness

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"example.org/caravan/internal/consent"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/expansion"
	"example.org/caravan/internal/journey"
)

// Practice is something that a team does before it takes a service over.
type Practice string

// The practices, in the order in which a team comes to them.
const (
	Runbook  Practice = "runbook"  // it has read how the service is run there
	Restart  Practice = "restart"  // it has restarted it there
	Rollback Practice = "rollback" // it has gone back to an earlier release there
)

// Practices lists them in order.
func Practices() []Practice { return []Practice{Runbook, Restart, Rollback} }

// Drill is a practice that somebody of a team did for a service.
type Drill struct {
	Service  estate.ServiceName `json:"service"`
	Team     estate.TeamName    `json:"team"`
	Practice Practice           `json:"practice"`
	By       string             `json:"by"`
	At       time.Time          `json:"at"`
}

// Step is a step and how it stands.
type Step struct {
	journey.Step
	InPlace bool
	Failed  string           // why, when it failed
	Idle    string           // why it does not run though it is in place
	Verdict *consent.Verdict // nil when nobody has to agree
}

// Colour is how near a service is.
type Colour string

// The colours.
const (
	Red   Colour = "red"   // something keeps it from running
	Amber Colour = "amber" // it can run, and people are not ready
	Green Colour = "green"
)

// Item is one thing that going live takes.
type Item struct {
	What  string          `json:"what"`
	Team  estate.TeamName `json:"team,omitempty"` // whose it is
	Done  bool            `json:"done"`
	Text  string          `json:"text,omitempty"` // what is left to do
	Stops bool            `json:"stops"`          // the service cannot run without it
}

// Readiness is how far a service is.
type Readiness struct {
	Name   estate.ServiceName `json:"name"`
	Team   estate.TeamName    `json:"team,omitempty"`
	Colour Colour             `json:"colour"`
	Next   string             `json:"next,omitempty"` // the first item that is open, in words
	Items  []Item             `json:"items"`          // in the order they are come to
}

// Judge says how far each service of a proposal is, by name.
func Judge(p expansion.Proposal, steps []Step, drills []Drill) []Readiness {
	open := map[estate.ServiceName][]string{} // calls that are to be decided, by who makes them
	for _, c := range p.Undecided() {
		open[c.From] = append(open[c.From], string(c.To))
	}
	bySubject := map[estate.ServiceName][]Step{}
	for _, s := range steps {
		bySubject[s.Subject] = append(bySubject[s.Subject], s)
	}
	var out []Readiness
	for _, m := range p.Members {
		if len(m.In) == 0 {
			continue
		}
		s := Readiness{Name: m.Name, Team: m.Team}
		s.Items = slices.Concat(decisions(m, open[m.Name]), made(m, bySubject), practised(m, drills), opened(bySubject[m.Name]))
		s.settle()
		out = append(out, s)
	}
	slices.SortFunc(out, func(x, y Readiness) int { return cmp.Compare(x.Name, y.Name) })
	return out
}

// settle finds the colour, and what is next.
func (s *Readiness) settle() {
	s.Colour = Green
	for _, i := range s.Items {
		if i.Done {
			continue
		}
		if s.Next == "" {
			s.Next = i.Text
		}
		if i.Stops {
			s.Colour = Red
			return
		}
		s.Colour = Amber
	}
}

// decisions are what became of the edges of a service that are cut.
func decisions(m expansion.Member, open []string) []Item {
	i := Item{What: "decisions", Team: m.Team, Done: len(open) == 0, Stops: true}
	if !i.Done {
		i.Text = "decide what becomes of its calls to " + strings.Join(open, ", ")
	}
	return []Item{i}
}

// made are the steps of the datastores that a service uses, and its own, up to running it.
func made(m expansion.Member, steps map[estate.ServiceName][]Step) []Item {
	var out []Item
	for _, u := range m.Uses {
		out = append(out, items(steps[u.Name], journey.CreateStore, true)...)
	}
	return slices.Concat(out, items(steps[m.Name], journey.Configuration, true), items(steps[m.Name], journey.Deploy, true))
}

// items are the steps of a kind as something to be done.
func items(steps []Step, kind journey.Kind, stops bool) []Item {
	var out []Item
	for _, s := range steps {
		if s.Kind == kind {
			out = append(out, itemOf(s, stops))
		}
	}
	return out
}

// itemOf is a step as something to be done.
func itemOf(s Step, stops bool) Item {
	i := Item{What: fmt.Sprintf("%s %s in %s", s.Kind, s.Subject, s.Environment), Team: s.Team, Done: s.InPlace && s.Idle == "", Stops: stops}
	switch {
	case s.InPlace && s.Idle != "":
		i.Text = fmt.Sprintf("%s is in place and does not run: %s", s.ID, s.Idle)
	case s.InPlace:
	case s.Failed != "":
		i.Text = fmt.Sprintf("%s failed: %s", s.ID, s.Failed)
	case s.Verdict != nil && !s.Verdict.Allowed:
		i.Text = fmt.Sprintf("%s: %s", s.ID, s.Verdict.Reasons[0].Text)
	default:
		i.Text = fmt.Sprintf("move %s", s.ID)
	}
	return i
}

// practised are the practices of the team that takes a service over.
func practised(m expansion.Member, drills []Drill) []Item {
	var out []Item
	for _, practice := range Practices() {
		i := Item{What: string(practice), Team: m.Team}
		i.Done = slices.ContainsFunc(drills, func(d Drill) bool { return d.Service == m.Name && d.Team == m.Team && d.Practice == practice })
		if !i.Done {
			i.Text = cmp.Or(string(m.Team), "its owner") + " " + map[Practice]string{
				Runbook: "reads its runbook", Restart: "practises a restart of it", Rollback: "practises a rollback of it",
			}[practice]
		}
		out = append(out, i)
	}
	return out
}

// opened are the steps that let requests in to a service: what is left when everything runs.
func opened(steps []Step) []Item { return items(steps, journey.Traffic, false) }
