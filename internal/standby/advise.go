package standby

import (
	"fmt"
	"strings"
	"time"

	"example.org/caravan/internal/estate"
)

// The kinds of places, as placements of expansions name them.
const (
	VM         = "vm"
	Kubernetes = "kubernetes"
)

// Advice is where a datastore is better off, by points for each kind of place from what was measured, and the way back.
type Advice struct {
	Datastore   estate.ServiceName     `json:"datastore"`
	Environment estate.EnvironmentName `json:"environment,omitempty"`
	Team        estate.TeamName        `json:"team,omitempty"`
	Technology  string                 `json:"technology"`
	Verdict     Verdict                `json:"verdict"`
	Kind        string                 `json:"kind,omitempty"` // where it is better off: "vm" or "kubernetes"
	Because     string                 `json:"because"`
	VM          int                    `json:"vm"` // points
	Kubernetes  int                    `json:"kubernetes"`
	Points      []Point                `json:"points"`
	Unknown     []string               `json:"unknown,omitempty"` // what was not measured, and what it takes
	Measured    Measured               `json:"measured"`
	WayBack     WayBack                `json:"wayBack"`
	Next        []string               `json:"next,omitempty"` // what to do, in that order
}

// Line is an advice in one line.
func (a Advice) Line() string {
	text := string(a.Verdict)
	switch a.Verdict {
	case Stay:
		text += " on " + a.Kind
	case Move:
		text += " to " + a.Kind
	}
	return text + ": " + a.Because
}

// Verdict is what comes of an advice.
type Verdict string

// The verdicts.
const (
	Stay          Verdict = "stay"
	Move          Verdict = "move"
	NotEnoughSeen Verdict = "not enough known"
)

// Point is one reason for a kind of place, with its figure.
type Point struct {
	For    string `json:"for"` // "vm" or "kubernetes"
	Points int    `json:"points"`
	Text   string `json:"text"`
}

// WayBack is how a datastore gets to the other kind of place and back again, and when that was last done.
type WayBack struct {
	To       estate.EnvironmentName `json:"to,omitempty"`      // of the other kind, as a move is declared; "" when none is
	Reverse  bool                   `json:"reverse,omitempty"` // it came from there: its move is declared the other way round
	Moved    time.Time              `json:"moved,omitzero"`    // when it last got to the other end of that move
	Returned time.Time              `json:"returned,omitzero"` // when it last came back
	Drilled  time.Time              `json:"drilled,omitzero"`  // when a backup of it was last restored and found good
}

// Rehearsed reports whether the way was gone in both directions.
func (w WayBack) Rehearsed() bool { return !w.Moved.IsZero() && !w.Returned.IsZero() }

// String says it in words.
func (w WayBack) String() string {
	var parts []string
	switch {
	case w.To == "":
		parts = append(parts, "no move to the other kind is declared")
	case w.Rehearsed():
		parts = append(parts, fmt.Sprintf("rehearsed: moved on %s, back on %s", w.Moved.Format(time.DateOnly), w.Returned.Format(time.DateOnly)))
	case !w.Moved.IsZero():
		parts = append(parts, fmt.Sprintf("moved on %s and never led back", w.Moved.Format(time.DateOnly)))
	default:
		parts = append(parts, fmt.Sprintf("the move between here and %s was never rehearsed", w.To))
	}
	if w.Drilled.IsZero() {
		parts = append(parts, "no backup was restored and found good")
	} else {
		parts = append(parts, "a backup was restored and good on "+w.Drilled.Format(time.DateOnly))
	}
	return strings.Join(parts, "; ")
}

// What a verdict takes: a week, in a day's hours of which somebody looked; and to move, a lead that one figure does not make.
const (
	leastSpan   = 7 * 24 * time.Hour
	leastLooked = 24
	leastLead   = 20
	leastCauses = 2
	often       = 4 // occasions that are no chance
)

// The weights of what was measured. A move costs work and has risks, so where it runs has the first word.
const (
	habit     = 15
	calm      = 10
	restarts  = 5 // each occasion
	displaced = 10
	oomKilled = 5
	failovers = 5
	slower    = 30
	speed     = 10
	room      = 10
	late      = 10
	most      = 6 // occasions that count
)

// Bounds of figures.
const (
	fastBlock   = 500 * time.Microsecond // local disks take less
	slowBlock   = 2 * time.Millisecond   // networked disks take that
	noticed     = 200 * time.Microsecond // less of a difference nobody sees
	times       = 2
	lateShare   = 0.05
	leastFollow = 1000 // looks
	twoWeeks    = 14 * 24 * time.Hour
)

// sizes from which a datastore counts as large, and to which as small, in bytes.
func sizes(technology string) (small, large int64) {
	const gibi = 1 << 30
	if technology == "redis" {
		return 1 * gibi, 16 * gibi
	}
	return 20 * gibi, 200 * gibi
}

// Advise says where a datastore is better off. Elsewhere is how long a block takes in places of the other kind, as measured on other datastores; nothing
// when none was. Until a week was seen no verdict is given, and none to move for one figure alone, unless what it counts happened again and again.
func Advise(t Topology, m Measured, elsewhere *Latency, back WayBack) Advice {
	a := advising{
		Advice: Advice{Datastore: t.Datastore, Environment: t.Environment, Team: t.Team, Technology: t.Technology, Points: []Point{}, Measured: m, WayBack: back},
		causes: map[string]bool{},
	}
	if m.Kind == "" {
		a.Unknown = append(a.Unknown, "what its environment is made of: give it a kind under environments in caravan.yaml, or a target")
	} else {
		a.add(m.Kind, habit, "", "it runs on %s: a move takes work and has its risks", m.Kind)
		a.befell()
		a.disk(elsewhere)
		a.size()
		a.lag()
	}
	a.judge()
	a.next()
	return a.Advice
}

// advising is one advice being made.
type advising struct {
	Advice
	causes map[string]bool // that speak for the other kind
	firm   bool            // one of them again and again
}

func (a *advising) add(kind string, points int, cause, format string, args ...any) {
	a.Points = append(a.Points, Point{For: kind, Points: points, Text: fmt.Sprintf(format, args...)})
	if kind == VM {
		a.VM += points
	} else {
		a.Kubernetes += points
	}
	if kind != a.Measured.Kind {
		a.causes[cause] = true
	}
}

// other is the kind of place it does not run in.
func (a *advising) other() string {
	if a.Measured.Kind == VM {
		return Kubernetes
	}
	return VM
}

func (a *advising) span() string { return days(a.Measured.Until.Sub(a.Measured.Since)) }

// Causes that figures share: what befell instances hangs together.
const (
	causeLife = "life"
	causeDisk = "disk"
	causeSize = "size"
	causeLag  = "lag"
)

// befell is what happened to instances.
func (a *advising) befell() {
	m := a.Measured
	count := func(kind string, n, points int, text string) {
		if n > 0 {
			a.add(kind, min(n, most)*points, causeLife, "%s on %s in %s", text, timesText(n), a.span())
			a.firm = a.firm || kind == a.other() && n >= often
		}
	}
	if m.Kind == Kubernetes {
		count(VM, m.Displaced, displaced, "pods were evicted or made anew, which empties the buffers of an instance,")
		count(VM, m.OOMKilled, oomKilled, "instances were killed for the memory they took, which a higher limit may mend as well,")
	}
	count(a.other(), m.Restarts, restarts, "instances restarted, by plan or not,")
	if m.Failovers > 1 { // once is what it is for
		count(a.other(), m.Failovers, failovers, "the primary changed, by plan or not,")
	}
	if m.Displaced+m.OOMKilled+m.Restarts == 0 && m.Until.Sub(m.Since) >= twoWeeks {
		a.add(m.Kind, calm, causeLife, "no instance restarted in %s", a.span())
	}
}

// disk is how long a block takes, beside what it takes in the other kind of place where that is known.
func (a *advising) disk(elsewhere *Latency) {
	m := a.Measured
	switch {
	case a.Technology == "redis": // it answers from memory
	case m.Disk == nil:
		a.Unknown = append(a.Unknown, "how long its disk takes: too few blocks were read from it; keep its standbys warm, or set track_io_timing in PostgreSQL")
	case elsewhere == nil:
		a.Unknown = append(a.Unknown, "how long disks take on "+a.other()+": no datastore declared there was measured")
		if m.Disk.Block >= slowBlock {
			a.add(a.other(), speed, causeDisk, "%s", m.Disk.text())
		} else if m.Disk.Block <= fastBlock {
			a.add(m.Kind, speed, causeDisk, "%s", m.Disk.text())
		}
	case m.Disk.Block >= times*elsewhere.Block && m.Disk.Block-elsewhere.Block >= noticed:
		a.add(a.other(), slower, causeDisk, "%s, and %s on %s", m.Disk.text(), blockText(elsewhere.Block), a.other())
	case elsewhere.Block >= times*m.Disk.Block && elsewhere.Block-m.Disk.Block >= noticed:
		a.add(m.Kind, slower, causeDisk, "%s, and %s on %s", m.Disk.text(), blockText(elsewhere.Block), a.other())
	}
}

func (l Latency) text() string {
	text := "a block takes " + blockText(l.Block) + " from disk"
	switch {
	case l.Timed:
		text += ", what its machine's page cache served included"
	case l.Cached > 0:
		text += fmt.Sprintf(", beside %s that its machine's page cache served", Percent(l.Cached))
	}
	return text
}

func blockText(d time.Duration) string {
	return fmt.Sprintf("%.2g ms", float64(d)/float64(time.Millisecond))
}

func (a *advising) size() {
	n := a.Measured.Size
	if n == nil {
		a.Unknown = append(a.Unknown, "how large it is: it was not looked at long enough, or its primary was not reached")
		return
	}
	switch small, large := sizes(a.Technology); {
	case *n >= large:
		a.add(VM, room, causeSize, "%s: an instance that is made anew elsewhere copies that first, and a machine keeps its disk", Bytes(*n))
	case *n <= small:
		a.add(Kubernetes, room, causeSize, "%s: an instance that is made anew elsewhere has copied that soon", Bytes(*n))
	}
}

func (a *advising) lag() {
	m := a.Measured
	if m.Followed < leastFollow {
		return
	}
	if share := float64(m.Late) / float64(m.Followed); share > lateShare {
		a.add(a.other(), late, causeLag, "standbys lagged more than %s in %s of looks", Bytes(UsualLag), Percent(share))
	}
}

// judge comes to a verdict.
func (a *advising) judge() {
	m := a.Measured
	here, there := a.VM, a.Kubernetes
	if m.Kind == Kubernetes {
		here, there = there, here
	}
	a.Verdict, a.Kind = Stay, m.Kind
	score := fmt.Sprintf("%d points for %s, %d for %s", here, m.Kind, there, a.other())
	switch lead := there - here; {
	case m.Kind == "":
		a.Verdict, a.Because = NotEnoughSeen, "nobody knows what it runs on"
	case m.Until.Sub(m.Since) < leastSpan || m.Hours < leastLooked:
		a.Verdict, a.Kind = NotEnoughSeen, ""
		a.Because = fmt.Sprintf("it was looked at in %d hours over %s; a verdict takes %d over %s", m.Hours, a.span(), leastLooked, days(leastSpan))
	case lead < leastLead:
		a.Because = score
	case len(a.causes) < leastCauses && !a.firm:
		a.Because = score + ", but from one figure alone; see first whether that is mended where it runs"
	default:
		a.Verdict, a.Kind, a.Because = Move, a.other(), score
	}
}

// next says what to do. Nobody moves what was never led back.
func (a *advising) next() {
	if a.Verdict == NotEnoughSeen && a.Measured.Kind != "" {
		a.Next = []string{"have caravan serve look at it for some days (every under standby in caravan.yaml)"}
		return
	}
	if a.Verdict != Move {
		return
	}
	if a.WayBack.Drilled.IsZero() && a.Technology == "postgres" {
		a.Next = append(a.Next, "caravan standby drill "+string(a.Datastore))
	}
	name, to := string(a.Datastore), string(a.WayBack.To)
	move, back := fmt.Sprintf("caravan standby move %s --to %s", name, to), fmt.Sprintf("caravan standby back %s --to %s", name, to)
	switch {
	case to == "":
		a.Next = append(a.Next, "declare a move to an environment of kind "+a.other()+": moves under standby in caravan.yaml")
	case a.WayBack.Reverse:
		a.Next = append(a.Next, fmt.Sprintf("caravan standby back %s --to %s, while its window is open; else declare a move to %s", name, a.Environment, to))
	case a.WayBack.Rehearsed():
		a.Next = append(a.Next, move)
	default:
		a.Next = append(a.Next, move+", and while its window is open "+back+": so the way back is rehearsed", move)
	}
}

func timesText(n int) string {
	if n == 1 {
		return "one occasion"
	}
	return fmt.Sprintf("%d occasions", n)
}

// days is a length of time in whole days.
func days(d time.Duration) string {
	const day = 24 * time.Hour
	switch n := int(d / day); n {
	case 0:
		return "less than a day"
	case 1:
		return "a day"
	default:
		return fmt.Sprintf("%d days", n)
	}
}
