package app

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/web"
)

// targeted is the sample company whose cluster in Indonesia is carried out for real, into a folder.
func targeted(t *testing.T) (a *App, fleet string) {
	t.Helper()
	first, dir := kopi(t)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	fleet = filepath.Join(t.TempDir(), "fleet")
	file := filepath.Join(dir, "caravan.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, "targets:\n  - {environment: indonesia, folder: "+fleet+"}\nconsent: {unowned: platform}\n"...)
	if err := os.WriteFile(file, text, 0o644); err != nil {
		t.Fatal(err)
	}
	if a, err = New(t.Context(), Options{Workspace: dir, Now: time.Now}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return a, fleet
}

// asked are the steps about which a team is asked.
func asked(j web.Journey, team estate.TeamName) []journey.StepID {
	var out []journey.StepID
	for _, s := range j.Steps {
		if slices.Contains(s.Verdict.Teams(), team) {
			out = append(out, s.ID)
		}
	}
	return out
}

func TestFourTeamsAgreeInThePortalAndThenItMoves(t *testing.T) {
	a, fleet := targeted(t)
	scanned(t, a)
	p := Portal{App: a}
	look := func() web.Journey {
		t.Helper()
		j, err := p.Journey(t.Context(), "indonesia")
		if err != nil {
			t.Fatal(err)
		}
		return j
	}
	settled := func() web.Journey {
		t.Helper()
		for {
			if j := look(); j.Run.State != journey.Running {
				return j
			}
		}
	}
	if err := p.Turn(t.Context(), "indonesia", "move"); err != nil {
		t.Fatal(err)
	}
	j := settled()
	if j.Run.State != journey.Stopped || j.Run.Kind != fault.Denied.String() || !strings.Contains(j.Run.Reason, "green lights are missing from platform") {
		t.Fatalf("%s %s: %s", j.Run.State, j.Run.Kind, j.Run.Reason)
	}
	if _, err := os.Stat(fleet); !os.IsNotExist(err) {
		t.Errorf("something was written: %v", err)
	}
	for _, team := range []estate.TeamName{"platform", "orders", "payments"} {
		if err := p.Answer(t.Context(), "indonesia", web.Answer{Team: team, Steps: asked(j, team), Journey: j.Digest, By: "ayu"}); err != nil {
			t.Fatal(err)
		}
	}
	storefront := web.Answer{Team: "storefront", Steps: asked(j, "storefront"), Journey: "sha256:of-another-plan", By: "dewi"}
	if err := p.Answer(t.Context(), "indonesia", storefront); fault.KindOf(err) != fault.Conflict {
		t.Errorf("agreed to what was not shown: %v", err)
	}
	storefront.Journey = j.Digest
	if err := p.Answer(t.Context(), "indonesia", storefront); err != nil {
		t.Fatal(err)
	}
	if err := p.Turn(t.Context(), "indonesia", "move"); err != nil {
		t.Fatal(err)
	}
	if j = settled(); j.Run.State != journey.Finished {
		t.Fatalf("%s: %s", j.Run.State, j.Run.Reason)
	}
	for _, s := range j.Steps {
		if !s.InPlace {
			t.Errorf("%s is not in place", s.ID)
		}
	}
	if err := p.Turn(t.Context(), "indonesia", "explode"); fault.KindOf(err) != fault.Invalid {
		t.Errorf("%v", err)
	}
}
