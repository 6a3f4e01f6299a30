package journey

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/expansion"
	"example.org/caravan/internal/render"
)

// Steps is the journey of a proposal whose environments were rendered to bundles, one for each environment of the
// proposal in its order. Every file of the bundles belongs to exactly one step.
func Steps(p expansion.Proposal, bundles []render.Bundle) Journey {
	b := builder{proposal: p, steps: map[StepID]*Step{}}
	for i, env := range p.Environments {
		b.addresses(env)
		for _, f := range bundles[i].Files {
			b.file(env, f)
		}
		b.names(env)
	}
	b.connect()
	return b.journey()
}

type builder struct {
	proposal expansion.Proposal
	steps    map[StepID]*Step
}

func idOf(env estate.EnvironmentName, kind Kind, subject estate.ServiceName) StepID {
	parts := []string{string(env), string(kind)}
	if subject != "" {
		parts = append(parts, string(subject))
	}
	return StepID(strings.Join(parts, "/"))
}

// step is the step of that kind and subject, made when there is none yet.
func (b *builder) step(env estate.EnvironmentName, kind Kind, subject estate.ServiceName) *Step {
	id := idOf(env, kind, subject)
	if s := b.steps[id]; s != nil {
		return s
	}
	s := &Step{ID: id, Kind: kind, Subject: subject, Environment: env, Team: b.teamOf(subject)}
	b.steps[id] = s
	return s
}

func (b *builder) teamOf(subject estate.ServiceName) estate.TeamName {
	if m, ok := b.proposal.Member(subject); ok {
		return m.Team
	}
	for _, d := range b.proposal.Datastores {
		if d.Name == subject {
			return d.Team
		}
	}
	return ""
}

// addresses is the step that makes an environment's ranges live.
func (b *builder) addresses(env expansion.Environment) {
	s := b.step(env.Name, Addresses, "")
	for _, a := range b.proposal.Addresses {
		if strings.HasPrefix(a.Holder, expansion.Holder(b.proposal.Expansion, env.Name, "")) {
			s.Preview = append(s.Preview, fmt.Sprintf("take %s for %s", a.Prefix, strings.TrimPrefix(a.Holder, expansion.Holder(b.proposal.Expansion, env.Name, ""))))
		}
	}
	if len(s.Preview) == 0 {
		s.Preview = []string{"no ranges are planned: no pool is declared in the workspace"}
	}
}

func (b *builder) file(env expansion.Environment, f render.File) {
	kind, subject := belongs(f, b.proposal)
	s := b.step(env.Name, kind, subject)
	s.Files = append(s.Files, Written{Path: f.Path, Digest: DigestOf(f), Mode: f.Mode})
	if f.Placed != nil {
		s.Places = append(s.Places, Place{Path: f.Path, Placed: *f.Placed})
	}
}

// names are the steps that let requests in to the machines of an environment: nothing is written, a public name is pointed at
// the load balancers, which are there already.
func (b *builder) names(env expansion.Environment) {
	if env.Kind != "vm" {
		return
	}
	for _, m := range b.proposal.Members {
		if slices.Contains(m.In, env.Name) && m.Public() != "" {
			b.step(env.Name, Traffic, m.Name)
		}
	}
}

// connect says what each step needs first: the kinds before it in its environment, the configuration of the same
// service, and what the service uses.
func (b *builder) connect() {
	for _, id := range b.sorted() {
		s := b.steps[id]
		b.describe(s)
		switch s.Kind {
		case Addresses:
		case Access:
			b.need(s, s.Environment, Addresses, "")
		case CreateStore, Stub, Configuration:
			b.need(s, s.Environment, Access, "")
		case Deploy:
			b.need(s, s.Environment, Access, "")
			b.need(s, s.Environment, Configuration, s.Subject)
			b.needUses(s)
		case Traffic:
			b.need(s, s.Environment, Access, "")
			b.need(s, s.Environment, Deploy, s.Subject)
		}
	}
}

func (b *builder) sorted() []StepID {
	ids := make([]StepID, 0, len(b.steps))
	for id := range b.steps {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// need adds a step that must be done first, if there is such a step.
func (b *builder) need(s *Step, env estate.EnvironmentName, kind Kind, subject estate.ServiceName) {
	id := idOf(env, kind, subject)
	if b.steps[id] != nil && !slices.Contains(s.Needs, id) {
		s.Needs = append(s.Needs, id)
	}
}

// needUses lets a service wait for its datastores, stubs and the services of earlier waves that it uses. Services that
// need each other are in the same wave and wait for none of each other.
func (b *builder) needUses(s *Step) {
	m, _ := b.proposal.Member(s.Subject)
	for _, u := range m.Uses {
		for _, env := range b.proposal.Environments {
			b.need(s, env.Name, CreateStore, u.Name)
			b.need(s, env.Name, Stub, u.Name)
			if other, ok := b.proposal.Member(u.Name); ok && other.Wave < m.Wave {
				b.need(s, env.Name, Deploy, u.Name)
			}
		}
	}
}

// describe says in words what a step does.
func (b *builder) describe(s *Step) {
	switch s.Kind {
	case Access:
		s.Preview = []string{"make the namespaces, limits and rights, or the machines, that everything else stands on"}
	case CreateStore:
		for _, d := range b.proposal.Datastores {
			if d.Name == s.Subject {
				s.Preview = []string{fmt.Sprintf("%s %s, %d instances, on %s, %s at first", d.Technology, d.Name, d.Instances, d.Placement.Kind, d.Content)}
			}
		}
	case Stub:
		s.Preview = []string{fmt.Sprintf("canned answers in the place of %s", s.Subject)}
	case Configuration:
		m, _ := b.proposal.Member(s.Subject)
		s.Preview = []string{fmt.Sprintf("configure %s for %s", s.Subject, b.proposal.Country)}
		if len(m.Variables) > 0 {
			s.Preview = append(s.Preview, amount(len(m.Variables), "variable")+" with another value than in "+string(b.proposal.Source))
		}
		for _, g := range m.Given {
			if g.In == s.Environment {
				s.Preview = append(s.Preview, amount(len(g.Origins), "key")+" from its layers of configuration")
			}
		}
	case Deploy:
		s.Preview = []string{fmt.Sprintf("run %s in %s", s.Subject, s.Environment)}
	case Traffic:
		s.Preview = []string{b.letIn(s)}
	}
	if len(s.Files) > 0 {
		s.Preview = append(s.Preview, amount(len(s.Files), "file"))
	}
}

// letIn says how requests from outside come to a service.
func (b *builder) letIn(s *Step) string {
	m, _ := b.proposal.Member(s.Subject)
	text := "let requests in"
	if host := m.Public(); host != "" {
		text = "let requests for " + host + " in"
	}
	var balancers []string
	for _, a := range b.proposal.Addresses {
		if strings.HasPrefix(a.Holder, expansion.Holder(b.proposal.Expansion, s.Environment, "machines/lb-")) {
			balancers = append(balancers, a.Prefix.Addr().String())
		}
	}
	if len(balancers) > 0 {
		text += ": point it at the load balancers, " + strings.Join(balancers, " and ")
	}
	return text
}

func amount(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// journey gives every step its wave and digest and puts all in order.
func (b *builder) journey() Journey {
	j := Journey{Expansion: b.proposal.Expansion, Proposal: b.proposal.Digest}
	for _, id := range b.sorted() {
		s := b.steps[id]
		slices.Sort(s.Needs)
		s.Wave = b.wave(s)
		j.Steps = append(j.Steps, s.Sealed())
	}
	order := Kinds()
	slices.SortStableFunc(j.Steps, func(x, y Step) int {
		return cmp.Or(x.Wave-y.Wave, slices.Index(order, x.Kind)-slices.Index(order, y.Kind), cmp.Compare(x.ID, y.ID))
	})
	j.Digest = estate.DigestOf(j.Steps)
	return j
}

// wave is when a step is done. A service's is that of the proposal, so that everybody counts alike; what lets requests in
// comes after all services.
func (b *builder) wave(s *Step) int {
	switch s.Kind {
	case Addresses:
		return expansion.RangesWave
	case Access:
		return expansion.AccessWave
	case CreateStore, Stub, Configuration:
		return expansion.DataWave
	case Deploy:
		if m, ok := b.proposal.Member(s.Subject); ok {
			return m.Wave
		}
	}
	last := expansion.DataWave
	for _, m := range b.proposal.Members {
		last = max(last, m.Wave)
	}
	return last + 1
}

// Waves lists the steps by wave. One in which nothing is to be done is empty.
func (j Journey) Waves() [][]Step {
	var out [][]Step
	for _, s := range j.Steps {
		for s.Wave > len(out) {
			out = append(out, nil)
		}
		out[s.Wave-1] = append(out[s.Wave-1], s)
	}
	return out
}
