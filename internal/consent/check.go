package consent

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"example.org/caravan/internal/fault"
)

// maxNamed is how many steps an error tells the reasons of; names of teams are always all there.
const maxNamed = 5

// Check gives nil when every step may begin, else one Denied error that names who is missing and what else is in the way.
func Check(steps []Step, lights []GreenLight, vetoes []Veto, p Policy, now time.Time) error {
	var waiting []Verdict
	for _, s := range steps {
		if v := Missing(s, lights, vetoes, p, now); !v.Allowed {
			waiting = append(waiting, v)
		}
	}
	if len(waiting) == 0 {
		return nil
	}
	var why []string
	for _, v := range waiting[:min(len(waiting), maxNamed)] {
		why = append(why, v.brief())
	}
	if more := len(waiting) - maxNamed; more > 0 {
		why = append(why, "and "+amount(more, "more step"))
	}
	return fault.Newf(fault.Denied, "%s; %s; %s", summary(waiting, len(steps)), strings.Join(why, "; "), advice(waiting))
}

// summary says how many steps may not begin, and who is missing.
func summary(waiting []Verdict, of int) string {
	text := "the step may not begin"
	if of > 1 {
		text = fmt.Sprintf("%d of %s may not begin", len(waiting), amount(of, "step"))
	}
	if teams := missingTeams(waiting); len(teams) > 0 {
		text += ", green lights are missing from " + list(teams)
	}
	return text
}

func missingTeams(verdicts []Verdict) []string {
	teams := map[string]bool{}
	for _, v := range verdicts {
		for _, t := range v.Teams() {
			teams[oneLine(string(t))] = true
		}
	}
	return slices.Sorted(maps.Keys(teams))
}

// advice is what to do next, for what is in the way.
func advice(waiting []Verdict) string {
	seen := map[ReasonKind]bool{}
	for _, v := range waiting {
		for _, r := range v.Reasons {
			seen[r.Kind] = true
		}
	}
	var out []string
	for _, a := range []struct {
		of   ReasonKind
		text string
	}{
		{Vetoed, "settle the veto with those who made it"},
		{Frozen, "wait until the freeze ends"},
		{Unjudged, "mend what cannot be judged"},
		{Lacking, "ask those who are missing"},
	} {
		if seen[a.of] {
			out = append(out, a.text)
		}
	}
	return list(out)
}
