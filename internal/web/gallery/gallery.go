// Package gallery holds the estates that the portal's pages are shown with before there is a real one, and that
// its tests look at: a coffee company with everything an estate can have, and a large company. It only makes values.
package gallery

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/estate"
)

// Small is the coffee company kopi: 29 services, datastores, hosts and externals of four teams, with a cycle,
// doubts, infrastructure and services without an owner.
func Small() depmap.Graph {
	g := depmap.Graph{Files: 214, Read: 131}
	for _, row := range kopiServices {
		g.Services = append(g.Services, kopiService(row))
	}
	for _, row := range kopiEdges {
		g.Edges = append(g.Edges, kopiEdge(row))
	}
	g.Groups = []depmap.Group{{Name: "cycle-1", Services: []estate.ServiceName{"loyalty", "orders", "promotions"}}}
	g.Teams = []estate.Team{
		{Name: "finance", Contacts: []string{"mail:finance@kopi.example.org"}},
		{Name: "platform", Contacts: []string{"mail:platform@kopi.example.org", "chat:#platform"}},
		{Name: "roastery", Contacts: []string{"chat:#roastery"}},
		{Name: "shop", Contacts: []string{"mail:shop@kopi.example.org", "chat:#shop"}},
	}
	g.Doubts = slices.Clone(kopiDoubts)
	return finished(g)
}

// Earlier is kopi as it was one scan before Small: without wallet, with a link that is gone by now.
func Earlier() depmap.Graph {
	g := Small()
	g.Services = slices.DeleteFunc(g.Services, func(s depmap.Service) bool { return s.Name == "wallet" })
	g.Edges = slices.DeleteFunc(g.Edges, func(e depmap.Edge) bool { return e.From == "wallet" || e.To == "wallet" })
	g.Edges = append(g.Edges, kopiEdge("reports monolith http 8080 0.9 reports/config/application.yml:14 kopi.monolith.url http://monolith.kopi.internal:8080"))
	for i := range g.Services {
		if g.Services[i].Name == "promotions" {
			g.Services[i].Team, g.Services[i].TeamFrom = "roastery", "codeowners CODEOWNERS:9"
		}
	}
	g.Doubts = g.Doubts[1:]
	return finished(g)
}

// teams is how many teams share a large estate.
const teams = 40

// tiers are the roles of a team's services, each needing the next; the last is the team's datastore.
var tiers = [...]string{"gateway", "api", "worker", "sync", "store"}

// Large is an estate of about n services of forty teams, five edges to a service; 2,000 give exactly 10,000 edges.
func Large(n int) depmap.Graph {
	each := n / teams / len(tiers) * len(tiers)
	g := depmap.Graph{Files: n * 20, Read: n * 12}
	seen := map[[2]estate.ServiceName]bool{}
	for t := range teams {
		for j := range each {
			g.Services = append(g.Services, largeService(t, j))
			for k, to := range largeNeeds(t, j, each) {
				e := largeEdge(t, j, k, to)
				if !seen[[2]estate.ServiceName{e.From, e.To}] {
					seen[[2]estate.ServiceName{e.From, e.To}] = true
					g.Edges = append(g.Edges, e)
				}
			}
		}
	}
	return finished(g)
}

func largeService(t, j int) depmap.Service {
	name, place := largeName(t, j), largePlace(t, j, 3)
	kind, technology := estate.Service, "go"
	if j%len(tiers) == len(tiers)-1 {
		kind, technology = estate.Datastore, "postgres"
	}
	return depmap.Service{
		Name: name, Kind: kind, Team: estate.TeamName(fmt.Sprintf("team-%02d", t)), TeamFrom: fmt.Sprintf("codeowners CODEOWNERS:%d", t+1),
		Technology: technology, Environments: []estate.EnvironmentName{"production"},
		Names: []estate.Alias{{Kind: estate.NameCompose, Value: string(name), Place: place}}, Places: []estate.Place{place},
	}
}

// largeNeeds are the team and number of what a service needs: down its own team's tiers, and gateways of other teams.
func largeNeeds(t, j, each int) [][2]int {
	tier := j % len(tiers)
	if tier == len(tiers)-1 {
		return nil
	}
	gateway := func(team, shift int) [2]int { return [2]int{team % teams, (j - tier + shift*len(tiers)) % each} }
	out := [][2]int{
		{t, (j + 1) % each}, {t, (j + 1 + len(tiers)) % each}, {t, (j - tier + 3*len(tiers) - 1) % each},
		gateway(t+1+j%3, 1), gateway(t+5+j%7, 2), gateway(t+13+j%5, 3),
	}
	if tier == 0 {
		out = append(out, gateway(t+20, 4))
	}
	return out
}

func largeEdge(t, j, k int, to [2]int) depmap.Edge {
	provider := largeName(to[0], to[1])
	return depmap.Edge{
		From: largeName(t, j), To: provider, Kind: depmap.HTTP, Port: 8080, Confidence: 0.9, Origin: depmap.Configured,
		Evidence: []depmap.Evidence{{Place: largePlace(t, j, 10+k), Key: fmt.Sprintf("UPSTREAM_%d_URL", k), Value: fmt.Sprintf("http://%s:8080", provider), Reader: "compose", Why: "address in configuration"}},
	}
}

func largeName(t, j int) estate.ServiceName {
	parts := [...]string{"account", "basket", "billing", "catalogue", "delivery", "export", "fraud", "invoice", "ledger", "search"}
	return estate.ServiceName(fmt.Sprintf("%s-%02d-%s-%d", parts[t%len(parts)], t, tiers[j%len(tiers)], j/len(tiers)))
}

func largePlace(t, j, line int) estate.Place {
	return estate.Place{File: fmt.Sprintf("services/%s/compose.yaml", largeName(t, j)), Line: line}
}

// finished sorts the graph as depmap does and gives it its digest.
func finished(g depmap.Graph) depmap.Graph {
	slices.SortFunc(g.Services, func(a, b depmap.Service) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(g.Edges, func(a, b depmap.Edge) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To), cmp.Compare(a.Kind, b.Kind))
	})
	g.Digest = ""
	g.Digest = estate.DigestOf(g)
	return g
}

// kopiService reads "name kind team technology flags…", "-" for nothing.
func kopiService(row string) depmap.Service {
	f := strings.Fields(row)
	word := func(i int) string {
		if i >= len(f) || f[i] == "-" {
			return ""
		}
		return f[i]
	}
	place := estate.Place{File: "deploy/" + f[0] + "/compose.yaml", Line: 4}
	s := depmap.Service{
		Name: estate.ServiceName(f[0]), Kind: estate.Kind(word(1)), Team: estate.TeamName(word(2)), Technology: word(3),
		Environments: []estate.EnvironmentName{"jakarta-vm", "singapore-vm"},
		Names:        []estate.Alias{{Kind: estate.NameCompose, Value: f[0], Place: place}},
		Places:       []estate.Place{place},
	}
	if s.Team != "" {
		s.TeamFrom = "codeowners CODEOWNERS:7"
	}
	if s.Kind == estate.External {
		s.External, s.Environments, s.Places = true, nil, []estate.Place{{File: "orders/src/main/resources/application.yml", Line: 31}}
		s.Names[0].Kind, s.Names[0].Place = estate.NameDNS, s.Places[0]
	}
	if s.Kind == estate.Datastore {
		s.Hosts = []estate.ServiceName{"db-jkt-1"}
		s.Names = append(s.Names,
			estate.Alias{Kind: estate.NameDNS, Value: f[0] + ".kopi.internal", Place: estate.Place{File: "chef/data_bags/dns/kopi.json", Line: 18}},
			estate.Alias{Kind: estate.NameAddress, Value: "10.20.4.11", Place: estate.Place{File: "chef/nodes/db-jkt-1.json", Line: 12}})
	}
	for _, flag := range f[4:] {
		switch {
		case flag == "infrastructure":
			s.Infrastructure = true
		case strings.HasPrefix(flag, "cycle"):
			s.Group = flag
		case strings.HasPrefix(flag, ":"):
			s.Ports = append(s.Ports, number(flag[1:]))
		}
	}
	return s
}

func number(digits string) int {
	n, _ := strconv.Atoi(digits)
	return n
}

// kopiEdge reads "from to kind port confidence place key value".
func kopiEdge(row string) depmap.Edge {
	f := strings.Fields(row)
	e := depmap.Edge{From: estate.ServiceName(f[0]), To: estate.ServiceName(f[1]), Kind: depmap.EdgeKind(f[2]), Port: number(f[3]), Origin: depmap.Configured}
	e.Confidence, _ = strconv.ParseFloat(f[4], 64)
	file, line, _ := strings.Cut(f[5], ":")
	evidence := depmap.Evidence{Place: estate.Place{File: file, Line: number(line)}, Key: f[6], Reader: "spring", Why: "address in configuration"}
	if len(f) > 7 {
		evidence.Value = f[7]
	}
	e.Infrastructure = slices.Contains([]depmap.EdgeKind{depmap.Monitoring, depmap.Logging, depmap.Tracing, depmap.Discovery, depmap.Configuration}, e.Kind)
	e.Evidence = []depmap.Evidence{evidence}
	switch {
	case e.Kind == depmap.Unknown:
		e.Origin = depmap.Declared
		e.Evidence[0].Reader, e.Evidence[0].Why = "compose", "start order only"
	case e.Confidence < 0.9:
		e.Origin = depmap.Code
		e.Evidence[0].Reader, e.Evidence[0].Why = "code", "fall-back in code"
	case e.Kind == depmap.Database:
		e.Evidence = append(e.Evidence, depmap.Evidence{Place: estate.Place{File: "deploy/" + f[0] + "/compose.yaml", Line: 17}, Key: "depends_on", Value: f[1], Reader: "compose", Why: "start order only"})
	}
	return e
}
