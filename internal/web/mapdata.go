package web

import (
	"math"
	"slices"

	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/draw"
	"example.org/caravan/internal/estate"
)

// mapData is a graph as the map's script reads it: small, so that an estate of thousands arrives in one request.
// Names are written once; elsewhere their index stands for them. Evidence is not in it.
type mapData struct {
	Digest       estate.Digest `json:"digest"`
	Teams        []string      `json:"teams"`
	Environments []string      `json:"environments"`
	EdgeKinds    []string      `json:"edgeKinds"`
	Clusters     []clusterData `json:"clusters"`
	Services     []serviceData `json:"services"`
	// Edges are from, to, kind, confidence in percent, 1 if infrastructure, and how it compares with what was seen: an index of sights.
	Edges [][6]int `json:"edges"`
}

type clusterData struct {
	Name  string `json:"name"`
	Label string `json:"label"`
}

type serviceData struct {
	Name           string   `json:"name"`
	Kind           string   `json:"kind"`
	Technology     string   `json:"technology,omitempty"`
	Team           int      `json:"team"` // -1 for none
	Cluster        int      `json:"cluster"`
	Cycle          string   `json:"cycle,omitempty"`
	Environments   []int    `json:"environments,omitempty"`
	Infrastructure bool     `json:"infrastructure,omitempty"`
	Aliases        []string `json:"aliases,omitempty"` // other names, for search
}

// numbering gives each text a number in the order it comes.
type numbering struct {
	texts []string
	at    map[string]int
}

func newNumbering() *numbering { return &numbering{texts: []string{}, at: map[string]int{}} }

func (n *numbering) of(text string) int {
	i, ok := n.at[text]
	if !ok {
		i = len(n.texts)
		n.at[text] = i
		n.texts = append(n.texts, text)
	}
	return i
}

func mapDataOf(g depmap.Graph) mapData {
	teams, environments, kinds, names := newNumbering(), newNumbering(), newNumbering(), newNumbering()
	for _, t := range teamsOf(g) {
		teams.of(t)
	}
	out := mapData{Digest: g.Digest, Services: []serviceData{}, Edges: [][6]int{}, Clusters: []clusterData{}}
	cluster := map[estate.ServiceName]int{}
	for i, c := range draw.Clusters(g) {
		out.Clusters = append(out.Clusters, clusterData{Name: c.Name, Label: c.Label})
		for _, s := range c.Services {
			cluster[s] = i
		}
	}
	for _, s := range g.Services {
		names.of(string(s.Name))
		d := serviceData{
			Name: string(s.Name), Kind: string(s.Kind), Technology: s.Technology, Team: -1, Cluster: cluster[s.Name],
			Cycle: s.Group, Infrastructure: s.Infrastructure, Aliases: aliasesOf(s),
		}
		if s.Team != "" {
			d.Team = teams.of(string(s.Team))
		}
		for _, e := range s.Environments {
			d.Environments = append(d.Environments, environments.of(string(e)))
		}
		out.Services = append(out.Services, d)
	}
	known := len(names.texts)
	for _, e := range g.Edges {
		from, to := names.of(string(e.From)), names.of(string(e.To))
		if from >= known || to >= known {
			continue
		}
		infrastructure := 0
		if e.Infrastructure {
			infrastructure = 1
		}
		out.Edges = append(out.Edges, [6]int{from, to, kinds.of(string(e.Kind)), int(math.Round(e.Confidence * 100)), infrastructure, sightOf(e)})
	}
	out.Teams, out.Environments, out.EdgeKinds = teams.texts, environments.texts, kinds.texts
	return out
}

// sights are how edges compare with what was seen, by the number that the map's script knows them under; 0 is for those nobody looked at.
var sights = []depmap.SightState{"", depmap.SeenBoth, depmap.SeenOnly, depmap.SeenNever, depmap.SeenUnclear}

func sightOf(e depmap.Edge) int {
	if e.Seen == nil {
		return 0
	}
	return max(slices.Index(sights, e.Seen.State), 0)
}

// teamsOf lists the teams that own something, sorted.
func teamsOf(g depmap.Graph) []string {
	var out []string
	for _, s := range g.Services {
		if s.Team != "" {
			out = append(out, string(s.Team))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func aliasesOf(s depmap.Service) []string {
	var out []string
	for _, a := range s.Names {
		if a.Value != string(s.Name) && !slices.Contains(out, a.Value) {
			out = append(out, a.Value)
		}
	}
	return out
}

// detail is everything about one service: what its panel on the map shows.
type detail struct {
	Service depmap.Service `json:"service"`
	Needs   []depmap.Edge  `json:"needs"`
	Needed  []depmap.Edge  `json:"needed"`
	Doubts  []estate.Doubt `json:"doubts"`
	Page    string         `json:"page,omitempty"` // address of the service's page
}

func detailOf(g depmap.Graph, s depmap.Service) detail {
	d := detail{Service: s, Needs: []depmap.Edge{}, Needed: []depmap.Edge{}, Doubts: []estate.Doubt{}}
	for _, e := range g.Edges {
		if e.From == s.Name {
			d.Needs = append(d.Needs, e)
		}
		if e.To == s.Name {
			d.Needed = append(d.Needed, e)
		}
	}
	for _, doubt := range g.Doubts {
		if doubt.About == s.Name {
			d.Doubts = append(d.Doubts, doubt)
		}
	}
	return d
}
