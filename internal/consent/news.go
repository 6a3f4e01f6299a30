package consent

import (
	"cmp"
	"maps"
	"slices"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/expansion"
	"example.org/caravan/internal/journey"
)

// News is what a team is told once a wave of a journey is carried out, or the journey is taken back.
type News struct {
	Team      estate.TeamName `json:"team"`
	Expansion string          `json:"expansion"`
	Country   string          `json:"country"`
	Wave      int             `json:"wave,omitempty"` // 0 for the whole way back
	Back      bool            `json:"back,omitempty"` // it is taken back
	What      Happened        `json:"what"`
	Changes   []Change        `json:"changes,omitempty"` // of what is the team's; none when it was only asked
	Why       string          `json:"why,omitempty"`     // it stopped, or was ended
	Contact   string          `json:"contact,omitempty"`
	Link      string          `json:"link,omitempty"`
}

// Happened is what news are about.
type Happened string

// What can happen to a wave.
const (
	Began     Happened = "begun"
	Halted    Happened = "stopped" // by a failure; it goes on when that is mended
	Ended     Happened = "finished"
	Abandoned Happened = "cancelled" // by a person, where it was
)

// Tell gives the news of a wave to each team that owns a step of it or is asked about one, by team; of all waves for 0. Like carries what
// is the same for all.
func Tell(p expansion.Proposal, j journey.Journey, like News, n Notice) []News {
	like.Expansion, like.Country, like.Link = p.Expansion, p.Country, n.Link
	like.Contact = cmp.Or(n.Policy.Contact, string(n.Policy.Unowned))
	byTeam := map[estate.TeamName]*News{}
	of := func(team estate.TeamName) *News {
		if byTeam[team] == nil {
			news := like
			news.Team = team
			byTeam[team] = &news
		}
		return byTeam[team]
	}
	for _, s := range Steps(p, j) {
		if like.Wave != 0 && s.Wave != like.Wave {
			continue
		}
		if owner := n.Policy.owner(s); owner != "" {
			of(owner).Changes = append(of(owner).Changes, change(s))
		}
		for _, team := range n.Policy.concerned(s, n.Now) {
			of(team)
		}
	}
	var out []News
	for _, team := range slices.Sorted(maps.Keys(byTeam)) {
		out = append(out, *byTeam[team])
	}
	return out
}
