package address

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/finding"
)

func TestSizesFollowTheRuleOfTheBlockOfANode(t *testing.T) {
	for name, c := range map[string]struct {
		of   Cluster
		want Sizes
	}{
		"one node with the usual 110 pods has a block of 256":      {Cluster{Nodes: 1}, Sizes{Nodes: 8, Pods: 2 * 256, Services: 256, Block: 256}},
		"32 pods need a block of 64, 33 one of 128":                {Cluster{Nodes: 4, Pods: 32}, Sizes{Nodes: 16, Pods: 8 * 64, Services: 256, Block: 64}},
		"33 pods need a block of 128":                              {Cluster{Nodes: 4, Pods: 33}, Sizes{Nodes: 16, Pods: 8 * 128, Services: 256, Block: 128}},
		"nodes that come while others go count":                    {Cluster{Nodes: 10, Surge: 2, Services: 50}, Sizes{Nodes: 32, Pods: 32 * 256, Services: 512, Block: 256}},
		"services have room to double beside those of the cluster": {Cluster{Nodes: 1, Services: 500}, Sizes{Nodes: 8, Pods: 512, Services: 2048, Block: 256}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Size(c.of); got != c.want {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
}

// TestMaxNodesIsWhatGKEPublishes takes its figures from the table of GKE's documentation: the most nodes for a range of pods.
func TestMaxNodesIsWhatGKEPublishes(t *testing.T) {
	for _, c := range []struct {
		pods, bits int
		nodes      float64
	}{{110, 24, 1}, {110, 21, 8}, {110, 14, 1024}, {32, 17, 512}, {8, 24, 16}, {110, 25, 0}} {
		block := Size(Cluster{Nodes: 1, Pods: c.pods}).Block
		if got := MaxNodes(netip.PrefixFrom(netip.AddrFrom4([4]byte{10}), c.bits), block); got != c.nodes {
			t.Errorf("a /%d with %d pods on a node holds %.0f nodes, want %.0f", c.bits, c.pods, got, c.nodes)
		}
		if MaxPods(block) < c.pods {
			t.Errorf("a block of %d is for %d pods, not %d", block, MaxPods(block), c.pods)
		}
	}
}

func TestARangeThatIsPlannedHoldsItsNodes(t *testing.T) {
	for nodes := 1; nodes < 200; nodes++ {
		s := Size(Cluster{Nodes: nodes})
		pods := netip.PrefixFrom(netip.AddrFrom4([4]byte{10}), BitsFor(s.Pods, 32))
		if held := MaxNodes(pods, s.Block); held < float64(nodes) {
			t.Fatalf("%d nodes are given %d addresses for pods, which hold %.0f", nodes, s.Pods, held)
		}
	}
}

func TestClashesAreFoundOverEveryJoint(t *testing.T) {
	at := func(line int) estate.Place { return estate.Place{File: "caravan.yaml", Line: line} }
	holdings := []Holding{
		{Network: "office", Prefix: prefix("10.20.0.0/16"), Holder: "office", Place: at(3)},
		{Network: "sin", Prefix: prefix("10.10.0.0/16"), Holder: "sin", Place: at(4)},
		{Network: "kul", Prefix: prefix("10.20.4.0/24"), Holder: "kul/pods", Place: at(5)},
		{Network: "partner", Prefix: prefix("10.10.9.0/24"), Holder: "partner", Place: at(6)},
		{Network: "kul", Prefix: prefix("10.30.0.0/16"), Holder: "kul", Place: at(7)},
		{Network: "kul", Prefix: prefix("10.30.1.0/24"), Holder: "kul", Place: at(8)},
	}
	joints := []Joint{{A: "sin", B: "kul", Kind: "vpn"}, {A: "office", B: "sin", Kind: "peering"}}
	var got []string
	for _, c := range Clashes(holdings, joints) {
		got = append(got, c.String())
	}
	want := []string{"10.20.0.0/16 of office (caravan.yaml:3) overlaps 10.20.4.0/24 of kul/pods (caravan.yaml:5); they reach each other: office —peering→ sin —vpn→ kul"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("partner is joined to nothing, and parts of one holder may lie in each other:\n%s", diff)
	}
	backwards := []Joint{{A: "sin", B: "office", Kind: "peering"}, {A: "kul", B: "sin", Kind: "vpn"}}
	if diff := cmp.Diff(fmt.Sprint(Clashes(holdings, joints)), fmt.Sprint(Clashes(holdings, backwards))); diff != "" {
		t.Errorf("a joint declared from its other end:\n%s", diff)
	}
	if found := Clashes(holdings, nil); len(found) != 0 {
		t.Errorf("without joints nobody reaches another: %v", found)
	}
	same := []Holding{holdings[0], {Network: "office", Prefix: prefix("10.20.1.0/24"), Holder: "guests"}}
	if found := Clashes(same, nil); len(found) != 1 || !strings.HasSuffix(found[0].String(), "in office") {
		t.Errorf("in one network: %v", found)
	}
}

func TestAHostBelongsIntoTheRangeOfItsNetwork(t *testing.T) {
	holdings := []Holding{
		{Network: "prod", Prefix: prefix("10.64.0.0/26"), Holder: "indonesia/prod/machines"},
		{Network: "prod", Prefix: prefix("10.64.0.2/32"), Holder: "web-1"},
		{Network: "prod", Prefix: prefix("10.64.0.3/32"), Holder: "web-2"},
		{Network: "prod", Prefix: prefix("10.64.0.3/32"), Holder: "web-3"},
		{Network: "office", Prefix: prefix("10.64.0.4/32"), Holder: "printer"},
	}
	var got []string
	for _, c := range Clashes(holdings, []Joint{{A: "office", B: "prod"}}) {
		got = append(got, c.String())
	}
	want := []string{
		"10.64.0.0/26 of indonesia/prod/machines overlaps 10.64.0.4/32 of printer; they reach each other: prod —peering→ office",
		"10.64.0.3/32 of web-2 overlaps 10.64.0.3/32 of web-3 in prod",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestTheShortestWayIsTold(t *testing.T) {
	ring := []Joint{{A: "a", B: "b"}, {A: "b", B: "c"}, {A: "c", B: "d"}, {A: "d", B: "e"}, {A: "e", B: "a"}, {A: "e", B: "b"}, {A: "d", B: "c", Kind: "backup"}, {A: "x", B: "y"}}
	for way, want := range map[[2]string]string{
		{"a", "c"}: "[{ b} { c}]",
		{"a", "d"}: "[{ e} { d}]",
		{"d", "c"}: "[{ c}]",
		{"b", "d"}: "[{ c} { d}]",
		{"a", "y"}: "[]",
		{"a", "a"}: "[]",
	} {
		if got := fmt.Sprint(waysOver(ring).between(way[0], way[1])); got != want {
			t.Errorf("from %s to %s: %s, want %s", way[0], way[1], got, want)
		}
	}
}

func TestClashesInIPv6(t *testing.T) {
	holdings := []Holding{{Network: "a", Prefix: prefix("fd00::/32"), Holder: "a"}, {Network: "b", Prefix: prefix("fd00:0:1::/48"), Holder: "b"}, {Network: "b", Prefix: prefix("10.0.0.0/8"), Holder: "b"}}
	if found := Clashes(holdings, []Joint{{A: "a", B: "b"}}); len(found) != 1 {
		t.Errorf("%v", found)
	}
}

var today = time.Date(2026, time.March, 1, 0, 0, 0, 0, time.UTC)

func growing(days ...int) []Point {
	out := make([]Point, len(days))
	for i, d := range days {
		out[i] = Point{At: today.AddDate(0, 0, d), Taken: float64(200 + d)}
	}
	return out
}

func TestForecast(t *testing.T) {
	for name, c := range map[string]struct {
		points   []Point
		capacity float64
		days     int // until it is full; -1 for never
		severity finding.Severity
	}{
		"one address a day":               {growing(-60, -30, 0), 256, 56, finding.Warning},
		"a month is critical":             {growing(-60, -30, 0), 230, 30, finding.Critical},
		"three months and a day is not":   {growing(-60, -30, 0), 291, 91, ""},
		"two points are no trend":         {growing(-60, 0), 210, -1, ""},
		"all at one time is no trend":     {growing(0, 0, 0), 210, -1, ""},
		"what shrinks is never full":      {[]Point{{today.AddDate(0, 0, -2), 9}, {today.AddDate(0, 0, -1), 8}, {today, 7}}, 10, -1, ""},
		"what stands still is never full": {[]Point{{today.AddDate(0, 0, -2), 9}, {today.AddDate(0, 0, -1), 9}, {today, 9}}, 10, -1, ""},
		"a thousand years are for ever":   {growing(-60, -30, 0), 400_000, -1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			due, ok := Exhaustion(c.points, c.capacity)
			if ok != (c.days >= 0) || ok && due.Sub(today).Round(time.Hour) != time.Duration(c.days)*24*time.Hour {
				t.Errorf("full on %s, %t; want in %d days", due, ok, c.days)
			}
			found := Judge("countries", c.points, c.capacity, today)
			if (c.severity != "") != (len(found) == 1) || len(found) == 1 && found[0].Severity != c.severity {
				t.Errorf("%v; want %q", found, c.severity)
			}
		})
	}
}

// TestABusyDayIsNoTrend has three countries planned within an hour, and nothing after.
func TestABusyDayIsNoTrend(t *testing.T) {
	var points []Point
	for i := range 3 {
		points = append(points, Point{At: today.Add(time.Duration(i) * 20 * time.Minute), Taken: float64(i + 1)})
	}
	for _, days := range []int{0, 1, 8, 60} {
		if found := Judge("countries", points, 16, today.AddDate(0, 0, days).Add(time.Hour)); len(found) != 0 {
			t.Errorf("%d days later: %v", days, found)
		}
	}
}

func TestWhatIsFullIsCriticalWithoutATrend(t *testing.T) {
	found := Judge("pool countries", []Point{{At: today.AddDate(0, 0, -1), Taken: 16}}, 16, today)
	if len(found) != 1 || found[0].Severity != finding.Critical || found[0].What != "pool countries is full" || !found[0].Due.Equal(today) {
		t.Errorf("%v", found)
	}
	if found := Judge("pool countries", nil, 16, today); len(found) != 0 {
		t.Errorf("of which nothing was ever taken: %v", found)
	}
}

func TestAFindingSaysFromWhatItWasReckoned(t *testing.T) {
	found := Judge("pool countries", growing(-60, -30, 0), 256, today)
	want := []finding.Finding{{
		Check: "address-exhaustion", Subject: "pool countries", Severity: finding.Warning, Due: today.AddDate(0, 0, 56),
		What:     "pool countries is full on 2026-04-26 if it goes on as it has",
		Advice:   "add a pool to caravan.yaml, or release what is not needed",
		Evidence: []string{"2025-12-31: 140 of 256 addresses", "2026-01-30: 170 of 256 addresses", "2026-03-01: 200 of 256 addresses"},
	}}
	if diff := cmp.Diff(want, found, cmpopts.EquateApproxTime(time.Second)); diff != "" {
		t.Error(diff)
	}
}

func TestPodsAreJudgedByTheBlocksOfTheirNodes(t *testing.T) {
	for _, c := range []struct {
		name string
		p    PodSpace
		want []string
	}{
		{"what kubelet allows in what GKE gives", PodSpace{Range: prefix("10.60.0.0/16"), Nodes: 256}, nil},
		{"more pods than half a block", PodSpace{Range: prefix("10.60.0.0/16"), PerNode: 129}, []string{"at most 128 pods on a node, or make node pools with blocks of 512"}},
		{"as many pods as half a block", PodSpace{Range: prefix("10.60.0.0/16"), Block: 64, PerNode: 32}, nil},
		{"more nodes than blocks", PodSpace{Range: prefix("10.60.0.0/20"), Nodes: 17}, []string{"blocks of 128 addresses for 64 pods each"}},
		{"as many nodes as blocks", PodSpace{Range: prefix("10.60.0.0/20"), Nodes: 16}, nil},
		{"both", PodSpace{Range: prefix("10.60.0.0/24"), Block: 128, PerNode: 65, Nodes: 3}, []string{"at most 64 pods", "blocks of 64"}},
		{"IPv6 has room", PodSpace{Range: prefix("fd00:60::/48"), Nodes: 15000}, nil},
	} {
		found := JudgePods(c.p)
		if len(found) != len(c.want) {
			t.Errorf("%s: %v", c.name, found)
			continue
		}
		for i, want := range c.want {
			if !strings.Contains(found[i].Advice, want) {
				t.Errorf("%s: %s", c.name, found[i].Advice)
			}
		}
	}
}

func TestAddressesThatWereSeenAreTakenIn(t *testing.T) {
	s := estate.Snapshot{Components: []estate.Component{
		{Name: "a", Environments: []estate.EnvironmentName{"sin"}, Names: []estate.Alias{{Kind: estate.NameAddress, Value: "10.10.1.21"}, {Kind: estate.NameAddress, Value: "203.0.113.9"}, {Kind: estate.NameHostname, Value: "10.9.9.9"}}},
		{Name: "b", Names: []estate.Alias{{Kind: estate.NameVirtual, Value: "10.10.0.5"}, {Kind: estate.NameAddress, Value: "100.64.3.4"}, {Kind: estate.NameAddress, Value: "::ffff:192.168.7.8"}, {Kind: estate.NameAddress, Value: "fd00::7"}, {Kind: estate.NameAddress, Value: "nonsense"}}},
	}}
	declared := []Used{{Network: "sin", Prefix: prefix("10.10.1.0/24")}}
	var got []string
	for _, u := range Import(declared, Seen(s)) {
		got = append(got, u.Network+" "+u.Prefix.String())
	}
	if diff := cmp.Diff([]string{"b 10.10.0.5/32", "sin 10.10.1.0/24", "b 100.64.3.4/32", "b 192.168.7.8/32", "b fd00::7/128"}, got); diff != "" {
		t.Errorf("what lies in a declared range is told by that, public addresses are nobody's here:\n%s", diff)
	}
}

func TestRangesOfNetworksAreTakenIn(t *testing.T) {
	at := func(file string, line int) estate.Place { return estate.Place{File: file, Line: line} }
	s := estate.Snapshot{
		Ranges: []estate.Range{
			{Network: "main", Prefix: "10.20.0.0/16", Place: at("infra/net.tf", 1)},
			{Network: "app", Prefix: "10.20.4.0/22", Place: at("infra/net.tf", 5)}, // told by main
			{Network: "other", Prefix: "10.20.8.0/22", Place: at("lab/net.tf", 5)}, // of another network that overlaps
			{Network: "pods", Prefix: "100.64.0.0/16", Environment: "prod", Place: at("infra/gke.tf", 2)},
			{Network: "public", Prefix: "198.51.100.0/24", Place: at("infra/net.tf", 9)},
			{Network: "six", Prefix: "fd00:20::/56", Place: at("infra/net.tf", 11)},
			{Network: "broken", Prefix: "ten", Place: at("infra/net.tf", 12)},
			{Network: "inside", Prefix: "10.10.1.128/25", Place: at("infra/net.tf", 13)},
		},
		Components: []estate.Component{{Name: "a", Names: []estate.Alias{{Kind: estate.NameAddress, Value: "10.20.4.9"}, {Kind: estate.NameAddress, Value: "10.30.0.1"}}}},
	}
	var got []string
	for _, u := range Import([]Used{{Network: "sin", Prefix: prefix("10.10.1.0/24")}}, Seen(s)) {
		got = append(got, u.Network+" "+u.Prefix.String())
	}
	want := []string{"sin 10.10.1.0/24", "main 10.20.0.0/16", "other 10.20.8.0/22", "a 10.30.0.1/32", "prod 100.64.0.0/16", "six fd00:20::/56"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestANetworkKeepsTheEndsOfItsRange(t *testing.T) {
	if diff := cmp.Diff("[10.0.0.0/31 10.0.0.62/31]", fmt.Sprint(Kept(ForMachines, prefix("10.0.0.0/26")))); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff("[fd00::/128]", fmt.Sprint(Kept(ForMachines, prefix("fd00::/64")))); diff != "" {
		t.Error(diff)
	}
	for _, none := range []netip.Prefix{prefix("10.0.0.0/30"), prefix("fd00::/126")} {
		if got := Kept(ForMachines, none); len(got) != 0 {
			t.Errorf("%s: %v", none, got)
		}
	}
	if got := Kept(ForPods, prefix("10.0.0.0/16")); len(got) != 0 {
		t.Errorf("pods are no network's machines: %v", got)
	}
}

// BenchmarkClashes looks through 1,000 joined networks of ten ranges each, of which none overlap, or one in ten networks has one
// that all those have.
func BenchmarkClashes(b *testing.B) {
	for _, want := range []int{0, 100 * 99 / 2} {
		b.Run(fmt.Sprint(want), func(b *testing.B) {
			holdings, joints := thousandNetworks()
			for i := 0; i < len(holdings) && want > 0; i += 100 {
				holdings[i].Prefix = prefix("192.168.0.0/24")
			}
			for b.Loop() {
				if found := Clashes(holdings, joints); len(found) != want {
					b.Fatalf("%d clashes, want %d", len(found), want)
				}
			}
		})
	}
}

// thousandNetworks are joined one after the other, each with ten ranges of its own.
func thousandNetworks() ([]Holding, []Joint) {
	var holdings []Holding
	var joints []Joint
	for i := range 1000 {
		name := fmt.Sprintf("n%d", i)
		for j := range 10 {
			holdings = append(holdings, Holding{Network: name, Holder: name, Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i / 4), byte(i%4*64 + j), 0}), 24)})
		}
		if i > 0 {
			joints = append(joints, Joint{A: fmt.Sprintf("n%d", i-1), B: name})
		}
	}
	return holdings, joints
}
