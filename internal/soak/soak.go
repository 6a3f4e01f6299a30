// Package soak says how often tests repeat what proves a promise by numbers: seldom in `make test`,
// where each promise is exercised, and often in `make soak`, where each is proven. All numbers
// stand in one table.
package soak

import (
	"os"
	"testing"
)

// Variable is what asks for the full numbers, set to 1 in the environment.
const Variable = "CARAVAN_SOAK"

// Experiment is a test that takes its number from here.
type Experiment struct {
	Promise string // what it proves, as one reads it in docs/soak.md
	Unit    string // what is counted: "kills"
	Small   int    // in make test
	Full    int    // in make soak
	Module  string // folder of the module that has the test; "" for that of the program
	Package string // "./internal/conductor"
	Test    string // a pattern, as go test -run takes it
}

// Count is how often the experiment is to be repeated now.
func (e Experiment) Count(t testing.TB) int {
	t.Helper()
	n := e.Small
	if isFull() {
		n = e.Full
	}
	t.Logf("soak: %d %s", n, e.Unit)
	return n
}

// isFull reports whether the full numbers are asked for.
func isFull() bool { return os.Getenv(Variable) == "1" }

// The experiments.
var (
	JourneyKills = Experiment{
		Promise: "A journey carried out by programs that are killed has every effect once, on SQLite and with three replicas on PostgreSQL", Unit: "kills on each store",
		Small: 12, Full: 200, Package: "./internal/conductor", Test: "^TestKilledAtRandomMomentsEveryEffectIsThereOnce$",
	}
	PlanKills = Experiment{
		Promise: "A program killed while it leases addresses leaves nothing half taken, on SQLite and on PostgreSQL", Unit: "kills on each store",
		Small: 6, Full: 200, Package: "./internal/store", Test: "^TestAKilledProgramLeavesNothingHalfTaken$",
	}
	LeaseOrders = Experiment{
		Promise: "Any order of operations on leases leaves the tables as a plain model says, on SQLite and on PostgreSQL", Unit: "orders on each store",
		Small: 25, Full: 2000, Package: "./internal/store", Test: "^TestLeasesOn(SQLite|PostgreSQL)$",
	}
	HostPackets = Experiment{
		Promise: "A step killed at any moment on machines is finished, or taken back, by the next run", Unit: "packets between two moments",
		Small: 31, Full: 7, Module: "testbed", Package: "./hosts", Test: "^TestMachinesKeepWhatTargetsPromise$",
	}
	ClusterRequests = Experiment{
		Promise: "A step killed at any moment on a cluster is finished, or taken back, by the next run", Unit: "requests between two moments",
		Small: 3, Full: 1, Module: "testbed", Package: "./targets", Test: "^TestAClusterAsATarget$",
	}
)

// All are all experiments, in the order in which they are reported.
func All() []Experiment {
	return []Experiment{JourneyKills, PlanKills, LeaseOrders, HostPackets, ClusterRequests}
}
