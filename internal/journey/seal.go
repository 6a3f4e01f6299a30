package journey

import (
	"slices"

	"example.org/caravan/internal/estate"
)

// Sealed is the step with its digest: of all it does, and without its wave, since what it does stays the same when others come before it.
func (s Step) Sealed() Step {
	wave := s.Wave
	s.Digest, s.Wave = "", 0
	s.Digest, s.Wave = estate.DigestOf(s), wave
	return s
}

// At is the course carried out where the target of each environment is, in words; "" for none. Going elsewhere makes a step another step: who agreed to
// the one has not agreed to the other.
func (c Course) At(target func(estate.EnvironmentName) string) Course {
	c.Journey.Steps = slices.Clone(c.Journey.Steps)
	for i, s := range c.Journey.Steps {
		if s.Target = target(s.Environment); s.Target != c.Journey.Steps[i].Target {
			c.Journey.Steps[i] = s.Sealed()
		}
	}
	c.Journey.Digest = estate.DigestOf(c.Journey.Steps)
	return c
}

// Altered says what of a course is not as a journey's digest and those of its steps say, which are what people agreed to; "" when all of it is.
func (c Course) Altered(of estate.Digest) string {
	if of != c.Journey.Digest || of != estate.DigestOf(c.Journey.Steps) {
		return "its steps"
	}
	for _, s := range c.Journey.Steps {
		if s.Digest != s.Sealed().Digest || !c.has(s) {
			return "step " + string(s.ID)
		}
	}
	return ""
}

// has reports whether the files of a step are those that it says.
func (c Course) has(s Step) bool {
	for _, w := range s.Files {
		i, ok := slices.BinarySearchFunc(c.Files, w.Path, byPath)
		if !ok || w.Mode != c.Files[i].Mode || w.Digest != DigestOf(c.Files[i]) {
			return false
		}
	}
	for _, p := range s.Places {
		i, ok := slices.BinarySearchFunc(c.Files, p.Path, byPath)
		if !ok || c.Files[i].Placed == nil || estate.DigestOf(*c.Files[i].Placed) != estate.DigestOf(p.Placed) {
			return false
		}
	}
	return true
}
