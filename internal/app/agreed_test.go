package app

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/rights"
)

var askedTeams = []estate.TeamName{"platform", "storefront", "orders", "payments"}

// allAgree gives all green lights that an expansion asks for.
func allAgree(t *testing.T, a *App) {
	t.Helper()
	for _, team := range askedTeams {
		if _, err := a.Approve(t.Context(), "indonesia", ApproveRequest{Team: team}, of(team)); err != nil {
			t.Fatal(err)
		}
	}
}

// moved is the run of a move that was begun, or goes on, when it has come to rest.
func moved(t *testing.T, a *App) journey.Run {
	t.Helper()
	r, err := a.StartMove(t.Context(), "indonesia", MoveRequest{}, false, ayu)
	for r.State = journey.Running; err == nil && r.State == journey.Running; {
		r, _, err = a.store.Run(t.Context(), r.ID)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// again opens the workspace of a program that has ended, after its caravan.yaml was changed.
func again(t *testing.T, a *App, change func(string) string) *App {
	t.Helper()
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(a.dir, "caravan.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(change(string(text))), 0o644); err != nil {
		t.Fatal(err)
	}
	b, err := New(t.Context(), Options{Workspace: a.dir, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

func asIs(text string) string { return text }

func TestGreenLightsForOneTargetAreNoneForAnother(t *testing.T) {
	long(t)
	a, fleet := targeted(t)
	scanned(t, a)
	allAgree(t, a)
	a = again(t, a, func(text string) string { return strings.ReplaceAll(text, fleet, fleet+"-production") })
	if r := moved(t, a); r.State != journey.Stopped || r.Kind != fault.Denied.String() || !strings.Contains(r.Reason, "green lights are missing") {
		t.Errorf("%s, %s: %s", r.State, r.Kind, r.Reason)
	}
	if _, err := os.Stat(fleet + "-production"); !os.IsNotExist(err) {
		t.Errorf("something was written where nobody agreed to: %v", err)
	}
	a = again(t, a, func(text string) string { return strings.ReplaceAll(text, fleet+"-production", fleet) })
	if r := moved(t, a); r.State != journey.Finished {
		t.Errorf("where everybody agreed to: %s, %s", r.State, r.Reason)
	}
}

func TestWhatWasAlteredInTheStoreIsNotCarriedOut(t *testing.T) {
	long(t)
	for what, alter := range map[string]func(*course){
		"a file":             func(c *course) { c.Files[len(c.Files)/2].Text += "# more\n" },
		"the mode of a file": func(c *course) { c.Files[0].Mode = 0o777 },
		"the team of a step": func(c *course) { c.Journey.Steps[0].Team = "storefront" },
		"a step left out":    func(c *course) { c.Journey.Steps = c.Journey.Steps[1:] },
	} {
		t.Run(what, func(t *testing.T) {
			a, fleet := targeted(t)
			scanned(t, a)
			r := moved(t, a)
			if r.State != journey.Stopped {
				t.Fatalf("without a green light: %s", r.State)
			}
			allAgree(t, a)
			a = again(t, a, asIs)
			var c course
			if err := a.store.Course(t.Context(), r.Journey, &c); err != nil {
				t.Fatal(err)
			}
			alter(&c)
			if err := a.store.KeepCourse(t.Context(), "indonesia", r.Journey, c); err != nil {
				t.Fatal(err)
			}
			if r = moved(t, a); r.State != journey.Stopped || r.Kind != fault.Invalid.String() || !strings.Contains(r.Reason, "was altered since it was planned") {
				t.Errorf("%s, %s: %s", r.State, r.Kind, r.Reason)
			}
			if _, err := os.Stat(fleet); !os.IsNotExist(err) {
				t.Errorf("something was written: %v", err)
			}
			if _, err := a.Cancel(t.Context(), "indonesia", ayu, Turning{}); err != nil {
				t.Fatal(err)
			}
			if r = moved(t, a); r.State != journey.Finished {
				t.Errorf("planned anew: %s, %s", r.State, r.Reason)
			}
		})
	}
}

func TestNothingIsWrittenIntoATargetByTheWay(t *testing.T) {
	a, fleet := targeted(t)
	scanned(t, a)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(filepath.Dir(fleet), link); err != nil {
		t.Fatal(err)
	}
	for _, out := range []string{fleet, fleet + "/below", filepath.Dir(fleet), filepath.Join(link, filepath.Base(fleet))} {
		_, err := a.StartMove(t.Context(), "thailand", MoveRequest{Out: out}, true, ayu)
		if fault.KindOf(err) != fault.Denied || !strings.Contains(err.Error(), "green lights") {
			t.Errorf("a move into %s: %v", out, err)
		}
		if _, err := a.PreviewMove(t.Context(), "thailand", MoveRequest{Out: out}, true); fault.KindOf(err) != fault.Denied {
			t.Errorf("a dry move into %s: %v", out, err)
		}
	}
	if _, err := a.PreviewMove(t.Context(), "thailand", MoveRequest{Out: fleet + "-2"}, true); err != nil {
		t.Errorf("a move beside it: %v", err)
	}
}

func TestRangesOfWhatRunsAreGivenBackByAnUndoAlone(t *testing.T) {
	long(t)
	a, _ := targeted(t)
	scanned(t, a)
	allAgree(t, a)
	if r := moved(t, a); r.State != journey.Finished {
		t.Fatal(r.Reason)
	}
	as := rights.With(t.Context(), ayu)
	for _, holder := range []string{"indonesia", "indonesia/indonesia/pods"} {
		if _, err := a.ReleaseLease(as, holder); fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), "caravan undo indonesia") {
			t.Errorf("%s is released: %v", holder, err)
		}
	}
	if _, err := a.Lease(as, LeaseRequest{Holder: "office-vpn", Parent: "pool:countries", Bits: 28}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.ReleaseLease(as, "office-vpn"); err != nil {
		t.Error(err)
	}
	changes, err := a.LeaseChanges(t.Context(), "office-vpn", 10)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range changes {
		if c.By != ayu.Mail {
			t.Errorf("%s by %q", c.What, c.By)
		}
	}
}

func TestAStandInTakesBackWhatTheyGave(t *testing.T) {
	a, _ := targeted(t)
	scanned(t, a)
	a = again(t, a, func(text string) string {
		return strings.ReplaceAll(text, "consent: {unowned: platform}", "consent:\n  unowned: platform\n  rules: [{name: stand-ins, delegates: [{team: orders, for: ani@example.org, by: payments-lead@example.org}]}]")
	})
	by := of("payments")
	if _, err := a.Revoke(t.Context(), "indonesia", RevokeRequest{Team: "orders"}, by); fault.KindOf(err) != fault.Denied {
		t.Errorf("before they gave any: %v", err)
	}
	given, err := a.Approve(t.Context(), "indonesia", ApproveRequest{Team: "orders", For: "ani@example.org"}, by)
	if err != nil || len(given) == 0 {
		t.Fatal(given, err)
	}
	if n, err := a.Revoke(t.Context(), "indonesia", RevokeRequest{Team: "orders"}, by); err != nil || n != len(given) {
		t.Errorf("%d of %d taken back: %v", n, len(given), err)
	}
}

func TestTwoWhoMoveTheSameAtOnceCarryOutOneRun(t *testing.T) {
	a, _ := targeted(t)
	scanned(t, a)
	allAgree(t, a)
	const movers = 4
	var runs [movers]journey.Run
	var problems [movers]error
	var wg sync.WaitGroup
	for i := range movers {
		wg.Go(func() {
			runs[i], problems[i] = a.StartMove(t.Context(), "indonesia", MoveRequest{}, false, ayu)
		})
	}
	wg.Wait()
	for i, r := range runs {
		if problems[i] != nil || r.ID != runs[0].ID {
			t.Errorf("%s, %s: %v", r.ID, runs[0].ID, problems[i])
		}
	}
}
