package warmer_test

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sys/unix"

	"example.org/caravan/internal/postgres"
	"example.org/caravan/internal/postgres/servertest"
	"example.org/caravan/internal/postgres/warmer"
	"example.org/caravan/internal/standby"
)

// The experiment: a database of 1.5 GB, of which 1 GB fits into shared buffers, on a disk held to what a common cloud volume does, is read by keys
// whose popularity follows Zipf's law, at a steady rate whatever the answers take. Its primary is killed and a standby promoted.
const (
	rows       = 10_000_000
	skew       = 1.1
	perSecond  = 4000
	clients    = 48
	opsPerDisk = 3000
	bytesDisk  = 125_000_000
	settle     = 40 * time.Second // of reading before the failover
	window     = 10 * time.Second // over which latencies count
	longest    = 4 * time.Minute  // that a warmer is given
)

// variant is one way of using the database.
type variant struct {
	name     string
	rate     int // reads a second; perSecond when 0
	warm     bool
	writes   int           // a second, of hot keys
	shift    time.Duration // how often half of the keys become others
	standbys int
}

// reads are those that are due in a second.
func (v variant) reads() int { return cmp.Or(v.rate, perSecond) }

func BenchmarkFailover(b *testing.B) {
	for _, v := range []variant{
		{name: "cold", standbys: 1},
		{name: "warm", warm: true, standbys: 1},
		{name: "writes", warm: true, writes: 200, standbys: 1},
		{name: "shifting", warm: true, shift: time.Minute, standbys: 1},
		{name: "three", warm: true, standbys: 3},
	} {
		b.Run(v.name, func(b *testing.B) {
			for b.Loop() {
				failover(b, v)
			}
		})
	}
}

func failover(b *testing.B, v variant) {
	e := stage(b)
	standbys := make([]*servertest.Server, v.standbys)
	for i := range standbys {
		standbys[i] = e.primary.Standby(b, "standby-"+strconv.Itoa(i+1))
	}
	for _, s := range append([]*servertest.Server{e.primary}, standbys...) {
		s.Kill()
		forget(b, s.Dir())
		s.Start(b)
		hold(b, s)
	}
	load := e.load(b, e.primary, v)
	e.readAll(b)
	ctx, stop := context.WithCancel(b.Context())
	defer stop()
	var ran sync.WaitGroup
	var at work
	if v.warm {
		ran.Go(func() { at.keepWarm(ctx, places(append([]*servertest.Server{e.primary}, standbys...)...)) })
	}
	began := time.Now()
	wait(b, settle)
	for v.warm && time.Since(began) < longest && (v.shift > 0 && time.Since(began) < 3*v.shift || !warmEnough(at.last.Load())) {
		wait(b, time.Second)
	}
	if v.shift > 0 { // in the middle of a phase
		wait(b, (time.Until(load.epochEnds())+v.shift/2)%v.shift)
	}
	before := p99(load.during(b, window))
	said, truth := math.NaN(), math.NaN()
	if r := at.last.Load(); v.warm && r != nil {
		for _, m := range r.Members {
			if m.Name == "standby-1" && m.Warmth != nil {
				said = m.Warmth.Share
			}
		}
		truth = counted(b, e.primary, standbys[0])
	}
	load.stop()
	forget(b, standbys[0].Dir())
	e.primary.Kill()
	stop()
	ran.Wait()
	standbys[0].Promote(b)
	after := p99(e.load(b, standbys[0], v).during(b, window))
	b.ReportMetric(before, "before-ms")
	b.ReportMetric(after, "after-ms")
	b.ReportMetric(after/before, "x")
	if v.warm {
		b.ReportMetric(said*100, "said-%")
		b.ReportMetric(truth*100, "counted-%")
	}
}

// work is that of a warmer.
type work struct {
	last  atomic.Pointer[warmer.Round]
	rests atomic.Bool                           // it does nothing for now
	did   func(r warmer.Round, ended time.Time) // what is done with each round; may be nil
}

func (k *work) keepWarm(ctx context.Context, all []postgres.Where) {
	w := warmer.New(all, warmer.Options{})
	defer w.Close()
	next := time.NewTimer(0)
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-next.C:
		}
		if k.rests.Load() {
			next.Reset(time.Second)
			continue
		}
		began := time.Now()
		r := w.Next(ctx, began.Add(warmer.Usual))
		k.last.Store(&r)
		if k.did != nil {
			k.did(r, time.Now())
		}
		next.Reset(warmer.Usual - time.Since(began))
	}
}

func places(servers ...*servertest.Server) []postgres.Where {
	var all []postgres.Where
	for _, s := range servers {
		all = append(all, postgres.Where{Name: s.Name, Address: s.Address, TLS: "disable"})
	}
	return all
}

func warmEnough(r *warmer.Round) bool {
	if r == nil {
		return false
	}
	return !slices.ContainsFunc(r.Members, func(m warmer.Report) bool { return m.Warmth != nil && m.Warmth.Share < 0.95 })
}

// staged is a primary with the data.
type staged struct{ primary *servertest.Server }

func stage(b *testing.B) *staged {
	b.Helper()
	p := servertest.Primary(b, "shared_buffers=1GB", "max_connections=200", "checkpoint_timeout=30min", "max_wal_size=8GB", "autovacuum=off", "jit=off", "synchronous_commit=off")
	p.Do(b, "postgres", "CREATE ROLE "+standby.Account+" LOGIN NOINHERIT")
	p.Do(b, "postgres", standby.Objects())
	p.Do(b, "postgres", fmt.Sprintf("CREATE TABLE item (id int, filler text); INSERT INTO item SELECT n, repeat('x', 100) FROM generate_series(0, %d) n", rows-1))
	p.Do(b, "postgres", "CREATE UNIQUE INDEX item_id ON item (id)")
	p.Do(b, "postgres", "VACUUM (FREEZE, ANALYZE) item")
	p.Do(b, "postgres", "CHECKPOINT")
	return &staged{p}
}

// readAll has the primary begin with buffers that are full.
func (e *staged) readAll(b *testing.B) {
	e.primary.Do(b, "postgres", "SELECT caravan_standby.pg_prewarm('item_id')")
}

// hold keeps what a server does to the disk below what the volume would do.
func hold(b *testing.B, s *servertest.Server) {
	b.Helper()
	const root = "/sys/fs/cgroup/blkio"
	var at unix.Stat_t
	if err := unix.Stat(s.Dir(), &at); err != nil {
		b.Fatal(err)
	}
	disk := fmt.Sprintf("%d:%d", unix.Major(at.Dev), unix.Minor(at.Dev))
	group := filepath.Join(root, "caravan-"+filepath.Base(s.Dir()))
	if err := os.Mkdir(group, 0o755); err != nil {
		b.Skipf("SKIPPED: a disk is held back by root and cgroup v1: %v", err)
	}
	b.Cleanup(func() { _ = os.Remove(group) })
	for file, most := range map[string]int{"read_iops": opsPerDisk, "write_iops": opsPerDisk, "read_bps": bytesDisk, "write_bps": bytesDisk} {
		if err := os.WriteFile(filepath.Join(group, "blkio.throttle."+file+"_device"), fmt.Appendf(nil, "%s %d", disk, most), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	for _, pid := range s.Processes(b) {
		if err := os.WriteFile(filepath.Join(group, "cgroup.procs"), []byte(pid), 0o644); err != nil && !os.IsNotExist(err) && !strings.Contains(err.Error(), "no such process") {
			b.Fatal(err)
		}
	}
}

// forget drops a folder's files from the page cache.
func forget(b *testing.B, dir string) {
	b.Helper()
	syscall.Sync()
	err := filepath.WalkDir(dir, func(at string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil //nolint:nilerr // gone since
		}
		f, err := os.Open(at)
		if err != nil {
			return nil //nolint:nilerr // gone since
		}
		defer f.Close()
		return unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
	})
	if err != nil {
		b.Fatal(err)
	}
}

// read is one that was answered.
type read struct {
	due  time.Time
	took time.Duration
}

// p99 is the 99th percentile of what reads took, in milliseconds.
func p99(all []read) float64 {
	took := make([]time.Duration, len(all))
	for i, r := range all {
		took[i] = r.took
	}
	slices.Sort(took)
	return float64(took[len(took)*99/100].Microseconds()) / 1000
}

// reading is a load that goes on until it is stopped.
type reading struct {
	v      variant
	began  time.Time
	cancel context.CancelFunc
	done   sync.WaitGroup
	mu     sync.Mutex
	took   []read // of those that were due since during began
	record atomic.Bool
	failed atomic.Pointer[error]
}

func (e *staged) load(b *testing.B, s *servertest.Server, v variant) *reading {
	b.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := &reading{v: v, began: time.Now(), cancel: cancel}
	due := make(chan time.Time, 1<<20)
	for range clients {
		c, err := pgx.Connect(ctx, fmt.Sprintf("postgres://%s@%s/postgres?sslmode=disable", servertest.Superuser, s.Address))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := c.Prepare(ctx, "one", "SELECT length(filler) FROM item WHERE id = $1"); err != nil {
			b.Fatal(err)
		}
		if _, err := c.Prepare(ctx, "write", "UPDATE item SET filler = filler WHERE id = $1"); err != nil {
			b.Fatal(err)
		}
		r.done.Go(func() { r.serve(ctx, c, due) })
	}
	r.done.Go(func() { r.clock(ctx, due) })
	b.Cleanup(r.stop)
	return r
}

// clock says when the next read is due.
func (r *reading) clock(ctx context.Context, due chan<- time.Time) {
	next := time.Now()
	for ctx.Err() == nil {
		next = next.Add(time.Second / time.Duration(r.v.reads()))
		if d := time.Until(next); d > time.Millisecond {
			time.Sleep(d)
		}
		select {
		case due <- next:
		case <-ctx.Done():
		}
	}
}

func (r *reading) serve(ctx context.Context, c *pgx.Conn, due <-chan time.Time) {
	defer c.Close(context.Background())
	random := rand.New(rand.NewPCG(rand.Uint64(), 1))
	zipf := rand.NewZipf(random, skew, 1, rows-1)
	for {
		select {
		case <-ctx.Done():
			return
		case at := <-due:
			var n int
			err := c.QueryRow(ctx, "one", r.key(zipf.Uint64())).Scan(&n)
			if ctx.Err() != nil {
				return
			}
			if err != nil {
				r.failed.Store(&err)
				return
			}
			if r.record.Load() {
				r.mu.Lock()
				r.took = append(r.took, read{at, time.Since(at)})
				r.mu.Unlock()
			}
			if r.v.writes > 0 && random.IntN(r.v.reads()) < r.v.writes {
				_, _ = c.Exec(ctx, "write", r.key(zipf.Uint64()))
			}
		}
	}
}

// key scatters ranks over the table, so that popular rows are not neighbours. Of a working set that shifts, every other rank becomes another row each time.
func (r *reading) key(rank uint64) int32 {
	seed := uint64(0)
	if r.v.shift > 0 && rank%2 == 1 {
		seed = uint64(time.Now().UnixNano()/int64(r.v.shift)) * 7919
	}
	x := (rank + seed*0x9E3779B97F4A7C15 + 1) * 0xBF58476D1CE4E5B9
	x ^= x >> 31
	x *= 0x94D049BB133111EB
	return int32((x ^ x>>29) % rows) //nolint:gosec // below rows
}

// epochEnds is when keys next become others.
func (r *reading) epochEnds() time.Time {
	return time.Now().Truncate(r.v.shift).Add(r.v.shift)
}

// during are the reads within a time.
func (r *reading) during(b *testing.B, d time.Duration) []read {
	b.Helper()
	r.mu.Lock()
	r.took = nil
	r.mu.Unlock()
	r.record.Store(true)
	wait(b, d)
	r.record.Store(false)
	if err := r.failed.Load(); err != nil {
		b.Fatal(*err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.took) < 100 {
		b.Fatalf("only %d reads were answered", len(r.took))
	}
	return r.took
}

func (r *reading) stop() {
	r.cancel()
	r.done.Wait()
}

func wait(b *testing.B, d time.Duration) {
	b.Helper()
	select {
	case <-b.Context().Done():
		b.Fatal("stopped")
	case <-time.After(d):
	}
}
