package warmer

import (
	"testing"
	"time"

	"example.org/caravan/internal/postgres"
	"example.org/caravan/internal/standby"
)

func TestThePrimaryIsLookedAtEverMoreSeldomWhileAllAreWarm(t *testing.T) {
	at := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	round := func(took time.Duration, share float64) Round {
		r := Report{Name: "b", Standing: postgres.Standing{Role: standby.Standby}, Warmth: &standby.Warmth{Share: share}}
		return Round{Primary: "a", Looked: took, Members: []Report{{Name: "a"}, r, {Name: "down"}}}
	}
	const quick, slow = 100 * time.Millisecond, 3 * time.Second
	var p pace
	for i, c := range []struct {
		took   time.Duration
		share  float64
		failed bool
		anew   bool
		want   time.Duration
	}{
		{took: quick, share: 0.2, want: 5 * time.Second},
		{took: quick, share: 0.95, want: 10 * time.Second},
		{took: quick, share: 0.95, want: 20 * time.Second},
		{took: quick, share: 0.95, want: 40 * time.Second},
		{took: quick, share: 0.95, want: 40 * time.Second},
		{took: quick, share: 0.95, anew: true, want: 5 * time.Second},
		{took: slow, share: 0.95, want: 150 * time.Second},
		{took: quick, share: 0.8, want: 5 * time.Second},
		{failed: true, want: time.Minute},
		{took: quick, share: 0.95, want: 5 * time.Second},
	} {
		p = p.after(round(c.took, c.share), at, c.failed)
		if got := p.due(c.anew).Sub(at); got != c.want {
			t.Errorf("after look %d the next is due in %v, and not in %v", i+1, got, c.want)
		}
	}
}
