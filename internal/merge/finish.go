package merge

import (
	"cmp"
	"slices"

	"example.org/caravan/internal/estate"
)

// snapshot puts everything in its order.
func (m *merger) snapshot() estate.Snapshot {
	out := estate.Snapshot{Components: make([]estate.Component, 0, len(m.components)), Records: m.records(), Ranges: m.ranges(), Teams: m.teams(), Looks: m.looks, Flows: m.flows, Doubts: m.doubts}
	for _, p := range m.components {
		slices.Sort(p.c.Environments)
		slices.SortFunc(p.c.Listens, func(a, b estate.Listen) int { return cmp.Or(a.Port-b.Port, cmp.Compare(a.Via, b.Via)) })
		slices.SortFunc(p.c.Process, compareTraits)
		slices.SortFunc(p.c.Places, estate.Place.Compare)
		p.c.Places = slices.Compact(p.c.Places)
		out.Components = append(out.Components, p.c)
	}
	slices.SortStableFunc(out.Components, func(a, b estate.Component) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(out.Doubts, compareDoubts)
	out.Doubts = slices.Compact(out.Doubts)
	return out
}

func compareDoubts(a, b estate.Doubt) int {
	return cmp.Or(a.Place.Compare(b.Place), cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Text, b.Text), cmp.Compare(a.About, b.About))
}

func (m *merger) records() []estate.Record {
	var out []estate.Record
	for i := range m.all {
		s := &m.all[i]
		if s.Fact == estate.Resolves {
			out = append(out, estate.Record{Name: s.Key, Target: s.Value, Environment: s.Environment, Place: s.Place})
		}
	}
	return out
}

// ranges are those of networks, by network and range; the same one seen twice is told by its first place.
func (m *merger) ranges() []estate.Range {
	var out []estate.Range
	for i := range m.all {
		if s := &m.all[i]; s.Fact == estate.Spans {
			out = append(out, estate.Range{Network: s.Key, Prefix: s.Value, Environment: s.Environment, Place: s.Place})
		}
	}
	slices.SortFunc(out, func(a, b estate.Range) int {
		return cmp.Or(cmp.Compare(a.Network, b.Network), cmp.Compare(a.Prefix, b.Prefix), cmp.Compare(a.Environment, b.Environment), a.Place.Compare(b.Place))
	})
	return slices.CompactFunc(out, func(a, b estate.Range) bool {
		return a.Network == b.Network && a.Prefix == b.Prefix && a.Environment == b.Environment
	})
}
