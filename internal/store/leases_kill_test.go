package store

import (
	"bufio"
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"example.org/caravan/internal/address"
	"example.org/caravan/internal/soak"
	"example.org/caravan/internal/store/pgtest"
)

// victim names, in the environment, the store that a program under test uses until it is killed.
const victim = "CARAVAN_TEST_VICTIM"

// planForEver takes the ranges of one country after the other, gives every second back, and tells of each change.
func planForEver(ctx context.Context, opts Options) error {
	s, err := Open(ctx, opts)
	if err != nil {
		return err
	}
	for i := 0; ; i = (i + 1) % 64 {
		country := fmt.Sprintf("country-%d", i)
		if err := s.TakeAll(ctx, planOf(country, i), noteAt(noon)); err != nil {
			return err
		}
		if i%2 == 1 {
			if _, err := s.Release(ctx, country, noon, noteAt(noon)); err != nil {
				return err
			}
			if _, err := s.Reap(ctx, noteAt(noon)); err != nil {
				return err
			}
		}
		fmt.Println(country)
	}
}

const partsOfPlan = 16

// planOf is a /16 with sixteen parts.
func planOf(country string, i int) []address.Lease {
	out := []address.Lease{inPool(country, fmt.Sprintf("10.%d.0.0/16", 64+i))}
	for part := range partsOfPlan {
		out = append(out, address.Lease{
			Holder: fmt.Sprintf("%s/%d", country, part), Parent: country, Purpose: address.ForPods, State: address.Reserved,
			Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(64 + i), byte(part * 8), 0}), 21),
		})
	}
	return out
}

// TestAKilledProgramLeavesNothingHalfTaken starts itself once more, as the program to be killed.
func TestAKilledProgramLeavesNothingHalfTaken(t *testing.T) {
	if where := os.Getenv(victim); where != "" {
		opts := Options{Path: where}
		if !filepath.IsAbs(where) {
			opts = Options{Database: where}
		}
		t.Fatal(planForEver(t.Context(), opts))
	}
	t.Run("SQLite", func(t *testing.T) {
		killAmidPlans(t, Options{Path: filepath.Join(t.TempDir(), "caravan.db")})
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		killAmidPlans(t, Options{Database: pgtest.Start(t).Database(t)})
	})
}

// killAmidPlans kills a program at different times, and looks at the tables after each.
func killAmidPlans(t *testing.T, opts Options) {
	s := registry(t, opts, countries)
	for round := range soak.PlanKills.Count(t) {
		killAfter(t, opts.Path+opts.Database, 1+round%6*3, time.Duration(round%13)*time.Millisecond)
		wholePlans(t, s)
	}
	if len(leases(t, s, "")) == 0 {
		t.Error("nothing was taken")
	}
}

// killAfter starts a program and kills it, without notice, a moment after so many changes.
func killAfter(t *testing.T, where string, changes int, moment time.Duration) {
	t.Helper()
	ctx, kill := context.WithCancel(t.Context())
	defer kill()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestAKilledProgramLeavesNothingHalfTaken$")
	cmd.Env, cmd.Stderr = append(os.Environ(), victim+"="+where), os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for range changes {
		if !lines.Scan() {
			t.Error("the program ended by itself")
			break
		}
	}
	timer := time.AfterFunc(moment, kill)
	defer timer.Stop()
	for lines.Scan() { // until it is dead
	}
	_ = cmd.Wait() // it was killed
}

// wholePlans checks that each country has all its parts or is not there, and that what is free and what is taken are the whole.
func wholePlans(t *testing.T, s *Store) {
	t.Helper()
	if _, err := s.Reap(t.Context(), noteAt(noon)); err != nil { // waits for what the server does still of the last statement
		t.Fatal(err)
	}
	all := leases(t, s, "")
	parts := map[string][]netip.Prefix{}
	for _, l := range all {
		parts[l.Parent] = append(parts[l.Parent], l.Prefix)
	}
	fills(t, s, address.OfPool("countries"), countries.Prefix, parts[address.OfPool("countries")])
	for _, l := range all {
		if l.Parent != address.OfPool("countries") {
			continue
		}
		if n := len(parts[l.Holder]); n != partsOfPlan {
			t.Errorf("%s has %d parts", l.Holder, n)
		}
		fills(t, s, l.Holder, l.Prefix, parts[l.Holder])
	}
	points, err := s.LeaseHistory(t.Context(), address.OfPool("countries"))
	if err != nil {
		t.Fatal(err)
	}
	taken := 0.0
	for _, p := range parts[address.OfPool("countries")] {
		taken += address.Count(p)
	}
	if n := len(points); n > 0 && points[n-1].Taken != taken {
		t.Errorf("%.0f addresses are taken, and the history tells of %.0f", taken, points[n-1].Taken)
	}
}

// fills checks that parts and what is free lie beside each other and leave nothing out.
func fills(t *testing.T, s *Store, parent string, whole netip.Prefix, parts []netip.Prefix) {
	t.Helper()
	free, err := s.FreeRanges(t.Context(), parent)
	if err != nil {
		t.Fatal(err)
	}
	space := address.NewSpace(whole)
	for _, p := range append(free, parts...) {
		if err := space.Reserve(p); err != nil {
			t.Errorf("%s of %s is free or taken twice: %v", p, parent, err)
		}
	}
	if left, ok := space.Largest(); ok {
		t.Errorf("%s of %s is neither free nor taken", left, parent)
	}
}
