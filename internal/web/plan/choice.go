package plan

import (
	"cmp"
	"strings"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/expansion"
	"example.org/caravan/internal/rights"
	"example.org/caravan/internal/web/shell"
)

// choice is one fate an edge may have, as the form offers it.
type choice struct {
	fate      expansion.Fate
	label     string
	meaning   string
	forbidden string // why it may not be chosen
	unless    bool   // it may all the same, if the form says where data is kept
	chosen    bool
}

// form is what the form of one edge shows.
type form struct {
	cut      expansion.Cut
	anchor   string
	decision expansion.Decision // what is filled in
	all      bool
	answers  string // one on each line
	inFile   bool   // they can be changed in the expansion's file alone
	alike    int
	error    string
	open     bool
	near     estate.TeamName // of the consumer
}

// refusal is why whoever looks may not decide the edge: the team of either end may.
func (f form) refusal(frame shell.Frame) string {
	const unowned = "no team"
	if frame.Refusal(rights.Decide, cmp.Or(f.near, unowned)) == "" {
		return ""
	}
	return frame.Refusal(rights.Decide, cmp.Or(f.cut.Team, unowned))
}

// formOf fills the form with what was tried before, else with what is decided.
func (v View) formOf(c expansion.Cut) form {
	out := form{cut: c, anchor: Anchor(c.From, c.To), alike: v.alike(c), decision: expansion.Decision{By: v.By}}
	if m, ok := v.Proposal.Member(c.From); ok {
		out.near = m.Team
	}
	if c.Decision != nil {
		out.decision = *c.Decision
		out.all = c.Decision.From == ""
		out.answers, out.inFile = lineByLine(c.Decision.Answers)
	}
	if v.Attempt.Anchor == out.anchor {
		out.decision, out.all, out.error, out.open = v.Attempt.Decision, v.Attempt.All, v.Attempt.Error, true
		out.answers = v.Attempt.Answers
	}
	return out
}

// lineByLine writes answers one on each line; not when one of them takes more than its line says.
func lineByLine(all []expansion.Answer) (text string, inFile bool) {
	lines := make([]string, len(all))
	for i, a := range all {
		line, ok := a.Line()
		if !ok {
			return "", true
		}
		lines[i] = line
	}
	return strings.Join(lines, "\n"), false
}

// choices are all fates with what they mean for this edge.
func (f form) choices() []choice {
	var out []choice
	for _, fate := range expansion.Fates() {
		c := choice{fate: fate, label: label(fate), meaning: meaning(fate, f.cut), forbidden: f.cut.Forbidden[fate]}
		c.unless = c.forbidden != "" && fate == expansion.CallBack && f.cut.External // the country's own servers of a provider abroad
		c.chosen = f.decision.Decide == fate && c.possible()
		out = append(out, c)
	}
	return out
}

// possible tells that it can be chosen.
func (c choice) possible() bool { return c.forbidden == "" || c.unless }

func label(f expansion.Fate) string {
	return map[expansion.Fate]string{
		expansion.Clone: "Clone", expansion.CallBack: "Call back", expansion.Replace: "Replace",
		expansion.StubOut: "Stub", expansion.Drop: "Drop",
	}[f]
}

func meaning(f expansion.Fate, c expansion.Cut) string {
	to := string(c.To)
	return map[expansion.Fate]string{
		expansion.Clone:    to + " comes too",
		expansion.CallBack: "calls go to " + to + " where it is today",
		expansion.Replace:  "a provider of the country takes its place",
		expansion.StubOut:  "canned answers take its place",
		expansion.Drop:     "the edge is given up; calls to it fail at once",
	}[f]
}

// outcome says what was decided, in a few words.
func outcome(d expansion.Decision) string {
	switch d.Decide {
	case expansion.CallBack:
		return "calls back through " + cmp.Or(d.Through, "the network as it is")
	case expansion.Replace:
		return "replaced with " + d.With
	case expansion.StubOut:
		return "answered by a stub"
	case expansion.Drop:
		return "given up"
	}
	return "comes too"
}
