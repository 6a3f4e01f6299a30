package journey

import (
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/expansion"
)

// RelocationOf is the journey in which a datastore moves to another environment: its instances there follow those it has, then clients are led to them. Words
// say what each does; one without words is left out.
func RelocationOf(p expansion.Proposal, datastore estate.ServiceName, team estate.TeamName, replicate, cutOver []string) Journey {
	env := p.Environments[0].Name
	j := Journey{Expansion: p.Expansion, Proposal: p.Digest}
	for _, one := range []struct {
		kind  Kind
		words []string
	}{{Replicate, replicate}, {CutOver, cutOver}} {
		if len(one.words) == 0 {
			continue
		}
		s := Step{ID: idOf(env, one.kind, datastore), Kind: one.kind, Subject: datastore, Team: team, Environment: env, Preview: one.words, Wave: len(j.Steps) + 1}
		if n := len(j.Steps); n > 0 {
			s.Needs = []StepID{j.Steps[n-1].ID}
		}
		j.Steps = append(j.Steps, s.Sealed())
	}
	j.Digest = estate.DigestOf(j.Steps)
	return j
}
