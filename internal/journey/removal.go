package journey

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/render"
)

func byPath(f render.File, path string) int { return strings.Compare(f.Path, path) }

// After is a course that follows others of the same expansion, which were begun and may be in place in part: what they put
// there and this one does not is taken away at its end, one step for each of theirs, of the same team.
func (c Course) After(earlier []Course) Course {
	c.Journey.Steps = slices.Clone(c.Journey.Steps) // it may be others', too
	last := 0
	kept := map[string]bool{}
	for _, s := range c.Journey.Steps {
		last = max(last, s.Wave)
		for _, f := range s.Files {
			kept[f.Path] = true
		}
	}
	gone := map[StepID]*Step{}
	for _, e := range earlier {
		for _, s := range e.Journey.Steps {
			leave(gone, s, kept)
		}
	}
	for _, s := range gone {
		s.finish(gone, last+1)
		c.Journey.Steps = append(c.Journey.Steps, *s)
	}
	slices.SortStableFunc(c.Journey.Steps[len(c.Journey.Steps)-len(gone):], func(x, y Step) int { return cmp.Compare(x.ID, y.ID) })
	c.Journey.Digest = estate.DigestOf(c.Journey.Steps)
	return c
}

// leave adds what a step of an earlier course made and is not kept to the step that takes it away. What was to be taken away
// then, and may not have been, is taken away now.
func leave(gone map[StepID]*Step, s Step, kept map[string]bool) {
	left := slices.Clone(s.Gone)
	for _, f := range s.Files {
		left = append(left, f.Path)
	}
	left = slices.DeleteFunc(left, func(path string) bool { return kept[path] })
	if len(left) == 0 {
		return
	}
	id := removalOf(s)
	if gone[id] == nil {
		gone[id] = &Step{ID: id, Kind: Removal, Subject: s.Subject, Team: s.Team, Environment: s.Environment}
	}
	gone[id].Gone = append(gone[id].Gone, left...)
}

// removalOf is the step that takes away what a step made.
func removalOf(s Step) StepID {
	if s.Kind == Removal {
		return s.ID
	}
	rest := strings.TrimPrefix(string(s.ID), string(s.Environment)+"/")
	return StepID(string(s.Environment) + "/" + string(Removal) + "/" + rest)
}

// finish puts a step that takes away in order, after those of what stood on it, and gives it its digest and wave.
func (s *Step) finish(gone map[StepID]*Step, wave int) {
	slices.Sort(s.Gone)
	s.Gone = slices.Compact(s.Gone)
	for id, other := range gone {
		if other.Environment == s.Environment && made(other) > made(s) {
			s.Needs = append(s.Needs, id)
		}
	}
	slices.Sort(s.Needs)
	s.Preview = []string{fmt.Sprintf("take away %s that an earlier plan put there: %s", amount(len(s.Gone), "file"), strings.Join(s.Gone, ", "))}
	s.Wave = wave
	*s = s.Sealed()
}

// made is the place, in the order of kinds, of the step that made what a removal takes away.
func made(removal *Step) int {
	kind, _, _ := strings.Cut(strings.TrimPrefix(string(removal.ID), string(removal.Environment)+"/"+string(Removal)+"/"), "/")
	return slices.Index(Kinds(), Kind(kind))
}
