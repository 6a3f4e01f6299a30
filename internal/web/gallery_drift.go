package web

import (
	"context"
	"fmt"
	"time"

	"example.org/caravan/internal/drift"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
)

// Drift is that of the shelf.
func (s shelf) Drift(context.Context) (Drift, error) { return s.drifted, s.failed }

// LookForDrift finds what was found already.
func (s shelf) LookForDrift(context.Context) error { return s.failed }

// AcceptDrift keeps nothing.
func (s shelf) AcceptDrift(context.Context, drift.ID, string, time.Time) error {
	return fault.Newf(fault.Conflict, "the gallery keeps no exceptions: start the real portal with caravan serve")
}

// MendDrift mends nothing.
func (s shelf) MendDrift(context.Context, drift.ID) (string, error) {
	return "", fault.Newf(fault.Conflict, "the gallery mends nothing: start the real portal with caravan serve")
}

// smallDrift is that of the coffee company: a cluster that was looked at a moment ago, machines that were not for days, one that cannot be.
func smallDrift(now time.Time) Drift {
	const day = 24 * time.Hour
	v := Drift{Now: now, Lasts: time.Hour, Looks: []drift.Look{
		{Environment: "brunei", At: now.Add(-4 * time.Minute), Where: "cluster of context bn-prod"},
		{Environment: "malaysia-vm", At: now.Add(-30 * time.Minute), Failed: "my-app2: no route to host"},
		{Environment: "singapore-vm", At: now.Add(-3 * day), Where: "the last scan"},
	}}
	diff := "diff deployment shop/orders (now) deployment shop/orders (mended)\n--- deployment shop/orders (now)\n+++ deployment shop/orders (mended)\n@@ -7,7 +7,7 @@\n spec:\n-  replicas: 5\n+  replicas: 2\n   selector:\n     matchLabels:\n"
	v.Differences = []drift.Difference{
		{ID: "9f31c0aa7b1e", Service: "menu", Environment: "brunei", Team: "shop", Kind: drift.Setting, Class: drift.Intended, Subject: "configuration of menu", Field: "CURRENCY", What: "CURRENCY is BND here, SGD in singapore-vm", Declared: "SGD", Live: "BND", Reason: "country layer of BN, config/country/BN.yaml:4", Evidence: []string{"chef/environments/production.rb:12", "config/country/BN.yaml:4"}, Since: now.Add(-90 * day), Seen: now},
		{ID: "3fa1c2d4e5f6", Service: "orders", Environment: "brunei", Team: "shop", Kind: drift.Replicas, Class: drift.Accident, Subject: "deployment shop/orders", Field: "spec.replicas", What: "deployment shop/orders: spec.replicas is 5, declared is 2", Declared: "2", Live: "5", Step: "brunei/service/orders", Expansion: "brunei", Mend: diff, Evidence: []string{"cluster of context bn-prod, deployment shop/orders", "declared in kubernetes/base/orders/deployment.yaml", "written by kubectl at 2026-02-27 22:10:03 UTC"}, Since: now.Add(-3 * day), Seen: now, Times: 2},
		{ID: "77aa01bc99d0", Service: "orders", Environment: "singapore-vm", Team: "shop", Kind: drift.Unit, Class: drift.Accident, Subject: "sg-app1:orders.service", What: "orders.service has failed on sg-app1", Live: "has failed", Evidence: []string{"systemd of sg-app1"}, Mend: "on sg-app1: systemctl enable --now orders.service", Since: now.Add(-41 * day), Seen: now.Add(-3 * day), Stale: true},
		{ID: "c0ffee00c0de", Service: "payments", Environment: "brunei", Team: "payments", Kind: drift.Variable, Class: drift.Excepted, Subject: "deployment payments/payments", What: "deployment payments/payments: env[TRACE].value is on, and nothing is declared", Live: "on", Step: "brunei/service/payments", Reason: "we look for a leak (siti@kopi.example)", Until: now.Add(5 * day), Evidence: []string{"cluster of context bn-prod, deployment payments/payments", "written by kubectl-set at 2026-02-20 08:00:00 UTC"}, Since: now.Add(-10 * day), Seen: now},
	}
	running := func(service estate.ServiceName, env estate.EnvironmentName, version string) drift.Running {
		return drift.Running{Service: service, Environment: env, Version: version, Declared: true}
	}
	teams := map[estate.ServiceName]estate.TeamName{"menu": "shop", "orders": "shop", "payments": "payments"}
	v.Cells = drift.Matrix([]drift.Running{
		running("menu", "brunei", "2.7.0"), running("menu", "singapore-vm", ""), running("orders", "brunei", "4.18.2"), running("orders", "malaysia-vm", "4.18.2"), running("orders", "singapore-vm", ""), running("payments", "brunei", "1.9.1"), running("payments", "malaysia-vm", ""), running("checkout", "brunei", "3.0.0"),
	}, teams, v.Differences, v.Looks, now, v.Lasts)
	v.Budgets = []DriftBudget{{Team: "payments", Accidents: 0, Most: 5}, {Team: "shop", Accidents: 2, Most: 1, Over: true}}
	return v
}

// largeDrift is that of many services in three environments.
func largeDrift(now time.Time) Drift {
	v := Drift{Now: now, Lasts: time.Hour}
	var running []drift.Running
	for _, env := range []estate.EnvironmentName{"jakarta", "singapore", "singapore-vm"} {
		v.Looks = append(v.Looks, drift.Look{Environment: env, At: now.Add(-time.Minute)})
		for n := range 500 {
			service := estate.ServiceName(fmt.Sprintf("service-%03d", n))
			running = append(running, drift.Running{Service: service, Environment: env, Version: "1.0.0", Declared: true})
			if n%4 == 0 && env == "jakarta" {
				v.Differences = append(v.Differences, drift.Difference{ID: drift.ID(fmt.Sprintf("%012x", n)), Service: service, Environment: env, Team: "shop", Kind: drift.Replicas, Class: drift.Accident, What: "spec.replicas is 5, declared is 2", Since: now.Add(-time.Duration(n) * 7 * time.Hour), Seen: now, Evidence: []string{"cluster of context id"}})
			}
		}
	}
	v.Cells = drift.Matrix(running, nil, v.Differences, v.Looks, now, v.Lasts)
	v.Budgets = []DriftBudget{{Team: "shop", Accidents: 125, Most: -1}}
	return v
}
