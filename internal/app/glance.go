package app

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/journey"
)

// Looked is when an environment was asked what is in place there.
type Looked struct {
	Environment estate.EnvironmentName `json:"environment"`
	At          time.Time              `json:"at"`
	Failed      string                 `json:"failed,omitempty"` // why it could not be asked
}

const (
	glanceLasts = 10 * time.Second // so long what was seen is shown again without asking anew
	glanceTakes = 5 * time.Second  // an environment that takes longer to answer is not waited for
)

// glances remembers what was seen in environments that have to be asked, so that many who look at pages do not all ask.
type glances struct {
	asking singleflight.Group
	mu     sync.Mutex
	seen   map[string]seenThere
}

type seenThere struct {
	found []journey.Found
	after string // what had been done by then
	Looked
}

func (g *glances) last(key string) (seenThere, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	s, ok := g.seen[key]
	return s, ok
}

func (g *glances) keep(key string, s seenThere) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.seen == nil {
		g.seen = map[string]seenThere{}
	}
	g.seen[key] = s
}

// glance is what is in place of an expansion for those who only look: an environment that cannot be asked is named and does not stand
// in the way of the others, and one that was asked a moment ago is not asked again, unless more of the run is done by now.
func (a *App) glance(ctx context.Context, c course, o runOptions, run *journey.Run) ([]journey.Found, []Looked, error) {
	out, err := a.inFolders(ctx, c.Journey.Expansion, o)
	if err != nil {
		return nil, nil, err
	}
	live, after := o.live(), ""
	if run != nil {
		after = fmt.Sprintf("%s %d", run.ID, run.Count(journey.Done))
	}
	seen := make([]seenThere, len(live))
	var all sync.WaitGroup
	for i, env := range live {
		all.Go(func() { seen[i] = a.glanceAt(ctx, c, env, o, after) })
	}
	all.Wait()
	var looked []Looked
	for _, s := range seen {
		out, looked = append(out, s.found...), append(looked, s.Looked)
	}
	slices.SortFunc(out, byPath)
	return out, looked, nil
}

func (a *App) glanceAt(ctx context.Context, c course, env estate.EnvironmentName, o runOptions, after string) seenThere {
	key := c.Journey.Expansion + "/" + string(env)
	if s, ok := a.glances.last(key); ok && s.after == after && a.now().Sub(s.At) < glanceLasts {
		return s
	}
	v, _, _ := a.glances.asking.Do(key+" "+after, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), glanceTakes)
		defer cancel()
		s := seenThere{after: after, Looked: Looked{Environment: env, At: a.now()}}
		var err error
		if s.found, err = a.observe(ctx, c, env, o); err != nil {
			s.Failed = err.Error()
		}
		a.glances.keep(key, s)
		return s, nil
	})
	return v.(seenThere)
}
