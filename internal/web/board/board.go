// Package board is the page of an expansion's journey: waves by teams, how every step stands, what is asked of each team, and for one
// team what changed, what comes and what it can do itself. It arranges what it is given and decides nothing.
package board

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"example.org/caravan/internal/consent"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/readiness"
	"example.org/caravan/internal/web/shell"
)

// View is a journey, and how it is looked at.
type View struct {
	Expansion string
	Country   string
	Digest    estate.Digest // of the journey as it is planned now
	Steps     []Step
	Run       *journey.Run          // the last; nil when there was none
	Lines     []Line                // what its steps said last
	Ready     []readiness.Readiness // how far each service is from going live, by name
	Told      []Told                // to whom what was told, the last first
	Undecided int
	Looked    []Looked        // at environments that had to be asked
	Team      estate.TeamName // whose page it is; "" for all
	Attempt   Attempt
	Now       time.Time
}

// Looked is when an environment was asked what is in place there.
type Looked struct {
	Environment estate.EnvironmentName
	At          time.Time
	Failed      string // why it could not be
}

// Step is a step and how it stands.
type Step struct {
	journey.Step
	InPlace bool
	Unknown bool // its environment could not be asked
	Asked   bool // somebody has to agree
	Verdict consent.Verdict
	Run     journey.StepRun // of the last run; zero when it is no part of it
}

// Line is one thing a step said.
type Line struct {
	Step journey.StepID
	Text string
}

// Attempt is a form that was not taken, as it was filled in.
type Attempt struct {
	Team   estate.TeamName
	Reason string
	Error  string
}

// state is how a step stands, in a word that is its class, too.
func (s Step) state() string {
	switch {
	case s.Run.State == journey.Doing:
		return "doing"
	case s.Run.State == journey.Failed:
		return "failed"
	case s.InPlace:
		return "done"
	case s.Unknown:
		return "unknown"
	case !s.Asked:
		return "planned"
	case slices.ContainsFunc(s.Verdict.Reasons, func(r consent.Reason) bool { return r.Kind == consent.Vetoed }):
		return "vetoed"
	case !s.Verdict.Allowed:
		return "asked"
	}
	return "agreed"
}

// states are all words for how a step stands, with what they mean.
func states() [][2]string {
	return [][2]string{
		{"done", "in place"}, {"doing", "being done"}, {"failed", "failed"}, {"agreed", "has its green lights"}, {"asked", "waits for somebody"}, {"vetoed", "vetoed"},
		{"planned", "planned; nobody has to agree"}, {"unknown", "could not be asked"},
	}
}

// seen says of an environment when it was asked, or why it could not be.
func (v View) seen(l Looked) string {
	if l.Failed != "" {
		return fmt.Sprintf("%s could not be asked what is in place there: %s", l.Environment, l.Failed)
	}
	return fmt.Sprintf("%s was asked %s", l.Environment, shell.MomentOf(l.At, v.Now).Ago)
}

// name is a step within its row and column.
func (s Step) name() string {
	return strings.TrimSpace(string(s.Kind) + " " + cmp.Or(string(s.Subject), "of "+string(s.Environment)))
}

// words say what a step does; how many files that takes is said where they are listed.
func (s Step) words() []string {
	return slices.DeleteFunc(slices.Clone(s.Preview), func(line string) bool { return line == shell.Count(len(s.Files), "file") })
}

// Knows reports whether a team owns steps of the journey or is asked about some.
func (v View) Knows(team estate.TeamName) bool {
	return slices.ContainsFunc(v.Steps, func(s Step) bool {
		return s.Team == team || slices.ContainsFunc(s.Verdict.Needs, func(n consent.Need) bool { return n.Team == team })
	})
}

// anchor is where a step is on the page.
func anchor(id journey.StepID) string { return "step-" + strings.ReplaceAll(string(id), "/", "-") }

// nobody heads the column of what no team owns.
const nobody = "no owner"

// teams are the columns: those who own steps, and who is asked about some.
func (v View) teams() []string {
	var out []string
	for _, s := range v.Steps {
		out = append(out, column(s))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func column(s Step) string { return cmp.Or(string(s.Team), nobody) }

// waves are the rows.
func (v View) waves() int {
	n := 0
	for _, s := range v.Steps {
		n = max(n, s.Wave)
	}
	return n
}

// cell are the steps of a team in a wave.
func (v View) cell(wave int, team string) []Step {
	return slices.DeleteFunc(slices.Clone(v.Steps), func(s Step) bool { return s.Wave != wave || column(s) != team })
}

// most is how many steps a cell shows before they are counted only.
const most = 8

// tally counts the steps of a full cell by how they stand: "40 done, 2 asked".
func tally(steps []Step) string {
	var out []string
	for _, state := range states() {
		n := 0
		for _, s := range steps {
			if s.state() == state[0] {
				n++
			}
		}
		if n > 0 {
			out = append(out, shell.Number(n)+" "+state[0])
		}
	}
	return strings.Join(out, ", ")
}

// asks is what is asked of a team.
type asks struct {
	team  estate.TeamName
	steps []Step
}

// questions are what is asked of each team, or of the one whose page it is.
func (v View) questions() []asks {
	byTeam := map[estate.TeamName][]Step{}
	for _, s := range v.Steps {
		if s.InPlace || s.Run.State == journey.Doing {
			continue
		}
		for _, team := range s.Verdict.Teams() {
			byTeam[team] = append(byTeam[team], s)
		}
	}
	var out []asks
	for team, steps := range byTeam {
		if v.Team == "" || team == v.Team {
			out = append(out, asks{team, steps})
		}
	}
	slices.SortFunc(out, func(x, y asks) int { return cmp.Compare(x.team, y.team) })
	return out
}

// against is why a step may not begin, besides the green light that is asked for.
func (a asks) against(s Step) []string {
	var out []string
	for _, r := range s.Verdict.Reasons {
		if r.Kind != consent.Lacking || r.Team != a.team || r.Need.Lapsed > 0 || len(r.Need.By) > 0 {
			out = append(out, r.Text)
		}
	}
	return out
}

// own are a team's steps that stand in one of some ways.
func (v View) own(in ...string) []Step {
	return slices.DeleteFunc(slices.Clone(v.Steps), func(s Step) bool { return s.Team != v.Team || !slices.Contains(in, s.state()) })
}

// ready are the services whose readiness the page shows: all, or those of the team whose page it is.
func (v View) ready() []readiness.Readiness {
	return slices.DeleteFunc(slices.Clone(v.Ready), func(r readiness.Readiness) bool { return v.Team != "" && r.Team != v.Team })
}

// readyTally counts services by colour.
func readyTally(list []readiness.Readiness) string {
	n := map[readiness.Colour]int{}
	for _, r := range list {
		n[r.Colour]++
	}
	return shell.Number(n[readiness.Green]) + " green, " + shell.Number(n[readiness.Amber]) + " amber, " + shell.Number(n[readiness.Red]) + " red"
}

// services are those a team runs in the journey, each once.
func (v View) services() []estate.ServiceName {
	var out []estate.ServiceName
	for _, s := range v.Steps {
		if s.Team == v.Team && s.Subject != "" && s.Kind != journey.Removal {
			out = append(out, s.Subject)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Live reports whether the page renews itself.
func (v View) Live() bool { return v.Run != nil && v.Run.State == journey.Running }

// headline says how the journey stands.
func (v View) headline() string {
	done := 0
	for _, s := range v.Steps {
		if s.InPlace {
			done++
		}
	}
	text := shell.Number(done) + " of " + shell.Count(len(v.Steps), "step") + " in place"
	if v.Run == nil {
		return text
	}
	return map[journey.RunState]string{
		journey.Running: "Under way: ", journey.Paused: "Paused: ", journey.Stopped: "Stopped: ", journey.Finished: "", journey.Cancelled: "Cancelled: ",
	}[v.Run.State] + text
}

// turns are what can be done about the journey as it stands: what the form sends, and what its button says.
func (v View) turns() [][2]string {
	switch {
	case v.Run != nil && v.Run.State == journey.Running:
		return [][2]string{{"pause", "Pause"}}
	case v.Run != nil && v.Run.State == journey.Paused:
		return [][2]string{{"resume", "Go on"}, {"cancel", "Cancel"}}
	case v.Run != nil && v.Run.State == journey.Stopped:
		return [][2]string{{"move", "Try again"}, {"cancel", "Cancel"}}
	case v.Undecided > 0:
		return nil
	}
	return [][2]string{{"move", "Move"}}
}

// began is when the last run did.
func (v View) began() shell.Moment { return shell.MomentOf(v.Run.Started, v.Now) }
