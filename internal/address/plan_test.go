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
	wide := country("indonesia", 8)
	wide[2].Bits, wide[2].Place, wide[2].Figures = 20, at, "16 nodes with 110 pods each"
	local := []Pool{{Name: "less", Prefix: prefix("fd00:65::/56")}, {Name: "local", Prefix: prefix("fd00:64::/48")}}
	larger := country("indonesia", 8)
	larger[2].Bits, larger[2].Place = 19, at
	small := []Pool{{Name: "tiny", Prefix: prefix("192.168.0.0/24")}, {Name: "less", Prefix: prefix("172.16.0.0/28")}}
	grown := plan(t, nil, nil, country("indonesia", 2))
	for name, c := range map[string]struct {
		pools  []Pool
		leases []Lease
		wants  []Want
		kind   fault.Kind
		want   []string
	}{
		"a range that was asked for and is too small":            {pools, nil, asked, fault.Invalid, []string{"expansions/indonesia.yaml:12: a /24 for pods is too small", "16 nodes with 110 pods each needs a /20", "ask for /20"}},
		"a range that was asked for and is larger than any pool": {local, nil, wide, fault.Invalid, []string{"expansions/indonesia.yaml:12: a /20 for pods is larger than any pool, the largest being fd00:64::/48 of local", "needs a /116: ask for /116"}},
		"no pool has room":                 {small, nil, country("indonesia", 8), fault.Conflict, []string{"192.168.0.0/24 of pool:tiny", "172.16.0.0/28 of pool:less", "add a pool to caravan.yaml"}},
		"no pool is declared":              {nil, nil, country("indonesia", 8), fault.Conflict, []string{"no pool is declared"}},
		"a lease that is too small by now": {pools, grown, country("indonesia", 20), fault.Conflict, []string{"indonesia/prod", "caravan address release"}},
		"a range that was asked for and is too small, though it has a lease": {pools, plan(t, nil, nil, country("indonesia", 8)), asked, fault.Invalid, []string{"expansions/indonesia.yaml:12: a /24 for pods is too small", "ask for /20"}},
		"a larger range than the lease":                                      {pools, plan(t, nil, nil, country("indonesia", 8)), larger, fault.Conflict, []string{"indonesia/prod/pods has ", "expansions/indonesia.yaml:12 needs a /19", "caravan address release indonesia/prod/pods"}},
		"a lease outside of its pool":                                        {pools, []Lease{{Holder: "x", Parent: "pool:countries", Prefix: prefix("192.168.0.0/24"), State: Live}}, country("indonesia", 8), fault.Conflict, []string{"the lease 192.168.0.0/24 of x is wrong", "caravan address check"}},
		"a part of nothing":                                                  {pools, nil, country("indonesia", 8)[1:], fault.Invalid, []string{"indonesia/prod is to be a part of indonesia, which has no range"}},
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

func TestALeaseOutlivesTheSizeOfItsPool(t *testing.T) {
	asked := country("indonesia", 8)
	asked[2].Bits = 16
	first := plan(t, nil, nil, asked)
	smaller := []Pool{{Name: pools[0].Name, Prefix: netip.PrefixFrom(first[0].Prefix.Addr(), 18), Countries: 1}}
	again, err := Plan(smaller, first, nil, asked)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, again, compare...); diff != "" {
		t.Error(diff)
	}
}

func TestARangeThatIsInUseAsAWholeIsNamed(t *testing.T) {
	used := []Used{{Network: "office", Prefix: prefix("10.0.0.0/8"), Place: estate.Place{File: "caravan.yaml", Line: 9}}}
	_, err := Plan(pools, nil, used, country("indonesia", 8))
	if fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), "all of it is in use: 10.0.0.0/8 of office (caravan.yaml:9)") {
		t.Errorf("%v", err)
	}
}

func TestAPoolMayBeNamed(t *testing.T) {
	two := []Pool{pools[0], {Name: "partners", Prefix: prefix("172.16.0.0/12")}}
	got, err := Plan(two, nil, []Used{{Prefix: prefix("172.16.0.0/24")}}, []Want{{Holder: "bank", Parent: "pool:partners", Addresses: 200}})
	if err != nil || got[0].Prefix != prefix("172.16.1.0/24") || got[0].Parent != "pool:partners" {
		t.Errorf("%v, %v", got, err)
	}
}

func TestWhatHoldsPartsHasRoomForThem(t *testing.T) {
	for name, c := range map[string]struct {
		parts  []int
		family int
		want   int
	}{
		"nothing is one address":               {nil, 32, 32},
		"one part is as large as itself":       {[]int{24}, 32, 24},
		"two equal parts are twice as large":   {[]int{24, 24}, 32, 23},
		"a small one beside a large one":       {[]int{32, 20}, 32, 19},
		"small ones share a block":             {[]int{26, 26, 25, 24}, 32, 23},
		"one too many doubles it":              {[]int{26, 26, 25, 24, 32}, 32, 22},
		"parts of IPv6 need no number for it":  {[]int{64, 64, 64}, 128, 62},
		"more than there is has no other half": {[]int{0, 0}, 32, 0},
	} {
		t.Run(name, func(t *testing.T) {
			if got := together(c.parts, c.family); got != c.want {
				t.Errorf("/%d, want /%d", got, c.want)
			}
		})
	}
}

func TestARangeOfIPv6MayBeAskedForByItsLength(t *testing.T) {
	wants := country("indonesia", 8)
	for i := 2; i < 4; i++ {
		wants[i].Bits = 64
	}
	local := Pool{Name: "local", Prefix: prefix("fd00:64::/48"), Countries: 16}
	got, err := Plan([]Pool{local}, nil, nil, wants)
	if err != nil {
		t.Fatal(err)
	}
	var ranges []string
	for _, l := range got {
		ranges = append(ranges, l.Prefix.String())
	}
	want := []string{"fd00:64::/52", "fd00:64::/63", "fd00:64::/64", "fd00:64:0:1::/64", "fd00:64:0:1::1/128"}
	if diff := cmp.Diff(want, ranges); diff != "" {
		t.Errorf("a country has its sixteenth of the pool, its environment room for what was asked, and no machine the address that means any router:\n%s", diff)
	}
	for i := 2; i < 4; i++ {
		wants[i].Bits = 20
	}
	got, err = Plan([]Pool{local, pools[0]}, nil, nil, wants)
	if err != nil || got[2].Prefix.Bits() != 20 || !got[2].Prefix.Addr().Is4() {
		t.Errorf("a /20 is no part of the first pool, and one of the second: %v, %v", got, err)
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
