package store

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"example.org/caravan/internal/address"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/soak"
	"example.org/caravan/internal/store/pgtest"
)

// leasePromises are what every database must keep about leases. Each gets the options of an empty one.
var leasePromises = []struct {
	name  string
	check func(t *testing.T, opts Options)
}{
	{"a holder that asks again gets the same lease", sameHolderSameLease},
	{"a holder that asks for another size is told both", anotherSizeIsConflict},
	{"the lowest part of the smallest block that is large enough is given", givesBestFit},
	{"IPv6 is given like IPv4", givesIPv6},
	{"parts lie inside of what they are parts of", partsLieInside},
	{"without a named parent the first pool with room is taken", takesFirstPoolWithRoom},
	{"a network keeps the ends of its range, also after all of it was given back", networkKeepsItsEnds},
	{"what address.Plan proposes can be taken, and is proposed again", takesWhatIsPlanned},
	{"a range is given beside those that are used without a lease", givesBesideUsed},
	{"what a full range has left is said", saysWhatIsLeft},
	{"a plan is taken whole or not at all", takesAllOrNothing},
	{"a plan that is taken already changes nothing", takesPlanOnce},
	{"a plan with a holder that has another range meanwhile is refused", refusesOldPlan},
	{"a released range is kept from others until its quarantine is over", quarantineKeepsOthersOut},
	{"a holder that comes back in quarantine gets its own range", comesBackInQuarantine},
	{"a released lease goes with all its parts, and the pool is whole again after it", releasesWithParts},
	{"reserved leases become live once", becomesLive},
	{"pools are declared once, change while unused and never overlap", declaresPools},
	{"a pool that is unused may be renamed", renamesPools},
	{"leases are listed by address and by the path of their holder", listsLeases},
	{"every change is in the history with who and why", writesHistory},
	{"the history cannot be rewritten", historyStays},
	{"the growth of a range is read from the history", readsGrowth},
	{"what nobody answers for is refused", refusesAnonymous},
	{"what makes no range is refused", refusesOddRanges},
	{"a cancelled change leaves nothing", cancelledLeaseLeavesNothing},
	{"a change that is cancelled midway leaves nothing", cancelledMidwayLeavesNothing},
	{"a database that cannot be written to says so in a line", tellsThatItIsReadOnly},
	{"the tables refuse ranges that overlap", tablesKeepApart},
	{"what the tables refuse is told as a conflict", tellsWhatTheTablesRefuse},
	{"the tables refuse a part outside of its parent", tablesKeepInside},
	{"the tables refuse a second lease for a holder", tablesKeepHolders},
	{"two replicas with sixteen clients each never give an address twice", replicasNeverOverlap},
	{"any order of operations leaves the tables as a plain model says", followsModel},
}

func TestLeasesOnSQLite(t *testing.T) {
	for _, p := range leasePromises {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			p.check(t, Options{Path: filepath.Join(t.TempDir(), folderName, "caravan.db")})
		})
	}
}

func TestLeasesOnPostgreSQL(t *testing.T) {
	cluster := pgtest.Start(t)
	for _, p := range leasePromises {
		t.Run(p.name, func(t *testing.T) { p.check(t, Options{Database: cluster.Database(t)}) })
	}
}

var (
	countries = address.Pool{Name: "countries", Prefix: netip.MustParsePrefix("10.64.0.0/10")}
	local     = address.Pool{Name: "local", Prefix: netip.MustParsePrefix("fd00:64::/32")}
)

func noteAt(at time.Time) LeaseNote {
	return LeaseNote{At: at, By: "platform@kopi.example.com", Reason: "plan indonesia"}
}

// registry is an open store with pools.
func registry(t *testing.T, opts Options, pools ...address.Pool) *Store {
	t.Helper()
	s := open(t, opts)
	if err := s.Declare(t.Context(), pools, noteAt(noon)); err != nil {
		t.Fatal(err)
	}
	return s
}

func allocate(t *testing.T, s *Store, holder, parent string, bits int) address.Lease {
	t.Helper()
	l, err := s.Allocate(t.Context(), address.Want{Holder: holder, Parent: parent, Purpose: address.ForPods, Bits: bits}, noteAt(noon))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func leases(t *testing.T, s *Store, holder string) []address.Lease {
	t.Helper()
	out, err := s.Leases(t.Context(), holder)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func freeRanges(t *testing.T, s *Store, parent string) string {
	t.Helper()
	free, err := s.FreeRanges(t.Context(), parent)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(free)
}

func same(t *testing.T, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b }), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func inPool(holder, prefix string) address.Lease {
	return address.Lease{Holder: holder, Parent: address.OfPool("countries"), Prefix: netip.MustParsePrefix(prefix), Purpose: address.ForCountry, State: address.Reserved}
}

func sameHolderSameLease(t *testing.T, opts Options) {
	s := registry(t, opts, countries)
	want := address.Lease{Holder: "indonesia", Parent: "pool:countries", Prefix: netip.MustParsePrefix("10.64.0.0/14"), Purpose: address.ForPods, State: address.Reserved, Since: noon}
	same(t, want, allocate(t, s, "indonesia", "pool:countries", 14))
	later := address.Want{Holder: "indonesia", Parent: "pool:countries", Purpose: address.ForPods, Addresses: 1 << 18}
	again, err := open(t, opts).Allocate(t.Context(), later, noteAt(noon.Add(time.Hour)))
	if err != nil {
		t.Fatal(err)
	}
	same(t, want, again)
	same(t, []address.Lease{want}, leases(t, s, ""))
}

func anotherSizeIsConflict(t *testing.T, opts Options) {
	s := registry(t, opts, countries)
	allocate(t, s, "indonesia", "pool:countries", 14)
	_, err := s.Allocate(t.Context(), address.Want{Holder: "indonesia", Parent: "pool:countries", Bits: 13}, noteAt(noon))
	wantKind(t, err, fault.Conflict, "indonesia", "10.64.0.0/14", "/13", "release it first")
	allocate(t, s, "vietnam", "pool:countries", 13)
	_, err = s.Allocate(t.Context(), address.Want{Holder: "indonesia", Parent: "vietnam", Bits: 14}, noteAt(noon))
	wantKind(t, err, fault.Conflict, "indonesia has 10.64.0.0/14, a part of pool:countries, and one of vietnam is wanted")
}

func givesBestFit(t *testing.T, opts Options) {
	s := registry(t, opts, countries)
	for _, step := range []struct {
		bits int
		want string
	}{{14, "10.64.0.0/14"}, {16, "10.68.0.0/16"}, {14, "10.72.0.0/14"}, {32, "10.69.0.0/32"}, {15, "10.70.0.0/15"}, {32, "10.69.0.1/32"}, {17, "10.69.128.0/17"}} {
		if got := allocate(t, s, "for "+step.want, "pool:countries", step.bits); got.Prefix.String() != step.want {
			t.Errorf("a /%d: got %s, want %s", step.bits, got.Prefix, step.want)
		}
	}
	if got := freeRanges(t, s, "pool:countries"); !strings.HasPrefix(got, "[10.69.0.2/31 10.69.0.4/30") || !strings.HasSuffix(got, "10.76.0.0/14 10.80.0.0/12 10.96.0.0/11]") {
		t.Errorf("free: %s", got)
	}
}

func givesIPv6(t *testing.T, opts Options) {
	s := registry(t, opts, local, countries)
	site := allocate(t, s, "indonesia", "pool:local", 48)
	same(t, "fd00:64::/48", site.Prefix.String())
	for i, want := range []string{"fd00:64::/64", "fd00:64:0:1::/64", "fd00:64:0:2::/64"} {
		same(t, want, allocate(t, s, fmt.Sprint("indonesia/", i), "indonesia", 64).Prefix.String())
	}
	same(t, "fd00:64:0:3::/128", allocate(t, s, "indonesia/one", "indonesia", 128).Prefix.String())
}

func partsLieInside(t *testing.T, opts Options) {
	s := registry(t, opts, countries)
	allocate(t, s, "singapore", "pool:countries", 14)
	allocate(t, s, "indonesia", "pool:countries", 14)
	allocate(t, s, "indonesia/id", "indonesia", 14)
	same(t, "10.68.0.0/18", allocate(t, s, "indonesia/id/pods", "indonesia/id", 18).Prefix.String())
	same(t, "10.68.64.0/18", allocate(t, s, "indonesia/id/nodes", "indonesia/id", 18).Prefix.String())
	_, err := s.Allocate(t.Context(), address.Want{Holder: "indonesia/id/more", Parent: "indonesia/id", Bits: 13}, noteAt(noon))
	wantKind(t, err, fault.Invalid, "/13", "10.68.0.0/14", "from 14 to 32")
	_, err = s.Allocate(t.Context(), address.Want{Holder: "x", Parent: "nobody", Bits: 20}, noteAt(noon))
	wantKind(t, err, fault.NotFound, "nobody")
	_, err = s.Allocate(t.Context(), address.Want{Holder: "x", Parent: "pool:nothing", Bits: 20}, noteAt(noon))
	wantKind(t, err, fault.NotFound, "pool:nothing")
	parts, err := s.Parts(t.Context(), "indonesia/id")
	if err != nil || len(parts) != 2 || parts[0].Holder != "indonesia/id/pods" || parts[0].Parent != "indonesia/id" {
		t.Errorf("parts: %v, %v", parts, err)
	}
}

func takesFirstPoolWithRoom(t *testing.T, opts Options) {
	small := address.Pool{Name: "small", Prefix: netip.MustParsePrefix("192.168.0.0/24")}
	s := registry(t, opts, small, countries)
	same(t, "192.168.0.0/24", allocate(t, s, "a", "", 24).Prefix.String())
	same(t, "10.64.0.0/24", allocate(t, s, "b", "", 24).Prefix.String())
	same(t, "10.64.4.0/22", allocate(t, s, "larger than the first", "", 22).Prefix.String())
	same(t, "10.64.8.0/22", func() string {
		l, err := s.Allocate(t.Context(), address.Want{Holder: "by number", Addresses: 1000}, noteAt(noon))
		if err != nil {
			t.Fatal(err)
		}
		return l.Prefix.String()
	}())
	_, err := s.Allocate(t.Context(), address.Want{Holder: "c", Bits: 10}, noteAt(noon))
	wantKind(t, err, fault.Conflict, "none of 2 pools has room", "a /10 cannot be a part of 192.168.0.0/24", "10.64.0.0/10 of pool:countries has no /10 free")
	none := registry(t, Options{Path: filepath.Join(t.TempDir(), "none.db")})
	_, err = none.Allocate(t.Context(), address.Want{Holder: "a", Bits: 24}, noteAt(noon))
	wantKind(t, err, fault.NotFound, "add pools to caravan.yaml")
}

func networkKeepsItsEnds(t *testing.T, opts Options) {
	s := registry(t, opts, countries, local)
	for _, c := range []struct {
		pool, holder string
		bits, single int
		first, free  string
	}{
		{"pool:countries", "v4", 29, 32, "10.64.0.2/32", "[10.64.0.2/31 10.64.0.4/31]"},
		{"pool:local", "v6", 125, 128, "fd00:64::1/128", "[fd00:64::1/128 fd00:64::2/127 fd00:64::4/126]"},
	} {
		if _, err := s.Allocate(t.Context(), address.Want{Holder: c.holder, Parent: c.pool, Purpose: address.ForMachines, Bits: c.bits}, noteAt(noon)); err != nil {
			t.Fatal(err)
		}
		same(t, c.free, freeRanges(t, s, c.holder))
		same(t, c.first, allocate(t, s, c.holder+"/lb-1", c.holder, c.single).Prefix.String())
		same(t, address.Last(netip.MustParsePrefix(c.first)).Next().String(), allocate(t, s, c.holder+"/lb-2", c.holder, c.single).Prefix.Addr().String())
		for _, holder := range []string{"/lb-1", "/lb-2"} {
			if _, err := s.Release(t.Context(), c.holder+holder, noon, noteAt(noon)); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.Reap(t.Context(), noteAt(noon)); err != nil {
			t.Fatal(err)
		}
		same(t, c.free, freeRanges(t, s, c.holder))
	}
}

// wantsOf is a country with an environment of machines.
func wantsOf(country string) []address.Want {
	return []address.Want{
		{Holder: country, Purpose: address.ForCountry},
		{Holder: country + "/prod", Parent: country, Purpose: address.ForEnvironment},
		{Holder: country + "/prod/pods", Parent: country + "/prod", Purpose: address.ForPods, Addresses: 4096},
		{Holder: country + "/prod/machines", Parent: country + "/prod", Purpose: address.ForMachines, Addresses: address.MachineAddresses(2)},
		{Holder: country + "/prod/machines/lb-1", Parent: country + "/prod/machines", Purpose: address.ForMachine, Addresses: 1},
		{Holder: country + "/prod/machines/lb-2", Parent: country + "/prod/machines", Purpose: address.ForMachine, Addresses: 1},
	}
}

func takesWhatIsPlanned(t *testing.T, opts Options) {
	pool := countries
	pool.Countries = 16
	s := registry(t, opts, pool)
	planned := map[string][]address.Lease{}
	take := func(country string, at time.Time) {
		t.Helper()
		plan, err := address.Plan([]address.Pool{pool}, leases(t, s, ""), nil, wantsOf(country))
		if err != nil {
			t.Fatal(err)
		}
		if err := s.TakeAll(t.Context(), plan, noteAt(at)); err != nil {
			t.Fatal(err)
		}
		if old := planned[country]; old != nil {
			same(t, prefixes(old), prefixes(plan))
		}
		planned[country] = plan
	}
	take("indonesia", noon)
	take("vietnam", noon)
	take("indonesia", noon)
	if _, err := s.Release(t.Context(), "indonesia", noon.Add(time.Hour), noteAt(noon)); err != nil {
		t.Fatal(err)
	}
	take("laos", noon)
	take("indonesia", noon.Add(time.Minute))
	take("vietnam", noon.Add(time.Minute))
	for country, plan := range planned {
		same(t, prefixes(plan), prefixes(leases(t, s, country)))
	}
}

// prefixes are those of leases, by holder.
func prefixes(all []address.Lease) []string {
	var out []string
	for _, l := range all {
		out = append(out, l.Holder+" "+l.Prefix.String())
	}
	slices.Sort(out)
	return out
}

func givesBesideUsed(t *testing.T, opts Options) {
	s := registry(t, opts, address.Pool{Name: "small", Prefix: netip.MustParsePrefix("192.168.0.0/24")})
	used := []address.Used{{Prefix: netip.MustParsePrefix("192.168.0.0/26")}, {Prefix: netip.MustParsePrefix("192.168.0.65/32")}, {Prefix: netip.MustParsePrefix("10.0.0.0/8")}}
	for _, step := range []struct {
		bits int
		want string
	}{{32, "192.168.0.64/32"}, {28, "192.168.0.80/28"}, {32, "192.168.0.66/32"}, {25, "192.168.0.128/25"}, {27, "192.168.0.96/27"}} {
		l, err := s.Allocate(t.Context(), address.Want{Holder: step.want, Parent: "pool:small", Bits: step.bits}, noteAt(noon), used...)
		if err != nil || l.Prefix.String() != step.want {
			t.Fatalf("a /%d: %s, %v; want %s", step.bits, l.Prefix, err, step.want)
		}
	}
	_, err := s.Allocate(t.Context(), address.Want{Holder: "more", Parent: "pool:small", Bits: 27}, noteAt(noon), used...)
	wantKind(t, err, fault.Conflict, "no /27 free beside what is in use")
	same(t, "192.168.0.0/27", allocate(t, s, "whoever uses it", "pool:small", 27).Prefix.String())
}

func saysWhatIsLeft(t *testing.T, opts Options) {
	s := registry(t, opts, address.Pool{Name: "small", Prefix: netip.MustParsePrefix("192.168.0.0/24")})
	allocate(t, s, "a", "pool:small", 25)
	allocate(t, s, "b", "pool:small", 26)
	_, err := s.Allocate(t.Context(), address.Want{Holder: "c", Parent: "pool:small", Bits: 25}, noteAt(noon))
	wantKind(t, err, fault.Conflict, "c: 192.168.0.0/24 of pool:small has no /25 free", "largest free block is a /26", "add a pool")
	allocate(t, s, "c", "pool:small", 26)
	_, err = s.Allocate(t.Context(), address.Want{Holder: "d", Parent: "pool:small", Bits: 32}, noteAt(noon))
	wantKind(t, err, fault.Conflict, "is full")
	same(t, "[]", freeRanges(t, s, "pool:small"))
}

func takesAllOrNothing(t *testing.T, opts Options) {
	s := registry(t, opts, countries)
	allocate(t, s, "other", "pool:countries", 20)
	plan := []address.Lease{inPool("indonesia", "10.68.0.0/14"), inPool("vietnam", "10.64.0.0/16")}
	wantKind(t, s.TakeAll(t.Context(), plan, noteAt(noon)), fault.Conflict, "10.64.0.0/16 for vietnam", "other has 10.64.0.0/20", "plan again")
	if all := leases(t, s, ""); len(all) != 1 {
		t.Errorf("half a plan was taken: %v", all)
	}
	same(t, "[10.64.16.0/20 10.64.32.0/19 10.64.64.0/18 10.64.128.0/17 10.65.0.0/16 10.66.0.0/15 10.68.0.0/14 10.72.0.0/13 10.80.0.0/12 10.96.0.0/11]", freeRanges(t, s, "pool:countries"))
	wantKind(t, s.TakeAll(t.Context(), []address.Lease{inPool("far", "192.168.0.0/24")}, noteAt(noon)), fault.Invalid, "outside of 10.64.0.0/10")
}

func takesPlanOnce(t *testing.T, opts Options) {
	s := registry(t, opts, countries)
	env := address.Lease{Holder: "indonesia/id", Parent: "indonesia", Prefix: netip.MustParsePrefix("10.64.0.0/14"), Purpose: address.ForEnvironment, State: address.Reserved}
	used := inPool("used", "10.127.255.255/32")
	used.State, used.Purpose = address.Live, address.InUse
	plan := []address.Lease{env, inPool("indonesia", "10.64.0.0/14"), used}
	for range 2 {
		if err := s.TakeAll(t.Context(), plan, noteAt(noon)); err != nil {
			t.Fatal(err)
		}
	}
	want := []address.Lease{plan[1], env, used}
	for i := range want {
		want[i].Since = noon
	}
	same(t, want, leases(t, s, ""))
	if changes, err := s.LeaseChanges(t.Context(), "", 0); err != nil || len(changes) != 5 {
		t.Errorf("changes %v, %v", changes, err)
	}
}

func refusesOldPlan(t *testing.T, opts Options) {
	s := registry(t, opts, countries)
	allocate(t, s, "indonesia", "pool:countries", 14)
	wantKind(t, s.TakeAll(t.Context(), []address.Lease{inPool("indonesia", "10.68.0.0/14")}, noteAt(noon)), fault.Conflict, "10.64.0.0/14 meanwhile", "plan again")
}

func quarantineKeepsOthersOut(t *testing.T, opts Options) {
	s := registry(t, opts, countries)
	until := noon.Add(time.Hour)
	allocate(t, s, "indonesia", "pool:countries", 14)
	if _, err := s.Release(t.Context(), "indonesia", until, noteAt(noon)); err != nil {
		t.Fatal(err)
	}
	same(t, "10.68.0.0/14", allocate(t, s, "vietnam", "pool:countries", 14).Prefix.String())
	if freed, err := s.Reap(t.Context(), noteAt(until.Add(-time.Microsecond))); err != nil || len(freed) != 0 {
		t.Errorf("freed in quarantine: %v, %v", freed, err)
	}
	wantKind(t, s.TakeAll(t.Context(), []address.Lease{inPool("thailand", "10.64.0.0/16")}, noteAt(noon)), fault.Conflict, "indonesia has 10.64.0.0/14 (quarantined)")
	freed, err := s.Reap(t.Context(), noteAt(until))
	if err != nil || len(freed) != 1 || freed[0].Holder != "indonesia" {
		t.Errorf("freed %v, %v", freed, err)
	}
	same(t, "10.64.0.0/14", allocate(t, s, "thailand", "pool:countries", 14).Prefix.String())
	_, err = s.Release(t.Context(), "indonesia", until, noteAt(noon))
	wantKind(t, err, fault.NotFound, "indonesia has no lease")
}

func comesBackInQuarantine(t *testing.T, opts Options) {
	s := registry(t, opts, countries)
	for _, holder := range []string{"a", "b", "c"} {
		allocate(t, s, holder, "pool:countries", 14)
	}
	for _, holder := range []string{"a", "b", "c"} {
		if _, err := s.Release(t.Context(), holder, noon.Add(time.Hour), noteAt(noon)); err != nil {
			t.Fatal(err)
		}
	}
	same(t, "10.68.0.0/14", allocate(t, s, "b", "pool:countries", 14).Prefix.String())
	back := inPool("c", "10.72.0.0/14")
	back.State = address.Live
	if err := s.TakeAll(t.Context(), []address.Lease{back}, noteAt(noon)); err != nil {
		t.Fatal(err)
	}
	same(t, "10.76.0.0/15", allocate(t, s, "a", "pool:countries", 15).Prefix.String())
	var states []address.State
	for _, l := range leases(t, s, "") {
		states = append(states, l.State)
	}
	same(t, []address.State{address.Quarantined, address.Reserved, address.Live, address.Reserved}, states)
}

func releasesWithParts(t *testing.T, opts Options) {
	s := registry(t, opts, countries)
	allocate(t, s, "vietnam", "pool:countries", 14)
	allocate(t, s, "indonesia", "pool:countries", 14)
	allocate(t, s, "indonesia/id", "indonesia", 16)
	for i := range 5 {
		allocate(t, s, fmt.Sprint("indonesia/id/machines/", i), "indonesia/id", 32)
	}
	released, err := s.Release(t.Context(), "indonesia", noon.Add(time.Hour), noteAt(noon))
	if err != nil || len(released) != 7 || released[0].Holder != "indonesia" || !released[0].Until.Equal(noon.Add(time.Hour)) {
		t.Fatalf("released %v, %v", released, err)
	}
	freed, err := s.Reap(t.Context(), noteAt(noon.Add(time.Hour)))
	if err != nil || len(freed) != 7 || freed[6].Holder != "indonesia" {
		t.Fatalf("freed %v, %v", freed, err)
	}
	if _, err := s.Release(t.Context(), "vietnam", noon, noteAt(noon)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Reap(t.Context(), noteAt(noon)); err != nil {
		t.Fatal(err)
	}
	same(t, "[10.64.0.0/10]", freeRanges(t, s, "pool:countries"))
	same(t, []address.Lease(nil), leases(t, s, ""))
}

func becomesLive(t *testing.T, opts Options) {
	s := registry(t, opts, countries)
	allocate(t, s, "indonesia", "pool:countries", 14)
	later := noon.Add(time.Hour)
	for _, at := range []time.Time{later, later.Add(time.Hour)} {
		if err := s.MakeLive(t.Context(), []string{"indonesia"}, noteAt(at)); err != nil {
			t.Fatal(err)
		}
	}
	if l := leases(t, s, "")[0]; l.State != address.Live || !l.Since.Equal(later) {
		t.Errorf("got %v", l)
	}
	wantKind(t, s.MakeLive(t.Context(), []string{"vietnam"}, noteAt(noon)), fault.NotFound, "vietnam", "reserve it first")
}

func declaresPools(t *testing.T, opts Options) {
	s := registry(t, opts, countries, local)
	wider := countries
	wider.Prefix = netip.MustParsePrefix("10.0.0.0/8")
	for range 2 {
		if err := s.Declare(t.Context(), []address.Pool{wider}, noteAt(noon)); err != nil {
			t.Fatal(err)
		}
	}
	more := address.Pool{Name: "more", Prefix: netip.MustParsePrefix("10.1.0.0/16")}
	wantKind(t, s.Declare(t.Context(), []address.Pool{more, wider}, noteAt(noon)), fault.Conflict, "pool countries, 10.0.0.0/8, overlaps pool more, 10.1.0.0/16")
	wantKind(t, s.Declare(t.Context(), []address.Pool{countries, wider}, noteAt(noon)), fault.Conflict, "declared as 10.64.0.0/10 and as 10.0.0.0/8")
	allocate(t, s, "indonesia", "pool:countries", 14)
	wantKind(t, s.Declare(t.Context(), []address.Pool{more}, noteAt(noon)), fault.Conflict, "pool more, 10.1.0.0/16, overlaps pool countries, 10.0.0.0/8, and parts of that are taken")
	wantKind(t, s.Declare(t.Context(), []address.Pool{countries}, noteAt(noon)), fault.Conflict, "10.0.0.0/8", "10.64.0.0/10", "a name of its own")
	pools, err := s.Pools(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	same(t, []address.Pool{wider, local}, pools)
	same(t, "[fd00:64::/32]", freeRanges(t, s, "pool:local"))
}

func renamesPools(t *testing.T, opts Options) {
	s := registry(t, opts, countries, local)
	asia, swapped := countries, local
	asia.Name, swapped.Name = "asia", "countries"
	for range 2 {
		if err := s.Declare(t.Context(), []address.Pool{asia, swapped}, noteAt(noon)); err != nil {
			t.Fatal(err)
		}
	}
	pools, err := s.Pools(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	same(t, []address.Pool{asia, swapped}, pools)
	var history []string
	changes, err := s.LeaseChanges(t.Context(), "", 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range slices.Backward(changes) {
		history = append(history, c.What+" "+c.Holder+" "+c.Prefix.String())
	}
	same(t, []string{
		"declared countries 10.64.0.0/10", "declared local fd00:64::/32",
		"freed countries 10.64.0.0/10", "freed local fd00:64::/32", "declared asia 10.64.0.0/10", "declared countries fd00:64::/32",
	}, history)
}

func listsLeases(t *testing.T, opts Options) {
	s := registry(t, opts, countries, local)
	allocate(t, s, "indonesia-2", "pool:countries", 16)
	allocate(t, s, "indonesia", "pool:countries", 16)
	allocate(t, s, "indonesia/v6", "pool:local", 64)
	allocate(t, s, "indonesia/id", "indonesia", 16)
	var got []string
	for _, l := range leases(t, s, "indonesia") {
		got = append(got, l.Holder)
	}
	same(t, []string{"indonesia", "indonesia/id", "indonesia/v6"}, got)
	if all := leases(t, s, ""); len(all) != 4 || all[0].Holder != "indonesia-2" {
		t.Errorf("got %v", all)
	}
}

func writesHistory(t *testing.T, opts Options) {
	s := registry(t, opts, countries)
	allocate(t, s, "indonesia", "pool:countries", 14)
	later := LeaseNote{At: noon.Add(time.Minute), By: "orders@kopi.example.com", Reason: "not opening"}
	if _, err := s.Release(t.Context(), "indonesia", later.At, later); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Reap(t.Context(), later); err != nil {
		t.Fatal(err)
	}
	lease := func(at time.Time, by, what, reason string) LeaseChange {
		return LeaseChange{At: at, By: by, What: what, Holder: "indonesia", Parent: "pool:countries", Prefix: netip.MustParsePrefix("10.64.0.0/14"), Purpose: address.ForPods, Reason: reason}
	}
	want := []LeaseChange{
		lease(later.At, "orders@kopi.example.com", "freed", "not opening"),
		lease(later.At, "orders@kopi.example.com", "released", "not opening"),
		lease(noon, "platform@kopi.example.com", "reserved", "plan indonesia"),
	}
	changes, err := s.LeaseChanges(t.Context(), "indonesia", 0)
	if err != nil {
		t.Fatal(err)
	}
	same(t, want, changes)
	if all, err := s.LeaseChanges(t.Context(), "", 0); err != nil || len(all) != 4 || all[3].What != "declared" || all[3].Holder != "countries" {
		t.Errorf("all: %v, %v", all, err)
	}
	if last, err := s.LeaseChanges(t.Context(), "", 1); err != nil || len(last) != 1 || last[0].What != "freed" {
		t.Errorf("the last: %v, %v", last, err)
	}
}

func historyStays(t *testing.T, opts Options) {
	s := registry(t, opts, countries)
	statements := []string{`DELETE FROM lease_changes`, `UPDATE lease_changes SET author = 'nobody'`}
	if opts.Database != "" {
		statements = append(statements, `TRUNCATE lease_changes`)
	}
	for _, statement := range statements {
		if _, err := s.db.ExecContext(t.Context(), statement); err == nil || !strings.Contains(err.Error(), "what happened to leases") {
			t.Errorf("%s: %v", statement, err)
		}
	}
}

func readsGrowth(t *testing.T, opts Options) {
	s := registry(t, opts, countries)
	for i, holder := range []string{"a", "b", "c"} {
		w := address.Want{Holder: holder, Parent: "pool:countries", Bits: 32 - i}
		if _, err := s.Allocate(t.Context(), w, noteAt(noon.Add(time.Duration(i/2)*time.Hour))); err != nil {
			t.Fatal(err)
		}
	}
	last := noon.Add(2 * time.Hour)
	if _, err := s.Release(t.Context(), "b", last, noteAt(noon.Add(90*time.Minute))); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Reap(t.Context(), noteAt(last)); err != nil {
		t.Fatal(err)
	}
	points, err := s.LeaseHistory(t.Context(), "pool:countries")
	if err != nil {
		t.Fatal(err)
	}
	same(t, []address.Point{{At: noon, Taken: 3}, {At: noon.Add(time.Hour), Taken: 7}, {At: last, Taken: 5}}, points)
}

func refusesAnonymous(t *testing.T, opts Options) {
	s := registry(t, opts, countries)
	_, err := s.Allocate(t.Context(), address.Want{Holder: "a", Bits: 20}, LeaseNote{At: noon})
	wantKind(t, err, fault.Invalid, "give both")
	wantKind(t, s.TakeAll(t.Context(), nil, LeaseNote{By: "platform"}), fault.Invalid, "give both")
}

func refusesOddRanges(t *testing.T, opts Options) {
	s := registry(t, opts, countries)
	_, err := s.Allocate(t.Context(), address.Want{Bits: 20}, noteAt(noon))
	wantKind(t, err, fault.Invalid, "name its holder")
	_, err = s.Allocate(t.Context(), address.Want{Holder: "pool:countries", Parent: "pool:countries", Bits: 20}, noteAt(noon))
	wantKind(t, err, fault.Invalid, "name of a pool")
	for _, bits := range []int{9, 33, -1} {
		_, err = s.Allocate(t.Context(), address.Want{Holder: "a", Parent: "pool:countries", Bits: bits}, noteAt(noon))
		wantKind(t, err, fault.Invalid, "from 10 to 32")
	}
	odd := inPool("a", "10.64.0.0/14")
	odd.Prefix = netip.MustParsePrefix("10.64.0.1/14")
	quarantined, homeless := inPool("a", "10.64.0.0/14"), inPool("a", "10.64.0.0/14")
	quarantined.State, homeless.Parent = address.Quarantined, ""
	for _, l := range []address.Lease{odd, quarantined, homeless, {Holder: "a", Parent: "pool:countries", State: address.Live}} {
		wantKind(t, s.TakeAll(t.Context(), []address.Lease{l}, noteAt(noon)), fault.Invalid)
	}
	for _, p := range []address.Pool{{Prefix: countries.Prefix}, {Name: "x"}, {Name: "x", Prefix: odd.Prefix}} {
		wantKind(t, s.Declare(t.Context(), []address.Pool{p}, noteAt(noon)), fault.Invalid)
	}
	strange := "na\x00me\xff"
	allocate(t, s, strange, "pool:countries", 20)
	allocate(t, s, strange, "pool:countries", 20)
	if found := leases(t, s, strange); len(found) != 1 {
		t.Errorf("a strange name: %v", found)
	}
}

// cancelledMidwayLeavesNothing ends a plan between the statements of its second range.
func cancelledMidwayLeavesNothing(t *testing.T, opts Options) {
	s := registry(t, opts, countries)
	ctx, cancel := context.WithCancel(t.Context())
	err := s.changeLeases(ctx, "take ranges in", noteAt(noon), func(l *leasing) error {
		if err := l.take(inPool("indonesia", "10.64.0.0/14")); err != nil {
			return err
		}
		if err := l.exec(`DELETE FROM free_blocks`); err != nil {
			return err
		}
		cancel()
		return l.take(inPool("vietnam", "10.68.0.0/14"))
	})
	wantKind(t, err, fault.Unavailable, "nothing was changed")
	same(t, []address.Lease(nil), leases(t, s, ""))
	same(t, "[10.64.0.0/10]", freeRanges(t, s, "pool:countries"))
	if changes, err := s.LeaseChanges(t.Context(), "", 0); err != nil || len(changes) != 1 {
		t.Errorf("the history tells of what was not: %v, %v", changes, err)
	}
	allocate(t, s, "indonesia", "pool:countries", 14)
}

// readOnly makes the database refuse to be written to.
func readOnly(t *testing.T, opts Options) *Store {
	t.Helper()
	s := registry(t, opts, countries)
	allocate(t, s, "indonesia", "pool:countries", 14)
	s.db.SetMaxOpenConns(1) // what is set holds for one connection
	statement := `PRAGMA query_only = 1`
	if opts.Database != "" {
		statement = `SET default_transaction_read_only = on`
	}
	if _, err := s.db.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
	return s
}

func tellsThatItIsReadOnly(t *testing.T, opts Options) {
	s := readOnly(t, opts)
	_, allocated := s.Allocate(t.Context(), address.Want{Holder: "vietnam", Parent: "pool:countries", Bits: 14}, noteAt(noon))
	_, released := s.Release(t.Context(), "indonesia", noon, noteAt(noon))
	for _, err := range []error{allocated, released, s.TakeAll(t.Context(), []address.Lease{inPool("laos", "10.72.0.0/14")}, noteAt(noon))} {
		wantKind(t, err, fault.Unavailable, s.where)
		if strings.Contains(err.Error(), "\n") {
			t.Errorf("more than a line: %v", err)
		}
	}
	if all := leases(t, s, ""); len(all) != 1 {
		t.Errorf("what is there can be read still: %v", all)
	}
}

func cancelledLeaseLeavesNothing(t *testing.T, opts Options) {
	s := registry(t, opts, countries)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Allocate(ctx, address.Want{Holder: "a", Bits: 20}, noteAt(noon))
	wantKind(t, err, fault.Unavailable, "nothing was changed")
	same(t, []address.Lease(nil), leases(t, s, ""))
	same(t, "[10.64.0.0/10]", freeRanges(t, s, "pool:countries"))
}

// rawRange puts a range into the tables past all that keeps them.
func rawRange(t *testing.T, s *Store, holder, parent, prefix string) error {
	t.Helper()
	p := netip.MustParsePrefix(prefix)
	b := blockOf(p)
	last := b.last()
	_, err := s.db.ExecContext(t.Context(), `
		INSERT INTO ranges (parent, within, holder, prefix, first, last, purpose, state, since)
		SELECT id, prefix, $1, $2, $3, $4, '', 'live', 0 FROM ranges WHERE holder = $5 AND state <> 'quarantined'`,
		holder, prefix, b.first[:], last[:], parent)
	return err
}

func tablesKeepApart(t *testing.T, opts Options) {
	s := registry(t, opts, countries, local)
	for _, prefix := range []string{"10.64.0.0/16", "10.65.0.0/24", "10.65.2.0/24", "10.127.255.255/32"} {
		if err := rawRange(t, s, prefix, "countries", prefix); err != nil {
			t.Fatalf("%s: %v", prefix, err)
		}
	}
	if err := rawRange(t, s, "v6", "local", "fd00:64::/64"); err != nil {
		t.Fatal(err)
	}
	for _, prefix := range []string{"10.64.0.0/16", "10.64.0.0/24", "10.64.255.255/32", "10.64.0.0/10", "10.65.0.0/23", "10.65.2.128/25", "10.64.0.0/11", "10.127.255.254/31"} {
		if err := rawRange(t, s, "new", "countries", prefix); err == nil {
			t.Errorf("%s stands beside what it overlaps", prefix)
		}
	}
	if err := rawRange(t, s, "new", "local", "fd00:64::1/128"); err == nil {
		t.Error("an IPv6 address stands beside the range it is in")
	}
	if _, err := s.Release(t.Context(), "10.65.0.0/24", noon.Add(time.Hour), noteAt(noon)); err != nil {
		t.Fatal(err)
	}
	if err := rawRange(t, s, "new", "countries", "10.65.0.0/25"); err == nil {
		t.Error("a range in quarantine is no hindrance")
	}
	err := s.TakeAll(t.Context(), []address.Lease{inPool("raw", "10.65.2.0/25")}, noteAt(noon))
	wantKind(t, err, fault.Conflict, "plan again")
	if err := rawRange(t, s, "new", "countries", "10.65.1.0/24"); err != nil {
		t.Errorf("a range between others: %v", err)
	}
}

func tellsWhatTheTablesRefuse(t *testing.T, opts Options) {
	s := registry(t, opts, countries)
	allocate(t, s, "indonesia", "pool:countries", 14)
	if err := rawRange(t, s, "vietnam", "countries", "10.68.0.0/14"); err != nil {
		t.Fatal(err)
	}
	_, err := s.Allocate(t.Context(), address.Want{Holder: "thailand", Parent: "pool:countries", Bits: 14}, noteAt(noon))
	wantKind(t, err, fault.Conflict, "taken a moment ago")
	same(t, 2, len(leases(t, s, "")))
}

func tablesKeepInside(t *testing.T, opts Options) {
	s := registry(t, opts, countries)
	for _, prefix := range []string{"10.0.0.0/16", "10.0.0.0/8", "192.168.0.0/24", "fd00::/64"} {
		if err := rawRange(t, s, "new", "countries", prefix); err == nil {
			t.Errorf("%s is a part of %s", prefix, countries.Prefix)
		}
	}
	allocate(t, s, "indonesia", "pool:countries", 14)
	if _, err := s.db.ExecContext(t.Context(), `UPDATE ranges SET prefix = '10.68.0.0/14' WHERE holder = 'countries'`); err == nil {
		t.Error("a pool was moved away from its parts")
	}
	if _, err := s.db.ExecContext(t.Context(), `DELETE FROM ranges WHERE holder = 'countries'`); err == nil {
		t.Error("a pool was removed under its parts")
	}
}

func tablesKeepHolders(t *testing.T, opts Options) {
	s := registry(t, opts, countries)
	allocate(t, s, "indonesia", "pool:countries", 14)
	if err := rawRange(t, s, "indonesia", "countries", "10.68.0.0/14"); err == nil {
		t.Error("a holder has two live leases")
	}
}

// replicasNeverOverlap has clients ask for ranges of many sizes, some for the same holder, release and free.
func replicasNeverOverlap(t *testing.T, opts Options) {
	replicas := []*Store{registry(t, opts, countries, local), registry(t, opts, countries, local)}
	const clients, each = 32, 12
	errs := make([]error, clients)
	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() { errs[c] = client(t.Context(), replicas[c%2], c, each) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	all := leases(t, replicas[0], "")
	keepApart(t, all)
	if want := clients*each/3*2 + each; len(all) != want {
		t.Errorf("%d leases are left, want %d", len(all), want)
	}
	same(t, all, leases(t, replicas[1], ""))
}

// client takes ranges, every third together with all others for the same holder, and gives every third back.
func client(ctx context.Context, s *Store, c, each int) error {
	for i := range each {
		shared := address.Want{Holder: fmt.Sprint("shared-", i), Parent: "pool:countries", Bits: 24}
		own := address.Want{Holder: fmt.Sprintf("client-%d/%d", c, i), Parent: "pool:countries", Bits: 20 + (c+i)%13}
		if i%4 == 3 {
			own.Parent, own.Bits = "pool:local", 48+(c+i)%81
		}
		for _, w := range []address.Want{own, shared} {
			first, err := s.Allocate(ctx, w, noteAt(noon))
			if err != nil {
				return err
			}
			again, err := s.Allocate(ctx, w, noteAt(noon))
			if err != nil || again != first {
				return fmt.Errorf("%s was given %s and then %s: %w", w.Holder, first.Prefix, again.Prefix, err)
			}
		}
		if i%3 == 2 {
			if _, err := s.Release(ctx, own.Holder, noon, noteAt(noon)); err != nil {
				return err
			}
			if _, err := s.Reap(ctx, noteAt(noon)); err != nil {
				return err
			}
		}
	}
	return nil
}

func keepApart(t *testing.T, all []address.Lease) {
	t.Helper()
	sorted := slices.Clone(all)
	slices.SortFunc(sorted, func(a, b address.Lease) int { return a.Prefix.Compare(b.Prefix) })
	for i := range sorted[1:] {
		if a, b := sorted[i], sorted[i+1]; a.Prefix.Overlaps(b.Prefix) {
			t.Errorf("%s of %s overlaps %s of %s", a.Prefix, a.Holder, b.Prefix, b.Holder)
		}
	}
}

// followsModel compares the tables with an address.Space after each of many random operations.
func followsModel(t *testing.T, opts Options) {
	s := registry(t, opts)
	if err := flag.Set("rapid.checks", strconv.Itoa(soak.LeaseOrders.Count(t))); err != nil {
		t.Fatal(err)
	}
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		pool := address.Pool{Name: fmt.Sprint("pool-", run), Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(run >> 8), byte(run), 0}), 24)}
		if err := s.Declare(t.Context(), []address.Pool{pool}, noteAt(noon)); err != nil {
			rt.Fatal(err)
		}
		m := model{s: s, pool: pool, space: address.NewSpace(pool.Prefix), taken: map[string]netip.Prefix{}}
		rt.Repeat(map[string]func(*rapid.T){
			"allocate": func(rt *rapid.T) { m.allocate(t.Context(), rt) },
			"take":     func(rt *rapid.T) { m.take(t.Context(), rt) },
			"free":     func(rt *rapid.T) { m.free(t.Context(), rt) },
		})
		m.compare(t.Context(), rt)
	})
}

type model struct {
	s     *Store
	pool  address.Pool
	space *address.Space
	taken map[string]netip.Prefix
	count int
}

func (m *model) holder() string {
	m.count++
	return fmt.Sprintf("%s/%d", m.pool.Name, m.count)
}

func (m *model) allocate(ctx context.Context, t *rapid.T) {
	w := address.Want{Holder: m.holder(), Parent: address.OfPool(m.pool.Name), Bits: rapid.IntRange(24, 32).Draw(t, "bits")}
	want, wantErr := m.space.Allocate(w.Bits)
	got, err := m.s.Allocate(ctx, w, noteAt(noon))
	if fault.KindOf(err) != fault.KindOf(wantErr) || got.Prefix != want {
		t.Fatalf("a /%d: got %s, %v; want %s, %v", w.Bits, got.Prefix, err, want, wantErr)
	}
	if err == nil {
		m.taken[w.Holder] = want
	}
}

func (m *model) take(ctx context.Context, t *rapid.T) {
	a := m.pool.Prefix.Addr().As4()
	a[3] = rapid.Byte().Draw(t, "address")
	l := address.Lease{Holder: m.holder(), Parent: address.OfPool(m.pool.Name), State: address.Reserved,
		Prefix: netip.PrefixFrom(netip.AddrFrom4(a), rapid.IntRange(24, 32).Draw(t, "bits")).Masked()}
	wantErr := m.space.Reserve(l.Prefix)
	err := m.s.TakeAll(ctx, []address.Lease{l}, noteAt(noon))
	if (err == nil) != (wantErr == nil) {
		t.Fatalf("take %s: got %v, want %v", l.Prefix, err, wantErr)
	}
	if err == nil {
		m.taken[l.Holder] = l.Prefix
	}
}

func (m *model) free(ctx context.Context, t *rapid.T) {
	if len(m.taken) == 0 {
		t.Skip("nothing is taken")
	}
	holders := make([]string, 0, len(m.taken))
	for h := range m.taken {
		holders = append(holders, h)
	}
	slices.Sort(holders)
	h := rapid.SampledFrom(holders).Draw(t, "holder")
	m.space.Release(m.taken[h])
	delete(m.taken, h)
	if _, err := m.s.Release(ctx, h, noon, noteAt(noon)); err != nil {
		t.Fatal(err)
	}
	if freed, err := m.s.Reap(ctx, noteAt(noon)); err != nil || len(freed) != 1 {
		t.Fatalf("freed %v, %v", freed, err)
	}
}

// compare frees nothing: what the tables say is free, taken out of a new space, must leave exactly what is taken.
func (m *model) compare(ctx context.Context, t *rapid.T) {
	free, err := m.s.FreeRanges(ctx, address.OfPool(m.pool.Name))
	if err != nil {
		t.Fatal(err)
	}
	whole := address.NewSpace(m.pool.Prefix)
	for _, p := range m.taken {
		free = append(free, p)
	}
	for _, p := range free {
		if err := whole.Reserve(p); err != nil {
			t.Fatalf("%s is free or taken twice: %v", p, err)
		}
	}
	if left, ok := whole.Largest(); ok {
		t.Fatalf("%s is neither free nor taken", left)
	}
}
