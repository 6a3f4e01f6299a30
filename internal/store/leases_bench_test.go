package store

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"example.org/caravan/internal/address"
)

// BenchmarkLeases has 16 clients take 10,000 single addresses of one pool of an SQLite store, and tells how long the slowest
// hundredth waits.
func BenchmarkLeases(b *testing.B) {
	const clients, each = 16, 625
	for b.Loop() {
		b.StopTimer()
		s, err := Open(b.Context(), Options{Path: filepath.Join(b.TempDir(), "caravan.db")})
		if err != nil {
			b.Fatal(err)
		}
		pool := address.Pool{Name: "machines", Prefix: netip.MustParsePrefix("10.64.0.0/10")}
		if err := s.Declare(b.Context(), []address.Pool{pool}, noteAt(noon)); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		took := make([][]time.Duration, clients)
		var wg sync.WaitGroup
		for c := range clients {
			wg.Go(func() { took[c] = takeMany(b, s, c, each) })
		}
		wg.Wait()
		b.StopTimer()
		all := slices.Sorted(slices.Values(slices.Concat(took...)))
		b.ReportMetric(float64(all[len(all)*99/100].Microseconds())/1000, "p99-ms")
		b.ReportMetric(float64(all[len(all)/2].Microseconds())/1000, "p50-ms")
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

func takeMany(b *testing.B, s *Store, client, n int) []time.Duration {
	out := make([]time.Duration, n)
	for i := range out {
		start := time.Now()
		if _, err := s.Allocate(b.Context(), address.Want{Holder: fmt.Sprintf("c%d/%d", client, i), Parent: "pool:machines", Bits: 32}, noteAt(noon)); err != nil {
			b.Error(err)
		}
		out[i] = time.Since(start)
	}
	return out
}
