package expansion

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/workload"
)

// shop is a small estate: a monolith with two modules, what it calls, two stores, a provider.
const shop = `
web      -> api        http     8080 web.yml:1     modules.cart.api_url
web      -> reports    http     8090 web.yml:2     modules.admin.reports_url
web      -> pg         database 5432 web.yml:3     DATABASE_URL
api      -> pricing    http     8081 api.yml:1     PRICING_URL
api      -> pg         database 5432 api.yml:2     DATABASE_URL
api      -> cards.example.com http 443 api.yml:3   CARDS_URL
pricing  -> loyalty    http     8082 pricing.yml:1 LOYALTY_URL
loyalty  -> api        http     8080 loyalty.yml:1 API_URL
loyalty  -> redis      cache    6379 loyalty.yml:2 REDIS_URL
reports  -> pg         database 5432 reports.yml:1 DATABASE_URL
stock    -> pg         database 5432 stock.yml:1   DATABASE_URL
`

// estateOf is the input for an expansion of the shop.
func estateOf(t testing.TB, text string) Input {
	t.Helper()
	e, err := Parse([]byte(text), "indonesia", "expansions/indonesia.yaml")
	if err != nil {
		t.Fatal(err)
	}
	in := Input{Expansion: e, Organisation: "shop", Environments: []Known{{Name: "production-sg", Kind: "vm", Country: "SG"}, {Name: "staging", Kind: "vm", Country: "SG"}}}
	services := map[estate.ServiceName]*depmap.Service{}
	for line := range strings.Lines(shop) {
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		from, to, port := estate.ServiceName(f[0]), estate.ServiceName(f[2]), 0
		fmt.Sscan(f[4], &port)
		for _, name := range []estate.ServiceName{from, to} {
			if services[name] == nil {
				services[name] = &depmap.Service{Name: name, Kind: estate.Service, Team: teamOf(name)}
			}
		}
		if kind, known := map[string]string{"database": "postgres", "cache": "redis"}[f[3]]; known {
			services[to].Kind, services[to].Technology = estate.Datastore, kind
		}
		if strings.Contains(f[2], ".") {
			services[to].Kind = estate.External
		} else {
			services[to].Ports = []int{port}
		}
		file, number, _ := strings.Cut(f[5], ":")
		place := estate.Place{File: file}
		fmt.Sscan(number, &place.Line)
		in.Graph.Edges = append(in.Graph.Edges, depmap.Edge{From: from, To: to, Kind: depmap.EdgeKind(f[3]), Port: port, Confidence: 0.95,
			Evidence: []depmap.Evidence{{Place: place, Key: f[6], Value: "http://" + f[2]}}})
	}
	for _, name := range sortedNames(services) {
		s := services[name]
		in.Graph.Services = append(in.Graph.Services, *s)
		c := estate.Component{Name: name, Kind: s.Kind, Team: s.Team}
		for _, port := range s.Ports {
			c.Listens = append(c.Listens, estate.Listen{Port: port, Via: "container"})
		}
		if name == "web" {
			c.Settings = []estate.Setting{{Key: "modules.cart.api_url"}, {Key: "modules.admin.reports_url"}}
		}
		in.Components = append(in.Components, c)
	}
	return in
}

func teamOf(name estate.ServiceName) estate.TeamName {
	return map[estate.ServiceName]estate.TeamName{"web": "front", "api": "back", "pricing": "back"}[name]
}

// wish is an expansion of the shop: services and what follows.
func wish(services, rest string) string {
	return "country: ID\nsource: production-sg\nenvironments:\n  - {name: id, kind: kubernetes}\n  - {name: id-data, kind: vm}\nservices: " + services + "\n" + rest
}

func decide(lines ...string) string {
	out := "decisions:\n"
	for _, l := range lines {
		out += "  - {" + l + ", by: back, at: 2026-03-01, why: agreed}\n"
	}
	return out
}

func plan(t testing.TB, text string) Proposal {
	t.Helper()
	p, err := Plan(estateOf(t, text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func members(p Proposal) string {
	var out []string
	for _, m := range p.Members {
		out = append(out, string(m.Name))
	}
	return strings.Join(out, " ")
}

func cuts(p Proposal) string {
	var out []string
	for _, c := range p.Cuts {
		fate := "?"
		if c.Decision != nil {
			fate = string(c.Decision.Decide)
		}
		out = append(out, fmt.Sprintf("%s>%s:%s", c.From, c.To, fate))
	}
	return strings.Join(out, " ")
}

func TestWhatComesAlongAndWhatIsCut(t *testing.T) {
	for _, tt := range []struct {
		name, text            string
		members, cuts, stores string
	}{
		{"a wanted service comes with its datastore, and its edges wait for decisions", wish("[api]", ""), "api", "api>cards.example.com:? api>pricing:?", "pg"},
		{"a clone comes with what it needs in turn", wish("[api]", decide("to: pricing, decide: clone")), "api pricing", "api>cards.example.com:? pricing>loyalty:?", "pg"},
		{"a circle closes", wish("[api]", decide("to: pricing, decide: clone", "to: loyalty, decide: clone")), "api loyalty pricing", "api>cards.example.com:?", "pg redis"},
		{"a team is what it owns", wish("[{team: back}]", ""), "api pricing", "api>cards.example.com:? pricing>loyalty:?", "pg"},
		{"a glob is what it matches", wish("[\"p*\", \"st?ck\"]", ""), "pricing stock", "pricing>loyalty:?", "pg"},
		{"a decision for one consumer wins over the one for all", wish("[pricing, loyalty]", decide("to: api, decide: drop", "from: loyalty, to: api, decide: clone")), "api loyalty pricing", "api>cards.example.com:?", "pg redis"},
		{"an edge may be decided against although the far end comes", wish("[web, api]", decide("from: web, to: api, decide: drop", "to: reports, decide: drop", "to: pricing, decide: drop")), "api web", "api>cards.example.com:? api>pricing:drop web>api:drop web>reports:drop", "pg"},
		{"a datastore may be replaced", wish("[stock]", decide("to: pg, decide: replace, with: \"db.example.co.id:5432\"")), "stock", "stock>pg:replace", ""},
		{"a provider of the country decides for externals", wish("[api]", "substitutions: {providers: [{replaces: cards.example.com, with: bayar.example.co.id}]}\n"+decide("to: pricing, decide: stub")), "api", "api>cards.example.com:replace api>pricing:stub", "pg"},
		{"only some routes need only some of the rest", wish("[{service: web, routes: [cart]}, api]", decide("to: pricing, decide: drop", "to: cards.example.com, decide: drop")), "api web", "api>cards.example.com:drop api>pricing:drop", "pg"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := plan(t, tt.text)
			var stores []string
			for _, d := range p.Datastores {
				stores = append(stores, string(d.Name))
			}
			if diff := cmp.Diff([]string{tt.members, tt.cuts, tt.stores}, []string{members(p), cuts(p), strings.Join(stores, " ")}); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatTheEstateDoesNotBearOutIsOneLineEach(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"a service nobody has", wish("[order]", ""), []string{`6: "order" is not in the estate; see caravan map`}},
		{"a mistyped service", wish("[pricin]", ""), []string{`6: "pricin" is not in the estate; did you mean "pricing"?`}},
		{"a glob that matches nothing", wish("[\"x*\"]", ""), []string{`6: "x*" matches no service in production-sg`}},
		{"a team that owns nothing", wish("[{team: bock}]", ""), []string{`6: team "bock" owns nothing in production-sg; did you mean "back"?`}},
		{"a datastore that is wanted", wish("[pg]", ""), []string{`6: pg is of kind datastore, which comes with the services that need it`}},
		{"a source nobody declared", strings.Replace(wish("[api]", ""), "production-sg", "produktion-sg", 1), []string{`2: environment "produktion-sg" is not declared in the workspace; did you mean "production-sg"?`}},
		{"a source nothing is like", strings.Replace(wish("[api]", ""), "production-sg", "elsewhere", 1), []string{`2: environment "elsewhere" is not declared in the workspace; name it under environments in caravan.yaml`}},
		{"an environment that exists", strings.Replace(wish("[api]", ""), "name: id,", "name: staging,", 1), []string{`4: environment "staging" exists already`}},
		{"a peering with nobody", strings.Replace(wish("[api]", ""), "kind: kubernetes", "kind: kubernetes, peerings: [{with: office}]", 1), []string{`4: "office" is no environment or network of the workspace`}},
		{"a route nobody has", wish("[{service: web, routes: [basket]}]", ""), []string{`6: web has no route or module "basket"; it has admin, cart`}},
		{"routes of a service that has none", wish("[{service: api, routes: [a]}]", ""), []string{`6: no routes or modules of api are known from its configuration`}},
		{"a provider in the place of a service", wish("[api]", "substitutions: {providers: [{replaces: pricing, with: a.example.org}]}"), []string{`7: pricing is the estate's own service; providers replace externals`}},
		{"residency of what nobody has", wish("[api]", "residency: [{data: [pgg], because: law}]"), []string{`7: "pgg" is not in the estate`}},
		{"a datastore nothing needs", wish("[api]", "datastores: [{name: redis}]"), []string{`7: nothing that comes along uses redis; leave it out`}},
		{"a service among the datastores", wish("[api]", "datastores: [{name: pricing}]"), []string{`7: pricing is of kind service, not a datastore`}},
		{"a decision about an edge there is none of", wish("[api]", decide("from: api, to: redis, decide: clone")), []string{`8: api does not use redis in production-sg; remove the decision`}},
		{"an external that is cloned", wish("[api]", decide("to: cards.example.com, decide: clone")), []string{`8: cards.example.com is run by others and cannot be cloned`}},
		{"a call back through nothing", wish("[api]", decide("to: pricing, decide: call-back")), []string{`8: calls back to pricing go through what? add through`}},
		{"a wave of what stays", wish("[api]", "waves: [[stock]]"), []string{`7: stock is in a wave and does not come along; leave it out`}},
		{"a circle across waves", wish("[api, pricing, loyalty]", "waves:\n  - [api]\n  - [loyalty]\n"), []string{`8: api is in wave 1 and needs loyalty of wave 2 (api → pricing → loyalty): a cycle across waves`}},
		{"a service before what it needs", wish("[web, api]", "waves:\n  - [web]\n  - [api]\n"+decide("to: pricing, decide: drop", "to: reports, decide: drop")), []string{`8: web is in wave 1 and needs api of wave 2 (web → api)`}},
		{"two services on one port of the machines", wish("[{service: api, in: [id-data]}, {service: cash, in: [id-data]}]", ""), []string{`6: `}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := estateOf(t, tt.text)
			if strings.Contains(tt.text, "cash") {
				in.Graph.Services = append(in.Graph.Services, depmap.Service{Name: "cash", Kind: estate.Service})
				in.Components = append(in.Components, estate.Component{Name: "cash", Listens: []estate.Listen{{Port: 8080, Via: "container"}}})
				tt.want = []string{`6: api and cash both listen on port 8080 of the machines of id-data`}
			}
			_, err := Plan(in)
			wantLines(t, err, tt.want)
		})
	}
}

func TestResidencyForbidsWhatSendsDataOut(t *testing.T) {
	rule := "residency: [{data: [pg], because: the payment law}]\n"
	for _, tt := range []struct {
		name, decision, want string
	}{
		{"a call back of a service that holds it", "to: pricing, decide: call-back, through: vpn", `api → pricing may not be decided call-back: data of pg may not leave ID (the payment law)`},
		{"a provider that keeps it elsewhere", "to: cards.example.com, decide: replace, with: a.example.com, country: SG", `api → cards.example.com may not be decided replace: data of pg may not leave ID (the payment law), and a.example.com keeps its data in SG`},
		{"an external that may be anywhere", "to: cards.example.com, decide: call-back", `if it keeps its data there, say country: ID in the decision`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Plan(estateOf(t, wish("[api]", rule+decide(tt.decision))))
			if err == nil || !strings.Contains(err.Error(), "expansions/indonesia.yaml:9: ") || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v", err)
			}
		})
	}
	for _, allowed := range []string{"to: pricing, decide: stub", "to: cards.example.com, decide: call-back, country: ID", "to: cards.example.com, decide: replace, with: a.example.co.id"} {
		if _, err := Plan(estateOf(t, wish("[api]", rule+decide(allowed)))); err != nil {
			t.Errorf("%s: %v", allowed, err)
		}
	}
	p := plan(t, wish("[api]", rule))
	if c := p.Cuts[1]; c.To != "pricing" || c.Cost.Residency != "the payment law" || c.Forbidden[CallBack] == "" || c.Forbidden[Clone] != "" {
		t.Errorf("an undecided edge does not say what is forbidden: %+v", c)
	}
	if p := plan(t, wish("[pricing]", rule)); p.Cuts[0].Cost.Residency != "" {
		t.Errorf("an edge of a service that holds none of it: %+v", p.Cuts[0])
	}
}

func TestWhatACutCosts(t *testing.T) {
	in := estateOf(t, strings.Replace(wish("[web, api]", ""), "kind: kubernetes", "kind: kubernetes, peerings: [{with: production-sg, rtt: 14ms}]", 1))
	in.Rates = []Rate{{From: "api", To: "pricing", PerSecond: 40}}
	p, err := Plan(in)
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(p.Cuts, func(c Cut) bool { return c.To == "pricing" })
	c := p.Cuts[i]
	if c.Cost.CallsPerSecond == nil || *c.Cost.CallsPerSecond != 40 || c.Cost.RoundTrip != 14*time.Millisecond {
		t.Errorf("%+v", c.Cost)
	}
	if diff := cmp.Diff(Reach{2, []estate.ServiceName{"api", "web"}}, c.Cost.Coupled); diff != "" {
		t.Errorf("who fails with it:\n%s", diff)
	}
	if diff := cmp.Diff(&Reach{2, []estate.ServiceName{"pricing", "loyalty"}}, c.Brings); diff != "" {
		t.Errorf("what cloning brings:\n%s", diff)
	}
}

func TestTheRoutesThatStayMakeTheirEdgesOptional(t *testing.T) {
	p := plan(t, wish("[{service: web, routes: [cart]}]", decide("to: api, decide: drop")))
	if len(p.Optional) != 1 || p.Optional[0].To != "reports" || !slices.Equal(p.Optional[0].Routes, []string{"admin"}) || p.Optional[0].Proof.Place.String() != "web.yml:2" {
		t.Errorf("%+v", p.Optional)
	}
}

func TestDatastoresArePlacedByPointsAndSayTheWayBack(t *testing.T) {
	for _, tt := range []struct {
		name, rest, rule, kind, in string
	}{
		{"Postgres stays on machines unless somebody says otherwise", "", "", "vm", "id-data"},
		{"the workspace may say otherwise", "", "kubernetes", "kubernetes", "id"},
		{"the expansion has the last word", "datastores: [{name: pg, placement: vm}]", "kubernetes", "vm", "id-data"},
		{"an environment says it too", "datastores: [{name: pg, in: id}]", "", "kubernetes", "id"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := estateOf(t, wish("[stock]", tt.rest))
			if tt.rule != "" {
				in.Placement = map[string]string{"postgres": tt.rule}
			}
			p, err := Plan(in)
			if err != nil {
				t.Fatal(err)
			}
			d := p.Datastores[0]
			if d.Placement.Kind != tt.kind || string(d.In) != tt.in || !strings.HasPrefix(d.Placement.WayBack, "to "+opposite(tt.kind)+":") || len(d.Placement.Points) < 2 {
				t.Errorf("%+v in %s", d.Placement, d.In)
			}
		})
	}
}

func TestACountryWithoutMachinesTakesEverythingIntoTheCluster(t *testing.T) {
	p := plan(t, strings.Replace(wish("[stock]", ""), "  - {name: id-data, kind: vm}\n", "", 1))
	if d := p.Datastores[0]; d.Placement.Kind != "kubernetes" || d.In != "id" {
		t.Errorf("%+v in %s", d.Placement, d.In)
	}
}

func TestWavesPutProvidersFirst(t *testing.T) {
	p := plan(t, wish("[web, api, pricing, loyalty, stock]", decide("to: reports, decide: stub", "to: cards.example.com, decide: drop")))
	var got []string
	for _, w := range p.Waves {
		got = append(got, join(w.Services))
	}
	if diff := cmp.Diff([]string{"pg, redis, reports", "api, loyalty, pricing, stock", "web"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	p = plan(t, wish("[web, api, stock]", "waves:\n  - [web]\n  - [stock]\n"+decide("to: reports, decide: drop", "to: cards.example.com, decide: drop", "to: pricing, decide: drop")))
	if m, _ := p.Member("stock"); m.Wave != 6 {
		t.Errorf("stock is in wave %d: %v", m.Wave, p.Waves)
	}
}

func TestSubstitutionsReachTheVariablesThatMeanThem(t *testing.T) {
	in := estateOf(t, wish("[stock]", "substitutions:\n  currency: IDR\n  timezone: Asia/Jakarta\n  locale: id_ID\n  variables: [{name: MERCHANT, value: shop-id}, {service: api, name: LIMIT, value: 9}]\n"))
	in.Workloads = map[estate.ServiceName]workload.Workload{"stock": {Metadata: workload.Metadata{Name: "stock"}, Containers: map[string]workload.Container{"stock": {Variables: map[string]string{
		"CURRENCY": "SGD", "CURRENCY_API": "http://rates", "TZ": "Asia/Singapore", "LANG": "en_SG.UTF-8", "COUNTRY": "sg", "MERCHANT": "shop-sg", "LIMIT": "3", "PLAIN": "SGD",
	}}}}}
	p, err := Plan(in)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for name, v := range p.Members[0].Variables {
		got[name] = v.Value
		if v.Why.Text == "" || v.Why.Place.Line == 0 {
			t.Errorf("%s has no reason: %+v", name, v.Why)
		}
	}
	want := map[string]string{"CURRENCY": "IDR", "TZ": "Asia/Jakarta", "LANG": "id_ID", "COUNTRY": "id", "MERCHANT": "shop-id"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestEqualInputGivesEqualBytes(t *testing.T) {
	text := wish("[web, {team: back}]", decide("to: loyalty, decide: clone", "to: reports, decide: stub"))
	want := plan(t, text).Digest
	for range 20 {
		in := estateOf(t, text)
		rand.Shuffle(len(in.Components), func(i, j int) { in.Components[i], in.Components[j] = in.Components[j], in.Components[i] })
		rand.Shuffle(len(in.Rates), func(i, j int) { in.Rates[i], in.Rates[j] = in.Rates[j], in.Rates[i] })
		p, err := Plan(in)
		if err != nil || p.Digest != want {
			t.Fatalf("%s, %v, want %s", p.Digest, err, want)
		}
	}
}

func TestADifferenceIsIntendedWhenSomebodyWroteWhy(t *testing.T) {
	id := plan(t, wish("[api, stock]", decide("to: pricing, decide: clone", "to: loyalty, decide: drop", "to: cards.example.com, decide: drop")))
	same := plan(t, wish("[api, stock]", decide("to: pricing, decide: clone", "to: loyalty, decide: drop", "to: cards.example.com, decide: drop")))
	if c := Compare(id, same); !c.Empty() {
		t.Errorf("a plan differs from itself: %+v", c.Differences)
	}
	other := plan(t, strings.Replace(wish("[api, web]", decide("to: pricing, decide: stub", "to: reports, decide: drop")), "country: ID", "country: TH", 1))
	c := Compare(id, other)
	why := map[string]int{}
	for _, d := range c.Differences {
		why[d.Path] = len(d.Reasons)
	}
	for _, path := range []string{"country", "services/web", "services/stock", "services/pricing", "edges/api → pricing", "edges/pricing → loyalty", "edges/web → reports"} {
		if why[path] == 0 {
			t.Errorf("%s has no reason in %v", path, c.Differences)
		}
	}
	if n, seen := why["edges/api → cards.example.com"]; !seen || n == 0 {
		t.Errorf("a decision on one side only explains: %v", c.Differences)
	}
	undecided := plan(t, wish("[api, stock]", decide("to: pricing, decide: clone")))
	if c := Compare(undecided, plan(t, wish("[api]", decide("to: pricing, decide: clone")))); len(c.Unexplained()) != 0 {
		t.Errorf("%+v", c.Unexplained())
	}
	in := estateOf(t, wish("[api, stock]", decide("to: pricing, decide: clone", "to: loyalty, decide: drop", "to: cards.example.com, decide: drop")))
	in.Components[0].Listens = []estate.Listen{{Port: 9999, Via: "container"}}
	changed, err := Plan(in)
	if err != nil {
		t.Fatal(err)
	}
	if c := Compare(id, changed); len(c.Unexplained()) == 0 {
		t.Errorf("a port that moved by itself counts as explained: %+v", c.Differences)
	}
}

func TestASizeOrAMissingVariableNeedsAReasonOfItsOwn(t *testing.T) {
	unexplained := func(old, new string) string {
		t.Helper()
		var paths []string
		for _, d := range Compare(plan(t, wish("[stock]", old)), plan(t, wish("[stock]", new))).Unexplained() {
			paths = append(paths, d.Path)
		}
		return strings.Join(paths, " ")
	}
	for _, c := range []struct{ name, old, new, want string }{
		{"a size nobody explained", "", "datastores: [{name: pg, memory: 16Gi}]\n", "datastores/pg/memory"},
		{"a size with its reason", "", "datastores: [{name: pg, memory: 16Gi, why: price lists}]\n", ""},
		{"a placement nobody explained", "", "datastores: [{name: pg, placement: kubernetes}]\n", "datastores/pg/placement"},
		{"a variable more", "", "substitutions: {variables: [{service: stock, name: SHOP, value: id}]}\n", ""},
		{"a variable less", "substitutions: {variables: [{service: stock, name: SHOP, value: id, why: ours}]}\n", "", "services/stock/variables/SHOP"},
	} {
		if got := unexplained(c.old, c.new); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestASubstitutedVariableThatNothingHasIsAskedAbout(t *testing.T) {
	asked := func(variables string) string {
		t.Helper()
		in := estateOf(t, wish("[stock]", "substitutions: {variables: ["+variables+"]}\n"))
		in.Workloads = map[estate.ServiceName]workload.Workload{"stock": {Containers: map[string]workload.Container{"stock": {Image: ".", Variables: map[string]string{"MERCHANT": "sg"}}}}}
		p, err := Plan(in)
		if err != nil {
			t.Fatal(err)
		}
		var out []string
		for _, q := range p.Questions {
			if q.Topic == "variables" {
				out = append(out, q.Text)
			}
		}
		return strings.Join(out, "\n")
	}
	for _, c := range []struct{ variables, want string }{
		{"{service: stock, name: MERCHANT, value: id}", ""},
		{"{name: MERCHANT, value: id}", ""},
		{"{service: stock, name: MERCHNT, value: id}", "stock was not seen to have MERCHNT, which is substituted; did you mean MERCHANT?"},
		{"{name: SHOP_COLOUR, value: id}", "nothing that comes along was seen to have SHOP_COLOUR, which is substituted; correct the name, or leave it out"},
	} {
		if got := asked(c.variables); got != c.want {
			t.Errorf("%s: %q, want %q", c.variables, got, c.want)
		}
	}
}
