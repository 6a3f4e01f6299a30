package rights

import (
	"slices"

	"example.org/caravan/internal/estate"
)

// Groups says what a provider's groups mean here.
type Groups struct {
	Teams    map[string]estate.TeamName // by group; nil: a group has the name of its team
	Declared []estate.TeamName          // teams there are
	Viewers  []string                   // groups that may look; none: everybody who signs in
	Platform []string
	Admins   []string
}

// Mapped are the groups of g with teams by group; as they are for no map.
func (g Groups) Mapped(teams map[string]string) Groups {
	for group, team := range teams {
		if g.Teams == nil {
			g.Teams = map[string]estate.TeamName{}
		}
		g.Teams[group] = estate.TeamName(team)
	}
	return g
}

// Of is the role and the teams, sorted, of somebody who is in some groups; no role for somebody who has no business here.
func (g Groups) Of(groups []string) (Role, []estate.TeamName) {
	var teams []estate.TeamName
	for _, group := range groups {
		team, ok := g.Teams[group]
		if g.Teams == nil {
			team, ok = estate.TeamName(group), true
		}
		if ok && slices.Contains(g.Declared, team) {
			teams = append(teams, team)
		}
	}
	slices.Sort(teams)
	teams = slices.Compact(teams)
	among := func(list []string) bool {
		return slices.ContainsFunc(groups, func(group string) bool { return slices.Contains(list, group) })
	}
	switch {
	case among(g.Admins):
		return Admin, teams
	case among(g.Platform):
		return Platform, teams
	case len(teams) > 0:
		return Member, teams
	case len(g.Viewers) == 0 || among(g.Viewers):
		return Viewer, nil
	}
	return "", nil
}
