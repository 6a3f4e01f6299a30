package readiness

import (
	"testing"

	"example.org/caravan/internal/consent"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/expansion"
	"example.org/caravan/internal/journey"
)

var here = []estate.EnvironmentName{"id"}

// orders is a proposal of one service with a database, its steps all in place, and all practised.
func orders() (expansion.Proposal, []Step, []Drill) {
	p := expansion.Proposal{Members: []expansion.Member{{Name: "orders", Team: "orders", In: here, Uses: []expansion.Use{{Name: "pg-main", Here: true}}}}}
	step := func(kind journey.Kind, subject estate.ServiceName, team estate.TeamName) Step {
		id := journey.StepID("id/" + string(kind) + "/" + string(subject))
		return Step{Step: journey.Step{ID: id, Kind: kind, Subject: subject, Team: team, Environment: "id"}, InPlace: true}
	}
	steps := []Step{step(journey.CreateStore, "pg-main", "platform"), step(journey.CreateStore, "pg-other", "platform"), step(journey.Configuration, "orders", "orders"),
		step(journey.Deploy, "orders", "orders"), step(journey.Traffic, "orders", "orders")}
	var drills []Drill
	for _, practice := range Practices() {
		drills = append(drills, Drill{Service: "orders", Team: "orders", Practice: practice})
	}
	return p, steps, drills
}

func TestTheFirstThingThatIsLeftSaysHowFarAServiceIs(t *testing.T) {
	for _, tt := range []struct {
		name   string
		spoil  func(p *expansion.Proposal, steps []Step, drills *[]Drill)
		colour Colour
		next   string
	}{
		{"nothing is left", func(*expansion.Proposal, []Step, *[]Drill) {}, Green, ""},
		{"an edge is undecided", func(p *expansion.Proposal, _ []Step, _ *[]Drill) {
			p.Cuts = []expansion.Cut{{From: "orders", To: "loyalty"}, {From: "shop", To: "loyalty"}}
		}, Red, "decide what becomes of its calls to loyalty"},
		{"its database is not there", func(_ *expansion.Proposal, steps []Step, _ *[]Drill) { steps[0].InPlace = false }, Red, "move id/datastore/pg-main"},
		{"another's database is not there", func(_ *expansion.Proposal, steps []Step, _ *[]Drill) { steps[1].InPlace = false }, Green, ""},
		{"it failed", func(_ *expansion.Proposal, steps []Step, _ *[]Drill) {
			steps[3].InPlace, steps[3].Failed = false, "the image does not exist"
		}, Red, "id/service/orders failed: the image does not exist"},
		{"it waits for its release", func(_ *expansion.Proposal, steps []Step, _ *[]Drill) { steps[3].Idle = "app-1: no release" }, Red,
			"id/service/orders is in place and does not run: app-1: no release"},
		{"a green light is missing", func(_ *expansion.Proposal, steps []Step, _ *[]Drill) {
			steps[2].InPlace = false
			steps[2].Verdict = &consent.Verdict{Reasons: []consent.Reason{{Text: "orders has given 0 of 1 green light"}}}
		}, Red, "id/configuration/orders: orders has given 0 of 1 green light"},
		{"the team has practised no rollback", func(_ *expansion.Proposal, _ []Step, drills *[]Drill) { *drills = (*drills)[:2] }, Amber, "orders practises a rollback of it"},
		{"another team has read the runbook", func(_ *expansion.Proposal, _ []Step, drills *[]Drill) { (*drills)[0].Team = "payments" }, Amber, "orders reads its runbook"},
		{"requests wait for a sign-off", func(_ *expansion.Proposal, steps []Step, _ *[]Drill) {
			steps[4].InPlace = false
			steps[4].Verdict = &consent.Verdict{Reasons: []consent.Reason{{Text: "qa has given 0 of 1 green light; asked for by sign-off"}}}
		}, Amber, "id/traffic/orders: qa has given 0 of 1 green light; asked for by sign-off"},
		{"people are not ready and it does not run", func(_ *expansion.Proposal, steps []Step, drills *[]Drill) {
			steps[3].InPlace, *drills = false, nil
		}, Red, "move id/service/orders"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, steps, drills := orders()
			tt.spoil(&p, steps, &drills)
			got := Judge(p, steps, drills)
			if len(got) != 1 || got[0].Colour != tt.colour || got[0].Next != tt.next {
				t.Errorf("%+v", got)
			}
		})
	}
}

func TestWhatDoesNotComeAlongIsNotJudged(t *testing.T) {
	if got := Judge(expansion.Proposal{Members: []expansion.Member{{Name: "reports"}}}, nil, nil); len(got) != 0 {
		t.Errorf("%+v", got)
	}
}
