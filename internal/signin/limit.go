package signin

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Limiter bounds how often something may be tried from one address. What it remembers is bounded, too: of many addresses, those that
// tried longest ago are forgotten first.
type Limiter struct {
	every time.Duration
	burst int
	most  int
	now   func() time.Time

	mu   sync.Mutex
	from map[string]*tries
}

type tries struct {
	*rate.Limiter
	last time.Time
}

// mostAddresses is how many addresses a limiter remembers.
const mostAddresses = 10_000

// NewLimiter lets an address try burst times at once, and once more after each interval.
func NewLimiter(burst int, every time.Duration, now func() time.Time) *Limiter {
	return &Limiter{every: every, burst: burst, most: mostAddresses, now: now, from: map[string]*tries{}}
}

// Try counts one more try; false when an address has none left for now.
func (l *Limiter) Try(address string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	t, ok := l.from[address]
	if !ok {
		l.forget(now)
		t = &tries{Limiter: rate.NewLimiter(rate.Every(l.every), l.burst)}
		l.from[address] = t
	}
	t.last = now
	return t.AllowN(now, 1)
}

// forget makes room for one more: first of those who have all their tries again, else of whoever tried longest ago.
func (l *Limiter) forget(now time.Time) {
	if len(l.from) < l.most {
		return
	}
	oldest := ""
	for address, t := range l.from {
		if now.Sub(t.last) > l.every*time.Duration(l.burst) {
			delete(l.from, address)
			continue
		}
		if oldest == "" || t.last.Before(l.from[oldest].last) {
			oldest = address
		}
	}
	if len(l.from) >= l.most {
		delete(l.from, oldest)
	}
}
