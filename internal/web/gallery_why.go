package web

import (
	"context"
	"time"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/why"
)

// WhyPlaces are three: one that can be looked at, one that is well, and one that nothing is known to reach.
func (s shelf) WhyPlaces(ctx context.Context, name string) ([]WhyPlace, error) {
	newest, err := s.Snapshot(ctx, "")
	if err != nil {
		return nil, err
	}
	if _, ok := newest.Graph.Find(name); !ok {
		return nil, fault.Newf(fault.NotFound, "no service is called %q: search for it on the map", name)
	}
	return []WhyPlace{
		{Environment: "malaysia", Kind: "kubernetes"},
		{Environment: "singapore-vm", Kind: "vm"},
		{Environment: "jakarta-vm", Kind: "vm", Hidden: "jakarta-vm has no target: name its cluster or machines under targets in caravan.yaml"},
	}, nil
}

// Why is a service in a cluster that does not reach its database, and one on a machine that is well.
func (s shelf) Why(_ context.Context, name string, env estate.EnvironmentName) (why.Diagnosis, error) {
	service := estate.ServiceName(name)
	at := time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC)
	if env == "singapore-vm" {
		return why.Diagnose(why.Evidence{
			Subject:    why.Subject{Service: service, Environment: env, Machines: &why.Machines{Hosts: []why.Host{{Name: "app-sin-1"}}}},
			At:         at,
			OnMachines: []why.OnMachine{{Host: why.Host{Name: "app-sin-1"}, Units: []why.Unit{{Name: "kopi-orders.service", Load: "loaded", Active: "active", Sub: "running", Enabled: "enabled"}}}},
		}), nil
	}
	if env != "malaysia" {
		return why.Diagnosis{}, fault.Newf(fault.Invalid, "%s cannot be looked at: %s has no target: name its cluster or machines under targets in caravan.yaml", name, env)
	}
	return why.Diagnose(why.Evidence{
		Subject: why.Subject{
			Service: service, Environment: env, Cluster: &why.Cluster{Context: "malaysia", Namespace: "shop", Kind: "deployment", Name: name},
			Needs: []why.Need{{Name: "kopi-orders-db", Type: "postgres", Host: "pg-orders.my.kopi.internal", Port: 5432, From: "orders/src/main/resources/application.yml:12"}},
		},
		At: at,
		InCluster: &why.InCluster{
			Rollout: why.Rollout{Wanted: 2, Updated: 1, Ready: 1},
			Pods: []why.Pod{{Name: name + "-7c9d-x2k4", Node: "node-1", Newest: true, Containers: []why.Container{{
				Name: name, Waiting: "CrashLoopBackOff", Restarts: 4, Exit: &why.Exit{Reason: "Error", Code: 1, At: at.Add(-time.Minute)},
				Log: []string{"starting", "dial tcp 10.64.3.7:5432: connect: connection refused"},
			}}}},
			DNS: &why.DNS{Pods: 2, Ready: 2},
		},
		Lookups: []why.Lookup{{From: "the cluster's DNS", Way: "pod/coredns-1", Result: why.Reached, Answers: []string{"10.64.3.7"}}},
		Tries:   []why.Try{{From: "pod/" + name + "-7c9d-x2k4", Way: "nc in a short-lived pod with its labels", Result: why.Refused, Took: 3 * time.Millisecond}},
		Unseen:  []string{"what it takes of memory now: the cluster has no metrics server that answers"},
	}), nil
}
