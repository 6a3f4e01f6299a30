package estate

import (
	"cmp"
	"slices"
)

// SortSightings puts sightings into the order every later step relies on: by place, then content. It sorts in place.
func SortSightings(s []Sighting) { slices.SortFunc(s, compareSightings) }

func compareSightings(a, b Sighting) int {
	if c := a.Place.Compare(b.Place); c != 0 {
		return c
	}
	return cmp.Or(
		cmp.Compare(a.Fact, b.Fact),
		cmp.Compare(a.Key, b.Key),
		cmp.Compare(a.Value, b.Value),
		cmp.Compare(a.Profile, b.Profile),
		cmp.Compare(a.Subject.Space, b.Subject.Space),
		cmp.Compare(a.Subject.Name, b.Subject.Name),
		cmp.Compare(a.Subject.Folder, b.Subject.Folder),
		cmp.Compare(a.By, b.By),
		cmp.Compare(a.Layer, b.Layer),
		cmp.Compare(a.Environment, b.Environment),
		a.At.Compare(b.At),
		cmp.Compare(a.Count, b.Count),
	)
}
