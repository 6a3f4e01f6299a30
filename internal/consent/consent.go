// Package consent knows who must agree to a step of a journey, and who has not. Steps, what teams have said, a company's
// policy and a moment go in; a Verdict with its reasons comes out, and from the same values who is to be reminded (Due) and
// what every team is told of a wave (Announce). The policy comes from a section of caravan.yaml (Section).
//
// Silence is never yes, and what cannot be judged waits: a rule that fails, a step without an owner or a digest, a window
// nobody read. The package keeps nothing, sends nothing and starts nothing; whether a person may speak for a team is for
// whoever takes in the green light to check.
package consent

import (
	"strings"
	"time"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/journey"
)

// GreenLight is one person's yes, for a team, to exactly what a step does.
type GreenLight struct {
	Team    estate.TeamName `json:"team"`
	By      string          `json:"by"`            // the person who said yes
	For     string          `json:"for,omitempty"` // the person By stands in for as a delegate; "" when By speaks for themselves
	Step    journey.StepID  `json:"step"`
	Digest  estate.Digest   `json:"digest"` // of the step, as it was shown to them
	At      time.Time       `json:"at"`
	Revoked time.Time       `json:"revoked,omitzero"`
}

// Revoke is the green light taken back at a moment. Conflict when the step began before, at started; a zero started is a
// step that has not begun. Taking back what was taken back changes nothing.
func (l GreenLight) Revoke(at, started time.Time) (GreenLight, error) {
	if !started.IsZero() && !started.After(at) {
		return l, fault.Newf(fault.Conflict, "%s began at %s, so the green light of %s can no longer be taken back; a veto holds up what has not begun",
			l.Step, started.UTC().Format(time.RFC3339), l.Team)
	}
	if l.Revoked.IsZero() {
		l.Revoked = at
	}
	return l, nil
}

// standing reports whether somebody has said yes by now and not taken it back.
func (l GreenLight) standing(now time.Time) bool {
	return person(l.By) != "" && !l.At.IsZero() && !l.At.After(now) && l.Revoked.IsZero()
}

// person is a name in the form in which people are told apart; mail addresses differ in more than letter case.
func person(name string) string { return strings.ToLower(strings.TrimSpace(name)) }

// Veto is a team's no. It names a step and not a digest: a change of the step does not answer it.
type Veto struct {
	Team      estate.TeamName `json:"team"`
	By        string          `json:"by"`
	Step      journey.StepID  `json:"step,omitempty"` // "" for every step of the journey
	Reason    string          `json:"reason"`
	At        time.Time       `json:"at"`
	Withdrawn time.Time       `json:"withdrawn,omitzero"`
}

// Check wants a veto to say whose it is and why. Invalid when it does not.
func (v Veto) Check() error {
	switch {
	case v.Team == "":
		return fault.Newf(fault.Invalid, "a veto of no team; say which team vetoes")
	case person(v.By) == "":
		return fault.Newf(fault.Invalid, "a veto of nobody; say who vetoes for %s", v.Team)
	case oneLine(v.Reason) == "":
		return fault.Newf(fault.Invalid, "a veto without a reason; say what would have to change for %s to agree", v.Team)
	}
	return nil
}

// Withdraw is the veto taken back at a moment. Taking back what was taken back changes nothing.
func (v Veto) Withdraw(at time.Time) Veto {
	if v.Withdrawn.IsZero() {
		v.Withdrawn = at
	}
	return v
}

// holds reports whether a veto holds a step up.
func (v Veto) holds(id journey.StepID, now time.Time) bool {
	return (v.Step == "" || v.Step == id) && (v.Withdrawn.IsZero() || v.Withdrawn.After(now))
}
