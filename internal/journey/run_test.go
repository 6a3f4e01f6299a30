package journey_test

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/journey"
)

// anyJourney is a journey whose steps need some of those before them, in the same wave or an earlier one.
func anyJourney(t *rapid.T) journey.Journey {
	j := journey.Journey{Expansion: "indonesia"}
	wave := 1
	for n := range rapid.IntRange(1, 20).Draw(t, "steps") {
		wave += rapid.IntRange(0, 1).Draw(t, "next wave")
		s := journey.Step{ID: journey.StepID("s" + string(rune('a'+n))), Wave: wave}
		for _, earlier := range j.Steps {
			if rapid.IntRange(0, 3).Draw(t, "needs") == 0 {
				s.Needs = append(s.Needs, earlier.ID)
			}
		}
		j.Steps = append(j.Steps, s)
	}
	return j
}

func TestEveryStepHasItsTurnAfterWhatItNeedsAndAfterTheWavesBefore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		j := anyJourney(t)
		for _, way := range []journey.Way{journey.Forth, journey.Back} {
			r := journey.Start(j, way)
			place := map[journey.StepID]int{}
			for turn := 0; !r.Over(); turn++ {
				next := r.Next(j)
				if len(next) == 0 {
					t.Fatalf("%s: nothing may begin, and %d are waiting", way, r.Count(journey.Waiting))
				}
				id := rapid.SampledFrom(next).Draw(t, "next")
				i := slices.IndexFunc(r.Steps, func(s journey.StepRun) bool { return s.Step == id })
				r.Steps[i].State = journey.Done
				place[id] = turn
			}
			inOrder(t, j, way, place)
		}
	})
}

func inOrder(t *rapid.T, j journey.Journey, way journey.Way, place map[journey.StepID]int) {
	t.Helper()
	before := func(x, y journey.StepID) bool { return (place[x] < place[y]) == (way == journey.Forth) }
	for _, s := range j.Steps {
		for _, n := range s.Needs {
			if !before(n, s.ID) {
				t.Fatalf("%s: %s is not done before %s, which needs it", way, n, s.ID)
			}
		}
		for _, other := range j.Steps {
			if other.Wave < s.Wave && !before(other.ID, s.ID) {
				t.Fatalf("%s: %s of wave %d is not done before %s of wave %d", way, other.ID, other.Wave, s.ID, s.Wave)
			}
		}
	}
}

func TestNothingBeginsInARunThatDoesNotRun(t *testing.T) {
	j := journey.Journey{Steps: []journey.Step{{ID: "a", Wave: 1}, {ID: "b", Wave: 1}}}
	for _, state := range []journey.RunState{journey.Paused, journey.Stopped, journey.Cancelled, journey.Finished} {
		r := journey.Start(j, journey.Forth)
		r.State = state
		if next := r.Next(j); next != nil {
			t.Errorf("%s: %v", state, next)
		}
	}
	r := journey.Start(j, journey.Forth)
	r.Steps[0].State = journey.Failed
	if next := r.Next(j); next != nil {
		t.Errorf("after a failure: %v", next)
	}
}

// placed is a step that puts files in place.
func placed(id, subject, team string, paths ...string) journey.Step {
	kind := strings.Split(id, "/")[1]
	s := journey.Step{ID: journey.StepID(id), Kind: journey.Kind(kind), Subject: estate.ServiceName(subject), Team: estate.TeamName(team), Environment: "id", Wave: 4}
	for _, p := range paths {
		s.Files = append(s.Files, journey.Written{Path: p})
	}
	return s
}

func TestWhatIsNoLongerPlannedIsTakenAwayAtTheEnd(t *testing.T) {
	now := journey.Course{Journey: journey.Journey{Steps: []journey.Step{placed("id/service/orders", "orders", "orders", "orders.yaml")}}}
	first := journey.Course{Journey: journey.Journey{Steps: []journey.Step{
		placed("id/access", "", "", "namespace.yaml"), placed("id/service/orders", "orders", "orders", "orders.yaml", "orders-old.yaml"), placed("id/service/pricing", "pricing", "orders", "pricing.yaml"),
	}}}
	second := now.After([]journey.Course{first})
	got := second.Journey.Steps[1:]
	want := []struct{ id, team, gone, needs string }{
		{"id/removal/access", "", "namespace.yaml", "id/removal/service/orders id/removal/service/pricing"},
		{"id/removal/service/orders", "orders", "orders-old.yaml", ""},
		{"id/removal/service/pricing", "orders", "pricing.yaml", ""},
	}
	if len(got) != len(want) {
		t.Fatalf("%+v", got)
	}
	for i, w := range want {
		var needs []string
		for _, n := range got[i].Needs {
			needs = append(needs, string(n))
		}
		if s := got[i]; string(s.ID) != w.id || string(s.Team) != w.team || strings.Join(s.Gone, " ") != w.gone || strings.Join(needs, " ") != w.needs || s.Wave != 5 || s.Kind != journey.Removal {
			t.Errorf("%+v", s)
		}
	}
	// What was to be taken away and may not have been is taken away later, and what is planned again stays.
	again := journey.Course{Journey: journey.Journey{Steps: []journey.Step{placed("id/service/pricing", "pricing", "orders", "pricing.yaml")}}}
	var left []string
	for _, s := range again.After([]journey.Course{second}).Journey.Steps[1:] {
		left = append(left, s.Gone...)
	}
	if strings.Join(left, " ") != "namespace.yaml orders-old.yaml orders.yaml" {
		t.Errorf("%v", left)
	}
	if same := now.After(nil); len(same.Journey.Steps) != 1 {
		t.Errorf("%+v", same)
	}
}
