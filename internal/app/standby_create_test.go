package app

import (
	"slices"
	"strings"
	"testing"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/expansion"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/store"
	"example.org/caravan/internal/workspace"
)

func TestATeamAsksForADatastoreOfItsOwnServices(t *testing.T) {
	a, _ := targeted(t)
	scanned(t, a)
	req := NewStore{Name: "invoices-db", Type: "postgres", For: "payments", Expansion: "indonesia", Placement: "kubernetes", Why: "invoices leave"}
	if _, err := a.CreateStore(t.Context(), req, of("orders")); fault.KindOf(err) != fault.Denied {
		t.Errorf("somebody of another team: %v", err)
	}
	text, err := workspace.WorkloadText(a.dir, "payments")
	if err != nil || strings.Contains(string(text), "invoices-db") {
		t.Fatalf("the workload of payments: %v\n%s", err, text)
	}
	got, err := a.CreateStore(t.Context(), req, of("payments"))
	if err != nil || !got.Written || got.Team != "payments" || got.Datastore.In != "indonesia" || !slices.Equal(got.Agree, []estate.TeamName{"payments"}) {
		t.Fatalf("%+v, %v", got, err)
	}
	plan, err := a.Proposal(t.Context(), "indonesia", "")
	if err != nil || !slices.ContainsFunc(plan.Proposal.Datastores, func(d expansion.Datastore) bool { return d.Name == "invoices-db" && d.Team == "payments" }) {
		t.Errorf("it is not in the plan that is kept: %v", err)
	}
	entries, err := a.store.Audit(t.Context(), "indonesia", 5)
	if err != nil || !slices.ContainsFunc(entries, func(e store.Entry) bool {
		return e.What == "asked for a postgres" && e.Subject == "invoices-db" && e.Why == "invoices leave"
	}) {
		t.Errorf("the audit has no line of it: %+v, %v", entries, err)
	}
}

func TestWhatCannotBeWantedIsNotNeeded(t *testing.T) {
	a, _ := targeted(t)
	req := NewStore{Name: "invoices-db", Type: "postgres", For: "nobody-yet"}
	need := ChangedFile{Path: workspace.WorkloadFile(req.For), After: "apiVersion: score.dev/v1b1\n"}
	plan := ChangedFile{Path: "expansions/indonesia.yaml", Before: "what it was", After: "what it shall be"}
	if err := a.writeNew(req, need, plan, "indonesia"); fault.KindOf(err) != fault.Conflict {
		t.Errorf("the expansion is another by now: %v", err)
	}
	if text, err := workspace.WorkloadText(a.dir, req.For); err != nil || text != nil {
		t.Errorf("a workload is left: %q, %v", text, err)
	}
	if err := workspace.RewriteWorkload(a.dir, req.For, nil, []byte("before")); err != nil {
		t.Fatal(err)
	}
	need.Before, need.After = "before", "after"
	if err := a.writeNew(req, need, plan, "indonesia"); fault.KindOf(err) != fault.Conflict {
		t.Errorf("the expansion is another by now: %v", err)
	}
	if text, err := workspace.WorkloadText(a.dir, req.For); err != nil || string(text) != "before" {
		t.Errorf("the workload is %q, %v", text, err)
	}
}
