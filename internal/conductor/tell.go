package conductor

import (
	"context"
	"sync"
	"time"

	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/store"
)

const (
	often     = 200 * time.Millisecond // how often lines are kept
	mostLines = 2000                   // of one attempt at a step; the rest is left out, and said so
)

// teller keeps what a step says of itself, some lines at once. Told ends it.
func (c *Conductor) teller(ctx context.Context, w journey.Work) (tell journey.Tell, told func()) {
	var mu sync.Mutex
	var lines []store.Line
	said := 0
	flush := func() {
		mu.Lock()
		some := lines
		lines = nil
		mu.Unlock()
		if len(some) > 0 {
			_ = c.Store.Say(context.WithoutCancel(ctx), w.Run.ID, some) // for people who look on; how the step ends is kept for certain
		}
	}
	var keeping sync.WaitGroup
	end := make(chan struct{})
	keeping.Go(func() {
		tick := time.NewTicker(often)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				flush()
			case <-end:
				flush()
				return
			}
		}
	})
	tell = func(text string) {
		mu.Lock()
		defer mu.Unlock()
		said++
		switch {
		case said == mostLines:
			text = "… more is not kept"
		case said > mostLines:
			return
		}
		lines = append(lines, store.Line{Step: w.Step.ID, At: c.Now(), Text: text})
	}
	return tell, func() { close(end); keeping.Wait() }
}
