package consent

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/journey"
)

// Ask is what a team is asked: to agree to exactly what a step does. A step that changes is asked about anew.
type Ask struct {
	Team   estate.TeamName `json:"team"`
	Step   journey.StepID  `json:"step"`
	Digest estate.Digest   `json:"digest"`
}

// Asked is when a team was asked, and when somebody was last told of its silence.
type Asked struct {
	At        time.Time `json:"at"`
	Reminded  time.Time `json:"reminded,omitzero"`
	Escalated time.Time `json:"escalated,omitzero"`
}

// Nudge is one message to one recipient, with all that is due to them.
type Nudge struct {
	To        string `json:"to"`                  // a team, or the mail address or team an escalation goes to
	Expansion string `json:"expansion,omitempty"` // for whoever tells it to fill in
	Link      string `json:"link,omitempty"`      // where to answer; the same
	Open      []Open `json:"open"`
}

// Open is an unanswered ask that somebody is told of.
type Open struct {
	Ask
	Kind  NudgeKind `json:"kind"`
	Since time.Time `json:"since"` // when the team was asked
	Have  int       `json:"have"`
	Want  int       `json:"want"`
}

// NudgeKind is why somebody is told of a team's silence.
type NudgeKind string

// The kinds of nudge.
const (
	Reminding  NudgeKind = "reminder"   // to the team itself
	Escalating NudgeKind = "escalation" // to those the policy names
	StandingIn NudgeKind = "delegate"   // to who stands in for a person of the team now, with each reminder
)

// Asks lists what teams have still to answer, by step in the order given, then team. A step that somebody vetoes is not among
// it: it has its answer.
func Asks(steps []Step, lights []GreenLight, vetoes []Veto, p Policy, now time.Time) []Ask {
	var out []Ask
	for _, s := range steps {
		for _, n := range open(s, lights, vetoes, p, now) {
			out = append(out, Ask{n.Team, s.ID, s.Digest})
		}
	}
	return out
}

// open lists the needs of a step that are not met, as long as nobody vetoes it.
func open(s Step, lights []GreenLight, vetoes []Veto, p Policy, now time.Time) []Need {
	if s.Digest == "" || slices.ContainsFunc(vetoes, func(v Veto) bool { return v.holds(s.ID, now) }) {
		return nil
	}
	return slices.DeleteFunc(p.asks(s, now).answered(s, lights, now), Need.Met)
}

// Due lists who is to be told of silence now, by recipient: one message to each, however many steps wait. It tells of what
// was asked and is in asked; until Recorded puts down that it was said, the same is due again.
func Due(steps []Step, lights []GreenLight, vetoes []Veto, p Policy, asked map[Ask]Asked, now time.Time) []Nudge {
	due := map[string][]Open{}
	for _, s := range steps {
		for _, n := range open(s, lights, vetoes, p, now) {
			ask := Ask{n.Team, s.ID, s.Digest}
			before, ok := asked[ask]
			if !ok {
				continue
			}
			for to, kind := range p.told(s, n.Team, before, now) {
				due[to] = append(due[to], Open{Ask: ask, Kind: kind, Since: before.At, Have: len(n.By), Want: n.Want})
			}
		}
	}
	var out []Nudge
	for _, to := range slices.Sorted(maps.Keys(due)) {
		slices.SortFunc(due[to], compareOpen)
		out = append(out, Nudge{To: to, Open: slices.Compact(due[to])})
	}
	return out
}

func compareOpen(a, b Open) int {
	return cmp.Or(cmp.Compare(b.Kind, a.Kind), a.Since.Compare(b.Since), cmp.Compare(a.Step, b.Step), cmp.Compare(a.Team, b.Team), cmp.Compare(a.Digest, b.Digest))
}

// told is who is to be told of a team's silence about a step, and why. Whoever would be told twice is reminded: it is theirs
// to answer.
func (p Policy) told(s Step, team estate.TeamName, asked Asked, now time.Time) map[string]NudgeKind {
	out := map[string]NudgeKind{}
	rules := p.asks(s, now).rules
	for _, r := range rules {
		for _, e := range r.Escalate {
			if at := asked.At.Add(e.After); !now.Before(at) && asked.Escalated.Before(at) {
				for _, to := range e.To {
					out[to] = Escalating
				}
			}
		}
	}
	if every := soonest(rules); every > 0 && remind(asked, every, now) {
		for _, by := range standIns(rules, team, now) {
			out[by] = StandingIn
		}
		out[string(team)] = Reminding
	}
	return out
}

// standIns are the mail addresses of those who stand in for people of a team now.
func standIns(rules []Rule, team estate.TeamName, now time.Time) []string {
	var out []string
	for _, r := range rules {
		for _, d := range r.Delegates {
			if d.Team == team && d.holds(now) && strings.Contains(d.By, "@") {
				out = append(out, d.By)
			}
		}
	}
	return out
}

// soonest is the shortest time after which a rule reminds; 0 when none does.
func soonest(rules []Rule) time.Duration {
	var least time.Duration
	for _, r := range rules {
		if r.Remind > 0 && (least == 0 || r.Remind < least) {
			least = r.Remind
		}
	}
	return least
}

// remind reports whether a reminder fell due since the last one. They fall due counted from the asking, so one that was
// late does not move those after it.
func remind(asked Asked, every time.Duration, now time.Time) bool {
	times := now.Sub(asked.At) / every
	return times > 0 && asked.Reminded.Before(asked.At.Add(times*every))
}

// Recorded is asked with what nudges have told, at a moment.
func Recorded(asked map[Ask]Asked, nudges []Nudge, at time.Time) map[Ask]Asked {
	out := maps.Clone(asked)
	for _, n := range nudges {
		for _, o := range n.Open {
			a := out[o.Ask]
			if o.Kind == Escalating {
				a.Escalated = at
			} else {
				a.Reminded = at
			}
			out[o.Ask] = a
		}
	}
	return out
}
