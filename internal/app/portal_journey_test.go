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
	"example.org/caravan/internal/rights"
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

// ayu operates, and speaks for the platform team alone.
var ayu = rights.Person{Mail: "ayu@example.org", Role: rights.Platform, Teams: []estate.TeamName{"platform"}}

// of is somebody of a team.
func of(team estate.TeamName) rights.Person {
	return rights.Person{Mail: string(team) + "-lead@example.org", Role: rights.Member, Teams: []estate.TeamName{team}}
}

func TestFourTeamsAgreeInThePortalAndThenItMoves(t *testing.T) {
	long(t)
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
	operator := rights.With(t.Context(), ayu)
	if err := p.Turn(operator, "indonesia", "move"); err != nil {
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
		answer := web.Answer{Team: team, Steps: asked(j, team), Journey: j.Digest}
		for _, veto := range []bool{false, true} {
			answer.Veto, answer.Reason = veto, "no"
			for _, p2 := range []rights.Person{{}, {Mail: "v@example.org", Role: rights.Viewer}, of("storefront"), {Mail: "a@example.org", Role: rights.Admin}} {
				if err := p.Answer(rights.With(t.Context(), p2), "indonesia", answer); fault.KindOf(err) != fault.Denied {
					t.Errorf("%s of %v answers for %s: %v", p2.Role, p2.Teams, team, err)
				}
			}
		}
		answer.Veto = false
		by := of(team)
		if team == "platform" {
			by = ayu
		} else if err := p.Answer(operator, "indonesia", answer); fault.KindOf(err) != fault.Denied {
			t.Errorf("a platform engineer gives the green light of %s: %v", team, err)
		}
		if err := p.Answer(rights.With(t.Context(), by), "indonesia", answer); err != nil {
			t.Fatal(err)
		}
	}
	dewi := rights.With(t.Context(), of("storefront"))
	storefront := web.Answer{Team: "storefront", Steps: asked(j, "storefront"), Journey: "sha256:of-another-plan"}
	if err := p.Answer(dewi, "indonesia", storefront); fault.KindOf(err) != fault.Conflict {
		t.Errorf("agreed to what was not shown: %v", err)
	}
	storefront.Journey = j.Digest
	if err := p.Answer(dewi, "indonesia", storefront); err != nil {
		t.Fatal(err)
	}
	if err := p.Turn(operator, "indonesia", "move"); err != nil {
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
	if err := p.Turn(operator, "indonesia", "explode"); fault.KindOf(err) != fault.Invalid {
		t.Errorf("%v", err)
	}
}
