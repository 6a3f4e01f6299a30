package app

import (
	"cmp"
	"context"
	"slices"
	"time"

	"example.org/caravan/internal/config"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/kube"
	"example.org/caravan/internal/standby"
	"example.org/caravan/internal/workspace"
)

// Advices say where datastores are better off, by what was measured until then.
type Advices struct {
	At         time.Time        `json:"at"`
	Datastores []standby.Advice `json:"datastores"`
}

// Advise says of each datastore whether it is better off on machines or in a cluster, by what looks at it measured, and what is known of the way back.
// Nobody is asked. One that was moved is advised on where it runs now. NotFound when a datastore is asked for that is not declared.
func (a *App) Advise(ctx context.Context, q StandbyQuery) (Advices, error) {
	wanted, err := a.keptFor(ctx, q)
	if err != nil {
		return Advices{}, err
	}
	all, err := a.measured(ctx)
	if err != nil {
		return Advices{}, err
	}
	out := Advices{At: a.now().UTC(), Datastores: []standby.Advice{}}
	for _, k := range wanted {
		i := slices.IndexFunc(all, func(m measuredStore) bool {
			return m.kept.Name == k.Name && m.kept.Environment == k.Environment
		})
		back, here, err := a.roadBetween(ctx, all[i], all)
		if err != nil {
			return Advices{}, err
		}
		if here {
			t := all[i].topology
			t.Team = k.Team
			out.Datastores = append(out.Datastores, standby.Advise(t, all[i].Measured, blocksElsewhere(all, all[i]), back))
		}
	}
	return out, nil
}

// measuredStore is a declared datastore with what was measured of it.
type measuredStore struct {
	standby.Measured
	kept     workspace.Kept
	topology standby.Topology
	looks    []standby.Look
}

// measured is what was measured of all declared datastores.
func (a *App) measured(ctx context.Context) ([]measuredStore, error) {
	known, err := a.store.Topologies(ctx)
	if err != nil {
		return nil, err
	}
	places, err := a.allEnvironments()
	if err != nil {
		return nil, err
	}
	var out []measuredStore
	for _, k := range a.declared.Standbys.Datastores {
		m := measuredStore{kept: k, topology: standby.Topology{Datastore: k.Name, Environment: k.Environment, Technology: k.Technology}}
		if i := slices.IndexFunc(known, func(t standby.Topology) bool { return t.Datastore == k.Name && t.Environment == k.Environment }); i >= 0 {
			m.topology = known[i]
		}
		seen, err := a.store.Seen(ctx, k.Name, k.Environment)
		if err != nil {
			return nil, err
		}
		if m.looks, err = a.store.Looks(ctx, k.Name, k.Environment); err != nil {
			return nil, err
		}
		befell, err := a.store.Incidents(ctx, k.Name, k.Environment)
		if err != nil {
			return nil, err
		}
		m.Measured = standby.Summarise(m.topology, seen, m.looks, befell)
		m.Kind = a.madeOf(k, places)
		out = append(out, m)
	}
	return out, nil
}

// madeOf is the kind of place a datastore runs in; "" when nothing declared tells.
func (a *App) madeOf(k workspace.Kept, places map[estate.EnvironmentName]config.Spot) string {
	t, _ := a.declared.TargetOf(k.Environment)
	kind := ""
	switch {
	case k.InCluster() || t.Cluster != nil:
		kind = standby.Kubernetes
	case t.Machines != nil:
		kind = standby.VM
	}
	return cmp.Or(places[k.Environment].Kind, kind)
}

// blocksElsewhere is how long a block takes in the other kind of place, by all that run the same there and are measured in the same way; nothing when none is.
func blocksElsewhere(all []measuredStore, than measuredStore) *standby.Latency {
	var looks []standby.Look
	timed := than.Disk != nil && than.Disk.Timed
	for _, m := range all {
		if m.Kind != "" && m.Kind != than.Kind && m.kept.Technology == than.kept.Technology && m.Disk != nil && m.Disk.Timed == timed {
			looks = append(looks, m.looks...)
		}
	}
	l := standby.LatencyOf(looks)
	if l != nil {
		l.Timed = timed
	}
	return l
}

// roadBetween is what is known of the way between a datastore and the other kind of place, and whether it runs here: one that was moved runs at the other end.
func (a *App) roadBetween(ctx context.Context, at measuredStore, all []measuredStore) (back standby.WayBack, here bool, err error) {
	_, good, err := a.store.BackupDrills(ctx, at.kept.Name, at.kept.Environment)
	if err != nil {
		return back, false, err
	}
	if good != nil {
		back.Drilled = good.At
	}
	here = true
	var last time.Time
	known := false
	for _, m := range a.declared.Standbys.Moves {
		if m.Datastore != at.kept.Name || m.From != at.kept.Environment && m.To != at.kept.Environment {
			continue
		}
		moved, returned, err := a.gone(ctx, m)
		if err != nil {
			return back, false, err
		}
		away := moved.After(returned)
		if when := later(moved, returned); !known || when.After(last) { // the move that was made last says where it runs
			here, last, known = away == (m.To == at.kept.Environment), when, true
		}
		other := m.To
		if away {
			other = m.From
		}
		if slices.ContainsFunc(all, func(o measuredStore) bool {
			return o.kept.Name == m.Datastore && o.kept.Environment == other && o.Kind != at.Kind
		}) {
			back.To, back.Reverse, back.Moved, back.Returned = other, away, moved, returned
		}
	}
	return back, here, nil
}

func later(x, y time.Time) time.Time {
	if x.After(y) {
		return x
	}
	return y
}

// gone is when a datastore was last moved by a declared move, and when it last came back.
func (a *App) gone(ctx context.Context, m workspace.StoreMove) (moved, returned time.Time, err error) {
	runs, err := a.store.Runs(ctx, relocationName(m), 0)
	for _, r := range slices.Backward(runs) { // the first first
		switch {
		case r.State != journey.Finished:
		case r.Way == journey.Forth:
			moved = r.Ended
		default:
			returned = r.Ended
		}
	}
	return moved, returned, err
}

// askPods is how often a cluster is asked what befell the pods of a datastore: its events are kept for an hour.
const askPods = time.Minute

// podsSeen are the pods of a datastore's instances as asked of late.
type podsSeen struct {
	at     time.Time
	pods   map[string]standby.Pod // by instance
	doubts []string
}

// measure keeps what a look found, and what befell the instances since the last.
func (w *tender) measure(ctx context.Context, t *standby.Topology) error {
	if w.kept.InCluster() {
		w.lookAtPods(ctx, t)
	}
	seen, err := w.app.store.Seen(ctx, t.Datastore, t.Environment)
	if err != nil {
		return err
	}
	now, befell, looks := seen.After(*t)
	return w.app.store.KeepLook(ctx, t.Datastore, t.Environment, t.At, now, befell, looks)
}

// lookAtPods adds to instances which pods they run in. A pod that is not there is what the topology tells of; one that may not be asked is a doubt.
func (w *tender) lookAtPods(ctx context.Context, t *standby.Topology) {
	if now := w.app.now(); w.pods.at.IsZero() || now.Sub(w.pods.at) >= askPods {
		w.pods = podsSeen{at: now, pods: map[string]standby.Pod{}}
		for _, m := range t.Members {
			if m.Address == "" {
				continue
			}
			p, err := kube.PodOf(ctx, w.app.clusterOf(w.kept), m.Address)
			switch {
			case err == nil:
				w.pods.pods[m.Name] = p
			case fault.KindOf(err) != fault.NotFound && !slices.Contains(w.pods.doubts, err.Error()):
				w.pods.doubts = append(w.pods.doubts, err.Error())
			}
		}
	}
	for i, m := range t.Members {
		if p, ok := w.pods.pods[m.Name]; ok {
			t.Members[i].Pod = &p
		}
	}
	t.Doubts = append(t.Doubts, w.pods.doubts...)
}
