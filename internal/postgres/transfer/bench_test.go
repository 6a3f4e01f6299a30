package transfer

import (
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"example.org/caravan/internal/standby"
)

// large is what makes the shop's database 2 GB large: five million rows of some 400 bytes.
var large = []string{
	"CREATE TABLE ledger (id bigint PRIMARY KEY, note text)", "INSERT INTO ledger SELECT g, repeat(md5(g::text), 11) FROM generate_series(1, 5000000) g", "VACUUM ANALYZE ledger",
}

// durable are settings of servers that keep what they acknowledge.
var durable = []string{"fsync=on", "synchronous_commit=on", "shared_buffers=512MB", "max_wal_size=4GB", "checkpoint_timeout=15min", "wal_retrieve_retry_interval=5s"}

// BenchmarkMove moves 2 GB under 300 writes a second from a server to another, closes the window, moves it back as a transfer of its own, and
// undoes that within its window.
func BenchmarkMove(b *testing.B) {
	s := set(b, durable...)
	sql(b, s.vm, "shop", large...)
	b.Logf("size %s", asked(b, s.vm, "shop", "SELECT pg_size_pretty(pg_database_size('shop'))"))
	const workers, rate = 12, 300
	w := write(b, s.dsn(), workers, rate)
	w.more(b, rate)
	for b.Loop() {
		m := s.mover(b)
		x := follow(b, m, "forth")
		x = timed(b, w, "forth", func() (standby.Transfer, error) { return m.Cut(b.Context(), x) })
		report(b, x.Cuts[0], "forth")
		if _, err := m.Close(b.Context(), x); err != nil {
			b.Fatal(err)
		}
		sql(b, s.vm, maintenance, "ALTER DATABASE shop RENAME TO shop_left")
		m.Source, m.Target = s.kube, s.vm
		x = follow(b, m, "back")
		x = timed(b, w, "back", func() (standby.Transfer, error) { return m.Cut(b.Context(), x) })
		report(b, x.Cuts[0], "back")
		w.more(b, rate)
		x = timed(b, w, "undone", func() (standby.Transfer, error) { return m.Undo(b.Context(), x) })
		report(b, x.Cuts[1], "undone")
	}
	w.end()
	lost, doubled := w.checked(b, s.kube)
	b.ReportMetric(float64(lost), "lost")
	b.ReportMetric(float64(doubled), "doubled")
	b.ReportMetric(float64(w.count()), "writes")
	b.ReportMetric(float64(len(w.errors)), "errors")
}

// BenchmarkWhole moves a server of 2 GB by physical replication under 300 writes a second, and undoes that within its window.
func BenchmarkWhole(b *testing.B) {
	s, m := setWhole(b, durable...)
	sql(b, s.vm, "shop", large...)
	w := write(b, s.dsn(), 12, 300)
	w.more(b, 300)
	for b.Loop() {
		began := time.Now()
		x, err := m.Follow(b.Context(), whole())
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(time.Since(began).Seconds(), "whole-copy-s")
		x = timed(b, w, "whole", func() (standby.Transfer, error) { return m.Cut(b.Context(), x) })
		x = timed(b, w, "whole-undone", func() (standby.Transfer, error) { return m.Undo(b.Context(), x) })
		b.ReportMetric(float64(x.Cuts[0].Pause.Milliseconds()), "whole-held-ms")
		b.ReportMetric(float64(x.Cuts[1].Pause.Milliseconds()), "whole-undone-held-ms")
	}
	w.end()
	lost, doubled := w.checked(b, s.vm)
	for name, v := range map[string]int{"lost": lost, "doubled": doubled, "writes": w.count(), "errors": len(w.errors)} {
		b.ReportMetric(float64(v), name)
	}
}

func follow(b *testing.B, m Mover, id string) standby.Transfer {
	b.Helper()
	began := time.Now()
	x := planned()
	x.ID = id
	x, err := m.Follow(b.Context(), x)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(time.Since(began).Seconds(), id+"-copy-s")
	return x
}

// timed reports the longest time that no write was acknowledged in while something was done.
func timed(b *testing.B, w *writers, name string, do func() (standby.Transfer, error)) standby.Transfer {
	b.Helper()
	w.more(b, 300)
	w.note(func() { w.before, w.at = w.before+len(w.at), nil })
	x, err := do()
	if err != nil {
		b.Fatal(err)
	}
	w.more(b, 300)
	b.ReportMetric(float64(w.longest().Milliseconds()), name+"-pause-ms")
	return x
}

// report reports how long the mover held clients, and what the proof found.
func report(b *testing.B, c standby.Cut, name string) {
	b.Helper()
	b.ReportMetric(float64(c.Pause.Milliseconds()), name+"-held-ms")
	b.ReportMetric(float64(len(c.Proof)-len(c.Unequal())), name+"-equal-tables")
	b.ReportMetric(float64(len(c.Unequal())), name+"-unequal-tables")
}

// BenchmarkKills kills movers at random moments, carries on or undoes what they left, and counts.
func BenchmarkKills(b *testing.B) {
	s := set(b)
	const kills = 50
	random := rand.New(rand.NewPCG(7, 11))
	e := s.errand(b)
	w, p := write(b, s.dsn(), 6, 300), probe(b, s.vm, s.kube)
	w.more(b, 50)
	done, carried, undone, turns := 0, 0, 0, 0
	for b.Loop() {
		for done < kills {
			e.Undo = false
			if !e.killed(b, "", time.Duration(random.Int64N(int64(5*time.Second)))) {
				done++
				if random.IntN(2) == 0 {
					carried++
					e.finish(b)
				}
			}
			e.Undo = true
			if done < kills && random.IntN(2) == 0 && !e.killed(b, "", time.Duration(random.Int64N(int64(1500*time.Millisecond)))) {
				done++
			}
			undone++
			e.finish(b)
			x, err := kept(e.State)
			if err != nil || x.Phase != standby.Undone {
				b.Fatalf("after %d kills: %s, %v", done, x.Phase, err)
			}
			turns += len(x.Cuts)
			if err := os.Remove(e.State); err != nil {
				b.Fatal(err)
			}
			w.more(b, 20)
		}
	}
	w.end()
	p.end()
	lost, doubled := w.checked(b, s.vm)
	direct, twice := p.checked(b, s.vm)
	for name, v := range map[string]int{"kills": done, "carried-on": carried, "undone": undone, "lost": lost + direct, "doubled": doubled + twice, "writes": w.count() + len(p.tries),
		"turns": turns, "turns-seen": p.turns(), "errors": len(w.errors)} {
		b.ReportMetric(float64(v), name)
	}
	if p.turns() != turns {
		b.Error(fmt.Errorf("writes changed sides %d times, movers did %d times", p.turns(), turns))
	}
}

// finish carries an errand on to its end.
func (e errand) finish(b *testing.B) {
	b.Helper()
	if !e.killed(b, "", 2*time.Minute) {
		b.Fatal("the mover is never done")
	}
}
