package address

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
)

var compare = []cmp.Option{cmpopts.EquateComparable(netip.Prefix{}), cmpopts.EquateEmpty()}

// country is what one country wants: a range of its own, an environment in it, pods and machines in that.
func country(name string, nodes int) []Want {
	sizes := Size(Cluster{Nodes: nodes, Services: 20})
	return []Want{
		{Holder: name, Purpose: ForCountry, Addresses: 2 * (sizes.Pods + sizes.Nodes + sizes.Services)},
		{Holder: name + "/prod", Parent: name, Purpose: ForEnvironment, Addresses: 2 * (sizes.Pods + sizes.Services)},
		{Holder: name + "/prod/pods", Parent: name + "/prod", Purpose: ForPods, Addresses: sizes.Pods},
		{Holder: name + "/prod/machines", Parent: name + "/prod", Purpose: ForMachines, Addresses: MachineAddresses(6)},
		{Holder: name + "/prod/machines/lb-1", Parent: name + "/prod/machines", Purpose: ForMachine, Addresses: 1},
	}
}

var pools = []Pool{{Name: "countries", Prefix: prefix("10.64.0.0/10"), Countries: 16}}

func plan(t *testing.T, leases []Lease, used []Used, wants []Want) []Lease {
	t.Helper()
	out, err := Plan(pools, leases, used, wants)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestEveryRangeLiesInsideWhatItIsAPartOf(t *testing.T) {
	got := plan(t, nil, nil, country("indonesia", 8))
	whole := map[string]netip.Prefix{"pool:countries": pools[0].Prefix}
	for i, l := range got {
		if !whole[l.Parent].Contains(l.Prefix.Addr()) || whole[l.Parent].Bits() > l.Prefix.Bits() {
			t.Errorf("%s has %s, outside of %s", l.Holder, l.Prefix, whole[l.Parent])
		}
		for _, other := range got[:i] {
			if other.Parent == l.Parent && other.Prefix.Overlaps(l.Prefix) {
				t.Errorf("%s has %s, which overlaps %s of %s", l.Holder, l.Prefix, other.Prefix, other.Holder)
			}
		}
		whole[l.Holder] = l.Prefix
	}
	if got[0].Prefix != prefix("10.64.0.0/14") {
		t.Errorf("a country has %s, not its sixteenth of the pool", got[0].Prefix)
	}
	if got[4].Prefix.Addr() != got[3].Prefix.Addr().Next().Next() {
		t.Errorf("the first machine has %s of %s; the first two addresses are the network's", got[4].Prefix, got[3].Prefix)
	}
}

func TestAnotherCountryChangesNoLeaseThatExists(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var leases []Lease
		for i := range rapid.IntRange(1, 6).Draw(t, "countries") {
			wants := country(fmt.Sprintf("c%d", i), rapid.IntRange(1, 40).Draw(t, "nodes"))
			got, err := Plan(pools, leases, nil, wants)
			if err != nil {
				t.Fatal(err)
			}
			again, err := Plan(pools, slices.Concat(leases, got), nil, wants)
			if err != nil || cmp.Diff(got, again, compare...) != "" {
				t.Fatalf("planned again, it differs: %v\n%s", err, cmp.Diff(got, again, compare...))
			}
			for _, l := range got {
				for _, old := range leases {
					if old.Parent == l.Parent && old.Prefix.Overlaps(l.Prefix) {
						t.Fatalf("%s of %s overlaps %s of %s", l.Prefix, l.Holder, old.Prefix, old.Holder)
					}
				}
			}
			leases = slices.Concat(leases, got)
		}
	})
}

func TestTheOrderOfWhatIsKnownDoesNotMatter(t *testing.T) {
	used := []Used{{Prefix: prefix("10.64.0.0/16")}, {Prefix: prefix("10.80.0.1/32")}, {Prefix: prefix("10.64.0.0/24")}}
	leases := plan(t, nil, used, slices.Concat(country("malaysia", 4), country("brunei", 2)))
	want := plan(t, leases, used, country("indonesia", 8))
	random := rand.New(rand.NewPCG(3, 4))
	for range 20 {
		random.Shuffle(len(leases), func(i, j int) { leases[i], leases[j] = leases[j], leases[i] })
		random.Shuffle(len(used), func(i, j int) { used[i], used[j] = used[j], used[i] })
		if diff := cmp.Diff(want, plan(t, leases, used, country("indonesia", 8)), compare...); diff != "" {
			t.Fatal(diff)
		}
	}
}

func TestWhatIsInUseIsLeftAlone(t *testing.T) {
	used := []Used{{Network: "office", Prefix: prefix("10.64.0.0/15")}, {Network: "sin", Prefix: prefix("10.68.7.9/32")}}
	for _, l := range plan(t, nil, used, slices.Concat(country("indonesia", 8), country("vietnam", 8))) {
		for _, u := range used {
			if l.Prefix.Overlaps(u.Prefix) {
				t.Errorf("%s has %s, in which %s is used by %s", l.Holder, l.Prefix, u.Prefix, u.Network)
			}
		}
	}
}

// released is leases whose holders gave them back.
func released(leases []Lease) []Lease {
	out := slices.Clone(leases)
	for i := range out {
		out[i].State, out[i].Until = Quarantined, time.Date(2026, time.March, 8, 0, 0, 0, 0, time.UTC)
	}
	return out
}

func TestWhatIsQuarantinedIsNobodysYet(t *testing.T) {
	old := released(plan(t, nil, nil, country("vietnam", 2)))
	for _, l := range plan(t, old, nil, country("laos", 2)) {
		if l.Prefix.Overlaps(old[0].Prefix) {
			t.Errorf("%s is given to %s in its quarantine", l.Prefix, l.Holder)
		}
	}
}

func TestWhoComesBackInQuarantineGetsItsRangesAgain(t *testing.T) {
	first := plan(t, nil, nil, country("vietnam", 2))
	if diff := cmp.Diff(first, plan(t, released(first), nil, country("vietnam", 2)), compare...); diff != "" {
		t.Error(diff)
	}
	grown := plan(t, released(first), nil, country("vietnam", 200))
	if grown[2].Prefix.Overlaps(first[2].Prefix) {
		t.Errorf("pods have %s, and %s is in quarantine", grown[2].Prefix, first[2].Prefix)
	}
}

func TestPlanRefusesWithTheRightFigure(t *testing.T) {
	at := estate.Place{File: "expansions/indonesia.yaml", Line: 12}
	asked := country("indonesia", 8)
	asked[2].Bits, asked[2].Place, asked[2].Figures = 24, at, "16 nodes with 110 pods each"
	small := []Pool{{Name: "tiny", Prefix: prefix("192.168.0.0/24")}, {Name: "less", Prefix: prefix("172.16.0.0/28")}}
	grown := plan(t, nil, nil, country("indonesia", 2))
	for name, c := range map[string]struct {
		pools  []Pool
		leases []Lease
		wants  []Want
		kind   fault.Kind
		want   []string
	}{
		"a range that was asked for and is too small": {pools, nil, asked, fault.Invalid, []string{"expansions/indonesia.yaml:12: a /24 for pods is too small", "16 nodes with 110 pods each needs a /20", "ask for /20"}},
		"no pool has room":                            {small, nil, country("indonesia", 8), fault.Conflict, []string{"192.168.0.0/24 of pool:tiny", "172.16.0.0/28 of pool:less", "add a pool to caravan.yaml"}},
		"no pool is declared":                         {nil, nil, country("indonesia", 8), fault.Conflict, []string{"no pool is declared"}},
		"a lease that is too small by now":            {pools, grown, country("indonesia", 20), fault.Conflict, []string{"indonesia/prod", "caravan address release"}},
		"a part of nothing":                           {pools, nil, country("indonesia", 8)[1:], fault.Invalid, []string{"indonesia/prod is to be a part of indonesia, which has no range"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Plan(c.pools, c.leases, nil, c.wants)
			if fault.KindOf(err) != c.kind {
				t.Fatalf("%v", err)
			}
			for _, part := range c.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("no %q in: %v", part, err)
				}
			}
		})
	}
}

func TestIPv6IsDividedLikeIPv4(t *testing.T) {
	local := []Pool{{Name: "local", Prefix: prefix("fd00:64::/48"), Countries: 16}}
	got, err := Plan(local, nil, nil, country("indonesia", 8))
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range got {
		if !local[0].Prefix.Contains(l.Prefix.Addr()) {
			t.Errorf("%s has %s", l.Holder, l.Prefix)
		}
	}
	if got[2].Prefix.Bits() != BitsFor(Size(Cluster{Nodes: 8, Services: 20}).Pods, 128) {
		t.Errorf("pods have %s", got[2].Prefix)
	}
}
