package redis

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"
)

// everySecond is how Caravan renders a Redis whose content is kept.
const everySecond = "appendonly yes\nappendfsync everysec\nsave \"\"\nrepl-diskless-sync-delay 0\nmasterauth " + password + "\n"

// steady writes at a rate through a load balancer, each key once, and tries a write until it is acknowledged.
type steady struct {
	clients string
	stop    chan struct{}
	all     sync.WaitGroup

	mu      sync.Mutex
	acked   []string
	longest time.Duration // from when a write was due until it was acknowledged
}

const perSecond, writersAtOnce = 2000, 10

func startSteady(clients, prefix string) *steady {
	s := &steady{clients: clients, stop: make(chan struct{})}
	for i := range writersAtOnce {
		s.all.Go(func() { s.write(fmt.Sprintf("%s:%d", prefix, i)) })
	}
	return s
}

func (s *steady) write(prefix string) {
	const each = time.Second * writersAtOnce / perSecond
	var c *link
	first := time.Now()
	wait := time.NewTimer(0)
	defer wait.Stop()
	for n := 0; ; n++ {
		due := first.Add(time.Duration(n) * each)
		wait.Reset(time.Until(due))
		select {
		case <-s.stop:
			return
		case <-wait.C:
		}
		key := prefix + ":" + strconv.Itoa(n)
		for !s.try(&c, key) {
			select {
			case <-s.stop:
				return
			default:
			}
		}
		s.mu.Lock()
		s.acked = append(s.acked, key)
		s.longest = max(s.longest, time.Since(due))
		s.mu.Unlock()
	}
}

func (s *steady) try(c **link, key string) bool {
	if *c == nil {
		opened, err := connect(context.Background(), s.clients, Login{Password: password}, nil)
		if err != nil {
			return false
		}
		*c = opened
	}
	r, err := (*c).do(context.Background(), "SET", key, "1")
	if err != nil {
		_ = (*c).close()
		*c = nil
		return false
	}
	return r.text == "OK"
}

// reset begins to look for the longest write anew, and returns what it was.
func (s *steady) reset() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.longest
	s.longest = 0
	return was
}

func (s *steady) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.acked)
}

// missing is how many acknowledged writes an instance does not have.
func (s *steady) missing(at *server) int {
	lost := 0
	for part := range slices.Chunk(s.acked, 500) {
		n, _ := strconv.Atoi(at.ask(append([]string{"EXISTS"}, part...)...).text)
		lost += len(part) - n
	}
	return lost
}

// BenchmarkMove moves a Redis there and back under writes, several times, and asks for every write that was acknowledged.
func BenchmarkMove(b *testing.B) {
	bed := newPatientBed(b, everySecond, 3, 5*time.Second)
	clients, way := bed.balancer()
	const runs = 7
	var held, waited [2][]time.Duration
	var quiet []time.Duration
	lost, acked, again := 0, 0, 0
	var writing time.Duration
	for b.Loop() {
		for run := range runs {
			s := startSteady(clients, strconv.Itoa(run))
			begun := time.Now()
			m := &mover{b: bed, ways: []Way{way}}
			for leg, act := range []func(*mover) error{
				func(m *mover) error { _, err := m.do(); return err },
				func(m *mover) error { _, err := m.undo(); return err },
			} {
				goesOn(b, s)
				s.reset()
				goesOn(b, s)
				quiet = append(quiet, s.reset())
				for err := act(m); err != nil; err = act(m) {
					b.Log(err)
					if again++; again > runs {
						b.Fatal("it is given up again and again")
					}
					m = m.next()
				}
				verified(b, m)
				m = m.next()
				goesOn(b, s)
				waited[leg] = append(waited[leg], s.reset())
				_, state := m.move()
				held[leg] = append(held[leg], state.Pause)
			}
			close(s.stop)
			s.all.Wait()
			writing += time.Since(begun)
			acked += s.count()
			lost += s.missing(bed.source[0])
			bed.asBefore()
		}
	}
	b.ReportMetric(float64(lost), "lost")
	b.ReportMetric(float64(again), "again")
	b.ReportMetric(float64(acked), "acknowledged")
	b.ReportMetric(float64(acked)/writing.Seconds(), "rate")
	for leg, name := range []string{"forth", "back"} {
		report(b, name+"-held", held[leg])
		report(b, name+"-waited", waited[leg])
	}
	report(b, "quiet-waited", quiet)
}

// goesOn waits for as many writes as are due in a second.
func goesOn(b *testing.B, s *steady) {
	before := s.count()
	eventually(b, "writes go on", func() bool { return s.count() > before+perSecond })
}

func report(b *testing.B, name string, all []time.Duration) {
	slices.Sort(all)
	b.ReportMetric(ms(all[len(all)/2]), name+"-median")
	b.ReportMetric(ms(all[len(all)-1]), name+"-worst")
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
