package merge

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/ownership"
)

// ownerRank orders the ways a team claims a component; a smaller one wins.
var ownerRank = map[string]int{"workspace": 2, "catalog": 4, "label": 6, "codeowners": 8}

// claimed is the best claim on a component so far.
type claimed struct {
	rank  int
	team  string
	place estate.Place
}

// own finds the team of every component: what the workspace says, else a catalog, a label, a CODEOWNERS file, in which
// the last matching line wins.
func (m *merger) own() {
	best := make([]claimed, len(m.components))
	stated := false
	for i := range m.all {
		s := &m.all[i]
		if s.Fact != estate.Owns {
			continue
		}
		stated = true
		rank, ok := ownerRank[s.Key]
		if !ok {
			continue
		}
		if s.Subject.Name != "" {
			rank-- // said of this very service, not of a pattern that covers it
		}
		for p := range m.components {
			if !m.ownedBy(s, p) {
				continue
			}
			b := &best[p]
			sameLine := b.place == s.Place
			// Of several owners in one line a team comes before a person.
			person := sameLine && strings.HasPrefix(b.team, "@")
			if b.rank == 0 || rank < b.rank || rank == b.rank && s.Key == "codeowners" && (!sameLine || person) {
				*b = claimed{rank, s.Value, s.Place}
			}
		}
	}
	for p, b := range best {
		c := &m.components[p].c
		if b.team != "" {
			c.Team, c.TeamFrom = estate.TeamName(b.team), b.place.String()
		} else if stated && (c.Kind == estate.Service || c.Kind == estate.Datastore) {
			m.doubts = append(m.doubts, estate.Doubt{Topic: estate.Unowned, Place: placeOf(c), About: c.Name, By: "merge",
				Text: fmt.Sprintf("no team owns %s; name one in caravan.yaml, CODEOWNERS or its catalog file", c.Name)})
		}
	}
}

func placeOf(c *estate.Component) estate.Place {
	switch {
	case len(c.Places) > 0:
		return c.Places[0]
	case len(c.Folders) > 0:
		return estate.Place{File: c.Folders[0]}
	case len(c.Names) > 0:
		return c.Names[0].Place
	}
	return estate.Place{}
}

// ownedBy reports whether an ownership statement is about a component.
func (m *merger) ownedBy(s *estate.Sighting, p int) bool {
	if s.Subject.Name != "" {
		i, ok := m.byName[subjectKey{s.Subject.Space, s.Subject.Name}]
		return ok && m.partOf[i] == p
	}
	c := &m.components[p].c
	if s.Profile == "" {
		return slices.ContainsFunc(c.Folders, func(f string) bool { return within(f, s.Subject.Folder) })
	}
	if s.Key == "workspace" && ownership.Name(s.Profile, string(c.Name)) {
		return true
	}
	return slices.ContainsFunc(ownedPaths(c), func(f string) bool { return ownership.Match(s.Profile, f) })
}

// ownedPaths are the paths whose owner owns the component: its modules, or where it is declared when it has none.
func ownedPaths(c *estate.Component) []string {
	if len(c.Folders) > 0 {
		out := make([]string, len(c.Folders))
		for i, f := range c.Folders {
			out[i] = path.Join(f, "x") // any file in it
		}
		return out
	}
	if len(c.Places) > 0 {
		return []string{c.Places[0].File}
	}
	return nil
}

func within(folder, top string) bool {
	return top == "." || folder == top || strings.HasPrefix(folder, top+"/")
}

// teams lists every team that owns something or can be reached, with its contacts.
func (m *merger) teams() []estate.Team {
	contacts := map[estate.TeamName][]string{}
	for _, p := range m.components {
		if _, known := contacts[p.c.Team]; !known && p.c.Team != "" {
			contacts[p.c.Team] = nil
		}
	}
	for i := range m.all {
		if s := &m.all[i]; s.Fact == estate.Contact {
			team := estate.TeamName(s.Subject.Name)
			contacts[team] = appendOnce(contacts[team], s.Key+":"+s.Value)
		}
	}
	var out []estate.Team
	for name, list := range contacts {
		slices.Sort(list)
		out = append(out, estate.Team{Name: name, Contacts: list})
	}
	slices.SortFunc(out, func(a, b estate.Team) int { return cmp.Compare(a.Name, b.Name) })
	return out
}
