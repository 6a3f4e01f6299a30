// Package plan is the page of one expansion: what comes along and why, the edges that are cut and what becomes of them,
// datastores, addresses, steps by wave, questions and substitutions. It arranges a proposal and its journey and adds
// nothing; edges are decided with the forms on it.
package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/expansion"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/web/shell"
)

// View is a plan as it is looked at.
type View struct {
	Proposal expansion.Proposal
	Journey  journey.Journey
	Files    int
	Written  int // steps that are in place as planned
	MapRead  shell.Moment
	Planned  shell.Moment
	Team     estate.TeamName // only the members of this team are shown; all when empty
	Edge     string          // only edges with these words in the names of their ends are shown; all when empty
	Attempt  Attempt         // a decision that was not taken
	Decided  string          // anchor of what was just decided
	By       string          // who decided last, offered for the next decision
}

// Attempt is a decision that somebody tried, and why it was not taken. The zero Attempt: none.
type Attempt struct {
	Anchor   string // of the edge
	Decision expansion.Decision
	All      bool   // it was meant for every consumer
	Answers  string // as they were typed
	Error    string
}

// Anchor is where an edge is on the page: a word that addresses, ids and selectors take as it is.
func Anchor(from, to estate.ServiceName) string { return anchor("cut", string(from), string(to)) }

// MemberAnchor is where a member is on the page.
func MemberAnchor(name estate.ServiceName) string { return anchor("member", string(name)) }

// anchor is what the names are called, as far as ids may say it, and a digest that tells them from all others.
func anchor(kind string, names ...string) string {
	clean := strings.Map(plain, strings.Join(names, "-"))
	return kind + "-" + clean[:min(len(clean), 60)] + "-" + shell.Short(estate.DigestOf(names))
}

func plain(r rune) rune {
	if (r < 'a' || r > 'z') && (r < '0' || r > '9') {
		return '-'
	}
	return r
}

// members are those that are shown.
func (v View) members() []expansion.Member {
	if v.Team == "" {
		return v.Proposal.Members
	}
	return slices.DeleteFunc(slices.Clone(v.Proposal.Members), func(m expansion.Member) bool { return m.Team != v.Team })
}

// team is one choice of the filter.
type team struct {
	name  estate.TeamName
	count int
}

// teams lists who owns members, by name, with how many.
func (v View) teams() []team {
	var out []team
	for _, m := range v.Proposal.Members {
		if m.Team == "" {
			continue
		}
		i, ok := slices.BinarySearchFunc(out, m.Team, func(t team, name estate.TeamName) int { return cmp.Compare(t.name, name) })
		if !ok {
			out = slices.Insert(out, i, team{name: m.Team})
		}
		out[i].count++
	}
	return out
}

// most is how many edges of a list are shown before the reader has to say which.
const most = 50

// undecided lists the edges that wait for a decision and are asked for, and how many more there are. That of a decision
// that was not taken comes first.
func (v View) undecided() (shown []expansion.Cut, more int) {
	shown = v.asked(v.Proposal.Undecided())
	slices.SortStableFunc(shown, func(a, b expansion.Cut) int { return v.tried(b) - v.tried(a) })
	return v.first(shown)
}

func (v View) tried(c expansion.Cut) int {
	if v.Attempt.Anchor != "" && Anchor(c.From, c.To) == v.Attempt.Anchor {
		return 1
	}
	return 0
}

// decided lists the edges that are decided and asked for, what was just decided first, and how many more there are.
func (v View) decided() (shown []expansion.Cut, more int) {
	shown = v.asked(v.settled())
	slices.SortStableFunc(shown, func(a, b expansion.Cut) int { return v.fresh(b) - v.fresh(a) })
	return v.first(shown)
}

func (v View) fresh(c expansion.Cut) int {
	if v.Decided != "" && Anchor(c.From, c.To) == v.Decided {
		return 1
	}
	return v.tried(c)
}

func (v View) first(all []expansion.Cut) (shown []expansion.Cut, more int) {
	n := min(len(all), most)
	return all[:n], len(all) - n
}

// settled lists all edges that are decided.
func (v View) settled() []expansion.Cut {
	return slices.DeleteFunc(slices.Clone(v.Proposal.Cuts), func(c expansion.Cut) bool { return c.Decision == nil })
}

func (v View) asked(all []expansion.Cut) []expansion.Cut {
	words := strings.Fields(strings.ToLower(v.Edge))
	return slices.DeleteFunc(slices.Clone(all), func(c expansion.Cut) bool {
		return slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(strings.ToLower(ends(c.From, c.To)), w) })
	})
}

// stray tells that a decision was not taken whose edge is on the page no longer.
func (v View) stray() bool {
	return v.Attempt.Error != "" && !slices.ContainsFunc(v.Proposal.Cuts, func(c expansion.Cut) bool { return v.tried(c) == 1 })
}

// alike counts the other undecided edges that lead to the same far end.
func (v View) alike(c expansion.Cut) int {
	n := 0
	for _, other := range v.Proposal.Cuts {
		if other.To == c.To && other.From != c.From && other.Decision == nil {
			n++
		}
	}
	return n
}

// asked is a service with the questions about it. Its name is empty for those about none.
type asked struct {
	service estate.ServiceName
	from    int // its questions are from…to of the proposal's
	to      int
}

// questions groups the proposal's questions by service, in the order they come.
func (v View) questions() []asked {
	var out []asked
	for i, q := range v.Proposal.Questions {
		if n := len(out); n > 0 && out[n-1].service == q.Service {
			out[n-1].to = i + 1
			continue
		}
		out = append(out, asked{service: q.Service, from: i, to: i + 1})
	}
	return out
}

// substituted is a variable of a member that has another value in the country.
type substituted struct {
	name string
	expansion.Value
}

func variables(m expansion.Member) []substituted {
	var out []substituted
	for name, value := range m.Variables {
		out = append(out, substituted{name: name, Value: value})
	}
	slices.SortFunc(out, func(a, b substituted) int { return cmp.Compare(a.name, b.name) })
	return out
}

// changed lists the members that have substituted variables.
func (v View) changed() []expansion.Member {
	return slices.DeleteFunc(slices.Clone(v.Proposal.Members), func(m expansion.Member) bool { return len(m.Variables) == 0 })
}

// rate says how often an edge is used.
func rate(perSecond *float64) string {
	switch {
	case perSecond == nil:
		return "not measured"
	case *perSecond < 10:
		return fmt.Sprintf("%.2g", *perSecond)
	}
	return fmt.Sprintf("%.0f", *perSecond)
}

// roundTrip says what is added to each call.
func roundTrip(c expansion.Cost) string {
	if c.RoundTrip == 0 {
		return "not known"
	}
	return "+ " + c.RoundTrip.String()
}

// nearest lists the names there are and says how many follow.
func nearest(r expansion.Reach) string {
	if more := r.Count - len(r.Names); more > 0 {
		return shell.List(r.Names) + " and " + shell.Number(more) + " more"
	}
	return shell.List(r.Names)
}

// ends are the two sides of an edge as a text.
func ends(from, to estate.ServiceName) string { return string(from) + " → " + string(to) }

// who says who decided and when, as far as that is written down.
func who(d expansion.Decision) string {
	if d.At.IsZero() {
		return d.By
	}
	return d.By + ", " + d.At.UTC().Format("2 January 2006")
}

// sign is how points for a placement are written.
func sign(points int) string { return fmt.Sprintf("%+d", points) }

// kindWord says a kind of step.
func kindWord(k journey.Kind) string {
	return map[journey.Kind]string{
		journey.Addresses: "addresses", journey.Access: "access", journey.CreateStore: "datastore", journey.Stub: "stub", journey.Replicate: "copy", journey.CutOver: "move",
		journey.Configuration: "configuration", journey.Switch: "switch", journey.Deploy: "service", journey.Traffic: "traffic", journey.Removal: "removal",
	}[k]
}

// lines are the problems of an error that has one on each line.
func lines(text string) []string {
	var out []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, line)
		}
	}
	return out
}
