package expansion

import (
	"strings"
	"testing"

	"example.org/caravan/internal/fault"
)

// least is the shortest expansion there is; its six lines are the start of the table's texts.
const least = `country: ID
source: production-sg
environments:
  - {name: id, kind: kubernetes}
services:
  - orders
`

func TestEachMistakeIsOneLineWithItsMend(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"nothing in the file", "", []string{`1: nothing in it; run caravan plan NAME --new`}},
		{"no YAML", "country: [\n", []string{`not valid YAML`}},
		{"two documents", least + "---\ncountry: TH\n", []string{`8: a second document; keep one`}},
		{"a list at the top", "- orders\n", []string{`1: the expansion is a list; write keys and values: country, source`}},
		{"nothing that must be there", "waves: []\n", []string{`1: the expansion has no country; add one`, `1: the expansion has no source; add one`,
			`1: the expansion has no environments; add one`, `1: the expansion has no services; add one`}},
		{"a mistyped key", least + "decision: []\n", []string{`7: unknown key "decision"; did you mean "decisions"?`}},
		{"a key given twice", least + "country: TH\n", []string{`7: "country" is given in line 1 already; keep one`}},
		{"a country by name", strings.Replace(least, "ID", "Indonesia", 1), []string{`1: "Indonesia" is not a country code; write the two capital letters`}},
		{"a country that YAML takes for false", strings.Replace(least, "ID", "no", 1), []string{`1: `}},
		{"no environments", strings.Replace(least, "\n  - {name: id, kind: kubernetes}", " []", 1), []string{`3: environments is empty; add at least one`}},
		{"an environment of no known kind", strings.Replace(least, "kind: kubernetes", "kind: cloud", 1), []string{`4: environments[0].kind is "cloud"; write vm or kubernetes`}},
		{"an environment whose name is none", strings.Replace(least, "name: id", "name: Jakarta 1", 1), []string{`4: "Jakarta 1" cannot name an environment; use lower case`}},
		{"two environments of a name", strings.Replace(least, "services:", "  - {name: id, kind: vm}\nservices:", 1), []string{`5: environment "id" is declared in line 4 already`}},
		{"nodes of machines", strings.Replace(least, "kind: kubernetes", "kind: vm, nodes: 3", 1), []string{`4: nodes, surge, pods and their ranges are a cluster's; say machines`}},
		{"machines of a cluster", strings.Replace(least, "kind: kubernetes", "kind: kubernetes, machines: 3", 1), []string{`4: machines are a vm environment's; say nodes`}},
		{"an operator nobody knows", strings.Replace(least, "kind: kubernetes", "kind: kubernetes, operators: [zalando]", 1), []string{`4: environments[0].operators[0] is "zalando"; write cloudnativepg`}},
		{"an operator of machines", strings.Replace(least, "kind: kubernetes", "kind: vm, operators: [cloudnativepg]", 1), []string{`4: operators and images are a cluster's; take them out of a vm environment`}},
		{"an image of what nobody lets choose", strings.Replace(least, "kind: kubernetes", "kind: kubernetes, images: {redis: a}", 1), []string{`4: an image of one's own is taken for postgres, not for "redis"; take it out`}},
		{"an image that is none", strings.Replace(least, "kind: kubernetes", "kind: kubernetes, images: {postgres: \"my image\"}", 1), []string{`4: "my image" is no image; write it as registry.example.org/postgres-patroni:15`}},
		{"backups that go nowhere", strings.Replace(least, "kind: kubernetes", "kind: vm, backups: {hour: 3}", 1), []string{`4: neither a folder nor s3; say where backups go`}},
		{"backups in two places", strings.Replace(least, "kind: kubernetes", "kind: vm, backups: {folder: /b, s3: {endpoint: a, region: r, bucket: b}}", 1), []string{`4: a folder and s3; say one of them`}},
		{"a folder of pods", strings.Replace(least, "kind: kubernetes", "kind: kubernetes, backups: {folder: /b}", 1), []string{`4: pods have no folder that outlives them; name a bucket under s3`}},
		{"a folder that is no path", strings.Replace(least, "kind: kubernetes", "kind: vm, backups: {folder: backup}", 1), []string{`4: "backup" is no whole path of a folder; write it as /backup`}},
		{"a folder with more in it", strings.Replace(least, "kind: kubernetes", "kind: vm, backups: {folder: \"/b c\"}", 1), []string{`4: "/b c" is no whole path of a folder`}},
		{"a store with a scheme", strings.Replace(least, "kind: kubernetes", "kind: vm, backups: {s3: {endpoint: \"https://a\", region: r, bucket: b}}", 1), []string{`4: "https://a" is no host, or host:port; write it as s3.jakarta.example.org`}},
		{"a bucket that is none", strings.Replace(least, "kind: kubernetes", "kind: vm, backups: {s3: {endpoint: a, region: r, bucket: \"b/c\"}}", 1), []string{`4: "b/c" is no name of a bucket`}},
		{"a style that an operator finds", strings.Replace(least, "kind: kubernetes", "kind: kubernetes, operators: [cloudnativepg], backups: {s3: {endpoint: a, region: r, bucket: b, style: path}}", 1), []string{`4: CloudNativePG finds out itself how the bucket is named; take style out`}},
		{"an hour there is not", strings.Replace(least, "kind: kubernetes", "kind: vm, backups: {folder: /b, hour: 24}", 1), []string{`4: environments[0].backups.hour is 24; write a number from 0 to 23`}},
		{"less than one node", strings.Replace(least, "kind: kubernetes", "kind: kubernetes, nodes: 0", 1), []string{`4: environments[0].nodes is 0; write a number from 1 to 15000`}},
		{"more pods than a node takes", strings.Replace(least, "kind: kubernetes", "kind: kubernetes, pods: 500", 1), []string{`4: environments[0].pods is 500; write a number from 8 to 256`}},
		{"a range that is no length", strings.Replace(least, "kind: kubernetes", "kind: kubernetes, ranges: {pods: 10.0.0.0/8}", 1), []string{`4: environments[0].ranges.pods is a number; write a whole number`}},
		{"a zone that is no suffix", strings.Replace(least, "kind: kubernetes", "kind: kubernetes, zone: .kopi.", 1), []string{`4: ".kopi." is not a DNS suffix; write it as id.kopi.internal`}},
		{"a round trip without a unit", strings.Replace(least, "kind: kubernetes", "kind: kubernetes, peerings: [{with: sg, rtt: 20}]", 1), []string{`4: environments[0].peerings[0].rtt is no length of time`}},
		{"nothing wanted", strings.Replace(least, "\n  - orders", " []", 1), []string{`5: services is empty; add at least one`}},
		{"a service and a team at once", least + "  - {service: orders, team: payments}\n", []string{`7: a service and a team in one item; write two items`}},
		{"neither service nor team", least + "  - {replicas: 2}\n", []string{`7: neither a service nor a team; name what is wanted`}},
		{"a broken glob", least + "  - \"[a\"\n", []string{`7: "[a" is not a glob; write a name or a pattern such as pay*`}},
		{"routes of many", least + "  - {service: \"pay*\", routes: [a]}\n", []string{`7: routes are of one service; name it`}},
		{"a public name of many", least + "  - {team: a, public: a.example.org}\n", []string{`7: a public name is of one service; name it`}},
		{"a public name with a scheme", least + "  - {service: a, public: \"https://a.example.org\"}\n", []string{`7: "https://a.example.org" is not a host name`}},
		{"replicas in words", least + "  - {service: a, replicas: many}\n", []string{`7: "many" is no number of replicas; write 2, or 2-6`}},
		{"an environment of another expansion", least + "  - {service: a, in: [th]}\n", []string{`7: "th" is none of this expansion's environments`}},
		{"a currency by name", least + "substitutions: {currency: rupiah}\n", []string{`7: "rupiah" is not a currency; write the three capital letters of ISO 4217`}},
		{"a time zone by offset", least + "substitutions: {timezone: \"+07:00\"}\n", []string{`7: "+07:00" is not a time zone; write it as Asia/Jakarta`}},
		{"a locale by name", least + "substitutions: {locale: Bahasa}\n", []string{`7: "Bahasa" is not a locale; write it as id_ID`}},
		{"a provider with a path", least + "substitutions: {providers: [{replaces: a, with: \"https://b.example.org/v1\"}]}\n", []string{`7: "https://b.example.org/v1" is not a host; write host or host:port`}},
		{"a variable with a space", least + "substitutions: {variables: [{name: A B, value: c}]}\n", []string{`7: "A B" cannot name a variable`}},
		{"residency without a rule", least + "residency: [{data: [pg]}]\n", []string{`7: residency[0] has no because; add one`}},
		{"a content nobody knows", least + "datastores: [{name: pg, content: full}]\n", []string{`7: datastores[0].content is "full"; write empty or seeded or replica or anonymised`}},
		{"a size without a unit", least + "datastores: [{name: pg, memory: \"16\"}]\n", []string{`7: "16" is not an amount; write it as 50Gi`}},
		{"a placement against its environment", least + "datastores: [{name: pg, placement: vm, in: id}]\n", []string{`7: "id" is of kind kubernetes, and placement says vm; correct one`}},
		{"a datastore given twice", least + "datastores: [{name: pg},\n  {name: pg}]\n", []string{`8: datastore "pg" is declared in line 7 already`}},
		{"a service in two waves", least + "waves: [[orders], [orders]]\n", []string{`7: "orders" is in a wave already, line 7; keep one`}},
		{"an empty wave", least + "waves: [[]]\n", []string{`7: waves[0] is empty; add at least one`}},
		{"a decision without who, when and why", least + "decisions:\n  - {to: search, decide: clone}\n", []string{
			`8: decisions[0] has no by; add one`, `8: decisions[0] has no at; add one`, `8: decisions[0] has no why; add one`}},
		{"a fate nobody knows", least + "decisions:\n  - {to: s, decide: copy, by: a, at: 2026-01-01, why: b}\n", []string{`8: decisions[0].decide is "copy"; write clone or call-back or replace or stub or drop`}},
		{"replaced by nothing", least + "decisions:\n  - {to: s, decide: replace, by: a, at: 2026-01-01, why: b}\n", []string{`8: replaced by what? add with: host or host:port`}},
		{"a clone through a tunnel", least + "decisions:\n  - {to: s, decide: clone, through: vpn, by: a, at: 2026-01-01, why: b}\n", []string{`8: "through" says how to call-back, and the decision is to clone`}},
		{"a date in words", least + "decisions:\n  - {to: s, decide: clone, by: a, at: yesterday, why: b}\n", []string{`8: decisions[0].at is no date; write it as 2026-03-01`}},
		{"answers of a clone", least + "decisions:\n  - {to: s, decide: clone, answers: [{path: /}], by: a, at: 2026-01-01, why: b}\n", []string{`8: answers are a stub's`}},
		{"a name that turns the text around", least + "decisions:\n  - {to: s, decide: clone, by: \"\\u202eevil\", at: 2026-01-01, why: \"\\e[31mred\"}\n",
			[]string{`8: decisions[0].by holds a character that cannot be seen`, `8: decisions[0].why holds a character that cannot be seen`}},
		{"a path of a stub that means something to its server", least + "decisions:\n  - {to: s, decide: stub, answers: [{path: \"/$x\"}], by: a, at: 2026-01-01, why: b}\n", []string{`8: "/$x" is not a path; write it as it stands in a request`}},
		{"two answers to a path", least + "decisions:\n  - {to: s, decide: stub, answers: [{path: /a}, {path: /a, status: 404}], by: a, at: 2026-01-01, why: b}\n", []string{`8: /a is answered already; keep one answer`}},
		{"more replicas at least than at most", least + "  - {service: a, replicas: 9-2}\n", []string{`7: "9-2" is no number of replicas; write 2, or 2-6`}},
		{"a label over 63 letters", strings.Replace(least, "kind: kubernetes", "kind: kubernetes, zone: "+strings.Repeat("a", 64)+".internal", 1), []string{`in labels of at most 63 letters and not over 189 in all`}},
		{"a zone that leaves no room", strings.Replace(least, "kind: kubernetes", "kind: kubernetes, zone: "+strings.Repeat("ab.", 63)+"internal", 1), []string{`is not a DNS suffix`}},
		{"a public name over 253 letters", least + "  - {service: a, public: " + strings.Repeat("ab.", 84) + "example.org}\n", []string{`is not a host name`}},
		{"an amount beyond all machines", least + "datastores: [{name: pg, memory: 99999999999999999999999Ti}]\n", []string{`is not an amount; write it as 50Gi`}},
		{"a variable with a placeholder that is none", least + "substitutions: {variables: [{name: A, value: \"${x}\"}]}\n", []string{`7: `}},
		{"a variable with a dot", least + "substitutions: {variables: [{name: A.B, value: c}]}\n", []string{`7: "A.B" cannot name a variable`}},
		{"a variable with a zero byte", least + "substitutions: {variables: [{name: A, value: \"a\\0b\"}]}\n", []string{`7: substitutions.variables[0].value holds a control character`}},
		{"an answer to no path", least + "decisions:\n  - {to: s, decide: stub, answers: [{path: x}], by: a, at: 2026-01-01, why: b}\n", []string{`8: "x" is not a path; begin it with /`}},
		{"an edge decided twice", least + "decisions:\n  - {to: s, decide: clone, by: a, at: 2026-01-01, why: b}\n  - {to: s, decide: drop, by: a, at: 2026-01-01, why: b}\n", []string{`9: the edge to s is decided in line 8 already; keep one`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse([]byte(tt.text), "indonesia", "expansions/indonesia.yaml")
			wantLines(t, err, tt.want)
		})
	}
}

// wantLines checks an Invalid error: as many lines as wanted, each with the file and the wanted part.
func wantLines(t *testing.T, err error, want []string) {
	t.Helper()
	if fault.KindOf(err) != fault.Invalid {
		t.Fatalf("want an invalid fault, got %v", err)
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != len(want) {
		t.Fatalf("want %d lines, got:\n%v", len(want), err)
	}
	for i, line := range lines {
		if !strings.HasPrefix(line, "expansions/indonesia.yaml:") || !strings.Contains(line, want[i]) {
			t.Errorf("line %d:\nwant expansions/indonesia.yaml:%s\n got %s", i, want[i], line)
		}
	}
}

func TestAnExpansionIsCalledWhatItsFileIs(t *testing.T) {
	_, err := Parse([]byte(least), "Indonesia 2", "expansions/Indonesia 2.yaml")
	if err == nil || !strings.Contains(err.Error(), `the file's name "Indonesia 2" cannot name an expansion`) {
		t.Errorf("%v", err)
	}
}

func TestTheDraftIsAnExpansion(t *testing.T) {
	e, err := Parse(Draft(Wish{Name: "vietnam", Country: "VN", Source: "production-sg", Services: []string{"orders", "pay*"}}), "vietnam", "expansions/vietnam.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if e.Country != "VN" || e.Source != "production-sg" || len(e.Environments) != 2 || len(e.Services) != 2 || e.Services[1].Service != "pay*" {
		t.Errorf("%+v", e)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(least))
	f.Add([]byte(least + "decisions:\n  - {to: s, decide: stub, by: a, at: 2026-01-01, why: b}\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := Parse(data, "x", "x.yaml")
		if err == nil && (e.Country == "" || len(e.Environments) == 0 || len(e.Services) == 0) {
			t.Errorf("accepted without what must be there: %+v", e)
		}
	})
}
