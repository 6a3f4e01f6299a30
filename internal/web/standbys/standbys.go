// Package standbys is the page of databases that keep copies of themselves: who is primary, how far and how warm each standby is and was,
// who best takes over, and what is wrong.
package standbys

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/finding"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/standby"
	"example.org/caravan/internal/web/shell"
)

// View is all that the page shows.
type View struct {
	Now        time.Time
	Datastores []Datastore // by name and environment
	Error      string      // why looking or switching over was refused
	Refused    string      // of which datastore; "" for the whole page
}

// Datastore is one of them.
type Datastore struct {
	standby.Topology
	Gate      standby.Gate
	Preferred string
	Stale     bool
	Samples   []standby.Sample // of the last hours, the first first
	Findings  []finding.Finding
	Advice    *standby.Advice // where it is better off; nothing where it runs no more
	Moves     []Move          // to its environment
}

// Move is how the move of a datastore to where it is declared stands.
type Move struct {
	Name    string // of the journey, which is agreed to
	Journey estate.Digest
	From    estate.EnvironmentName
	To      estate.EnvironmentName
	Does    []string          // what its steps do
	Steps   []journey.StepID  // that somebody has to agree to
	Missing []estate.TeamName // who have not
	Vetoed  []string          // who are against it, and why
	Phase   string            // "" before it began
	Run     journey.RunState  // of what is under way or was last; "" when there was nothing
	Pauses  []time.Duration   // for which clients were held, at each cut
	Moved   bool              // its clients are there
	Window  bool              // it can go back without a loss until somebody closes the window
	Until   time.Time         // it surely can until then; zero when nothing is said of it
}

// begun reports whether something of a move is there.
func (m Move) begun() bool { return m.Phase != "" && m.Phase != "planned" && m.Phase != "undone" }

// returns reports whether it was begun to be taken back, and is not yet.
func (m Move) returns() bool {
	return slices.Contains([]standby.Phase{standby.Returning, standby.Returned, standby.Undoing}, standby.Phase(m.Phase))
}

// stands says how a move stands, in a sentence.
func (m Move) stands() string {
	text := "Nothing has been done of it."
	switch {
	case m.Moved:
		text = "It has moved."
	case m.Phase == "undone":
		text = "It was taken back."
	case m.begun():
		text = "It is " + m.Phase + "."
	}
	for i, p := range m.Pauses {
		if i == 0 {
			text += " Clients were held for " + p.Round(time.Millisecond).String()
			continue
		}
		text += ", then for " + p.Round(time.Millisecond).String()
	}
	if len(m.Pauses) > 0 {
		text += "."
	}
	if m.Run.Open() {
		text += " What is under way is " + string(m.Run) + "."
	}
	return text
}

// ID is a datastore's place on the page.
func (d Datastore) ID() string {
	return strings.TrimSuffix(string(d.Datastore)+"@"+string(d.Environment), "@")
}

// kept says who keeps it, and what is known of its past.
func (v View) kept(d Datastore) string {
	text := "kept by " + string(d.Keeper)
	if d.Keeper == standby.Nobody {
		text = "people decide who is primary"
	}
	if d.Version != "" {
		text += " · " + d.Technology + " " + d.Version
	}
	if !d.Failover.IsZero() {
		text += " · the primary changed " + shell.MomentOf(d.Failover, v.Now).Ago
	}
	if d.Backup != nil {
		text += v.backedUp(*d.Backup)
	}
	return text
}

// backedUp says when it was, up to when its log is kept, and when a backup was last restored: only then it counts.
func (v View) backedUp(b standby.Backup) string {
	if b.At.IsZero() {
		return " · never backed up"
	}
	text := " · backed up " + shell.MomentOf(b.At, v.Now).Ago
	if !b.Archived.IsZero() {
		text += ", its log kept until " + shell.MomentOf(b.Archived, v.Now).Ago
	}
	if b.Drilled.IsZero() {
		return text + ", never restored to see whether it is good"
	}
	return text + ", restored and checked " + shell.MomentOf(b.Drilled, v.Now).Ago
}

// looked says when it was asked.
func (v View) looked(d Datastore) string {
	if d.At.IsZero() {
		return "never looked at"
	}
	text := "looked at " + shell.MomentOf(d.At, v.Now).Ago
	if d.Stale {
		text += ", so nobody knows how it stands now"
	}
	return text
}

// state is how an instance is, in a few words.
func state(m standby.Member) string { return cmp.Or(strings.Join(m.Says(), ", "), "not known") }

// score says how many points each kind of place has.
func score(a standby.Advice) string {
	return fmt.Sprintf("vm %d, kubernetes %d", a.VM, a.Kubernetes)
}

// unmeasured stands for a warmth that nobody knows; a Redis answers from memory and has none.
func (d Datastore) unmeasured() string {
	if d.Technology == "redis" {
		return "–"
	}
	return "not measured"
}

func lag(m standby.Member) string { return cmp.Or(m.LagText(), "not known") }

// refusals is what the gate says against an instance now.
func (v View) refusals(d Datastore, m standby.Member) string {
	return strings.Join(d.Gate.Refusals(d.Topology, m.Name, v.Now), "; ")
}

// Size of the chart in its own units, and the room for its scale.
const (
	width  = 640
	height = 140
	left   = 60
	top    = 8
	bottom = 22
)

// line is how warm one instance was, as points of a polyline.
type line struct {
	member string
	index  int
	points []string // one for each stretch of time without gaps
}

// gap is how long nobody looked before a line is broken off: what was between, nobody knows.
const gap = 3 * time.Minute

// lines are those of a datastore's instances.
func (d Datastore) lines() []line {
	if len(d.Samples) == 0 {
		return nil
	}
	begin, end := d.span()
	by := map[string][]standby.Sample{}
	for _, s := range d.Samples {
		by[s.Member] = append(by[s.Member], s)
	}
	var names []string
	for name := range by {
		names = append(names, name)
	}
	slices.Sort(names)
	var out []line
	for i, name := range names {
		l := line{member: name, index: i}
		var points []string
		var last time.Time
		for _, s := range by[name] {
			if !last.IsZero() && s.At.Sub(last) > gap {
				l.points, points = append(l.points, strings.Join(points, " ")), nil
			}
			points = append(points, fmt.Sprintf("%.1f,%.1f", across(s.At, begin, end), down(s.Share)))
			last = s.At
		}
		l.points = append(l.points, strings.Join(points, " "))
		out = append(out, l)
	}
	return out
}

func (d Datastore) span() (begin, end time.Time) {
	begin, end = d.Samples[0].At, d.Samples[len(d.Samples)-1].At
	if end.Sub(begin) < time.Minute {
		begin = end.Add(-time.Minute)
	}
	return begin, end
}

func across(at, begin, end time.Time) float64 {
	return left + (width-left-top)*float64(at.Sub(begin))/float64(end.Sub(begin))
}

func down(share float64) float64 { return top + (height-top-bottom)*(1-share) }

func text(y float64) string { return fmt.Sprintf("%.1f", y) }

// describe says in words what the chart shows.
func (d Datastore) describe() string {
	begin, end := d.span()
	var parts []string
	for _, l := range d.lines() {
		least, last := 1.0, 0.0
		for _, s := range d.Samples {
			if s.Member == l.member {
				least, last = min(least, s.Share), s.Share
			}
		}
		parts = append(parts, fmt.Sprintf("%s at least %s, last %s", l.member, standby.Percent(least), standby.Percent(last)))
	}
	return fmt.Sprintf("Warmth from %s to %s: %s", begin.Format("15:04"), end.Format("15:04"), strings.Join(parts, "; "))
}
