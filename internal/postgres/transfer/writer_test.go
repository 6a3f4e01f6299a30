package transfer

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// writers write through a pooler or balancer, and remember what was acknowledged.
type writers struct {
	stop    context.CancelFunc
	all     sync.WaitGroup
	mu      sync.Mutex
	acked   map[string]bool // keys of entries
	unknown map[string]bool // those of writes that neither succeeded nor failed, as far as could be seen
	tallies map[int][2]int  // by worker: updates acknowledged, updates unknown
	errors  map[string]int  // what was answered instead
	at      []time.Time     // of all acknowledgements, since they were last forgotten
	before  int             // how many were forgotten
}

// write has some workers write so many times a second together, until stopped.
func write(t testing.TB, dsn string, workers, rate int) *writers {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w := &writers{stop: cancel, acked: map[string]bool{}, unknown: map[string]bool{}, tallies: map[int][2]int{}, errors: map[string]int{}}
	for i := range workers {
		w.all.Go(func() { w.work(ctx, dsn, i, time.Second*time.Duration(workers)/time.Duration(rate)) })
	}
	t.Cleanup(w.end)
	return w
}

func (w *writers) end() { w.stop(); w.all.Wait() }

func (w *writers) work(ctx context.Context, dsn string, worker int, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	var c *pgx.Conn
	defer func() {
		if c != nil {
			c.Close(context.Background())
		}
	}()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if c == nil || c.IsClosed() {
			config, err := pgx.ParseConfig(dsn)
			if err == nil {
				config.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
				c, err = pgx.ConnectConfig(ctx, config)
			}
			if err != nil {
				w.note(func() { w.errors["connect: "+err.Error()]++ })
				continue
			}
		}
		key := fmt.Sprintf("new-%d-%d", worker, n)
		if n%4 == 3 {
			w.update(c, worker)
		} else {
			w.insert(c, key)
		}
	}
}

func (w *writers) note(what func()) { w.mu.Lock(); defer w.mu.Unlock(); what() }

// done runs a write that is not cut off when the workers are stopped, and reports whether it was refused: then it was not made for sure.
func done(c *pgx.Conn, sql string, args ...any) (ok, refused bool, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, err = c.Exec(ctx, sql, args...)
	return err == nil, isCode(err, "25006"), err
}

func (w *writers) insert(c *pgx.Conn, key string) {
	ok, refused, err := done(c, "INSERT INTO entries (key, note) VALUES ($1, 'fresh')", key)
	w.note(func() {
		switch {
		case ok:
			w.acked[key] = true
			w.at = append(w.at, time.Now())
		case !refused:
			w.unknown[key] = true
		}
		if err != nil {
			w.errors[err.Error()]++
		}
	})
}

func (w *writers) update(c *pgx.Conn, worker int) {
	ok, refused, err := done(c, "UPDATE tallies SET n = n + 1 WHERE worker = $1", worker)
	w.note(func() {
		v := w.tallies[worker]
		switch {
		case ok:
			v[0]++
			w.at = append(w.at, time.Now())
		case !refused:
			v[1]++
		}
		w.tallies[worker] = v
		if err != nil {
			w.errors[err.Error()]++
		}
	})
}

// count is how many writes were acknowledged so far.
func (w *writers) count() int { w.mu.Lock(); defer w.mu.Unlock(); return w.before + len(w.at) }

// more waits until as many writes more were acknowledged.
func (w *writers) more(t testing.TB, n int) {
	t.Helper()
	from := w.count()
	eventually(t, "writes go on", func() error {
		if got := w.count(); got < from+n {
			return fmt.Errorf("%d more writes, errors %v", got-from, w.errors)
		}
		return nil
	})
}

// longest is the longest time between two acknowledgements.
func (w *writers) longest() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	at := slices.SortedFunc(slices.Values(w.at), time.Time.Compare)
	var out time.Duration
	for i := 1; i < len(at); i++ {
		out = max(out, at[i].Sub(at[i-1]))
	}
	return out
}

// checked counts what a server has lost of what was acknowledged, and what it has twice.
func (w *writers) checked(t testing.TB, s Server) (lost, doubled int) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	c := into(t, s, "shop")
	rows, err := c.Query(t.Context(), "SELECT key, count(*) FROM entries GROUP BY key")
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]int{}
	var key string
	var n int
	if _, err := pgx.ForEachRow(rows, []any{&key, &n}, func() error { have[key] = n; return nil }); err != nil {
		t.Fatal(err)
	}
	for key := range w.acked {
		if have[key] == 0 {
			lost++
		}
	}
	for key, n := range have {
		if n > 1 || len(key) > 4 && key[:4] == "new-" && !w.acked[key] && !w.unknown[key] {
			doubled++
		}
	}
	for worker, v := range w.tallies {
		if err := c.QueryRow(t.Context(), "SELECT n FROM tallies WHERE worker = $1", worker).Scan(&n); err != nil {
			t.Fatal(err)
		}
		lost += max(0, v[0]-n)
		doubled += max(0, n-v[0]-v[1])
	}
	return lost, doubled
}

// prober tries to write to both sides directly, all the time.
type prober struct {
	stop   context.CancelFunc
	all    sync.WaitGroup
	mu     sync.Mutex
	tries  []try // that succeeded
	failed map[string]int
}

type try struct {
	key        string
	side       int
	began, was time.Time
}

func probe(t testing.TB, sides ...Server) *prober {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	p := &prober{stop: cancel, failed: map[string]int{}}
	for i, s := range sides {
		p.all.Go(func() { p.side(ctx, i, s) })
	}
	t.Cleanup(p.end)
	return p
}

func (p *prober) end() { p.stop(); p.all.Wait() }

func (p *prober) side(ctx context.Context, side int, s Server) {
	var c *pgx.Conn
	tick := time.NewTicker(4 * time.Millisecond)
	defer tick.Stop()
	for n := 0; ctx.Err() == nil; n++ {
		<-tick.C
		if c == nil || c.IsClosed() {
			var err error
			if c, err = pgx.Connect(ctx, conninfo(s.Address, s.Login, "shop", nil)+" log_min_messages=fatal"); err != nil {
				c = nil
				continue
			}
		}
		one := try{key: fmt.Sprintf("probe-%d-%d", side, n), side: side, began: time.Now()}
		ok, _, err := done(c, "INSERT INTO probes (key) VALUES ($1)", one.key)
		one.was = time.Now()
		p.mu.Lock()
		if ok {
			p.tries = append(p.tries, one)
		} else {
			p.failed[err.Error()]++
		}
		p.mu.Unlock()
	}
	if c != nil {
		c.Close(context.Background())
	}
}

// turns counts how often the side that takes writes changed: a write that began on one after a write had ended on the other.
func (p *prober) turns() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := slices.SortedFunc(slices.Values(p.tries), func(x, y try) int { return x.began.Compare(y.began) })
	turns := 0
	for i := 1; i < len(all); i++ {
		if all[i].side != all[i-1].side {
			turns++
		}
	}
	return turns
}

// checked counts what a server has lost of what was acknowledged, and what it has twice.
func (p *prober) checked(t testing.TB, s Server) (lost, doubled int) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	c := into(t, s, "shop")
	rows, err := c.Query(t.Context(), "SELECT key, count(*) FROM probes GROUP BY key")
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]int{}
	var key string
	var n int
	if _, err := pgx.ForEachRow(rows, []any{&key, &n}, func() error { have[key] = n; return nil }); err != nil {
		t.Fatal(err)
	}
	for _, one := range p.tries {
		if have[one.key] == 0 {
			lost++
		}
	}
	for _, n := range have {
		if n > 1 {
			doubled++
		}
	}
	return lost, doubled
}
