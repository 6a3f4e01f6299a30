package standby

import (
	"cmp"
	"slices"
)

// warmer is by how much one standby must be warmer than one that is before it, for that to change: warmth moves by some points in each round, and
// what keeps them is not to be told so often.
const warmer = 0.05

// Precedence is who of a datastore shall take over first when its primary is lost: a number for each instance that can be told, higher ones first. Of
// those that are healthy, may take over and were measured the warmest have the highest, whatever else they are: which of them has all that was
// confirmed is for their keeper to know. All others have 1, the least, and so has whoever leads: should that one come back as a standby, it begins
// with nothing. Who cannot be told keeps its number, and all that were measured get higher ones.
//
// Nothing is to be told, and there is no number, while nobody is before one that is warmer by five points.
func (t Topology) Precedence() map[string]int {
	able := slices.DeleteFunc(t.Standbys(), func(m Member) bool { return !m.tellable() || !m.Healthy() || m.Warmth == nil })
	if len(able) == 0 || t.inOrder(able) {
		return nil
	}
	slices.SortFunc(able, func(x, y Member) int {
		return cmp.Or(cmp.Compare(warmthOf(x), warmthOf(y)), cmp.Compare(lagOf(y), lagOf(x)), cmp.Compare(y.Name, x.Name))
	})
	want, last := map[string]int{}, 1
	for _, m := range t.Members {
		if m.tellable() {
			want[m.Name] = 1
		} else if !m.NoFailover {
			last = max(last, m.priority())
		}
	}
	for _, m := range able {
		last++
		want[m.Name] = last
	}
	return want
}

// tellable reports whether an instance is there to be told its place, and has one.
func (m Member) tellable() bool { return m.Unreachable == "" && m.Address != "" && !m.NoFailover }

// priority is that of an instance; 1 when nobody said (Patroni, Tags.failover_priority).
func (m Member) priority() int {
	if m.Priority == nil {
		return 1
	}
	return *m.Priority
}

// inOrder reports whether what was told before still does: all that can be told were, and none of those that are able has anybody before it, or beside it,
// that is colder by much. Of who leads or is not able, the buffers count as empty.
func (t Topology) inOrder(able []Member) bool {
	for _, m := range t.Members {
		if m.tellable() && m.Priority == nil {
			return false
		}
	}
	for _, x := range able {
		for _, y := range t.Members {
			warmth := 0.0
			if slices.ContainsFunc(able, func(m Member) bool { return m.Name == y.Name }) {
				warmth = warmthOf(y)
			}
			if x.Name != y.Name && !y.NoFailover && x.priority() <= y.priority() && warmthOf(x)-warmth >= warmer {
				return false
			}
		}
	}
	return true
}
