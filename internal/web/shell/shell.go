// Package shell is what every page of the portal shares: the frame around it, how moments and numbers are said, and
// where links lead. It decides nothing about the estate.
package shell

import (
	"cmp"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/rights"
)

// Frame is what surrounds a page.
type Frame struct {
	Title    string
	Active   string // the entry of the navigation the page belongs to: "map", "expansions", "addresses", "doubts", "scan"
	Base     string // path of the portal
	Assets   string // path of its scripts and styles, with a slash at its end
	Snapshot string // digest in the address, when the page shows another than the newest
	Read     Moment // when what the page shows was read
	Doubts   int
	Version  string
	API      string
	Scripts  []string // beyond those of every page
	Full     bool     // the page fills the window and scrolls inside
	Person   rights.Person
}

// Titled is the frame with that title.
func (f Frame) Titled(title string) Frame {
	f.Title = title
	return f
}

// Refusal is why whoever looks may not do something for a team, or for any when the team is ""; "" when they may.
func (f Frame) Refusal(right rights.Right, team estate.TeamName) string {
	if err := rights.May(f.Person, right, team); err != nil {
		return err.Error()
	}
	return ""
}

// known is what whoever looks is called; "" for nobody.
func (f Frame) known() string { return cmp.Or(f.Person.Name, f.Person.Who()) }

// standing is what whoever looks is, in a line.
func (f Frame) standing() string {
	text := string(f.Person.Role)
	switch {
	case f.Person.EveryTeam:
		return text + ", speaks for every team"
	case len(f.Person.Teams) > 0:
		return text + " of " + List(f.Person.Teams)
	}
	return text
}

// URL is the address of a page. It keeps the snapshot that is looked at.
func (f Frame) URL(path string) string {
	if f.Snapshot == "" {
		return f.Base + path
	}
	mark := "?"
	if strings.Contains(path, "?") {
		mark = "&"
	}
	return f.Base + path + mark + "snapshot=" + url.QueryEscape(f.Snapshot)
}

// Service is the address of a service's page.
func (f Frame) Service(name estate.ServiceName) string {
	return f.URL("/services/" + url.PathEscape(string(name)))
}

// How is the address of what can be done to a service. It is about today, whatever snapshot is looked at.
func (f Frame) How(name estate.ServiceName) string {
	return f.Base + "/how/" + url.PathEscape(string(name))
}

// Expansion is the address of an expansion's page.
func (f Frame) Expansion(name string) string { return f.Base + "/expansions/" + url.PathEscape(name) }

// Journey is the address of an expansion's journey; of a team's part of it unless the team is "".
func (f Frame) Journey(name string, team estate.TeamName) string {
	path := f.Expansion(name) + "/journey"
	if team == "" {
		return path
	}
	return path + "?team=" + url.QueryEscape(string(team))
}

// File is the address of a file an expansion renders.
func (f Frame) File(expansion, path string) string {
	return f.Expansion(expansion) + "/files?path=" + url.QueryEscape(path)
}

// Space is the address of the picture of a range.
func (f Frame) Space(p netip.Prefix) string { return f.Base + "/addresses?at=" + p.String() }

// OnMap is the address of the map with a service selected.
func (f Frame) OnMap(name estate.ServiceName) string {
	return f.URL("/?select=" + url.QueryEscape(string(name)))
}

// Moment is a time as people read it.
type Moment struct {
	ISO      string
	Absolute string
	Ago      string
	Old      bool // more than a day ago: the estate may have changed since
}

// MomentOf says when t was, seen from now. The zero time gives the zero Moment.
func MomentOf(t, now time.Time) Moment {
	if t.IsZero() {
		return Moment{}
	}
	age := now.Sub(t)
	return Moment{
		ISO: t.UTC().Format(time.RFC3339), Absolute: t.UTC().Format("2 January 2006, 15:04 UTC"),
		Ago: ago(age), Old: age > 24*time.Hour,
	}
}

// note warns of what is old.
func (m Moment) note() string {
	if m.Old {
		return ", may have changed"
	}
	return ""
}

func ago(age time.Duration) string {
	switch {
	case age < 45*time.Second:
		return "just now"
	case age < 90*time.Minute:
		return Count(max(1, int(age.Round(time.Minute)/time.Minute)), "minute") + " ago"
	case age < 36*time.Hour:
		return Count(int(age.Round(time.Hour)/time.Hour), "hour") + " ago"
	}
	return Count(int((age+12*time.Hour)/(24*time.Hour)), "day") + " ago"
}

// Count says n of something: "1 service", "2,000 services".
func Count(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return Number(n) + " " + one + "s"
}

// Number writes n with a comma between thousands.
func Number(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Dash is text, or a dash where there is none.
func Dash(text string) string { return cmp.Or(text, "–") }

// Texts are words of any type as plain ones.
func Texts[T ~string](words []T) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = string(w)
	}
	return out
}

// List joins words with commas.
func List[T ~string](words []T) string { return strings.Join(Texts(words), ", ") }

// Short is a digest as it is shown: twelve digits.
func Short(d estate.Digest) string {
	digits := strings.TrimPrefix(string(d), "sha256:")
	return digits[:min(12, len(digits))]
}

// Percent says a confidence.
func Percent(confidence float64) string { return fmt.Sprintf("%.0f %%", confidence*100) }
