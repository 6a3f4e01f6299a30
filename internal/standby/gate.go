package standby

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"
)

// Gate is what is asked of an instance before it may become primary by plan.
type Gate struct {
	Lag    int64   `json:"lag"`    // bytes it may lag
	Warmth float64 `json:"warmth"` // share of the primary's hot blocks it must have; 0 to 1
}

// Usual gate. A switch-over waits until the candidate has replayed all, so the lag bounds for how long nobody can write: at 16 MiB, one segment
// of the log, well below a second. At nine tenths the rest is read in moments.
const (
	UsualLag    = 16 << 20
	UsualWarmth = 0.9
)

// stale is when a warmth says nothing about now any more.
const stale = 2 * time.Minute

// Refusals says why an instance may not become primary now; nothing when it may.
func (g Gate) Refusals(t Topology, candidate string, now time.Time) []string {
	m, ok := t.Member(candidate)
	switch {
	case !ok:
		return []string{fmt.Sprintf("%s is no instance of %s", candidate, t.Datastore)}
	case m.Role == Primary:
		return []string{candidate + " is the primary already"}
	case len(t.Primaries()) == 0:
		return []string{"no instance says that it is primary"}
	case len(t.Primaries()) > 1:
		return []string{fmt.Sprintf("%d instances say that they are primary", len(t.Primaries()))}
	}
	var out []string
	switch {
	case m.Unreachable != "":
		out = append(out, fmt.Sprintf("%s cannot be asked: %s", candidate, m.Unreachable))
	case !m.Healthy():
		out = append(out, fmt.Sprintf("%s is %s", candidate, cmp.Or(m.State, "in a state that is not known")))
	}
	if m.NoFailover {
		out = append(out, candidate+" is marked never to be primary")
	}
	switch {
	case m.Lag == nil:
		out = append(out, fmt.Sprintf("how far %s lags is not known (at most %s)", candidate, Bytes(g.Lag)))
	case *m.Lag > g.Lag:
		out = append(out, fmt.Sprintf("%s lags %s (at most %s)", candidate, Bytes(*m.Lag), Bytes(g.Lag)))
	}
	if g.Warmth > 0 && t.Technology == "postgres" {
		out = append(out, g.cold(m, now)...)
	}
	return out
}

func (g Gate) cold(m Member, now time.Time) []string {
	switch {
	case m.Warmth == nil:
		return []string{fmt.Sprintf("how warm %s is was never measured (at least %s)", m.Name, Percent(g.Warmth))}
	case now.Sub(m.Warmth.At) > stale:
		return []string{fmt.Sprintf("how warm %s is was last measured %s ago (at least %s)", m.Name, now.Sub(m.Warmth.At).Round(time.Second), Percent(g.Warmth))}
	case m.Warmth.Share < g.Warmth:
		return []string{fmt.Sprintf("%s has %s of the primary's hot blocks (at least %s)", m.Name, Percent(m.Warmth.Share), Percent(g.Warmth))}
	}
	return nil
}

// Preferred is the instance that best takes over, should the primary be lost now: of those that are healthy and may, one that confirms what is written,
// then the warmest, then the one that lags least. False when there is none.
func (t Topology) Preferred() (Member, bool) {
	able := slices.DeleteFunc(t.Standbys(), func(m Member) bool { return !m.Healthy() || m.NoFailover })
	if len(able) == 0 {
		return Member{}, false
	}
	return slices.MaxFunc(able, func(x, y Member) int {
		return cmp.Or(cmp.Compare(sure(x), sure(y)), cmp.Compare(warmthOf(x), warmthOf(y)), cmp.Compare(lagOf(y), lagOf(x)))
	}), true
}

// sure is 1 of an instance that confirms what is written.
func sure(m Member) int {
	if m.Synchronous {
		return 1
	}
	return 0
}

func warmthOf(m Member) float64 {
	if m.Warmth == nil {
		return 0
	}
	return m.Warmth.Share
}

func lagOf(m Member) int64 {
	if m.Lag == nil {
		return math.MaxInt64
	}
	return *m.Lag
}
