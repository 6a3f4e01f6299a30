package journey

import (
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/expansion"
	"example.org/caravan/internal/render"
)

// SwitchOf is the journey in which a service that runs is told something by other files than before: one step of its team. Words say what it does.
func SwitchOf(p expansion.Proposal, service estate.ServiceName, team estate.TeamName, words []string, files []render.File) Journey {
	env := p.Environments[0].Name
	s := Step{ID: idOf(env, Switch, service), Kind: Switch, Subject: service, Team: team, Environment: env, Preview: words, Wave: 1}
	for _, f := range files {
		s.Files = append(s.Files, Written{Path: f.Path, Digest: DigestOf(f), Mode: f.Mode})
		if f.Placed != nil {
			s.Places = append(s.Places, Place{Path: f.Path, Placed: *f.Placed})
		}
	}
	j := Journey{Expansion: p.Expansion, Proposal: p.Digest, Steps: []Step{s.Sealed()}}
	j.Digest = estate.DigestOf(j.Steps)
	return j
}
