package gallery

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/expansion"
)

// Malaysia is the text of an expansion of kopi that has everything one can have: edges of every fate and some without,
// what residency forbids, a monolith that comes with some of its routes, datastores on machines and in the cluster.
const Malaysia = `country: MY
source: singapore-vm
environments:
  - name: malaysia
    kind: kubernetes
    nodes: 6
    surge: 3
    peerings:
      - {with: singapore-vm, kind: vpn, rtt: 9ms}
  - name: malaysia-data
    kind: vm
services:
  - {service: storefront, public: www.kopi.example.org, replicas: 2-6}
  - {service: menu, replicas: 3}
  - {service: orders, replicas: 3}
  - payments
  - shipping
  - service: monolith
    routes: [checkout]
substitutions:
  locale: ms_MY
  currency: MYR
  timezone: Asia/Kuala_Lumpur
  providers:
    - {replaces: stripe, with: bayar.example.org, why: cards issued in Malaysia are cleared in Malaysia}
  variables:
    - {service: payments, name: PROVIDER_MERCHANT, value: kopi-my, why: merchant of the Malaysian entity}
residency:
  - data: [payments]
    because: payment data is kept in the country
datastores:
  - {name: kopi-stock-db, content: seeded, memory: 8Gi, storage: 50Gi, why: recipes and prices of Singapore are the start}
  - {name: redis-sessions, placement: kubernetes, why: sessions may be lost}
decisions:
  - to: config-server
    decide: clone
    by: platform
    at: 2026-02-24
    why: nothing starts without it
  - to: loyalty
    decide: stub
    by: shop
    at: 2026-02-25
    why: no loyalty programme in the first year
  - to: geocoder
    decide: call-back
    by: roastery
    at: 2026-02-25
    why: its maps of Malaysia are good enough
  - to: consul
    decide: drop
    by: platform
    at: 2026-02-26
    why: names are found by DNS here
`

// Brunei is the text of an expansion in which nothing is left to decide.
const Brunei = `country: BN
source: singapore-vm
environments:
  - {name: brunei, kind: kubernetes, nodes: 3, surge: 1}
services: [beans]
`

// Laos is the text of an expansion that cannot be planned.
const Laos = `country: LA
source: singapore-vm
environments:
  - {name: laos, kind: kubernetes}
services: [roaster, beans, cafe]
`

// LargeWish is the text of an expansion that takes all of ten teams of a large estate, some of its edges decided.
func LargeWish() string {
	var b strings.Builder
	b.WriteString("country: TH\nsource: production\nenvironments:\n  - {name: thailand, kind: kubernetes, nodes: 60, surge: 20}\n  - {name: thailand-data, kind: vm}\nservices:\n")
	for t := range 10 {
		fmt.Fprintf(&b, "  - team: team-%02d\n", t)
	}
	b.WriteString("decisions:\n")
	for t := 10; t < 30; t++ {
		for j := 0; j < 50; j += 2 * len(tiers) {
			fmt.Fprintf(&b, "  - {to: %s, decide: call-back, through: vpn, by: platform, at: 2026-02-24, why: moves in a year}\n", largeName(t, j))
		}
	}
	return b.String()
}

// Planned is the proposal an expansion's text gives for an estate of the gallery.
func Planned(g depmap.Graph, name, text string) (expansion.Proposal, error) {
	e, err := expansion.Parse([]byte(text), name, expansion.FileOf(name))
	if err != nil {
		return expansion.Proposal{}, err
	}
	g = withRoutes(g)
	p, err := expansion.Plan(expansion.Input{
		Expansion: e, Organisation: "kopi", Graph: g, Components: components(g),
		Environments: []expansion.Known{
			{Name: "jakarta-vm", Kind: "vm", Country: "ID", Zone: "jkt.kopi.internal"},
			{Name: "singapore-vm", Kind: "vm", Country: "SG", Zone: "sin.kopi.internal"},
			{Name: "production", Kind: "vm", Country: "SG", Zone: "production.kopi.internal"},
		},
		Rates: []expansion.Rate{{From: "orders", To: "inventory", PerSecond: 42}, {From: "storefront", To: "promotions", PerSecond: 0.4}},
	})
	if err != nil {
		return p, err
	}
	p.Addresses = ranges(p)
	return p.Sealed(), nil
}

// withRoutes adds what the parts of the monolith need alone, if there is one.
func withRoutes(g depmap.Graph) depmap.Graph {
	if _, ok := g.Find("monolith"); !ok {
		return g
	}
	g.Edges = append(append([]depmap.Edge(nil), g.Edges...),
		kopiEdge("monolith invoices http 5000 0.95 chef/roles/monolith.rb:31 modules.checkout.invoices_url http://invoices:5000"),
		kopiEdge("monolith reports http 8090 0.95 chef/roles/monolith.rb:38 modules.admin.reports_url http://reports:8090"))
	return finished(g)
}

// components are what the readers would have seen of an estate's services.
func components(g depmap.Graph) []estate.Component {
	var out []estate.Component
	for _, s := range g.Services {
		c := estate.Component{Name: s.Name, Kind: s.Kind, Technology: s.Technology, Team: s.Team, Names: s.Names, Places: s.Places}
		for _, port := range s.Ports {
			c.Listens = append(c.Listens, estate.Listen{Port: port, Via: "container", Place: s.Places[0]})
		}
		for _, e := range g.Edges {
			if e.From == s.Name {
				c.Settings = append(c.Settings, estate.Setting{Key: e.Evidence[0].Key, Value: e.Evidence[0].Value, Place: e.Evidence[0].Place})
			}
		}
		out = append(out, c)
	}
	return out
}

// ranges gives each environment of a proposal its ranges, one /16 for each country.
func ranges(p expansion.Proposal) []expansion.Lease {
	country := map[string]string{"MY": "10.64", "BN": "10.65", "TH": "10.68"}[p.Country]
	lease := func(holder, prefix, purpose string) expansion.Lease {
		return expansion.Lease{Holder: holder, Prefix: netip.MustParsePrefix(country + prefix), Purpose: purpose}
	}
	out := []expansion.Lease{lease(p.Expansion, ".0.0/16", "country")}
	for i, e := range p.Environments {
		holder := p.Expansion + "/" + string(e.Name)
		if e.Kind == "vm" {
			out = append(out, lease(holder, fmt.Sprintf(".%d.0/24", 128+i), "environment"), lease(holder+"/machines", fmt.Sprintf(".%d.0/27", 128+i), "machines"))
			continue
		}
		out = append(out, lease(holder, ".0.0/17", "environment"), lease(holder+"/nodes", ".96.0/26", "nodes"),
			lease(holder+"/pods", ".0.0/18", "pods"), lease(holder+"/services", ".64.0/24", "services"))
	}
	return out
}

// DecidedAt is when what is decided in the gallery is decided.
func DecidedAt() time.Time { return time.Date(2026, time.March, 2, 9, 30, 0, 0, time.UTC) }
