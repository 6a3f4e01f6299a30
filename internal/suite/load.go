package main

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// load is how busy the machine was while something ran.
type load struct {
	began      time.Time
	busy, idle uint64 // ticks of /proc/stat when it began
	sum        float64
	samples    int
}

func beginLoad() *load {
	busy, idle := ticks()
	return &load{began: time.Now(), busy: busy, idle: idle}
}

// ticks are those all processors were busy and idle for since the machine started (proc(5)): zero
// where nobody counts them.
func ticks() (busy, idle uint64) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, 0
	}
	line, _, _ := strings.Cut(string(text), "\n")
	for i, f := range strings.Fields(line) {
		var n uint64
		if _, err := fmt.Sscan(f, &n); err != nil || i > 8 { // the first is "cpu", and guests count as users
			continue
		}
		if i == 4 || i == 5 { // idle, and waiting for a disk
			idle += n
		} else {
			busy += n
		}
	}
	return busy, idle
}

// sample adds the load average of the last minute to the mean.
func (l *load) sample() {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return
	}
	var now float64
	if _, err := fmt.Sscan(string(text), &now); err == nil {
		l.sum += now
		l.samples++
	}
}

// follow samples until it is told to stop.
func (l *load) follow() (stop func()) {
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		every := time.NewTicker(5 * time.Second)
		defer every.Stop()
		for {
			l.sample()
			select {
			case <-end:
				return
			case <-every.C:
			}
		}
	}()
	return func() {
		close(end)
		<-ended
	}
}

// mean is the mean of the load averages seen.
func (l *load) mean() float64 {
	if l.samples == 0 {
		return 0
	}
	return l.sum / float64(l.samples)
}

// String tells how long it took, and how busy the processors were.
func (l *load) String() string {
	busy, idle := ticks()
	busy, idle = busy-l.busy, idle-l.idle
	share := 0.0
	if busy+idle > 0 {
		share = float64(busy) / float64(busy+idle)
	}
	return fmt.Sprintf("%.0f s, processors %.0f %% busy, load average %.1f", time.Since(l.began).Seconds(), 100*share, l.mean())
}
