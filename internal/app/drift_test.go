package app

import (
	"strings"
	"testing"
	"time"

	"example.org/caravan/internal/drift"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/rights"
	"example.org/caravan/internal/store"
)

// scaledByHand is something of orders that nobody declared.
func scaledByHand() drift.Difference {
	return drift.Difference{ID: "0123456789ab", Service: "orders", Environment: "indonesia", Team: "orders", Kind: drift.Replicas, Class: drift.Accident, Subject: "deployment orders/orders", What: "spec.replicas is 5, declared is 2", Content: "sha256:1"}
}

func saw(t *testing.T, a *App, at time.Time, found ...drift.Difference) {
	t.Helper()
	looks := []store.DriftLook{{Look: drift.Look{Environment: "indonesia", At: at}, Running: []drift.Running{{Service: "orders", Environment: "indonesia", Team: "orders"}}}}
	if err := a.store.KeepDrift(t.Context(), found, looks, at); err != nil {
		t.Fatal(err)
	}
}

func TestATeamOverItsBudgetWaitsWithWhatIsNewUntilItIsMendedOrAccepted(t *testing.T) {
	a, _ := targeted(t)
	scanned(t, a)
	a = again(t, a, func(text string) string { return text + "drift: {budget: 0}\n" })
	begin := func() error {
		_, err := a.StartMove(t.Context(), "indonesia", MoveRequest{}, false, ayu)
		return err
	}
	now := time.Now()
	saw(t, a, now, scaledByHand())
	if err := begin(); fault.KindOf(err) != fault.Denied || !strings.Contains(err.Error(), "0123456789ab indonesia: spec.replicas is 5") {
		t.Errorf("it does not wait, or does not say for what: %v", err)
	}
	if _, err := a.AcceptDrift(t.Context(), "012345", AcceptDrift{Why: "sale", Until: now.Add(time.Hour)}, of("payments")); fault.KindOf(err) != fault.Denied {
		t.Errorf("another team accepts it: %v", err)
	}
	for _, c := range []struct {
		name string
		req  AcceptDrift
	}{{"no reason", AcceptDrift{Until: now.Add(time.Hour)}}, {"a date that is over", AcceptDrift{Why: "x", Until: now.Add(-time.Hour)}}, {"no date", AcceptDrift{Why: "x"}}, {"for ever", AcceptDrift{Why: "x", Until: now.AddDate(5, 0, 0)}}} {
		if _, err := a.AcceptDrift(t.Context(), "0123456789ab", c.req, of("orders")); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	d, err := a.AcceptDrift(t.Context(), "012345", AcceptDrift{Why: "sale", Until: now.Add(time.Hour)}, of("orders"))
	if err != nil || d.Class != drift.Excepted || !strings.Contains(d.Reason, "sale") {
		t.Fatalf("%+v %v", d, err)
	}
	if err := begin(); err != nil {
		t.Errorf("it waits for what is accepted: %v", err)
	}
}

func TestWhatNoStepPutThereIsMendedByNone(t *testing.T) {
	a, _ := targeted(t)
	scanned(t, a)
	saw(t, a, time.Now(), scaledByHand())
	if _, err := a.MendDrift(t.Context(), "0123456789ab", MendDrift{}, of("orders")); fault.KindOf(err) != fault.Conflict {
		t.Errorf("%v", err)
	}
	if _, err := a.MendDrift(t.Context(), "ffffffffffff", MendDrift{}, of("orders")); fault.KindOf(err) != fault.NotFound {
		t.Errorf("%v", err)
	}
	if _, err := a.MendDrift(t.Context(), "0123456789ab", MendDrift{}, rights.Person{Name: "eve", Role: rights.Viewer}); fault.KindOf(err) != fault.Denied {
		t.Errorf("%v", err)
	}
}

func TestWhatWasNotLookedAtForTooLongIsStale(t *testing.T) {
	a, _ := targeted(t)
	saw(t, a, time.Now().Add(-2*time.Hour), scaledByHand())
	d, err := a.Drift(t.Context(), DriftQuery{Service: "orders"})
	if err != nil || len(d.Differences) != 1 || !d.Differences[0].Stale {
		t.Errorf("%+v %v", d, err)
	}
	for _, c := range d.Cells {
		if c.State != drift.Drifted && c.State != drift.Stale {
			t.Errorf("%+v", c)
		}
	}
	if d, _ := a.Drift(t.Context(), DriftQuery{Team: "payments"}); len(d.Differences) != 0 {
		t.Errorf("%+v", d.Differences)
	}
}
