// Package service is the page of one service: the names it is known by, where it was seen, what it needs and who breaks
// without it, each with the lines that prove it. It arranges what the graph knows and adds nothing.
package service

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/how"
)

// View is one service with all that concerns it.
type View struct {
	Service  depmap.Service
	Contacts []string
	Names    []Name
	Needs    []Neighbour // direct first, infrastructure last among those, then by name
	Breaks   []Neighbour
	Cycle    []estate.ServiceName // the others of its cycle
	Doubts   []estate.Doubt
}

// Name is a name with every kind of name it is and the places it was seen.
type Name struct {
	Value  string
	Kinds  []string
	Places []estate.Place
}

// Neighbour is a service that is reached, over Edges when directly and over Path in any case.
type Neighbour struct {
	depmap.Impact
	Kind  estate.Kind
	Edges []depmap.Edge
}

// Direct tells whether there is nothing in between.
func (n Neighbour) Direct() bool { return n.Distance == 1 }

// Runs tells whether the company itself runs it, so that something can be done to it.
func (v View) Runs() bool { return len(how.Topics(v.Service.Kind)) > 0 }

// Of gathers what the graph knows of s.
func Of(g depmap.Graph, s depmap.Service) View {
	v := View{Service: s, Names: namesOf(s)}
	kind := map[estate.ServiceName]estate.Kind{}
	for _, other := range g.Services {
		kind[other.Name] = other.Kind
		if s.Group != "" && other.Group == s.Group && other.Name != s.Name {
			v.Cycle = append(v.Cycle, other.Name)
		}
	}
	for _, t := range g.Teams {
		if t.Name == s.Team {
			v.Contacts = t.Contacts
		}
	}
	for _, d := range g.Doubts {
		if d.About == s.Name {
			v.Doubts = append(v.Doubts, d)
		}
	}
	v.Needs = neighbours(g.Needs(s.Name), kind, edgesBy(g, func(e depmap.Edge) (bool, estate.ServiceName) { return e.From == s.Name, e.To }))
	v.Breaks = neighbours(g.Breaks(s.Name), kind, edgesBy(g, func(e depmap.Edge) (bool, estate.ServiceName) { return e.To == s.Name, e.From }))
	return v
}

func edgesBy(g depmap.Graph, touches func(depmap.Edge) (bool, estate.ServiceName)) map[estate.ServiceName][]depmap.Edge {
	out := map[estate.ServiceName][]depmap.Edge{}
	for _, e := range g.Edges {
		if ok, other := touches(e); ok {
			out[other] = append(out[other], e)
		}
	}
	return out
}

func neighbours(impacts []depmap.Impact, kind map[estate.ServiceName]estate.Kind, direct map[estate.ServiceName][]depmap.Edge) []Neighbour {
	var out []Neighbour
	for _, i := range impacts {
		n := Neighbour{Impact: i, Kind: kind[i.Service]}
		if i.Distance == 1 {
			n.Edges = direct[i.Service]
		}
		out = append(out, n)
	}
	slices.SortStableFunc(out, func(a, b Neighbour) int {
		return cmp.Or(a.Distance-b.Distance, infrastructureLast(a, b), cmp.Compare(a.Service, b.Service))
	})
	return out
}

func infrastructureLast(a, b Neighbour) int {
	switch x, y := infrastructure(a.Edges), infrastructure(b.Edges); {
	case x && !y:
		return 1
	case y && !x:
		return -1
	}
	return 0
}

func infrastructure(edges []depmap.Edge) bool {
	return len(edges) > 0 && !slices.ContainsFunc(edges, func(e depmap.Edge) bool { return !e.Infrastructure })
}

// namesOf joins the same name seen in several ways and places.
func namesOf(s depmap.Service) []Name {
	var out []Name
	at := map[string]int{}
	for _, a := range s.Names {
		i, seen := at[a.Value]
		if !seen {
			i = len(out)
			at[a.Value] = i
			out = append(out, Name{Value: a.Value})
		}
		if !slices.Contains(out[i].Kinds, a.Kind) {
			out[i].Kinds = append(out[i].Kinds, a.Kind)
		}
		if !slices.Contains(out[i].Places, a.Place) {
			out[i].Places = append(out[i].Places, a.Place)
		}
	}
	return out
}

func direct(all []Neighbour) []Neighbour {
	return slices.DeleteFunc(slices.Clone(all), func(n Neighbour) bool { return !n.Direct() })
}

func indirect(all []Neighbour) []Neighbour {
	return slices.DeleteFunc(slices.Clone(all), Neighbour.Direct)
}

// tally says how many are reached: "3 directly, 5 more through others".
func tally(all []Neighbour) string {
	d, i := len(direct(all)), len(indirect(all))
	switch {
	case d == 0:
		return "none"
	case i == 0:
		return fmt.Sprintf("%d directly", d)
	}
	return fmt.Sprintf("%d directly, %d more through others", d, i)
}

func list[T ~string](values []T) string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = string(v)
	}
	return strings.Join(texts, ", ")
}

func ports(numbers []int) string {
	texts := make([]string, len(numbers))
	for i, n := range numbers {
		texts[i] = fmt.Sprint(n)
	}
	return strings.Join(texts, ", ")
}

// address is the part of a contact after its "mail:" or "chat:".
func address(contact string) string {
	_, where, _ := strings.Cut(contact, ":")
	return where
}

// sightWord is how an edge compares with what was seen, in a word or two.
func sightWord(s depmap.Sight) string {
	switch s.State {
	case depmap.SeenBoth:
		return "seen"
	case depmap.SeenOnly:
		return "never configured"
	case depmap.SeenNever:
		return "never seen"
	}
	return "unclear"
}

func sightClass(s depmap.Sight) string { return "sight-" + string(s.State) }

func capital(text string) string {
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:]
}

// hop is the arrow between the steps of a path: towards what is needed, or back from it.
func hop(which string) string {
	if which == "breaks" {
		return " ← "
	}
	return " → "
}
