// Package how knows how people do to a service what they did to it on machines: read its logs, restart it, get a shell. A
// Subject, which says where a service runs and what everything is called there, goes in; for each action the exact command
// lines come out, with what they do, what is different from the habit, and what to mind. Every name is filled in and quoted;
// what nobody knows is said to be unknown, and a word in capitals stands for it.
//
// Nothing here runs a command or looks at a machine or cluster.
package how

import (
	"fmt"
	"slices"
	"strings"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
)

// Guide is everything that can be done to a service, and how.
type Guide struct {
	Service estate.ServiceName `json:"service"`
	Kind    estate.Kind        `json:"kind"`
	Answers []Answer           `json:"answers"`         // in the order people meet the actions; none for what others run
	Notes   []string           `json:"notes,omitempty"` // why an environment is missing
}

// Answer is how one action is done, wherever the service runs.
type Answer struct {
	Service estate.ServiceName `json:"service"`
	Topic
	Recipes []Recipe `json:"recipes"` // those of today by environment, then those that are planned
	Notes   []string `json:"notes,omitempty"`
}

// Recipe is how an action is done in one environment.
type Recipe struct {
	Environment estate.EnvironmentName `json:"environment,omitempty"`
	Kind        string                 `json:"kind,omitempty"`      // "vm" or "kubernetes"; "" when unknown
	Expansion   string                 `json:"expansion,omitempty"` // that plans it; "" for what runs today
	Where       string                 `json:"where,omitempty"`     // hosts, or namespace and object
	Does        string                 `json:"does"`                // one sentence
	Commands    []Command              `json:"commands,omitempty"`
	Evidence    []Fact                 `json:"evidence,omitempty"` // what was read and is filled in
	Differs     []string               `json:"differs,omitempty"`  // from the habit, one sentence each
	Rights      string                 `json:"rights,omitempty"`   // what the team's own rights lack
	Warning     string                 `json:"warning,omitempty"`  // where a command changes production
	Unknown     []string               `json:"unknown,omitempty"`  // what is in no configuration, and the word that stands for it
}

// Fact is something that was read in configuration, with its line.
type Fact struct {
	What  string       `json:"what"` // "unit", "folder", "file", "account", "release"
	Value string       `json:"value"`
	Place estate.Place `json:"place"`
}

// Command is one line for a POSIX shell.
type Command struct {
	Line    string `json:"line"`
	Note    string `json:"note,omitempty"`    // what it is for, where there are several
	Changes bool   `json:"changes,omitempty"` // it changes something
}

// Tell is everything that can be done to a subject.
func Tell(s Subject) Guide {
	g := Guide{Service: s.Name, Kind: s.Kind, Answers: []Answer{}, Notes: s.Notes}
	s.Notes = nil // once is enough
	for _, t := range Topics(s.Kind) {
		g.Answers = append(g.Answers, answer(s, t))
	}
	return g
}

// Do is how one action is done to a subject. NotFound when it is not done to one of its kind.
func Do(s Subject, a Action) (Answer, error) {
	of := Topics(s.Kind)
	i := slices.IndexFunc(of, func(t Topic) bool { return t.Action == a })
	switch {
	case len(of) == 0:
		return Answer{}, fault.Newf(fault.NotFound, "%s is %s, so there is nothing to do to it; ask about a service or datastore", s.Name, is(s.Kind))
	case i < 0:
		return Answer{}, fault.Newf(fault.NotFound, "%s is %s, to which %s is not done; caravan how %s lists what is", s.Name, is(s.Kind), a, quoted(string(s.Name)))
	}
	return answer(s, of[i]), nil
}

// is says what something of a kind is.
func is(k estate.Kind) string {
	switch k {
	case estate.External:
		return "run by others"
	case estate.Host:
		return "a machine"
	}
	return "a " + string(k)
}

func answer(s Subject, t Topic) Answer {
	out := Answer{Service: s.Name, Topic: t, Recipes: []Recipe{}, Notes: s.Notes}
	for _, p := range s.Places {
		out.Recipes = append(out.Recipes, recipe(s, p, t.Action))
	}
	return out
}

// recipe is how an action is done in one place.
func recipe(s Subject, p Place, a Action) Recipe {
	var r Recipe
	switch {
	case p.Cluster != nil:
		r = inCluster{s, p, *p.Cluster}.recipe(a)
	case p.Machines != nil:
		r = onMachines(s, p).recipe(a)
	default:
		r = Recipe{Does: "Nothing can be said.", Unknown: []string{fmt.Sprintf("What %s is made of is in no configuration that was read; declare it, kind vm or kubernetes, under environments in caravan.yaml.", p.called())}}
	}
	r.Environment, r.Kind, r.Expansion, r.Where = p.Environment, p.kind(), p.Expansion, p.where()
	r.Warning = warning(r, p)
	return r
}

// warning says that a recipe changes production, and what follows; nothing of one that only looks.
func warning(r Recipe, p Place) string {
	changes := slices.ContainsFunc(r.Commands, func(c Command) bool { return c.Changes })
	if !changes || !production(p.Environment) {
		return ""
	}
	text := "This changes " + p.called() + "."
	if r.Warning != "" {
		text = "This changes " + p.called() + ": " + r.Warning + "."
	}
	return text
}

// In is the guide for some environment alone. NotFound when the service does not run there.
func (g Guide) In(env estate.EnvironmentName) (Guide, error) {
	out := g
	out.Answers = make([]Answer, len(g.Answers))
	for i, a := range g.Answers {
		narrowed, err := a.In(env)
		if err != nil {
			return Guide{}, err
		}
		out.Answers[i] = narrowed
	}
	return out, nil
}

// In is the answer for some environment alone. NotFound when the service does not run there.
func (a Answer) In(env estate.EnvironmentName) (Answer, error) {
	out := a
	out.Recipes = nil
	var known []string
	for _, r := range a.Recipes {
		if r.Environment == env {
			out.Recipes = append(out.Recipes, r)
		}
		known = append(known, string(r.Environment))
	}
	if len(out.Recipes) > 0 {
		return out, nil
	}
	if len(known) == 0 {
		return Answer{}, fault.Newf(fault.NotFound, "where %s runs is in no configuration that was read, so there is nothing of %q", a.Service, env)
	}
	return Answer{}, fault.Newf(fault.NotFound, "%s does not run in %q; it does in %s", a.Service, env, strings.Join(slices.Compact(known), ", "))
}

// look is a command that changes nothing.
func look(line, note string) Command { return Command{Line: line, Note: note} }

// change is a command that changes something.
func change(line, note string) Command { return Command{Line: line, Note: note, Changes: true} }

// listed names a few and counts the rest: "a, b and 3 more".
func listed[T ~string](names []T) string {
	var out []string
	for i, n := range names {
		if i == mostNamed && len(names) > mostNamed+1 {
			return fmt.Sprintf("%s and %d more", strings.Join(out, ", "), len(names)-mostNamed)
		}
		out = append(out, string(n))
	}
	return strings.Join(out, ", ")
}
