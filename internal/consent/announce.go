package consent

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/expansion"
	"example.org/caravan/internal/journey"
)

// Announcement is what one team is told of one wave.
type Announcement struct {
	Team      estate.TeamName        `json:"team"`
	Expansion string                 `json:"expansion"`
	Country   string                 `json:"country"`
	Source    estate.EnvironmentName `json:"source"` // where the same runs today
	Wave      int                    `json:"wave"`
	Changes   []Change               `json:"changes,omitempty"` // of what is the team's; none when it is only asked
	When      string                 `json:"when"`
	Waits     []string               `json:"waits,omitempty"` // what holds the wave's steps up beside people: vetoes, freezes, what cannot be judged
	Todo      []Todo                 `json:"todo,omitempty"`  // none when the team has agreed
	Back      string                 `json:"back"`
	Contact   string                 `json:"contact,omitempty"`
	Link      string                 `json:"link,omitempty"` // where to answer
	Digest    estate.Digest          `json:"digest"`         // of the steps it tells of, exactly as they are
}

// Change is a step of the team in plain words.
type Change struct {
	Step   journey.StepID `json:"step"`
	Text   string         `json:"text"`
	Detail []string       `json:"detail,omitempty"`
}

// Todo is a green light that is asked of the team.
type Todo struct {
	Step journey.StepID `json:"step"`
	Text string         `json:"text"` // what the step does
	Have int            `json:"have"`
	Want int            `json:"want"`
}

// Notice is what an announcement says beside the plan.
type Notice struct {
	Lights []GreenLight
	Vetoes []Veto
	Policy Policy
	Begins time.Time // when the wave is meant to begin; zero for as soon as all have agreed
	Link   string    // where teams answer; "" for none
	Now    time.Time
}

// Announce says what a wave means for each team that owns a step of it or is asked about one, by team. Steps that nobody
// answers for are told to nobody.
func Announce(p expansion.Proposal, j journey.Journey, wave int, n Notice) []Announcement {
	byTeam, told := map[estate.TeamName]*Announcement{}, map[estate.TeamName][]Ask{}
	of := func(team estate.TeamName) *Announcement {
		if byTeam[team] == nil {
			byTeam[team] = n.begin(p, team, wave)
		}
		return byTeam[team]
	}
	for _, s := range Steps(p, j) {
		if s.Wave != wave {
			continue
		}
		if owner := n.Policy.owner(s); owner != "" {
			of(owner).Changes = append(of(owner).Changes, change(s))
		}
		n.ask(s, of)
		for _, team := range n.Policy.concerned(s, n.Now) {
			told[team] = append(told[team], Ask{team, s.ID, s.Digest})
		}
	}
	var out []Announcement
	for _, team := range slices.Sorted(maps.Keys(byTeam)) {
		byTeam[team].Digest = estate.DigestOf(told[team])
		out = append(out, *byTeam[team])
	}
	return out
}

// concerned are the teams that a step is told to: who owns it, and who is asked about it.
func (p Policy) concerned(s Step, now time.Time) []estate.TeamName {
	var out []estate.TeamName
	for _, need := range p.asks(s, now).needs { // the owner is among them
		out = append(out, need.Team)
	}
	return out
}

// begin is an announcement with what is the same for every step.
func (n Notice) begin(p expansion.Proposal, team estate.TeamName, wave int) *Announcement {
	a := &Announcement{
		Team: team, Expansion: p.Expansion, Country: p.Country, Source: p.Source, Wave: wave,
		When: "As soon as everybody it needs has agreed.",
		Back: fmt.Sprintf("Until a step begins, a green light can be taken back. Afterwards, caravan undo %s takes away what was put in place, and nothing else.", p.Expansion),
		Link: n.Link, Contact: n.Policy.Contact,
	}
	if a.Contact == "" {
		a.Contact = string(n.Policy.Unowned)
	}
	if !n.Begins.IsZero() {
		a.When = fmt.Sprintf("On %s, if everybody it needs has agreed by then.", said(n.Begins, n.Policy.location()))
	}
	return a
}

// ask tells the teams of a step what is asked of them and what else the step waits for.
func (n Notice) ask(s Step, of func(estate.TeamName) *Announcement) {
	v := Missing(s, n.Lights, n.Vetoes, n.Policy, n.Now)
	waits := n.waits(s, v)
	for _, need := range v.Needs {
		a := of(need.Team)
		if !need.Met() {
			a.Todo = append(a.Todo, Todo{Step: s.ID, Text: words(s), Have: len(need.By), Want: need.Want})
		}
		for _, text := range waits {
			if !slices.Contains(a.Waits, text) {
				a.Waits = append(a.Waits, text)
			}
		}
	}
}

// waits lists what holds a step up beside people: a freeze as it will be when the wave begins, the rest as it is.
func (n Notice) waits(s Step, v Verdict) []string {
	var out []string
	for _, r := range v.Reasons {
		switch {
		case r.Kind == Vetoed && r.Veto.Step == "": // the same for every step
			out = append(out, r.Text)
		case r.Kind == Vetoed || r.Kind == Unjudged:
			out = append(out, string(s.ID)+": "+r.Text)
		}
	}
	at := n.Begins
	if at.IsZero() {
		at = n.Now
	}
	for _, r := range n.Policy.asks(s, at).frozen(at) {
		out = append(out, r.Text)
	}
	return out
}

func change(s Step) Change { return Change{Step: s.ID, Text: words(s), Detail: s.Preview} }

// words say what a step does to those who never saw a plan.
func words(s Step) string {
	switch s.Kind {
	case journey.Addresses:
		return fmt.Sprintf("%s gets its private ranges of addresses", s.Environment)
	case journey.Access:
		return fmt.Sprintf("%s is made ready: namespaces, limits and rights, or machines", s.Environment)
	case journey.CreateStore:
		return fmt.Sprintf("%s gets a %s of its own in %s", s.Subject, technology(s), s.Environment)
	case journey.Replicate:
		return fmt.Sprintf("%s is copied to %s, and the copy follows it", s.Subject, s.Environment)
	case journey.CutOver:
		return fmt.Sprintf("clients of %s are led to %s", s.Subject, s.Environment)
	case journey.Stub:
		return fmt.Sprintf("calls to %s from %s get canned answers", s.Subject, s.Environment)
	case journey.Configuration:
		return fmt.Sprintf("%s gets its configuration for %s", s.Subject, s.Environment)
	case journey.Switch:
		return fmt.Sprintf("%s in %s is told by the new configuration, and started anew for it", s.Subject, s.Environment)
	case journey.Deploy:
		return fmt.Sprintf("%s starts in %s", s.Subject, s.Environment)
	case journey.Traffic:
		return fmt.Sprintf("requests from outside reach %s in %s", s.Subject, s.Environment)
	case journey.Removal:
		return fmt.Sprintf("what is no longer planned for %s is taken away from %s", cmp.Or(string(s.Subject), "everybody"), s.Environment)
	}
	return string(s.ID)
}

func technology(s Step) string {
	if s.Technology == "" {
		return "datastore"
	}
	return s.Technology
}
