package app

import (
	"testing"

	"example.org/caravan/internal/journey"
)

func TestAStepThatFailedIsNotWritten(t *testing.T) {
	s := journey.Step{ID: "new/service/web", Kind: journey.Deploy, Files: []journey.Written{{Path: "a", Digest: "1"}}}
	there := []journey.Found{{Written: s.Files[0]}}
	for went, want := range map[journey.StepState]string{journey.Failed: "failed", journey.Done: "written", journey.Doing: "written", "": "written"} {
		if got := standingOf(s, there, journey.StepRun{State: went}).State; got != want {
			t.Errorf("%q: it is %s, not %s", went, got, want)
		}
	}
	if got := standingOf(s, nil, journey.StepRun{State: journey.Failed}).State; got != "open" {
		t.Errorf("with nothing there it is %s", got)
	}
}
