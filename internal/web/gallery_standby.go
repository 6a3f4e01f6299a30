package web

import (
	"context"
	"fmt"
	"math"
	"time"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/standby"
)

// Standbys are those of the shelf.
func (s shelf) Standbys(context.Context) (Standbys, error) { return s.standing, s.failed }

// LookAtStandbys finds what was found already.
func (s shelf) LookAtStandbys(context.Context) error { return s.failed }

// SwitchOver switches nothing.
func (s shelf) SwitchOver(context.Context, estate.ServiceName, estate.EnvironmentName, string) error {
	return fault.Newf(fault.Conflict, "the gallery switches nothing over: start the real portal with caravan serve")
}

// smallStandbys are a database that is well, one with a cold standby and one that cannot be asked, and a Redis nobody looked at.
func smallStandbys(now time.Time) Standbys {
	bytes := func(n int64) *int64 { return &n }
	warm := func(share float64) *standby.Warmth {
		return &standby.Warmth{Share: share, Blocks: 131072, There: int(131072 * share), At: now}
	}
	v := Standbys{Now: now}
	add := func(t standby.Topology, samples []standby.Sample) {
		d := Datastore{Topology: t, Gate: standby.UsualLimits().Gate, Samples: samples, Findings: standby.Judge(t, standby.UsualLimits()), Stale: t.At.IsZero()}
		if t.At.IsZero() {
			d.Findings = nil
		}
		if m, ok := t.Preferred(); ok {
			d.Preferred = m.Name
		}
		v.Datastores = append(v.Datastores, d)
	}
	add(standby.Topology{
		Datastore: "orders-db", Environment: "brunei-data", Team: "shop", Technology: "postgres", Version: "15.18", Keeper: standby.Patroni, At: now.Add(-8 * time.Second), Failover: now.Add(-19 * 24 * time.Hour),
		Backup: &standby.Backup{At: now.Add(-5 * time.Hour), Archived: now.Add(-time.Minute), Drilled: now.Add(-smallDrilled)},
		Members: []standby.Member{
			{Name: "bn-pg1", Address: "10.66.4.11:5432", Role: standby.Primary, State: "running", Timeline: 3},
			{Name: "bn-pg2", Address: "10.66.4.12:5432", Role: standby.Standby, State: "streaming", Timeline: 3, Lag: bytes(0), Synchronous: true, Warmth: warm(0.987)},
			{Name: "bn-pg3", Address: "10.66.4.13:5432", Role: standby.Standby, State: "streaming", Timeline: 3, Lag: bytes(4096), Warmth: warm(0.412)},
		},
	}, smallSamples(now))
	v.Datastores[0].Advice = smallAdvice(now)
	v.Datastores[0].Moves = []DatastoreMove{{
		Name: "store:orders-db:brunei-data", Journey: "sha256:5f1c", From: "malaysia-vm", To: "brunei-data", Steps: []journey.StepID{"orders-db/replicate", "orders-db/cutover"}, Missing: []estate.TeamName{"shop"},
		Does: []string{"roles, schemas and rows of orders are copied from malaysia-vm to brunei-data while it is used, and what is written is passed on", "clients of orders-db are held for moments, until brunei-data has all that was written, and led there"},
	}}
	add(standby.Topology{
		Datastore: "payments-db", Environment: "malaysia-vm", Team: "payments", Technology: "postgres", Version: "13.20", Keeper: standby.Stolon, At: now.Add(-time.Minute),
		Members: []standby.Member{
			{Name: "keeper0", Address: "10.20.1.4:5432", Role: standby.Primary, State: "running", Timeline: 7},
			{Name: "keeper1", Address: "10.20.1.5:5432", Role: standby.Standby, State: "running", Timeline: 7, Unreachable: "keeper1 (10.20.1.5:5432) does not answer: connection refused"},
		},
	}, nil)
	v.Datastores[1].Moves = []DatastoreMove{{
		Name: "store:payments-db:malaysia-vm", From: "malaysia-k8s", To: "malaysia-vm", Phase: "proven", Moved: true, Window: true, Until: now.Add(51 * time.Hour), Run: journey.Finished, Pauses: []time.Duration{261 * time.Millisecond},
		Does: []string{"clients of payments-db are held for moments, until malaysia-vm has all that was written, and led there"},
	}}
	add(standby.Topology{Datastore: "sessions", Environment: "brunei-data", Team: "shop", Technology: "redis", Keeper: standby.Sentinel, Members: []standby.Member{}}, nil)
	return v
}

// smallDrilled is how long ago the backup of orders-db was restored and found good.
const smallDrilled = 50 * time.Hour

// smallAdvice is what a month in a cluster that evicts comes to.
func smallAdvice(now time.Time) *standby.Advice {
	size := int64(310 << 30)
	t := standby.Topology{Datastore: "orders-db", Environment: "brunei-data", Team: "shop", Technology: "postgres"}
	a := standby.Advise(t, standby.Measured{
		Kind: standby.Kubernetes, Since: now.Add(-26 * 24 * time.Hour), Until: now, Hours: 600, Instances: 3, Size: &size, Displaced: 5, Failovers: 3,
		Disk: &standby.Latency{Block: 1700 * time.Microsecond, Hours: 410, Cached: 0.31}, Followed: 420000, Late: 1300,
	}, &standby.Latency{Block: 210 * time.Microsecond, Hours: 96}, standby.WayBack{To: "brunei-vm", Drilled: now.Add(-smallDrilled)})
	return &a
}

// smallSamples are two hours of a standby that stayed warm, and of one that began anew.
func smallSamples(now time.Time) []standby.Sample {
	var out []standby.Sample
	const minutes, restart = 120, 95
	for i := range minutes {
		at := now.Add(time.Duration(i-minutes) * time.Minute)
		out = append(out, standby.Sample{Member: "bn-pg2", At: at, Share: 0.975 + 0.015*math.Sin(float64(i)/7)})
		share := 0.96
		if i >= restart {
			share = 0.08 + 0.33*float64(i-restart)/(minutes-restart)
		}
		out = append(out, standby.Sample{Member: "bn-pg3", At: at, Share: share})
	}
	return out
}

// largeStandbys are many databases.
func largeStandbys(now time.Time) Standbys {
	v := Standbys{Now: now}
	one := smallStandbys(now).Datastores[0]
	for i := range 60 {
		d := one
		d.Datastore = estate.ServiceName(fmt.Sprintf("a-database-with-a-rather-long-name-%02d", i))
		v.Datastores = append(v.Datastores, d)
	}
	return v
}
