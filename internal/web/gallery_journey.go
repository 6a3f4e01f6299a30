package web

import (
	"context"
	"fmt"
	"time"

	"example.org/caravan/internal/consent"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/readiness"
	"example.org/caravan/internal/web/board"
)

// Journey is a journey of a shelf's expansion, half way: the waves up to datastores are done, one step failed, one team vetoes, and some have
// not answered.
func (s shelf) Journey(_ context.Context, name string) (Journey, error) {
	if s.failed != nil {
		return Journey{}, s.failed
	}
	made, err := s.wishes.plan(name)
	if err != nil {
		return Journey{}, err
	}
	const half = 3
	run := journey.Start(made.Journey, journey.Forth)
	run.ID, run.By, run.State, run.Started = journey.RunID(name+"-1"), "ayu", journey.Stopped, made.PlannedAt.Add(2*time.Minute)
	v := Journey{Expansion: name, Country: made.Proposal.Country, Digest: made.Journey.Digest, Run: &run, Undecided: len(made.Proposal.Undecided()),
		Looked: []JourneyLooked{{Environment: "indonesia", At: made.PlannedAt.Add(3 * time.Minute)}}}
	var judged []readiness.Step
	for i, st := range made.Journey.Steps {
		b := board.Step{Step: st, InPlace: st.Wave < half, Asked: true, Run: run.Steps[i]}
		switch {
		case st.Wave == half && run.Reason == "" && st.Kind == journey.CreateStore:
			b.Run.State, b.Run.Error = journey.Failed, "the machine pg-main-2 cannot be reached over SSH (10.64.64.5, tried for 30 s); mend that and move again"
			run.Reason, run.Kind = string(st.ID)+": "+b.Run.Error, fault.Unavailable.String()
		case st.Wave == half:
			b.InPlace = true
		}
		b.Verdict = agreedSoFar(st)
		v.Steps = append(v.Steps, b)
		judged = append(judged, readiness.Step{Step: st, InPlace: b.InPlace, Failed: b.Run.Error, Verdict: &b.Verdict})
	}
	v.Ready = readiness.Judge(made.Proposal, judged, nil)
	v.Told = toldSoFar(v, made.PlannedAt)
	return v, nil
}

// toldSoFar is what teams were told: over Slack all of it, over mail what the server took.
func toldSoFar(v Journey, at time.Time) []JourneyTold {
	var out []JourneyTold
	for wave := 6; wave > 0; wave-- {
		for _, team := range []estate.TeamName{"finance", "platform", "roastery", "shop"} {
			told := JourneyTold{Team: team, Over: "slack", To: "#" + string(team), Title: fmt.Sprintf("Wave %d of %s (%s): what it means for %s", wave, v.Expansion, v.Country, team), State: "sent", At: at.Add(3 * time.Minute)}
			out = append(out, told)
			told.Over, told.To = "mail", string(team)+"@kopi.example.org"
			switch {
			case team == "finance" && wave > 4:
				told.State, told.Error = "failed", "mail.kopi.example.org:587 refuses it: 550 5.1.1 no such user; mend that, then run caravan announce"
			case team == "shop" && wave == 6:
				told.State, told.Error = "waiting", "mail.kopi.example.org:587 did not take it: 451 4.7.1 greylisted"
			}
			out = append(out, told)
		}
	}
	return out
}

// agreedSoFar is a verdict: teams with names before "p" have agreed, and one of the others vetoes a step.
func agreedSoFar(s journey.Step) consent.Verdict {
	v := consent.Verdict{Step: s.ID, Digest: s.Digest, Allowed: true}
	if s.Wave < 4 || s.Team < "p" {
		return v
	}
	n := consent.Need{Team: s.Team, Want: 1}
	v.Allowed, v.Needs = false, []consent.Need{n}
	v.Reasons = append(v.Reasons, consent.Reason{Kind: consent.Lacking, Team: s.Team, Need: &n, Text: string(s.Team) + " has given 0 of 1 green light"})
	if s.Subject == "payments" {
		v.Reasons = append(v.Reasons, consent.Reason{Kind: consent.Vetoed, Team: s.Team, Text: "vetoed by payments (dewi, Monday 2 March 2026, 09:10 (UTC)): the contract with the provider is not signed"})
	}
	return v
}

func (s shelf) Answer(context.Context, string, Answer) error {
	return fault.Newf(fault.Conflict, "the gallery keeps no green lights: start the real portal with caravan serve")
}

func (s shelf) Turn(context.Context, string, string) error {
	return fault.Newf(fault.Conflict, "the gallery moves nothing: start the real portal with caravan serve")
}
