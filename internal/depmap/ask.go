package depmap

import (
	"slices"

	"example.org/caravan/internal/estate"
)

// Needs lists everything name needs, directly or not, nearest first.
func (g Graph) Needs(name estate.ServiceName) []Impact {
	return g.reach(name, func(e Edge) (estate.ServiceName, estate.ServiceName) { return e.From, e.To })
}

// Breaks lists everything that needs name, directly or not, nearest first: who breaks if it stops.
func (g Graph) Breaks(name estate.ServiceName) []Impact {
	return g.reach(name, func(e Edge) (estate.ServiceName, estate.ServiceName) { return e.To, e.From })
}

// reach walks breadth first along edges as direct reads them; ties are broken by name.
func (g Graph) reach(start estate.ServiceName, direct func(Edge) (from, to estate.ServiceName)) []Impact {
	next := map[estate.ServiceName][]Edge{}
	for _, e := range g.Edges {
		from, _ := direct(e)
		next[from] = append(next[from], e)
	}
	var out []Impact
	seen := map[estate.ServiceName]bool{start: true}
	queue := []Impact{{Service: start, Path: []estate.ServiceName{start}, Confidence: 1}}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		for _, e := range next[at.Service] {
			_, to := direct(e)
			if seen[to] {
				continue
			}
			seen[to] = true
			step := Impact{Service: to, Distance: at.Distance + 1, Path: append(slices.Clone(at.Path), to), Confidence: at.Confidence * e.Confidence}
			out = append(out, step)
			queue = append(queue, step)
		}
	}
	return out
}

// Find returns the service of that name, or of that alias when no service is called so.
func (g Graph) Find(name string) (Service, bool) {
	for _, s := range g.Services {
		if string(s.Name) == name {
			return s, true
		}
	}
	for _, s := range g.Services {
		if slices.ContainsFunc(s.Names, func(a estate.Alias) bool { return a.Value == name }) {
			return s, true
		}
	}
	return Service{}, false
}

// In reports whether an edge holds in an environment, as far as any of its evidence tells.
func (e Edge) In(env estate.EnvironmentName) bool {
	return slices.ContainsFunc(e.Evidence, func(v Evidence) bool {
		return len(v.Environments) == 0 || slices.Contains(v.Environments, env)
	})
}

// Unowned lists the services and datastores no team owns.
func (g Graph) Unowned() []Service {
	var out []Service
	for _, s := range g.Services {
		if s.Team == "" && (s.Kind == estate.Service || s.Kind == estate.Datastore) {
			out = append(out, s)
		}
	}
	return out
}
