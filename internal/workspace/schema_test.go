package workspace

import (
	"encoding/json"
	"flag"
	"testing"

	"example.org/caravan/internal/syntax"
	"example.org/caravan/schemas"
	"example.org/caravan/schemas/schematest"
)

var update = flag.Bool("update", false, "write schemas/workspace.schema.json anew from the types")

const schemaFile = "../../schemas/workspace.schema.json"

func generated(t *testing.T) []byte {
	t.Helper()
	s := schematest.Reflect(Workspace{})
	s.ID, s.Title = SchemaURL, "Caravan workspace"
	s.Description = "caravan.yaml: what a company declares about its estate."
	return schematest.Text(t, s)
}

func TestSchemaSaysWhatTheTypesSay(t *testing.T) {
	schematest.UpToDate(t, *update, schemaFile, "internal/workspace", generated(t), schemas.Workspace)
}

// agreement are texts that the schema, which editors use, and the parser must judge alike.
var agreement = []struct {
	name  string
	text  string
	valid bool
}{
	{"the least there can be", "organisation: kopi\nsources: [{name: kopi, dir: .}]\n", true},
	{"everything there can be", full, true},
	{"channels that say nothing", "organisation: kopi\nsources: [{name: kopi, dir: .}]\nchannels: {slack: {token: {env: A}}, quiet: {from: '20:00', until: '07:30'}}\n", true},
	{"a token in clear", "organisation: kopi\nsources: [{name: kopi, dir: .}]\nchannels: {slack: {token: xoxb-1}}\n", false},
	{"a secret in two places", "organisation: kopi\nsources: [{name: kopi, dir: .}]\nchannels: {slack: {token: {env: A, file: b}}}\n", false},
	{"a variable with a dash", "organisation: kopi\nsources: [{name: kopi, dir: .}]\nchannels: {slack: {token: {env: A-B}}}\n", false},
	{"a mail server without a sender", "organisation: kopi\nsources: [{name: kopi, dir: .}]\nchannels: {mail: {server: 'm:25'}}\n", false},
	{"quiet at no time", "organisation: kopi\nsources: [{name: kopi, dir: .}]\nchannels: {quiet: {from: '25:00', until: '07:30'}}\n", false},
	{"a webhook that is no address", "organisation: kopi\nsources: [{name: kopi, dir: .}]\nchannels: {webhook: {url: a.example, secret: {env: A}}}\n", false},
	{"an unknown key", "organisation: kopi\nsources: [{name: kopi, dir: .}]\nteam: []\n", false},
	{"an unknown key of a source", "organisation: kopi\nsources: [{name: kopi, dir: ., path: x}]\n", false},
	{"no organisation", "sources: [{name: kopi, dir: .}]\n", false},
	{"no sources", "organisation: kopi\nsources: []\n", false},
	{"a number for a name", "organisation: 12\nsources: [{name: kopi, dir: .}]\n", false},
	{"a kind of environment there is none of", "organisation: kopi\nsources: [{name: kopi, dir: .}]\nenvironments: [{name: p, kind: cloud}]\n", false},
	{"a country in small letters", "organisation: kopi\nsources: [{name: kopi, dir: .}]\nenvironments: [{name: p, kind: vm, country: sg}]\n", false},
	{"a database that is no PostgreSQL", "organisation: kopi\nsources: [{name: kopi, dir: .}]\ndatabase: mysql://db.internal\n", false},
	{"a source name with a slash", "organisation: kopi\nsources: [{name: a/b, dir: .}]\n", false},
	{"a policy", "organisation: kopi\nsources: [{name: kopi, dir: .}]\nconsent: {zone: Asia/Jakarta, rules: [{name: a, approvers: 2, freeze: [{from: Friday 16:00, until: Monday 08:00}, {from: \"2026-12-20\", until: 2026-12-24 08:00}]}]}\n", true},
	{"a rule without a name", "organisation: kopi\nsources: [{name: kopi, dir: .}]\nconsent: {rules: [{approvers: 2}]}\n", false},
	{"a rule of too many approvers", "organisation: kopi\nsources: [{name: kopi, dir: .}]\nconsent: {rules: [{name: a, approvers: 21}]}\n", false},
	{"a freeze that begins on no day", "organisation: kopi\nsources: [{name: kopi, dir: .}]\nconsent: {rules: [{name: a, freeze: [{from: Fryday 16:00, until: Monday 08:00}]}]}\n", false},
	{"an escalation to nobody", "organisation: kopi\nsources: [{name: kopi, dir: .}]\nconsent: {rules: [{name: a, escalate: [{after: 48h, to: []}]}]}\n", false},
	{"a delivery", "organisation: kopi\nsources: [{name: kopi, dir: .}]\nteams: [{name: orders}]\ndelivery: {registry: r.example.org/kopi, base: scratch, order: [id], skew: 4h, skews: [{team: orders, most: 1h}]}\n", true},
	{"a registry with a scheme", "organisation: kopi\nsources: [{name: kopi, dir: .}]\ndelivery: {registry: 'https://r.example.org'}\n", false},
	{"a skew without a team", "organisation: kopi\nsources: [{name: kopi, dir: .}]\ndelivery: {skews: [{most: 1h}]}\n", false},
	{"a sign-in", "organisation: kopi\nsources: [{name: kopi, dir: .}]\nteams: [{name: orders}]\nsignin: {issuer: https://sso.example.org/realms/kopi, clientID: caravan, clientSecretFile: secret, url: https://caravan.example.org, teams: {kopi-orders: orders}, roles: {viewers: [staff], platform: [sre], admins: [it]}, session: 8h, idle: 1h, proxies: [10.0.0.5/32]}\n", true},
	{"a sign-in without a provider", "organisation: kopi\nsources: [{name: kopi, dir: .}]\nsignin: {clientID: caravan, url: https://caravan.example.org}\n", false},
	{"a provider that is no web address", "organisation: kopi\nsources: [{name: kopi, dir: .}]\nsignin: {issuer: sso, clientID: caravan, url: https://caravan.example.org}\n", false},
	{"a role there is none of", "organisation: kopi\nsources: [{name: kopi, dir: .}]\nsignin: {issuer: https://sso.example.org, clientID: caravan, url: https://caravan.example.org, roles: {owners: [a]}}\n", false},
	{"ignore that is no truth value", "organisation: kopi\nsources: [{name: kopi, dir: .}]\nservices: [{name: a, ignore: \"yes\"}]\n", false},
}

func TestSchemaAndParserAgree(t *testing.T) {
	schema := schematest.Compile(t, SchemaURL, schemas.Workspace)
	for _, tt := range agreement {
		t.Run(tt.name, func(t *testing.T) {
			_, parseErr := Parse([]byte(tt.text), FileName)
			if (parseErr == nil) != tt.valid {
				t.Errorf("the parser says %v", parseErr)
			}
			docs, err := syntax.YAML([]byte(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			if err := schema.Validate(plain(docs[0])); (err == nil) != tt.valid {
				t.Errorf("the schema says %v", err)
			}
		})
	}
}

// plain is a node as a JSON value.
func plain(n syntax.Node) any {
	switch n.Kind {
	case syntax.Map:
		out := map[string]any{}
		for _, p := range n.Pairs {
			out[p.Key] = plain(p.Value)
		}
		return out
	case syntax.List:
		out := []any{}
		for _, item := range n.Items {
			out = append(out, plain(item))
		}
		return out
	case syntax.Scalar:
		if n.Tag == "str" {
			return n.Value
		}
		var v any
		if json.Unmarshal([]byte(n.Value), &v) == nil {
			return v
		}
	}
	return nil
}
