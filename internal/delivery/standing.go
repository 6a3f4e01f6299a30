package delivery

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/finding"
)

// Standing is what runs of a service in an environment, as the last release left it.
type Standing struct {
	Service     estate.ServiceName     `json:"service"`
	Team        estate.TeamName        `json:"team,omitempty"`
	Environment estate.EnvironmentName `json:"environment"`
	World       World                  `json:"world"`
	Build       Build                  `json:"build"`
	Before      *Build                 `json:"before,omitempty"` // what a way back leads to; nil when it leads nowhere
	Running     int                    `json:"running"`
	All         int                    `json:"all"`
	Since       time.Time              `json:"since"` // when the build came there
	By          string                 `json:"by"`
	Release     ID                     `json:"release"`
	Paused      *Intent                `json:"paused,omitempty"`   // nothing is delivered there
	Intended    *Intent                `json:"intended,omitempty"` // that it has another version than others
	Accident    string                 `json:"accident,omitempty"` // why the last release did not stay there
}

// Intent is that somebody wants something so, for a while.
type Intent struct {
	Why   string    `json:"why"`
	By    string    `json:"by"`
	At    time.Time `json:"at"`
	Until time.Time `json:"until"`
}

// holds reports whether an intent is still one.
func (i *Intent) holds(now time.Time) bool { return i != nil && now.Before(i.Until) }

// Policy says how long worlds may differ.
type Policy struct {
	Skew  time.Duration                     `json:"skew"` // before a difference that nobody wants is a finding
	Teams map[estate.TeamName]time.Duration `json:"teams,omitempty"`
}

// UsualSkew is how long versions may differ where nobody says.
const UsualSkew = 24 * time.Hour

// of is how long the services of a team may differ.
func (p Policy) of(team estate.TeamName) time.Duration {
	if d, ok := p.Teams[team]; ok {
		return d
	}
	if p.Skew == 0 {
		return UsualSkew
	}
	return p.Skew
}

// Gap is an environment that does not run the newest version of its service.
type Gap struct {
	Standing
	Newest  string    `json:"newest"`            // version others run
	From    time.Time `json:"from"`              // since when it differs
	Due     time.Time `json:"due"`               // when that becomes a finding, unless it is intended until later
	Wanted  *Intent   `json:"wanted,omitempty"`  // who wants it so; nil for an accident
	Lapsed  bool      `json:"lapsed,omitempty"`  // somebody wanted it so until a time that has passed
	Overdue bool      `json:"overdue,omitempty"` // it is a finding
	Because string    `json:"because,omitempty"` // why the last release did not stay there
}

// Gaps are the environments that are behind, by service and environment.
func Gaps(all []Standing, now time.Time, p Policy) []Gap {
	var out []Gap
	for _, s := range sorted(all) {
		newest, arrived := newestOf(all, s.Service)
		if s.Build.Is(newest) {
			continue
		}
		g := Gap{Standing: s, Newest: newest.String(), From: later(arrived, s.Since), Because: s.Accident}
		for _, i := range []*Intent{s.Paused, s.Intended} {
			switch {
			case i.holds(now):
				g.Wanted = i
			case i != nil:
				g.Lapsed = true
			}
		}
		g.Due = g.From.Add(p.of(s.Team))
		g.Overdue = g.Wanted == nil && !now.Before(g.Due)
		out = append(out, g)
	}
	return out
}

func sorted(all []Standing) []Standing {
	return slices.SortedFunc(slices.Values(all), func(a, b Standing) int {
		return strings.Compare(string(a.Service)+"\x00"+string(a.Environment), string(b.Service)+"\x00"+string(b.Environment))
	})
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// newestOf is the build of a service that a release brought last, and when it first came to any environment.
func newestOf(all []Standing, service estate.ServiceName) (b Build, arrived time.Time) {
	for _, s := range all {
		switch {
		case s.Service != service:
		case s.Build.Number > b.Number || arrived.IsZero():
			b, arrived = s.Build, s.Since
		case s.Build.Is(b) && s.Since.Before(arrived):
			arrived = s.Since
		}
	}
	return b, arrived
}

// Judge gives a finding for each environment that has been behind for longer than the policy allows and that nobody wants so.
func Judge(all []Standing, now time.Time, p Policy) []finding.Finding {
	var out []finding.Finding
	for _, g := range Gaps(all, now, p) {
		if !g.Overdue {
			continue
		}
		f := finding.Finding{
			Check: "release-skew", Subject: string(g.Service) + " in " + string(g.Environment), Team: g.Team, Severity: finding.Warning, Due: g.Due,
			What:     fmt.Sprintf("runs %s while others run %s, for %s", g.Build, g.Newest, Spell(now.Sub(g.From))),
			Advice:   fmt.Sprintf("deploy %s there with caravan deploy %s --version %s --only %s, or say until when it is meant so with --pause.", g.Newest, g.Service, g.Newest, g.Environment),
			Evidence: []string{fmt.Sprintf("%s: %s since %s, release %s by %s", g.Environment, g.Build, g.Since.UTC().Format(time.RFC3339), g.Release, g.By)},
		}
		if g.Because != "" {
			f.Evidence = append(f.Evidence, "the last release did not stay there: "+g.Because)
		}
		if g.Lapsed {
			f.Evidence = append(f.Evidence, "it was meant so until a day that has passed")
		}
		out = append(out, f)
	}
	return out
}

// Text is how far the newest version of a service has come: "VM 2/2, Kubernetes 1/3", instances that run it of those there are.
func Text(all []Standing) string {
	return counted(func(yield func(World, int, int)) {
		for _, s := range all {
			running := s.Running
			if newest, _ := newestOf(all, s.Service); !s.Build.Is(newest) {
				running = 0
			}
			yield(s.World, running, s.All)
		}
	})
}

// Spell is a time in words, in its two largest units: "3 d 4 h".
func Spell(d time.Duration) string {
	units := []struct {
		of   time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "min"}, {time.Second, "s"}}
	for i, u := range units {
		if d < u.of {
			continue
		}
		out := fmt.Sprintf("%d %s", d/u.of, u.name)
		if rest := d % u.of; i+1 < len(units) && rest >= units[i+1].of {
			out += fmt.Sprintf(" %d %s", rest/units[i+1].of, units[i+1].name)
		}
		return out
	}
	return "a moment"
}
