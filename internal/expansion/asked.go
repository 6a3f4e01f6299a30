package expansion

import (
	"fmt"
	"maps"
	"slices"

	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/workload"
)

// newTypes are the types of resource that are made where nothing on the map has the name, with the kind of edge that leads there.
var newTypes = map[string]depmap.EdgeKind{workload.Postgres: depmap.Database, workload.Redis: depmap.Cache}

// namesTaken are what resources may be called that mean something on a map.
func namesTaken(g depmap.Graph) map[string]bool {
	out := map[string]bool{}
	for _, s := range g.Services {
		out[workload.NameOf(string(s.Name))] = true
		for _, a := range s.Names {
			out[workload.NameOf(a.Value)] = true
		}
	}
	return out
}

// withAsked is a map with what teams ask for in their workloads and nothing that runs is called: new datastores, each with its type, which belong to the
// first team that asks for them, by the names of services. What says itself where it is (host) is left alone. The map itself stays as it is. Clashes are those that are asked for as two
// types, or by two teams: what one keeps is not the other's.
func withAsked(g depmap.Graph, workloads map[estate.ServiceName]workload.Workload) (with depmap.Graph, asked map[estate.ServiceName]string, clashes []string) {
	known := namesTaken(g)
	teams := map[estate.ServiceName]estate.TeamName{}
	for _, s := range g.Services {
		if s.Kind == estate.Service {
			teams[s.Name] = s.Team
		}
	}
	asked = map[estate.ServiceName]string{}
	first := map[estate.ServiceName]estate.TeamName{}
	services, edges := slices.Clone(g.Services), slices.Clone(g.Edges)
	for _, service := range sortedNames(workloads) {
		team, runs := teams[service]
		if !runs {
			continue
		}
		for _, key := range slices.Sorted(maps.Keys(workloads[service].Resources)) {
			r := workloads[service].Resources[key]
			kind, makes := newTypes[r.Type]
			if _, elsewhere := r.Params["host"]; !makes || elsewhere || known[key] || r.ID != "" && known[workload.NameOf(r.ID)] {
				continue
			}
			name := estate.ServiceName(key)
			place := estate.Place{File: "services/" + string(service) + "/" + workload.FileName}
			switch was := asked[name]; {
			case was != "" && was != r.Type:
				clashes = append(clashes, fmt.Sprintf("%s: %s is asked for as %s, and by another workload as %s; choose one, or two names", place.File, key, r.Type, was))
				continue
			case was != "" && first[name] != team:
				clashes = append(clashes, fmt.Sprintf("%s: %s is asked for by team %s, and by a workload of team %s as well; choose two names, or name one that is on the map", place.File, key, teamOr(team), teamOr(first[name])))
				continue
			case was == "":
				asked[name], first[name] = r.Type, team
				services = append(services, depmap.Service{Name: name, Kind: estate.Datastore, Technology: r.Type, Team: team, Places: []estate.Place{place}})
			}
			edges = append(edges, depmap.Edge{
				From: service, To: name, Kind: kind, Confidence: 1, Origin: depmap.Declared,
				Evidence: []depmap.Evidence{{Place: place, Key: "resources." + key, Value: r.Type, Why: "asked for in its workload"}},
			})
		}
	}
	g.Services, g.Edges = services, edges
	return g, asked, clashes
}

func teamOr(team estate.TeamName) string {
	if team == "" {
		return "nobody"
	}
	return string(team)
}

// Taken is what has the name of a datastore that somebody wants to make, in words; false when nothing has it.
func Taken(in Input, name estate.ServiceName) (string, bool) {
	key := workload.NameOf(string(name))
	for _, s := range in.Graph.Services {
		called := slices.ContainsFunc(s.Names, func(a estate.Alias) bool { return workload.NameOf(a.Value) == key })
		if called || workload.NameOf(string(s.Name)) == key {
			return fmt.Sprintf("the map has a %s %s", s.Kind, s.Name), true
		}
	}
	for _, service := range sortedNames(in.Workloads) {
		if r, ok := in.Workloads[service].Resources[key]; ok {
			return fmt.Sprintf("the workload of %s asks for it, as %s", service, r.Type), true
		}
	}
	return "", false
}
