package consent

import (
	"time"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/expansion"
	"example.org/caravan/internal/journey"
)

// Step is a step of a journey with what a policy may ask about it.
type Step struct {
	journey.Step
	Where      Place  `json:"where"`
	Technology string `json:"technology,omitempty"` // of the datastore the step makes; "" for other steps
}

// Place is the environment a step changes.
type Place struct {
	Kind    string `json:"kind,omitempty"` // "vm" or "kubernetes"
	Country string `json:"country,omitempty"`
}

// Steps are the steps of a proposal's journey, in its order.
func Steps(p expansion.Proposal, j journey.Journey) []Step {
	kinds := map[estate.EnvironmentName]string{}
	for _, e := range p.Environments {
		kinds[e.Name] = e.Kind
	}
	technologies := map[estate.ServiceName]string{}
	for _, d := range p.Datastores {
		technologies[d.Name] = d.Technology
	}
	out := make([]Step, len(j.Steps))
	for i, s := range j.Steps {
		out[i] = Step{Step: s, Where: Place{Kind: kinds[s.Environment], Country: p.Country}}
		if s.Kind == journey.CreateStore {
			out[i].Technology = technologies[s.Subject]
		}
	}
	return out
}

// facts are what a rule's condition may look at, by name.
func (s Step) facts(p Policy, now time.Time) map[string]any {
	return map[string]any{
		"kind":                   string(s.Kind),
		"subject":                string(s.Subject),
		"team":                   string(p.owner(s)),
		"wave":                   s.Wave,
		"preview":                s.Preview,
		"datastore":              s.Technology,
		"environment.name":       string(s.Environment),
		"environment.kind":       s.Where.Kind,
		"environment.country":    s.Where.Country,
		"environment.production": p.production(s.Environment),
		"now":                    now,
	}
}
