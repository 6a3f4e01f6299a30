package app

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/patroni"
	"example.org/caravan/internal/standby"
)

// prefer tells Patroni which standby shall take over first, where it is declared how: the warmest. What cannot be told is a doubt. Who only looks tells
// nothing.
func (w *tender) prefer(ctx context.Context, t *standby.Topology) {
	if w.kept.Preference == nil || !w.heard {
		return
	}
	where := patroni.Where{Addresses: w.kept.Patroni, Dial: w.route.dial}
	if doubt := w.deaf(ctx, where); doubt != "" {
		t.Doubts = append(t.Doubts, doubt)
	}
	if !w.acts || t.Paused {
		return
	}
	w.recall(t)
	want := t.Precedence()
	for _, name := range slices.Sorted(maps.Keys(want)) {
		i := slices.IndexFunc(t.Members, func(m standby.Member) bool { return m.Name == name })
		if m := t.Members[i]; m.Priority == nil || *m.Priority != want[name] {
			w.place(ctx, where, m, want[name])
		}
	}
	for _, name := range slices.Sorted(maps.Keys(w.placed)) {
		if p := w.placed[name]; p.trouble != "" {
			t.Doubts = append(t.Doubts, p.trouble)
		}
	}
}

// toldPlace is a place among those who take over that a member was told.
type toldPlace struct {
	place   int
	at      time.Time
	trouble string // why it may not know
}

// repeated is how long a member may take until its Patroni repeats to others what it was told: some of its rounds.
const repeated = time.Minute

// recall counts what members were told just now as what they say themselves, and forgets it of those that do.
func (w *tender) recall(t *standby.Topology) {
	for i, m := range t.Members {
		p, told := w.placed[m.Name]
		switch {
		case told && m.Priority != nil && *m.Priority == p.place:
			delete(w.placed, m.Name)
		case told && p.trouble == "" && w.app.now().Sub(p.at) < repeated:
			t.Members[i].Priority = &p.place
		}
	}
}

// longestTelling is how long it may take to tell one member.
const longestTelling = 30 * time.Second

// place tells a member its place.
func (w *tender) place(ctx context.Context, where patroni.Where, m standby.Member, place int) {
	ctx, cancel := context.WithTimeout(ctx, longestTelling)
	defer cancel()
	before, told := w.placed[m.Name]
	now := toldPlace{place: place, at: w.app.now()}
	if told && before.place == place && (before.trouble != "" || now.at.Sub(before.at) >= repeated) {
		now.trouble = fmt.Sprintf("%s was told its place among those who take over, and its Patroni does not repeat it: see that it is started with the folder of %s", m.Name, w.kept.Preference.File)
		if now.at.Sub(before.at) < repeated {
			return
		}
	}
	err := w.route.put(ctx, m.Address, w.kept.Preference.File, patroni.Preference(place))
	if err == nil {
		err = patroni.Reload(ctx, where, m.Name)
	}
	if err != nil {
		now.place, now.trouble = 0, fmt.Sprintf("%s could not be told its place among those who take over: %s", m.Name, fault.Cause(err))
	}
	w.placed[m.Name] = now
}

// deaf says that Patroni does not listen to what it is told of who takes over first, when it is too old for that.
func (w *tender) deaf(ctx context.Context, where patroni.Where) string {
	if w.heeds {
		return ""
	}
	version, err := patroni.Version(ctx, where)
	if err != nil {
		return ""
	}
	if w.heeds = patroni.Prefers(version); w.heeds {
		return ""
	}
	return "Patroni " + version + " heeds no failover_priority, so whichever standby is first takes over; 3.2 and newer take the warmest"
}
