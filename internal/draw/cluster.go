package draw

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/estate"
)

// Cluster is a set of services that a large map shows as one.
type Cluster struct {
	Name     string               `json:"name"` // unique: "team payments", "cycle-1", "folder shop", "outside", "others"
	Label    string               `json:"label"`
	Services []estate.ServiceName `json:"services"` // sorted
}

// mostClusters is how many boxes a person still takes in at once.
const mostClusters = 80

// Clusters divides the services of a graph: every service is in exactly one. Where most services have an owner, by
// team; else by the cycle they are part of, then by the folder they were seen in. What others run is one cluster.
// The smallest beyond the first 80 become "others". Sorted by name.
func Clusters(g depmap.Graph) []Cluster {
	byTeam := mostlyOwned(g)
	prefix := commonFolders(g)
	members := map[string]*Cluster{}
	for _, s := range g.Services {
		name, label := clusterOf(s, byTeam, prefix)
		c := members[name]
		if c == nil {
			c = &Cluster{Name: name, Label: label}
			members[name] = c
		}
		c.Services = append(c.Services, s.Name)
	}
	out := make([]Cluster, 0, len(members))
	for _, c := range members {
		slices.Sort(c.Services)
		out = append(out, *c)
	}
	return foldSmallest(out)
}

func mostlyOwned(g depmap.Graph) bool {
	owned, own := 0, 0
	for _, s := range g.Services {
		if s.Kind == estate.External {
			continue
		}
		own++
		if s.Team != "" {
			owned++
		}
	}
	return owned*2 >= own && owned > 0
}

func clusterOf(s depmap.Service, byTeam bool, prefix int) (name, label string) {
	switch {
	case byTeam && s.Team != "":
		return "team " + string(s.Team), string(s.Team)
	case s.Kind == estate.External:
		return "outside", "outside the company"
	case s.Group != "":
		return s.Group, strings.Replace(s.Group, "-", " ", 1)
	case byTeam:
		return "unowned", "no owner"
	}
	folders := foldersOf(s)
	if len(folders) <= prefix {
		return "others", "others"
	}
	return "folder " + folders[prefix], folders[prefix] + "/"
}

func foldersOf(s depmap.Service) []string {
	if len(s.Places) == 0 {
		return nil
	}
	parts := strings.Split(s.Places[0].File, "/")
	return parts[:len(parts)-1]
}

// commonFolders is how many leading folders all services share: they tell nothing apart.
func commonFolders(g depmap.Graph) int {
	var common []string
	first := true
	for _, s := range g.Services {
		folders := foldersOf(s)
		if len(folders) == 0 {
			continue
		}
		if first {
			common, first = folders, false
			continue
		}
		n := 0
		for n < min(len(common), len(folders)) && common[n] == folders[n] {
			n++
		}
		common = common[:n]
	}
	return len(common)
}

func foldSmallest(clusters []Cluster) []Cluster {
	slices.SortFunc(clusters, func(a, b Cluster) int {
		return cmp.Or(len(b.Services)-len(a.Services), cmp.Compare(a.Name, b.Name))
	})
	if len(clusters) > mostClusters {
		others := Cluster{Name: "others", Label: "others"}
		keep := clusters[:0:0]
		for i, c := range clusters {
			if i < mostClusters-1 && c.Name != "others" {
				keep = append(keep, c)
				continue
			}
			others.Services = append(others.Services, c.Services...)
		}
		slices.Sort(others.Services)
		clusters = append(keep, others)
	}
	slices.SortFunc(clusters, func(a, b Cluster) int { return cmp.Compare(a.Name, b.Name) })
	return clusters
}

// collapse draws clusters instead of services, and of their connections only the strongest: each cluster keeps the
// three it needs most, so that the picture stays one a person can follow.
func collapse(g depmap.Graph, o Options) drawing {
	if o.HideInfrastructure {
		g = withoutInfrastructure(g)
	}
	d := drawing{services: len(g.Services), edges: len(g.Edges), cluster: true}
	index := map[estate.ServiceName]int{}
	for i, c := range Clusters(g) {
		for _, s := range c.Services {
			index[s] = i
		}
		d.nodes = append(d.nodes, node{
			id: c.Name, label: c.Label, note: counted(len(c.Services), "service"), kind: estate.Service,
			team: c.Label, members: len(c.Services),
		})
	}
	all := joinEdges(g.Edges, index, func(depmap.Edge) bool { return false })
	d.lines = strongest(all, 3)
	d.dropped = len(all) - len(d.lines)
	return d
}

// strongest keeps for each consumer its most lines of the highest count.
func strongest(lines []line, most int) []line {
	byFrom := map[int][]line{}
	for _, l := range lines {
		byFrom[l.from] = append(byFrom[l.from], l)
	}
	var out []line
	for _, from := range byFrom {
		slices.SortFunc(from, func(a, b line) int { return cmp.Or(b.count-a.count, a.to-b.to) })
		out = append(out, from[:min(most, len(from))]...)
	}
	slices.SortFunc(out, func(a, b line) int { return cmp.Or(a.from-b.from, a.to-b.to) })
	return out
}

func counted(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}
