package api

import (
	"context"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/rights"
	"example.org/caravan/internal/store"
)

// Query says which part of which map is wanted.
type Query struct {
	Snapshot           string `query:"snapshot" doc:"Digest, or at least the first six of its digits; the newest when left out."`
	HideInfrastructure bool   `query:"hideInfrastructure" doc:"Leave out configuration servers, registries, monitoring, logging and tracing."`
	Team               string `query:"team" doc:"Only what this team owns, and its direct neighbours."`
	Kind               string `query:"kind" enum:"http,rpc,database,cache,messaging,search,route,identity,configuration,discovery,monitoring,logging,tracing,mail,coordination,unknown" doc:"Only edges of this kind, and what they join."`
	Seen               string `query:"seen" enum:"both,never-configured,never-seen,unclear" doc:"Only edges that configuration and what was seen running say this of, and what they join."`
}

// Kinds are the kinds of edge a query may ask for.
func Kinds() []string { return choices("Kind") }

// Sights are the comparisons with what was seen that a query may ask for.
func Sights() []string { return choices("Seen") }

func choices(field string) []string {
	f, _ := reflect.TypeFor[Query]().FieldByName(field)
	return strings.Split(f.Tag.Get("enum"), ",")
}

// Values is the query as a URL carries it.
func (q Query) Values() url.Values {
	v := url.Values{}
	for key, value := range map[string]string{"snapshot": q.Snapshot, "team": q.Team, "kind": q.Kind, "seen": q.Seen} {
		if value != "" {
			v.Set(key, value)
		}
	}
	if q.HideInfrastructure {
		v.Set("hideInfrastructure", "true")
	}
	return v
}

// Map is a graph with the time it was read.
type Map struct {
	depmap.Graph
	TakenAt time.Time `json:"takenAt"`
}

// ServiceDetail is one service with both its sides.
type ServiceDetail struct {
	Service  depmap.Service `json:"service"`
	Needs    []depmap.Edge  `json:"needs"`
	NeededBy []depmap.Edge  `json:"neededBy"`
	Doubts   []estate.Doubt `json:"doubts"`
}

type of[T any] struct{ Body T }

// InSnapshot says which snapshot a question is about.
type InSnapshot struct {
	Snapshot string `query:"snapshot" doc:"Digest or prefix; the newest when left out."`
}

type named struct {
	InSnapshot
	Name string `path:"name" doc:"Name or alias of a service, URL-escaped."`
}

// historyLength is how many snapshots or scans an answer lists.
const historyLength = 1000

// graphs adds the routes that answer from a graph.
func (r routes) graphs(a huma.API) {
	get(a, "list-snapshots", "/snapshots", "What has been scanned, newest first", func(ctx context.Context, _ *struct{}) ([]store.Summary, error) {
		list, err := r.App.Snapshots(ctx, historyLength)
		return nonNil(list), err
	})
	get(a, "get-snapshot", "/snapshots/{digest}", "When one was taken and last seen, and how large it is", func(ctx context.Context, in *struct {
		Digest string `path:"digest" doc:"Digest, at least the first six of its digits, or latest."`
	}) (store.Summary, error) {
		_, s, err := r.App.Graph(ctx, in.Digest)
		return s, err
	})
	get(a, "get-map", "/map", "The dependency map", func(ctx context.Context, q *Query) (Map, error) { return r.mapOf(ctx, *q) })
	get(a, "list-services", "/services", "Every service, datastore, external and host", func(ctx context.Context, q *Query) ([]depmap.Service, error) {
		m, err := r.mapOf(ctx, *q)
		return nonNil(m.Services), err
	})
	get(a, "get-service", "/services/{name}", "One service with both its sides", r.service)
	get(a, "needs", "/services/{name}/needs", "What a service needs, directly or not, nearest first", func(ctx context.Context, in *named) ([]depmap.Impact, error) {
		return r.impact(ctx, in, depmap.Graph.Needs)
	})
	get(a, "breaks", "/services/{name}/breaks", "Who breaks if a service stops, nearest first, with the path", func(ctx context.Context, in *named) ([]depmap.Impact, error) {
		return r.impact(ctx, in, depmap.Graph.Breaks)
	})
	get(a, "list-doubts", "/doubts", "What is unclear, with its place and what would settle it", func(ctx context.Context, in *InSnapshot) ([]estate.Doubt, error) {
		g, _, err := r.App.Graph(ctx, in.Snapshot)
		return nonNil(g.Doubts), err
	})
	get(a, "list-unowned", "/unowned", "What no team owns", func(ctx context.Context, in *InSnapshot) ([]depmap.Service, error) {
		g, _, err := r.App.Graph(ctx, in.Snapshot)
		return nonNil(g.Unowned()), err
	})
	get(a, "diff", "/diff", "What changed between two snapshots", func(ctx context.Context, in *struct {
		Old string `query:"old" required:"true" doc:"Digest, at least the first six of its digits, or latest."`
		New string `query:"new" required:"true" doc:"The same, of the snapshot to compare it with."`
	}) (depmap.Difference, error) {
		old, _, err := r.App.Graph(ctx, in.Old)
		if err != nil {
			return depmap.Difference{}, err
		}
		new, _, err := r.App.Graph(ctx, in.New)
		return depmap.Diff(old, new), err
	})
	change(a, rights.Anyone, "health", http.MethodGet, "/health", "Whether the program answers", func(context.Context, *struct{}) (map[string]string, error) {
		return map[string]string{"status": "ok"}, nil
	})
}

// get registers a route whose answer is one value.
func get[In, Out any](a huma.API, id, path, summary string, answer func(context.Context, *In) (Out, error)) {
	huma.Register(a, asking(rights.Read, huma.Operation{OperationID: id, Method: http.MethodGet, Path: Prefix + path, Summary: summary, Tags: []string{"map"}}),
		func(ctx context.Context, in *In) (*of[Out], error) {
			out, err := answer(ctx, in)
			return answered(&of[Out]{out}, err)
		})
}

func nonNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func (r routes) mapOf(ctx context.Context, q Query) (Map, error) {
	g, s, err := r.App.Graph(ctx, q.Snapshot)
	if err != nil {
		return Map{}, err
	}
	if teams := teamsOf(g); q.Team != "" && !slices.Contains(teams, q.Team) {
		return Map{}, noTeam(q.Team, teams)
	}
	return Map{Graph: Filter(g, q), TakenAt: s.LastSeen}, nil
}

func noTeam(name string, teams []string) error {
	if len(teams) == 0 {
		return fault.Newf(fault.NotFound, "no team %q: nothing on this map has an owner; name teams in caravan.yaml, CODEOWNERS or catalog files", name)
	}
	return fault.Newf(fault.NotFound, "no team %q; those on this map are: %s", name, strings.Join(teams, ", "))
}

// teamsOf lists the teams that are declared or own something, sorted.
func teamsOf(g depmap.Graph) []string {
	var out []string
	for _, t := range g.Teams {
		out = append(out, string(t.Name))
	}
	for _, s := range g.Services {
		if s.Team != "" {
			out = append(out, string(s.Team))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// find is the graph and the service a route names.
func (r routes) find(ctx context.Context, in *named) (depmap.Graph, depmap.Service, error) {
	g, _, err := r.App.Graph(ctx, in.Snapshot)
	if err != nil {
		return g, depmap.Service{}, err
	}
	s, ok := g.Find(in.Name)
	if !ok {
		return g, s, fault.Newf(fault.NotFound, "no service is called %q; `caravan map` lists them", in.Name)
	}
	return g, s, nil
}

func (r routes) service(ctx context.Context, in *named) (ServiceDetail, error) {
	g, s, err := r.find(ctx, in)
	if err != nil {
		return ServiceDetail{}, err
	}
	d := ServiceDetail{Service: s, Needs: []depmap.Edge{}, NeededBy: []depmap.Edge{}, Doubts: []estate.Doubt{}}
	for _, e := range g.Edges {
		if e.From == s.Name {
			d.Needs = append(d.Needs, e)
		}
		if e.To == s.Name {
			d.NeededBy = append(d.NeededBy, e)
		}
	}
	for _, doubt := range g.Doubts {
		if doubt.About == s.Name {
			d.Doubts = append(d.Doubts, doubt)
		}
	}
	return d, nil
}

func (r routes) impact(ctx context.Context, in *named, ask func(depmap.Graph, estate.ServiceName) []depmap.Impact) ([]depmap.Impact, error) {
	g, s, err := r.find(ctx, in)
	if err != nil {
		return nil, err
	}
	return nonNil(ask(g, s.Name)), nil
}

// Filter is the part of a graph that a query wants. The digest stays that of the whole.
func Filter(g depmap.Graph, q Query) depmap.Graph {
	if !q.HideInfrastructure && q.Team == "" && q.Kind == "" && q.Seen == "" {
		return g
	}
	team := map[estate.ServiceName]bool{}
	hidden := map[estate.ServiceName]bool{}
	for _, s := range g.Services {
		team[s.Name] = string(s.Team) == q.Team
		hidden[s.Name] = q.HideInfrastructure && s.Infrastructure
	}
	keep := map[estate.ServiceName]bool{}
	g.Edges = slices.DeleteFunc(slices.Clone(g.Edges), func(e depmap.Edge) bool {
		drop := q.HideInfrastructure && e.Infrastructure || hidden[e.From] || hidden[e.To] || q.Team != "" && !team[e.From] && !team[e.To] || q.Kind != "" && string(e.Kind) != q.Kind ||
			q.Seen != "" && (e.Seen == nil || string(e.Seen.State) != q.Seen)
		keep[e.From], keep[e.To] = keep[e.From] || !drop, keep[e.To] || !drop
		return drop
	})
	g.Services = slices.DeleteFunc(slices.Clone(g.Services), func(s depmap.Service) bool {
		if hidden[s.Name] {
			return true
		}
		return !keep[s.Name] && (q.Kind != "" || q.Seen != "" || q.Team != "" && !team[s.Name])
	})
	return g
}
