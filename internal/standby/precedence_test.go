package standby

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTheWarmestTakesOverFirst(t *testing.T) {
	told := func(t *Topology, priorities ...int) {
		for i, p := range priorities {
			t.Members[i].Priority = &p
		}
	}
	for _, c := range []struct {
		why    string
		change func(*Topology)
		want   map[string]int
	}{
		{"nobody was told", func(*Topology) {}, map[string]int{"pg-1": 1, "pg-2": 2, "pg-3": 3}},
		{"it is in front", func(t *Topology) { told(t, 1, 2, 3) }, nil},
		{"one in front is nearly as warm", func(t *Topology) { told(t, 1, 3, 2) }, nil},
		{"one in front is colder", func(t *Topology) { told(t, 1, 3, 2); t.Members[1].Warmth.Share = 0.9 }, map[string]int{"pg-1": 1, "pg-2": 2, "pg-3": 3}},
		{"one in front leads now", func(t *Topology) { told(t, 4, 2, 3) }, map[string]int{"pg-1": 1, "pg-2": 2, "pg-3": 3}},
		{"a cold one is beside the warm one", func(t *Topology) { told(t, 1, 3, 3); t.Members[1].Warmth.Share = 0.1 }, map[string]int{"pg-1": 1, "pg-2": 2, "pg-3": 3}},
		{"one in front is not healthy", func(t *Topology) { told(t, 1, 2, 3); t.Members[2].State = "starting" }, map[string]int{"pg-1": 1, "pg-2": 2, "pg-3": 1}},
		{"one is marked", func(t *Topology) { t.Members[2].NoFailover = true }, map[string]int{"pg-1": 1, "pg-2": 2}},
		{"one cannot be told", func(t *Topology) { t.Members[2].Unreachable = "connection refused" }, map[string]int{"pg-1": 1, "pg-2": 2}},
		{"one cannot be told and is in front", func(t *Topology) { told(t, 1, 2, 7); t.Members[2].Unreachable = "connection refused" }, map[string]int{"pg-1": 1, "pg-2": 8}},
		{"one was never measured", func(t *Topology) { t.Members[2].Warmth = nil }, map[string]int{"pg-1": 1, "pg-2": 2, "pg-3": 1}},
		{"none was", func(t *Topology) { t.Members[1].Warmth, t.Members[2].Warmth = nil, nil }, nil},
		{"one that has no address", func(t *Topology) { t.Members[2].Address = "" }, map[string]int{"pg-1": 1, "pg-2": 2}},
		{"the only one", func(t *Topology) { t.Members = t.Members[:2] }, map[string]int{"pg-1": 1, "pg-2": 2}},
		{"the only one, told", func(t *Topology) { t.Members = t.Members[:2]; told(t, 1, 2) }, nil},
	} {
		top := healthy()
		for i := range top.Members {
			top.Members[i].Address = "10.0.0.1:5432"
		}
		c.change(&top)
		if diff := cmp.Diff(c.want, top.Precedence()); diff != "" {
			t.Errorf("%s:\n%s", c.why, diff)
		}
	}
}
