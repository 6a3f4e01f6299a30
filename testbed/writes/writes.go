// Package writes writes to a store for as long as it is told to, as services do, and keeps count of what the store acknowledged: afterwards every
// such write can be looked for, and the longest time in which none was acknowledged is known. How a store is opened and written to is the
// caller's; OpenPostgres is for one that speaks PostgreSQL's protocol.
package writes

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"
)

// Session is a connection to a store.
type Session interface {
	// Write writes a number that nobody has written before. Nil says that the store has acknowledged it.
	Write(ctx context.Context, number int64) error
	Close()
}

// Load says how is written.
type Load struct {
	Open    func(context.Context) (Session, error)
	Workers int           // each with a session of its own, which it opens anew when a write fails
	Every   time.Duration // between two writes of a worker
	Renew   int           // writes after which a worker opens its session anew; never when 0

	// Patience is how long a write, or opening a session, may take: what answers no more is given up. Usual when 0.
	Patience time.Duration
}

// Usual is how long services wait before they give a store up.
const Usual = 3 * time.Second

// Writer is a load that is under way.
type Writer struct {
	cancel   context.CancelFunc
	patience time.Duration
	ended    sync.WaitGroup

	mu       sync.Mutex
	written  []int64
	moments  []time.Time // of the acknowledgements, as they came
	failed   int
	refused  int
	problems []string
}

// Start starts to write, until Stop or the end of ctx.
func Start(ctx context.Context, l Load) *Writer {
	ctx, cancel := context.WithCancel(ctx)
	w := &Writer{cancel: cancel, patience: cmp.Or(l.Patience, Usual)}
	for worker := range l.Workers {
		w.ended.Go(func() { w.work(ctx, l, int64(worker+1)<<40) })
	}
	return w
}

// Report is what a load came to.
type Report struct {
	Written  []int64       // acknowledged, sorted
	Failed   int           // writes that were not acknowledged in time: nobody knows what became of them
	Refused  int           // times that no session was had
	Longest  time.Duration // without an acknowledgement between two
	Problems []string      // what was said when something failed: the first few
}

// Stop ends the load and reports.
func (w *Writer) Stop() Report {
	w.cancel()
	w.ended.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	r := Report{Written: slices.Sorted(slices.Values(w.written)), Failed: w.failed, Refused: w.refused, Problems: w.problems}
	for i := 1; i < len(w.moments); i++ {
		r.Longest = max(r.Longest, w.moments[i].Sub(w.moments[i-1]))
	}
	return r
}

// Acknowledged is how many writes have been so far.
func (w *Writer) Acknowledged() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.written)
}

// work writes with one session after another.
func (w *Writer) work(ctx context.Context, l Load, number int64) {
	tick := time.NewTicker(max(l.Every, time.Millisecond))
	defer tick.Stop()
	var s Session
	defer func() {
		if s != nil {
			s.Close()
		}
	}()
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if s == nil {
			s = w.open(ctx, l)
			continue
		}
		number++
		if !w.write(ctx, s, number) || l.Renew > 0 && n%l.Renew == 0 {
			s.Close()
			s = nil
		}
	}
}

func (w *Writer) open(ctx context.Context, l Load) Session {
	one, cancel := context.WithTimeout(ctx, w.patience)
	defer cancel()
	s, err := l.Open(one)
	if err == nil {
		return s
	}
	if ctx.Err() == nil {
		w.note(&w.refused, err)
	}
	return nil
}

func (w *Writer) write(ctx context.Context, s Session, number int64) bool {
	one, cancel := context.WithTimeout(ctx, w.patience)
	defer cancel()
	err := s.Write(one, number)
	if err == nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.written, w.moments = append(w.written, number), append(w.moments, time.Now())
		return true
	}
	if ctx.Err() == nil {
		w.note(&w.failed, err)
	}
	return false
}

func (w *Writer) note(count *int, err error) {
	const few = 20
	w.mu.Lock()
	defer w.mu.Unlock()
	*count++
	if text := err.Error(); len(w.problems) < few && !slices.Contains(w.problems, text) {
		w.problems = append(w.problems, text)
	}
}

// Lost are the acknowledged writes that a store does not hold. Held are those it does.
func (r Report) Lost(held []int64) []int64 {
	there := make(map[int64]bool, len(held))
	for _, n := range held {
		there[n] = true
	}
	return slices.DeleteFunc(slices.Clone(r.Written), func(n int64) bool { return there[n] })
}
