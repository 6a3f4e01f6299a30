package config

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"

	"example.org/caravan/internal/estate"
)

// Problem is something that is wrong with what a service is given, and how to mend it.
type Problem struct {
	Service     estate.ServiceName     `json:"service,omitempty"`
	Environment estate.EnvironmentName `json:"environment,omitempty"`
	Key         string                 `json:"key"`
	Text        string                 `json:"text"`
	Place       estate.Place           `json:"place"`
}

func (p Problem) String() string { return p.Place.String() + ": " + p.Text }

// Compute is what a service is given in an environment, and what is wrong with it: values that are not of their key's type, required keys
// that have none, keys that no form of the service takes in, and those of a weaker declaration that a stronger one contradicts.
func Compute(all []Document, at Spot) (Effective, []Problem) {
	c := computing{Spot: at, docs: holding(all, at), declared: map[string]Key{}, places: map[string]estate.Place{}}
	c.declare()
	out := Effective{Spot: at}
	for _, key := range c.keys() {
		e, ok := c.entry(key)
		switch {
		case ok:
			out.Entries = append(out.Entries, e)
		case len(e.Given) > 0:
			out.Unset = append(out.Unset, key)
		}
	}
	slices.SortFunc(c.problems, func(x, y Problem) int {
		return cmp.Or(x.Place.Compare(y.Place), cmp.Compare(x.Key, y.Key), cmp.Compare(x.Text, y.Text))
	})
	return out, c.problems
}

type computing struct {
	Spot
	docs     []Document // that hold there, the strongest last
	declared map[string]Key
	places   map[string]estate.Place // of declarations
	reads    []Form
	problems []Problem
}

// holding are the documents that hold for a spot, the weakest first.
func holding(all []Document, at Spot) []Document {
	var out []Document
	for _, d := range all {
		if (d.Service == "" || d.Service == at.Service) && d.holds(at) {
			out = append(out, d)
		}
	}
	slices.SortStableFunc(out, func(x, y Document) int { return cmp.Compare(x.strength(), y.strength()) })
	return out
}

func (d Document) holds(at Spot) bool {
	switch d.Layer {
	case Kind:
		return d.Name == at.Kind
	case Environment:
		return d.Name == string(at.Environment)
	case Country:
		return d.Name == at.Country
	}
	return true
}

// strength orders documents: what is there without configuration, all that is said for everybody, what a service says of itself, and what an
// expansion puts in its place.
func (d Document) strength() int {
	switch d.Layer {
	case Seen:
		return -2
	case Workload:
		return -1
	case Substitution:
		return 2 * len(layers)
	}
	s := slices.Index(layers, d.Layer)
	if d.Service != "" {
		s += len(layers)
	}
	return s
}

// declare gathers declarations, the stronger in the place of the weaker, and how the service takes keys in.
func (c *computing) declare() {
	for _, d := range c.docs {
		for key, k := range d.Keys {
			was, known := c.declared[key]
			if known && was.Type != k.Type {
				c.problem(key, d.placeOf(k.Line), "%s is declared as %s here and as %s in %s; declare it once", key, k.Type, was.Type, c.places[key])
			}
			c.declared[key], c.places[key] = k, d.placeOf(k.Line)
		}
		c.reads = append(c.reads, d.Reads...)
	}
}

// keys are all that something is said about, sorted.
func (c *computing) keys() []string {
	known := map[string]bool{}
	for _, d := range c.docs {
		for key := range d.Values {
			known[key] = true
		}
	}
	for key, k := range c.declared {
		if k.Required {
			known[key] = true
		}
	}
	return sorted(known)
}

func (c *computing) entry(key string) (Entry, bool) {
	e := Entry{Key: key, Declared: c.declared[key]}
	e.Declared.Type = cmp.Or(e.Declared.Type, Text)
	for _, d := range c.docs {
		if v, ok := d.Values[key]; ok {
			e.Given = append(e.Given, Given{Layer: d.Layer, Name: d.Name, Service: d.Service, Value: v, Place: d.placeOf(v.Line)})
		}
	}
	if len(e.Given) == 0 || e.Value().Unset {
		c.missing(key, e)
		return e, false
	}
	if layer := e.Given[len(e.Given)-1].Layer; layer == Seen || layer == Workload || layer == Substitution {
		return e, true // it is as it is, and reaches the process as it does
	}
	if text := e.Declared.wrong(e.Value()); text != "" {
		c.problem(key, e.Place(), "%s %s", key, text)
	}
	form, ok := c.form(key)
	if !ok {
		c.problem(key, e.Place(), "nothing that %s reads takes %s in; add it to the keys of one of its forms, or take it away", c.Service, key)
	}
	if form.As == AsVariables && !variableForm.MatchString(key) {
		c.problem(key, e.Place(), "%s cannot be a variable, as which %s reads it; write letters, digits and _, or say under reads in which file it stands", key, c.Service)
	}
	e.Form = form
	return e, true
}

func (c *computing) missing(key string, e Entry) {
	if !c.declared[key].Required {
		return
	}
	place := c.places[key]
	if len(e.Given) > 0 {
		place = e.Place()
	}
	c.problem(key, place, "%s has to have a value and is given none in %s; give it one in %s", key, c.Environment, File(c.Service, Environment, string(c.Environment)))
}

// form is how the service takes a key in. One that says nothing takes all in as variables.
func (c *computing) form(key string) (Form, bool) {
	if len(c.reads) == 0 {
		return Form{As: AsVariables}, true
	}
	for _, f := range c.reads {
		if len(f.Keys) == 0 || slices.ContainsFunc(f.Keys, func(glob string) bool {
			ok, _ := path.Match(glob, key) // patterns were checked when they were read
			return ok
		}) {
			return f, true
		}
	}
	return Form{}, false
}

func (c *computing) problem(key string, at estate.Place, format string, args ...any) {
	c.problems = append(c.problems, Problem{Service: c.Service, Environment: c.Environment, Key: key, Text: fmt.Sprintf(format, args...), Place: at})
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
