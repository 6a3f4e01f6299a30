package consent

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/journey"
)

// Verdict says whether a step may begin, and why not.
type Verdict struct {
	Step    journey.StepID `json:"step"`
	Digest  estate.Digest  `json:"digest"`
	Allowed bool           `json:"allowed"`
	Needs   []Need         `json:"needs,omitempty"`   // by team, met or not
	Reasons []Reason       `json:"reasons,omitempty"` // against it: vetoes, freezes, what cannot be judged, then who is missing by team
}

// Need is how many people of a team must agree, and who has.
type Need struct {
	Team   estate.TeamName `json:"team"`
	Want   int             `json:"want"`
	By     []string        `json:"by,omitempty"`     // who has, each once, sorted
	Lapsed int             `json:"lapsed,omitempty"` // people who agreed to the step as it was before it changed
	Rules  []string        `json:"rules,omitempty"`  // that ask for it, in the policy's order; none for the owner's one
}

// Met reports whether enough people have agreed.
func (n Need) Met() bool { return len(n.By) >= n.Want }

// Reason is one thing that keeps a step from beginning.
type Reason struct {
	Kind  ReasonKind      `json:"kind"`
	Team  estate.TeamName `json:"team,omitempty"` // that is missing, or vetoes
	Need  *Need           `json:"need,omitempty"` // of Lacking
	Veto  *Veto           `json:"veto,omitempty"` // of Vetoed
	Until time.Time       `json:"until,omitzero"` // of Frozen; zero when there is no end
	Rules []string        `json:"rules,omitempty"`
	Text  string          `json:"text"` // one line
}

// ReasonKind is the sort of a reason.
type ReasonKind string

// The kinds of reason.
const (
	Vetoed   ReasonKind = "vetoed"
	Frozen   ReasonKind = "frozen"
	Unjudged ReasonKind = "unjudged" // nobody can tell whether it may begin
	Lacking  ReasonKind = "lacking"  // green lights
)

// Missing judges one step at a moment. Equal values give an equal verdict, in whatever order lights and vetoes come.
func Missing(s Step, lights []GreenLight, vetoes []Veto, p Policy, now time.Time) Verdict {
	d := p.asks(s, now)
	v := Verdict{Step: s.ID, Digest: s.Digest, Needs: d.answered(s, lights, now)}
	v.Reasons = slices.Concat(vetoed(s, vetoes, p, now), d.frozen(now), d.unjudged)
	for _, n := range v.Needs {
		if !n.Met() {
			v.Reasons = append(v.Reasons, lacking(n))
		}
	}
	v.Allowed = len(v.Reasons) == 0
	return v
}

// demand is what a policy asks of a step at a moment.
type demand struct {
	rules    []Rule // that apply
	needs    []Need // by team, nobody asked yet
	unjudged []Reason
}

// asks finds what a policy asks of a step.
func (p Policy) asks(s Step, now time.Time) demand {
	var d demand
	for _, r := range p.Rules {
		applies, err := r.applies(s, p, now)
		if err != nil {
			d.doubt([]string{r.Name}, fmt.Sprintf("%s cannot be judged: %s; mend its condition", called(r.Name), oneLine(err.Error())))
		}
		if applies {
			d.rules = append(d.rules, r)
		}
	}
	owner := p.owner(s)
	if owner == "" {
		d.doubt(nil, "no team owns the step; name its owner in caravan.yaml, or a team for all such steps under consent.unowned")
	}
	if s.Digest == "" {
		d.doubt(nil, "the step has no digest, so nobody can agree to it; plan again")
	}
	d.needs = needs(owner, d.rules)
	return d
}

func (d *demand) doubt(rules []string, text string) {
	d.unjudged = append(d.unjudged, Reason{Kind: Unjudged, Rules: rules, Text: text})
}

// needs lists who must agree: the owner, and whom the rules name. Rules do not add up; the one that asks for most counts.
func needs(owner estate.TeamName, rules []Rule) []Need {
	byTeam := map[estate.TeamName]*Need{}
	ask := func(team estate.TeamName, people int, rule string) {
		n := byTeam[team]
		if n == nil {
			n = &Need{Team: team}
			byTeam[team] = n
		}
		n.Want = max(n.Want, people)
		if rule != "" && !slices.Contains(n.Rules, rule) {
			n.Rules = append(n.Rules, rule)
		}
	}
	if owner != "" {
		ask(owner, 1, "")
	}
	for _, r := range rules {
		if r.Approvers > 0 && owner != "" {
			ask(owner, r.Approvers, r.Name)
		}
		for _, team := range r.Teams {
			ask(team, 1, r.Name)
		}
	}
	var out []Need
	for _, team := range slices.Sorted(maps.Keys(byTeam)) {
		out = append(out, *byTeam[team])
	}
	return out
}

// answered fills in who has agreed.
func (d demand) answered(s Step, lights []GreenLight, now time.Time) []Need {
	out := slices.Clone(d.needs)
	for i := range out {
		agreed, before := map[string]bool{}, map[string]bool{}
		for _, l := range lights {
			if l.Team != out[i].Team || l.Step != s.ID || !l.standing(now) || !d.mayStand(l) {
				continue
			}
			if l.Digest == s.Digest && s.Digest != "" {
				agreed[person(l.By)] = true
			} else {
				before[person(l.By)] = true
			}
		}
		maps.DeleteFunc(before, func(who string, _ bool) bool { return agreed[who] })
		out[i].By, out[i].Lapsed = slices.Sorted(maps.Keys(agreed)), len(before)
	}
	return out
}

// mayStand reports whether whoever gave a green light speaks for themselves or is a delegate by a rule that applies.
func (d demand) mayStand(l GreenLight) bool {
	return l.For == "" || slices.ContainsFunc(d.rules, func(r Rule) bool {
		return slices.ContainsFunc(r.Delegates, func(d Delegate) bool { return d.stands(l) })
	})
}

func lacking(n Need) Reason {
	text := fmt.Sprintf("%s has given %d of %s", oneLine(string(n.Team)), len(n.By), amount(n.Want, "green light"))
	if len(n.By) > 0 {
		text += " (" + oneLine(list(n.By)) + ")"
	}
	if n.Lapsed > 0 {
		text += fmt.Sprintf("; %d agreed before the step changed", n.Lapsed)
	}
	if len(n.Rules) > 0 {
		text += "; asked for by " + list(n.Rules)
	}
	return Reason{Kind: Lacking, Team: n.Team, Need: &n, Rules: n.Rules, Text: text}
}

// vetoed lists the vetoes that hold a step up, by team, then time.
func vetoed(s Step, vetoes []Veto, p Policy, now time.Time) []Reason {
	var out []Reason
	for _, v := range vetoes {
		if v.holds(s.ID, now) {
			out = append(out, Reason{Kind: Vetoed, Team: v.Team, Veto: &v, Text: v.text(p)})
		}
	}
	slices.SortFunc(out, func(a, b Reason) int {
		return cmp.Or(cmp.Compare(a.Team, b.Team), a.Veto.At.Compare(b.Veto.At), cmp.Compare(a.Text, b.Text), cmp.Compare(a.Veto.Step, b.Veto.Step),
			cmp.Compare(a.Veto.Reason, b.Veto.Reason), cmp.Compare(a.Veto.By, b.Veto.By), a.Veto.Withdrawn.Compare(b.Veto.Withdrawn))
	})
	return out
}

func (v Veto) text(p Policy) string {
	return fmt.Sprintf("vetoed by %s (%s, %s): %s", oneLine(string(v.Team)), oneLine(v.By), said(v.At, p.location()), oneLine(v.Reason))
}

// frozen is the reason of all freeze windows that hold now, if any does.
func (d demand) frozen(now time.Time) []Reason {
	var all []Window
	var rules, because []string
	for _, r := range d.rules {
		for _, w := range r.Freeze {
			if _, frozen := w.holds(now); frozen {
				rules, because = append(rules, r.Name), append(because, oneLine(w.Because))
			}
		}
		all = append(all, r.Freeze...)
	}
	if len(rules) == 0 {
		return nil
	}
	until, zone := thaw(all, now)
	text := "frozen with no end in sight"
	if !until.IsZero() {
		text = "frozen until " + said(until, zone)
	}
	rules = slices.Compact(rules)
	text += " by " + list(rules)
	if why := slices.DeleteFunc(slices.Compact(because), func(s string) bool { return s == "" }); len(why) > 0 {
		text += ": " + list(why)
	}
	return []Reason{{Kind: Frozen, Until: until, Rules: rules, Text: text}}
}

// Teams lists who has still to agree, by name.
func (v Verdict) Teams() []estate.TeamName {
	var out []estate.TeamName
	for _, r := range v.Reasons {
		if r.Kind == Lacking {
			out = append(out, r.Team)
		}
	}
	return out
}

// Lines say the verdict in words, a line for each reason.
func (v Verdict) Lines() []string {
	if v.Allowed {
		return []string{string(v.Step) + " may begin"}
	}
	out := []string{string(v.Step) + " waits"}
	for _, r := range v.Reasons {
		out = append(out, "  "+r.Text)
	}
	return out
}

// brief is the verdict's reasons in one line.
func (v Verdict) brief() string {
	texts := make([]string, len(v.Reasons))
	for i, r := range v.Reasons {
		texts[i] = r.Text
	}
	return string(v.Step) + ": " + strings.Join(texts, ", ")
}
