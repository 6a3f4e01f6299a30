package workspace

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bmatcuk/doublestar/v4"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"example.org/caravan/internal/consent"
	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
)

const full = `organisation: kopi
sources:
  - name: kopi
    dir: .
    exclude: [archive, "**/testdata"]
  - name: settings
    dir: ../settings
    environment: production-sg
    kind: config-repository
environments:
  - name: production-sg
    kind: vm
    country: SG
    provider: gcp
teams:
  - name: orders
    mail: orders@example.org
    chat: "#orders"
    people: [ani@example.org]
    owns:
      - orders
      - pg-*
      - /services/orders/
services:
  - name: payment-provider
    aliases: [api.pay.example.org, 203.0.113.7]
    kind: external
    team: orders
  - name: old-smtp
    aliases: [mail.example.org]
    ignore: true
channels:
  portal: https://caravan.example.org
  zone: Asia/Jakarta
  digest: 15m
  quiet: {from: 20:00, until: 07:30}
  slack:
    token: {env: CARAVAN_SLACK_TOKEN}
    approvals: true
    signingSecret: {file: ~/slack-signing}
  mail:
    server: mail.example.org:587
    from: Caravan <caravan@example.org>
    user: caravan
    password: {file: /run/secrets/mail}
    tls: starttls
  webhook:
    url: https://hooks.example.org/caravan
    secret: {env: CARAVAN_WEBHOOK_SECRET}
delivery:
  registry: registry.example.org:5000/kopi
  insecure: true
  base: scratch
  order: [staging, "*-data"]
  balancers: [{environment: production-sg, hosts: [lb1=10.0.0.7]}]
  skew: 4h
  skews: [{team: orders, most: 1h}]
database: postgres://caravan@db.internal/caravan
drift:
  budget: 5
  teams: {orders: 10}
  stale: 30m
  every: 15m
`

const least = "organisation: kopi\nsources:\n  - name: kopi\n    dir: .\n"

func TestParseReadsEverythingThatCanBeDeclared(t *testing.T) {
	got, err := Parse([]byte(full), FileName)
	if err != nil {
		t.Fatal(err)
	}
	five := 5
	want := Workspace{
		Organisation: "kopi",
		Sources: []Source{
			{Name: "kopi", Dir: ".", Exclude: []string{"archive", "**/testdata"}},
			{Name: "settings", Dir: "../settings", Environment: "production-sg", Kind: ConfigRepository},
		},
		Environments: []Environment{{Name: "production-sg", Kind: "vm", Country: "SG", Provider: "gcp"}},
		Teams: []Team{{Name: "orders", Mail: "orders@example.org", Chat: "#orders", People: []string{"ani@example.org"},
			Owns: []string{"orders", "pg-*", "/services/orders/"}}},
		Services: []Service{
			{Name: "payment-provider", Aliases: []string{"api.pay.example.org", "203.0.113.7"}, Kind: estate.External, Team: "orders"},
			{Name: "old-smtp", Aliases: []string{"mail.example.org"}, Ignore: true},
		},
		Channels: Channels{Portal: "https://caravan.example.org", Zone: "Asia/Jakarta", Digest: 15 * time.Minute, Quiet: &Quiet{From: "20:00", Until: "07:30"},
			Slack:   &SlackChannel{Token: Secret{Env: "CARAVAN_SLACK_TOKEN"}, Approvals: true, SigningSecret: &Secret{File: "~/slack-signing"}},
			Mail:    &MailChannel{Server: "mail.example.org:587", From: "Caravan <caravan@example.org>", User: "caravan", Password: &Secret{File: "/run/secrets/mail"}, TLS: "starttls"},
			Webhook: &WebhookChannel{URL: "https://hooks.example.org/caravan", Secret: Secret{Env: "CARAVAN_WEBHOOK_SECRET"}}},
		Delivery: Delivery{Registry: "registry.example.org:5000/kopi", Insecure: true, Base: "scratch", Order: []string{"staging", "*-data"}, Skew: 4 * time.Hour,
			Balancers: []Balancer{{Environment: "production-sg", Hosts: []string{"lb1=10.0.0.7"}}},
			Skews:     []Skew{{Team: "orders", Most: time.Hour}}},
		Database: "postgres://caravan@db.internal/caravan",
		Drift:    Drift{Budget: &five, Teams: map[string]int{"orders": 10}, Stale: 30 * time.Minute, Every: 15 * time.Minute},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Workspace{}, consent.Policy{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestEachProblemHasItsLineAndItsMend(t *testing.T) {
	tests := []struct {
		name string
		text string
		want []string
	}{
		{"an empty file", "", []string{`1: nothing in it; run caravan init in an empty directory to see what belongs here`}},
		{"only a comment", "# soon\n", []string{`1: nothing in it; run caravan init in an empty directory to see what belongs here`}},
		{"not YAML", "organisation: kopi\nsources: [\n", []string{`not valid YAML`}},
		{"two documents", least + "---\norganisation: b\n", []string{`6: a second document; keep one, without --- lines`}},
		{"a list at the top", "- kopi\n", []string{`1: the workspace is a list; write keys and values: organisation, sources, environments, teams, services, pools, networks, peerings, placement, rates, targets, delivery, live, configuration, drift, standby, consent, channels, signin, database`}},
		{"nothing that is required", "teams: []\n", []string{`1: the workspace has no organisation; add one`, `1: the workspace has no sources; add one`}},
		{"a line of something else", least + "root:$6$salt$hash:20000:0:99999:7::: \n", []string{`5: unknown key; the keys here are organisation`}},
		{"a mistyped key", least + "evironments: []\n", []string{`5: unknown key "evironments"; did you mean "environments"?`}},
		{"a key in American spelling", "organi" + "zation: kopi\nsources: [{name: kopi, dir: .}]\n", []string{
			`1: unknown key "organi` + `zation"; did you mean "organisation"?`, `1: the workspace has no organisation; add one`}},
		{"a key like no other", least + "    favourite: kopi\n", []string{`5: unknown key "favourite"; the keys here are name, dir, environment, exclude, kind`}},
		{"a key given twice", least + "organisation: other\n", []string{`5: "organisation" is given in line 1 already; keep one`}},
		{"a number where a text belongs", "organisation: 12\nsources: [{name: kopi, dir: .}]\n", []string{`1: organisation is a number; put the text in quotes`}},
		{"a map where a list belongs", "organisation: kopi\nsources: {name: kopi, dir: .}\n", []string{`2: sources is a map; write a list, each item after a dash`}},
		{"a text where a map belongs", "organisation: kopi\nsources:\n  - kopi\n", []string{`3: sources[0] is a text; write keys and values: name, dir, environment, exclude, kind`}},
		{"a channel that became a comment", least + "teams:\n  - name: orders\n    chat: #orders\n", []string{`7: teams[0].chat is empty; give it a text, in quotes if it begins with #`}},
		{"pods of machines", least + "environments:\n  - name: p\n    kind: vm\n    pods: {range: 10.60.0.0/16}\n", []string{`8: pods are a cluster's, and p is of kind vm; leave them out`}},
		{"pods in public", least + "environments:\n  - name: p\n    kind: kubernetes\n    pods: {range: 198.51.100.0/24, block: 4}\n", []string{`environments[0].pods.block is 4; write a number from 8 to 65536`, `198.51.100.0/24 is not private`}},
		{"an environment of no known kind", least + "environments:\n  - name: p\n    kind: cloud\n", []string{`7: environments[0].kind is "cloud"; write vm or kubernetes`}},
		{"a country in small letters", least + "environments:\n  - name: p\n    kind: vm\n    country: sg\n", []string{`8: "sg" is not a country code; write SG`}},
		{"a country by its other code", least + "environments:\n  - name: p\n    kind: vm\n    country: UK\n", []string{`8: "UK" is not a country code; write GB`}},
		{"a country's name", least + "environments:\n  - name: p\n    kind: vm\n    country: Indonesia\n", []string{`8: "Indonesia" is not a country code; write the two capital letters of ISO 3166-1, such as ID for Indonesia`}},
		{"a team declared twice", least + "teams:\n  - name: orders\n  - name: orders\n", []string{`7: team "orders" is declared in line 6 already; rename or remove one`}},
		{"a service known by another's alias", least + "services:\n  - name: pay\n    aliases: [pay-api]\n  - name: PayAPI\n", []string{`8: service name "PayAPI" is taken in line 7; give each name to one service, once`}},
		{"a team nobody declared", least + "services:\n  - name: pay\n    team: orders\n", []string{`7: team "orders" is not declared; add it under teams`}},
		{"a mistyped team", least + "teams: [{name: orders}]\nservices:\n  - name: pay\n    team: order\n", []string{`8: team "order" is not declared; did you mean "orders"?`}},
		{"an environment nobody declared", least + "    environment: production\n", []string{`5: environment "production" is not declared; add it under environments`}},
		{"an absolute directory", "organisation: kopi\nsources:\n  - name: kopi\n    dir: /srv/kopi\n", []string{`4: source directory /srv/kopi is absolute, so only right on one machine; write it relative to this file`}},
		{"a source name that is a path", "organisation: kopi\nsources:\n  - name: a/b\n    dir: .\n", []string{`3: source name "a/b" would not do as the first part of a path; use letters, digits, dots and dashes`}},
		{"a broken glob", least + "    exclude: [\"[a\"]\n", []string{`5: "[a" is not a glob; write a folder or a pattern such as **/testdata`}},
		{"a mail address without a host", least + "teams: [{name: orders, mail: orders}]\n", []string{`5: "orders" is not a mail address; write name@example.org`}},
		{"a budget below nothing", least + "drift: {budget: -1}\n", []string{`5: drift.budget is -1; write a number from 0`}},
		{"a budget that is no number", least + "drift: {teams: {orders: many}}\n", []string{`5: drift.teams.orders`}},
		{"a budget of a mistyped team", least + "teams: [{name: orders}]\ndrift:\n  teams: {order: 3}\n", []string{`7: no team "order"; did you mean orders?`}},
		{"looking all the time", least + "drift: {every: 1s, stale: 10m}\n", []string{`5: 1s is too often; write a minute or more, such as 15m`}},
		{"a datastore found in no way", least + "standby:\n  datastores:\n  - name: orders-db\n", []string{`7: orders-db needs exactly one way to find its instances: patroni, stolon, cloudnativepg, sentinels or members`}},
		{"a datastore found in two ways", least + "standby:\n  datastores:\n  - name: orders-db\n    patroni: [10.0.0.1:8008]\n    members: {a: \"10.0.0.1:5432\"}\n", []string{`7: orders-db needs exactly one way`}},
		{"an address that is none", least + "standby:\n  datastores:\n  - name: orders-db\n    members: {a: 10.0.0.1}\n", []string{`8: "10.0.0.1" is no address; write host:port`}},
		{"a password that stands there", least + "standby:\n  datastores:\n  - name: orders-db\n    password: hunter2\n    members: {a: \"10.0.0.1:5432\"}\n", []string{`8: standby.datastores[0].password`}},
		{"a way through no target", least + "standby:\n  datastores:\n  - name: orders-db\n    environment: old\n    through: machines\n    members: {a: \"10.0.0.1:5432\"}\n", []string{`9: old has no target with machines; declare one under targets`}},
		{"a drill in a folder that is nowhere", least + "standby:\n  datastores:\n  - name: orders-db\n    backup: {scratch: drill}\n    members: {a: \"10.0.0.1:5432\"}\n", []string{`8: "drill" is no whole path; write one that begins with /`}},
		{"drills all the time", least + "standby:\n  datastores:\n  - name: orders-db\n    backup: {drill: 1m}\n    members: {a: \"10.0.0.1:5432\"}\n", []string{`8: a drill each 1m0s is too often: it restores the whole database; write an hour or more, such as 168h`}},
		{"a stanza that is an option", least + "standby:\n  datastores:\n  - name: orders-db\n    backup: {stanza: --force}\n    members: {a: \"10.0.0.1:5432\"}\n", []string{`8: "--force" is no stanza; write letters, digits, - and _`}},
		{"backups on a machine that is not reached", least + "standby:\n  datastores:\n  - name: orders-db\n    backup: {machine: 10.0.0.9}\n    members: {a: \"10.0.0.1:5432\"}\n", []string{`8: no environment has no target with machines; declare one under targets`}},
		{"backups of a Redis", least + "standby:\n  datastores:\n  - name: sessions\n    backup: {}\n    sentinels: [\"10.0.0.1:26379\"]\n", []string{`8: pgBackRest backs PostgreSQL up, and sessions is redis`}},
		{"backups in pods that are none", least + "standby:\n  datastores:\n  - name: db\n    backup: {container: backups}\n    members: {a: \"10.0.0.1:5432\"}\n", []string{`8: pgBackRest is asked in pods of Patroni, which needs patroni and through: cluster, and no machine`}},
		{"a preference without Patroni", least + "standby:\n  datastores:\n  - name: db\n    preference: {file: /etc/patroni/db/preference.yml}\n    members: {a: \"10.0.0.1:5432\"}\n", []string{`8: db is told by a file who takes over first, which needs patroni`}},
		{"a preference that is no file of Patroni's", least + "standby:\n  datastores:\n  - name: db\n    preference: {file: /etc/patroni/db}\n    patroni: [\"10.0.0.1:8008\"]\n", []string{`8: "/etc/patroni/db" is no whole path that ends in .yml`, `8: db is told by a file who takes over first, which needs patroni, and through`}},
		{"the machine of a pooler that is reached directly", least + "standby:\n  datastores:\n  - {name: db, environment: a, members: {x: \"10.0.0.1:5432\"}, admin: {user: p}}\n  - {name: db, environment: b, members: {x: \"10.0.0.2:5432\"}, admin: {user: p}}\n  moves:\n" +
			"  - {datastore: db, from: a, to: b, clients: [{pgbouncer: {console: \"127.0.0.1:6432\", user: u, file: f, databases: [d], machine: 10.0.0.9}}]}\n", []string{`10: 10.0.0.9 is reached over SSH; write through: machines beside it`}},
		{"a move of a name that is near another", least + "standby:\n  datastores:\n  - {name: orders-db, environment: a, members: {x: \"10.0.0.1:5432\"}, admin: {user: p}}\n  - {name: orders-db, environment: b, members: {x: \"10.0.0.2:5432\"}, admin: {user: p}}\n  moves:\n" +
			"  - {datastore: order-db, from: a, to: b}\n", []string{`10: order-db is not declared in a; did you mean orders-db? Else name it under standby.datastores with environment: a`, `10: order-db is not declared in b; did you mean orders-db? Else name it under standby.datastores with environment: b`}},
		{"a balancer on no machine", least + "standby:\n  datastores:\n  - {name: db, environment: a, members: {x: \"10.0.0.1:5432\"}, admin: {user: p}}\n  - {name: db, environment: b, members: {x: \"10.0.0.2:5432\"}, admin: {user: p}}\n  moves:\n" +
			"  - {datastore: db, from: a, to: b, clients: [{haproxy: {socket: /run/haproxy/admin.sock, backend: db, through: machines}}]}\n", []string{`10: HAProxy at /run/haproxy/admin.sock is reached over SSH by machine and through: machines together; write both, or neither`}},
		{"a datastore of a mistyped team", least + "teams: [{name: shop}]\nstandby:\n  datastores:\n  - name: db\n    team: shp\n    members: {x: \"10.0.0.1:5432\"}\n", []string{`9: team "shp" is not declared; did you mean "shop"?`}},
		{"a datastore twice", least + "standby:\n  datastores:\n  - {name: db, patroni: [\"10.0.0.1:8008\"]}\n  - {name: db, patroni: [\"10.0.0.1:8008\"]}\n", []string{`8: db is there twice`}},
		{"warmer than warm", least + "standby: {warmth: 101}\n", []string{`5: standby.warmth is 101`}},
		{"warming all the time", least + "standby: {every: 1ms}\n", []string{`5: 1ms is too often; write a second or more, such as 10s`}},
		{"a look that never counts", least + "drift: {stale: -1h}\n", []string{`5: drift.stale is no length of time; write it as 10s, 90s or 4h`}},
		{"a pool that is no range", least + "pools: [{name: a, range: ten}]\n", []string{`5: "ten" is not a range; write it as 10.10.0.0/22`}},
		{"a public pool", least + "pools: [{name: a, range: 8.8.8.0/24}]\n", []string{`5: 8.8.8.0/24 is not private; take it from RFC 1918, 100.64.0.0/10 or fc00::/7`}},
		{"a range with bits too many", least + "pools: [{name: a, range: 10.1.2.3/16}]\n", []string{`5: 10.1.2.3/16 has bits below its length; write 10.1.0.0/16`}},
		{"two pools of the same addresses", least + "pools:\n  - {name: a, range: 10.0.0.0/8}\n  - {name: b, range: 10.4.0.0/16}\n", []string{
			`7: 10.4.0.0/16 overlaps pool a in line 6; give each pool a range of its own`}},
		{"an environment's range that is none", least + "environments: [{name: p, kind: vm, ranges: [10.0.0.0/40]}]\n", []string{`5: "10.0.0.0/40" is not a range`}},
		{"a network that is an environment", least + "environments: [{name: p, kind: vm}]\nnetworks: [{name: p, ranges: [10.0.0.0/24]}]\n", []string{`6: "p" is an environment already; give its ranges there`}},
		{"a peering with one end", least + "peerings: [{between: [p]}]\n", []string{`5: a peering has two ends; write between: [one, other]`}},
		{"a peering with nobody", least + "environments: [{name: p, kind: vm}]\npeerings: [{between: [p, office]}]\n", []string{`6: network "office" is not declared; add it under networks`}},
		{"a round trip without a unit", least + "environments: [{name: p, kind: vm}, {name: q, kind: vm}]\npeerings: [{between: [p, q], rtt: 9}]\n", []string{`6: peerings[0].rtt is no length of time; write it as 10s, 90s or 4h`}},
		{"a placement nobody has", least + "placement: {postgres: cloud}\n", []string{`5: placement.postgres is "cloud"; write vm or kubernetes`}},
		{"a rate below nothing", least + "rates: [{from: a, to: b, perSecond: -1}]\n", []string{`5: rates[0].perSecond is a number; write a number that is not negative`}},
		{"two targets of one folder", least + "targets:\n  - {environment: a, folder: fleet}\n  - {environment: b, folder: ./fleet}\n", []string{`7: ./fleet is the folder of targets[0], too; give each a folder of its own`}},
		{"a target that leads nowhere", least + "targets:\n  - environment: a\n", []string{`6: a target is one of folder, cluster and machines; write exactly one`}},
		{"a target that leads to two places", least + "targets:\n  - {environment: a, folder: fleet, cluster: {context: id}}\n", []string{`6: a target is one of folder, cluster and machines; write exactly one`}},
		{"a cluster without its context", least + "targets:\n  - {environment: a, cluster: {kubeconfig: ~/.kube/config}}\n", []string{`6: targets[0].cluster has no context; add one`}},
		{"machines at no port", least + "targets:\n  - {environment: a, machines: {port: 0}}\n", []string{`6: targets[0].machines.port is 0; write a number from 1 to 65535`}},
		{"a live source that is nothing", least + "environments: [{name: p, kind: vm}]\nlive:\n  - {name: p, environment: p}\n", []string{`7: a live source is a cluster or machines; write exactly one`}},
		{"a live source of an environment nobody declared", least + "live: [{name: p, environment: p, machines: {}}]\n", []string{`5: environment "p" is not declared`}},
		{"a live source called like a source of files", least + "environments: [{name: p, kind: vm}]\nlive: [{name: kopi, environment: p, machines: {}}]\n", []string{`6: "kopi" is a source of files, too; give each a name of its own`}},
		{"a cluster with words of machines", least + "environments: [{name: p, kind: vm}]\nlive: [{name: c, environment: p, cluster: {context: c}, watch: 5s}]\n", []string{`6: watch is a word of machines; take it out`}},
		{"machines with words of a cluster", least + "environments: [{name: p, kind: vm}]\nlive: [{name: c, environment: p, machines: {}, connections: true}]\n", []string{`6: connections is a word of clusters; take it out`}},
		{"a machine without an address, and one twice", least + "environments: [{name: p, kind: vm}]\nlive:\n  - name: c\n    environment: p\n    machines: {}\n    hosts: [app1, a=10.0.0.1, a=10.0.0.2]\n", []string{
			`10: "app1" is no machine; write name=address, such as app1=10.0.0.7`, `10: a is there already, in line 10; give each machine one address`}},
		{"a watch of hours", least + "environments: [{name: p, kind: vm}]\nlive: [{name: c, environment: p, machines: {}, watch: 2h}]\n", []string{`6: 2h0m0s is not a time to watch for; write at most 1m0s`}},
		{"a target of no glob", least + "targets: [{environment: '[', folder: fleet}]\n", []string{`5: "[" is not a glob; write a name or a pattern such as *-data`}},
		{"a policy that asks a team nobody declared", least + "teams: [{name: orders}]\nconsent:\n  unowned: platform\n  rules:\n    - name: traffic\n      teams: [order]\n" +
			"      delegates: [{team: qa, for: a, by: b}]\n      escalate: [{after: 48h, to: [cto@example.org, cto]}]\n", []string{
			`7: team "platform" is not declared; add it under teams`, `10: team "order" is not declared; did you mean "orders"?`,
			`11: team "qa" is not declared`, `12: team "cto" is not declared`}},
		{"a condition that cannot be", least + "consent:\n  rules:\n    - name: a\n      approvers: 2\n      when: knd == \"service\"\n", []string{`9: rule a: the condition knows no "knd"; did you mean "kind"?`}},
		{"a token in clear", least + "channels:\n  slack:\n    token: xoxb-kept-secret\n", []string{`7: channels.slack.token stands here in clear; put it into a file or an environment variable, write {file: PATH} or {env: NAME}, and change the secret`}},
		{"a token where its variable belongs", least + "channels:\n  slack: {token: {env: xoxb-kept-secret}}\n", []string{`6: channels.slack.token.env is no name of an environment variable; write the name and not what it holds`}},
		{"a secret in two places", least + "channels:\n  webhook: {url: https://a.example, secret: {env: A, file: b}}\n", []string{`6: channels.webhook.secret is in a file or in an environment variable; write exactly one`}},
		{"an address with a password", least + "channels:\n  webhook: {url: 'https://u:kept-secret@a.example', secret: {env: A}}\n", []string{`6: channels.webhook.url holds a password; leave it out`}},
		{"an address that is none", least + "channels: {portal: caravan}\n", []string{`5: channels.portal is no address; write it as https://caravan.example.org`}},
		{"approvals nobody can trust", least + "channels:\n  slack:\n    token: {env: A}\n    approvals: true\n", []string{`7: approvals need the app's signingSecret`}},
		{"a mail server without a port", least + "channels:\n  mail: {server: mail.example.org, from: a@example.org}\n", []string{`6: "mail.example.org" is not a host and port; write it as mail.example.org:587`}},
		{"a sender that is none", least + "channels:\n  mail: {server: 'm:25', from: caravan}\n", []string{`6: "caravan" is not a sender; write it as Caravan <caravan@example.org>`}},
		{"an account without its password", least + "channels:\n  mail: {server: 'm:25', from: a@example.org, user: u}\n", []string{`6: an account is a user and a password; give both or neither`}},
		{"a password in clear over the network", least + "channels:\n  mail: {server: 'm:25', from: a@example.org, user: u, password: {env: A}, tls: none}\n", []string{`6: the password would cross the network in clear; write starttls or tls`}},
		{"quiet hours that are none", least + "channels:\n  quiet: {from: 8pm, until: 07:00}\n", []string{`6: channels.quiet.from is no time of day; write it as 07:30`}},
		{"quiet hours without an end", least + "channels:\n  quiet: {from: 07:00, until: 07:00}\n", []string{`6: quiet from 07:00 until 07:00 is never or always`}},
		{"a digest that is too long", least + "channels: {digest: 48h}\n", []string{`5: 48h0m0s is longer than a day`}},
		{"a zone nobody knows", least + "channels: {zone: Jakarta}\n", []string{`5: "Jakarta" is not a time zone; write it as Asia/Jakarta`}},
		{"a person without a mail address", least + "teams: [{name: orders, people: [ani]}]\n", []string{`5: "ani" is not a mail address; write name@example.org`}},
		{"images at an address of the web", least + "delivery: {registry: https://registry.example.org}\n", []string{`5: "https://registry.example.org" is not where images are kept; write a registry and a folder`}},
		{"a balancer that is no machine", least + "delivery: {balancers: [{environment: old, hosts: [lb1]}]}\n", []string{`5: "lb1" is no machine; write name=address`}},
		{"an order that is none", least + "delivery: {order: [\"[\"]}\n", []string{`5: "[" is not a glob`}},
		{"a skew of a team nobody knows, twice", least + "delivery: {skews: [{team: a, most: 1h}, {team: a, most: 2h}]}\n", []string{`team "a" is not declared`, `team "a" is not declared`, `team a is there twice`}},
		{"a sign-in of nobody", least + "signin: {}\n", []string{`5: signin has no issuer; add one`, `5: signin has no clientID; add one`, `5: signin has no url; add one`}},
		{"a provider anybody can listen to", least + "signin: {issuer: http://sso.example.org, clientID: caravan, url: https://caravan.example.org}\n", []string{`5: "http://sso.example.org" is not encrypted, and only this very machine may be spoken to like that; write https://`}},
		{"a portal below a path", least + "signin: {issuer: https://sso.example.org, clientID: caravan, url: https://example.org/caravan}\n", []string{`5: "https://example.org/caravan" has a path; the portal is at the root of its address`}},
		{"a provider whose address has a password", least + "signin: {issuer: https://a:b@sso.example.org, clientID: caravan, url: https://caravan.example.org}\n", []string{`5: what has a user in it is no web address; write it as https://name.example.org`}},
		{"a mail server with a password", least + "channels:\n  mail: {server: 'a:b@mail.example.org:25', from: a@example.org}\n", []string{`6: what has a user in it is not a host and port`}},
		{"a secret in the file", least + "signin: {issuer: https://sso.example.org, clientID: caravan, url: https://caravan.example.org, clientSecret: hunter2}\n", []string{`5: unknown key "clientSecret"; the keys here are`}},
		{"a secret where its name belongs", least + "signin: {issuer: https://sso.example.org, clientID: caravan, url: https://caravan.example.org, clientSecretEnv: k/7=x}\n", []string{`5: that is no name of an environment variable; write its name, such as CARAVAN_CLIENT_SECRET, and never the secret itself`}},
		{"a client's secret in two places", least + "signin: {issuer: https://sso.example.org, clientID: caravan, url: https://caravan.example.org, clientSecretEnv: A, clientSecretFile: b}\n", []string{`5: the client's secret is in a file or in an environment variable; write one of clientSecretFile and clientSecretEnv`}},
		{"a group of a team nobody declared", least + "teams: [{name: orders}]\nsignin: {issuer: https://sso.example.org, clientID: caravan, url: https://caravan.example.org, teams: {kopi-orders: order}}\n", []string{`6: team "order" is not declared; did you mean "orders"?`}},
		{"a session without an end", least + "signin: {issuer: https://sso.example.org, clientID: caravan, url: https://caravan.example.org, session: 9000h, idle: 1s}\n", []string{`9000h0m0s is out of bounds; people stay signed in from 5m to 720h`, `1s is out of bounds`}},
		{"a proxy that is no range", least + "signin: {issuer: https://sso.example.org, clientID: caravan, url: https://caravan.example.org, proxies: [lb]}\n", []string{`5: "lb" is not a range`}},
		{"another database", least + "database: mysql://root:kept-secret@db.internal/x\n", []string{
			`5: not a PostgreSQL address; write postgres://user@host/name, or leave it out to keep history beside this file`}},
		{"several problems, in the order of their lines", "organisation: 12\nsources:\n  - name: kopi\n    dri: .\nenvironments:\n  - name: p\n    kind: vm\n    country: XX\n", []string{
			`1: organisation is a number; put the text in quotes`,
			`3: sources[0] has no dir; add one`,
			`4: unknown key "dri"; did you mean "dir"?`,
			`8: "XX" is not a country code; write the two capital letters of ISO 3166-1, such as ID for Indonesia`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse([]byte(tt.text), FileName)
			if fault.KindOf(err) != fault.Invalid {
				t.Fatalf("want an invalid fault, got %v", err)
			}
			lines := strings.Split(err.Error(), "\n")
			if len(lines) != len(tt.want) {
				t.Fatalf("want %d lines, got:\n%v", len(tt.want), err)
			}
			for i, line := range lines {
				if !strings.HasPrefix(line, FileName+":") || !strings.Contains(line, tt.want[i]) {
					t.Errorf("line %d:\nwant %s:%s\n got %s", i, FileName, tt.want[i], line)
				}
			}
			if strings.Contains(err.Error(), "kept-secret") {
				t.Error("a password is in the message")
			}
		})
	}
}

func TestAFileFullOfProblemsIsReportedInPart(t *testing.T) {
	_, err := Parse([]byte(least+strings.Repeat("x: 1\n", 4000)), FileName)
	if fault.KindOf(err) != fault.Invalid {
		t.Fatalf("want an invalid fault, got %v", err)
	}
	lines := strings.Split(err.Error(), "\n")
	if last := lines[len(lines)-1]; len(lines) != 101 || last != "caravan.yaml: 3900 more problems; mend these first" {
		t.Errorf("%d lines, the last is %q", len(lines), last)
	}
}

func TestOpen(t *testing.T) {
	t.Run("makes directories whole and leaves out what is wished", func(t *testing.T) {
		dir := t.TempDir()
		write(t, dir, least)
		w, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		want := []discover.Source{{Name: "kopi", Dir: dir, Exclude: []string{
			"expansions", "services/*/score.yaml", "config/base.yaml", "services/*/config/base.yaml", "config/kind/*.yaml", "services/*/config/kind/*.yaml",
			"config/environment/*.yaml", "services/*/config/environment/*.yaml", "config/country/*.yaml", "services/*/config/country/*.yaml",
		}}}
		if diff := cmp.Diff(want, Sources(w)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("reports a missing directory together with everything else", func(t *testing.T) {
		dir := t.TempDir()
		write(t, dir, "organisation: 1\nsources:\n  - name: kopi\n    dir: nowhere\n  - name: file\n    dir: caravan.yaml\n")
		_, err := Open(dir)
		if fault.KindOf(err) != fault.Invalid {
			t.Fatalf("want an invalid fault, got %v", err)
		}
		for _, want := range []string{":1: organisation is a number", ":4: source directory nowhere does not exist", ":6: source caravan.yaml is not a directory"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("no %q in:\n%v", want, err)
			}
		}
	})
	t.Run("says what to do where there is none", func(t *testing.T) {
		_, err := Open(t.TempDir())
		if fault.KindOf(err) != fault.NotFound || !strings.Contains(err.Error(), "caravan init") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("refuses a directory in the file's place", func(t *testing.T) {
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, FileName), 0o755); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir); fault.KindOf(err) != fault.Invalid {
			t.Errorf("got %v", err)
		}
	})
}

func TestTheSampleCompanysWorkspaceIsValid(t *testing.T) {
	w, err := Open("../../examples/kopi")
	if err != nil {
		t.Fatal(err)
	}
	if w.Organisation != "kopi" || len(w.Teams) != 4 || len(w.Environments) != 3 {
		t.Errorf("got %+v", w)
	}
}

func TestFind(t *testing.T) {
	dir := t.TempDir()
	deep := filepath.Join(dir, "services", "orders")
	if err := os.MkdirAll(deep, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Find(deep); fault.KindOf(err) != fault.NotFound || !strings.Contains(err.Error(), "caravan init") {
		t.Errorf("without a workspace: got %v", err)
	}
	write(t, dir, least)
	for _, from := range []string{dir, deep} {
		if got, err := Find(from); err != nil || got != dir {
			t.Errorf("from %s: got %s, %v", from, got, err)
		}
	}
}

func TestSightingsCarryTheLinesThatSaySo(t *testing.T) {
	w, err := Parse([]byte(full), FileName)
	if err != nil {
		t.Fatal(err)
	}
	at := func(line int) estate.Place { return estate.Place{File: FileName, Line: line} }
	pay, smtp := estate.In("workspace", "payment-provider"), estate.In("workspace", "old-smtp")
	team := estate.In("team", "orders")
	want := []estate.Sighting{
		{Fact: estate.Repository, Subject: estate.At("settings"), Value: "settings", Place: at(9), By: "workspace"},
		{Fact: estate.Contact, Subject: team, Key: "mail", Value: "orders@example.org", Place: at(17), By: "workspace"},
		{Fact: estate.Contact, Subject: team, Key: "chat", Value: "#orders", Place: at(18), By: "workspace"},
		{Fact: estate.Owns, Key: "workspace", Value: "orders", Profile: "orders", Place: at(21), By: "workspace"},
		{Fact: estate.Owns, Key: "workspace", Value: "orders", Profile: "pg-*", Place: at(22), By: "workspace"},
		{Fact: estate.Owns, Key: "workspace", Value: "orders", Profile: "/services/orders/", Place: at(23), By: "workspace"},
		{Fact: estate.Called, Subject: pay, Key: estate.NameCatalog, Value: "payment-provider", Place: at(25), By: "workspace"},
		{Fact: estate.Runs, Subject: pay, Key: "external", Place: at(25), By: "workspace"},
		{Fact: estate.Called, Subject: pay, Key: estate.NameAddress, Value: "203.0.113.7", Place: at(26), By: "workspace"},
		{Fact: estate.Called, Subject: pay, Key: estate.NameDNS, Value: "api.pay.example.org", Place: at(26), By: "workspace"},
		{Fact: estate.Owns, Subject: pay, Key: "workspace", Value: "orders", Place: at(28), By: "workspace"},
		{Fact: estate.Called, Subject: smtp, Key: estate.NameCatalog, Value: "old-smtp", Place: at(29), By: "workspace"},
		{Fact: estate.Runs, Subject: smtp, Key: "service", Place: at(29), By: "workspace"},
		{Fact: estate.Called, Subject: smtp, Key: estate.NameDNS, Value: "mail.example.org", Place: at(30), By: "workspace"},
	}
	if diff := cmp.Diff(want, Sightings(w)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]estate.Place{at(29)}, Ignored(w)); diff != "" {
		t.Errorf("ignored (-want +got):\n%s", diff)
	}
}

func TestASourceAloneIsTheRoot(t *testing.T) {
	w, err := Parse([]byte("organisation: kopi\nsources:\n  - name: settings\n    dir: .\n    kind: config-repository\n"), FileName)
	if err != nil {
		t.Fatal(err)
	}
	if got := Sightings(w); len(got) != 1 || got[0].Value != "." {
		t.Errorf("got %+v", got)
	}
}

func TestADraftIsAWorkspaceAsItStands(t *testing.T) {
	for _, name := range []string{"kopi", "two words", "123", "..odd..", "日本"} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), name)
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			draft := Draft(dir, Propose(dir))
			write(t, dir, string(draft))
			w, err := Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			if len(w.Sources) != 1 || w.Sources[0].Dir != "." {
				t.Errorf("got sources %+v", w.Sources)
			}
			if !strings.HasPrefix(string(draft), "# yaml-language-server: $schema="+SchemaURL+"\n") {
				t.Error("no line for editors on top")
			}
		})
	}
}

func TestADraftWithItsExamplesTurnedOnIsValid(t *testing.T) {
	var text strings.Builder
	on := false
	for _, line := range strings.Split(string(Draft("kopi", Propose("kopi"))), "\n") {
		switch bare, comment := strings.CutPrefix(line, "# "); {
		case comment && (strings.HasSuffix(bare, ":") || strings.HasPrefix(bare, "database: ")):
			on = true
			text.WriteString(bare + "\n")
		case comment && on:
			text.WriteString(bare + "\n")
		default:
			on = false
			text.WriteString(strings.Replace(line, "    # ", "    ", 1) + "\n")
		}
	}
	w, err := Parse([]byte(text.String()), FileName)
	if err != nil {
		t.Fatalf("%v in:\n%s", err, text.String())
	}
	if len(w.Environments) != 1 || len(w.Teams) != 1 || len(w.Services) != 2 || w.Database == "" {
		t.Errorf("got %+v", w)
	}
}

func TestSourcesAreProposedByWhatLiesThere(t *testing.T) {
	for _, c := range []struct {
		name  string
		files []string
		want  []Proposal
	}{
		{"nothing", nil, []Proposal{{Source: Source{Name: "estate", Dir: "."}}}},
		{"one repository", []string{"docker-compose.yml", "web/package.json", "web/node_modules/x/go.mod", "infra/k8s/web.yaml"},
			[]Proposal{{Source: Source{Name: "estate", Dir: "."}, Found: []string{"Compose", "Kubernetes", "code"}}}},
		{"several checkouts", []string{"chef/cookbooks/web/metadata.rb", "shop/pom.xml", "notes/todo.txt", ".git/cookbooks/x"}, []Proposal{
			{Source: Source{Name: "chef", Dir: "chef"}, Found: []string{"Chef"}},
			{Source: Source{Name: "notes", Dir: "notes"}},
			{Source: Source{Name: "shop", Dir: "shop"}, Found: []string{"code"}}}},
		{"a configuration server's repository within", []string{"pom.xml", "_config-repo/orders.yml"}, []Proposal{
			{Source: Source{Name: "estate", Dir: ".", Exclude: []string{"_config-repo"}}, Found: []string{"code"}},
			{Source: Source{Name: "config-repo", Dir: "_config-repo", Kind: ConfigRepository}, Found: []string{"files a configuration server hands out"}}}},
		{"names that are the same once cleaned", []string{"a b/go.mod", "a-b/go.mod"}, []Proposal{
			{Source: Source{Name: "a-b", Dir: "a b"}, Found: []string{"code"}},
			{Source: Source{Name: "a-b-2", Dir: "a-b"}, Found: []string{"code"}}}},
		{"names made to say more", []string{"x\n  - name: y\ndir: z/go.mod", `[*]\"{/compose.yaml`}, []Proposal{
			{Source: Source{Name: "estate", Dir: `[*]\"{`}, Found: []string{"Compose"}}}},
		{"an odd folder that is left out", []string{"go.mod", "[a]{b}*-config-repo/x.yml"}, []Proposal{
			{Source: Source{Name: "estate", Dir: ".", Exclude: []string{"[a]{b}*-config-repo"}}, Found: []string{"code"}},
			{Source: Source{Name: "a--b---config-repo", Dir: "[a]{b}*-config-repo", Kind: ConfigRepository}, Found: []string{"files a configuration server hands out"}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "estate")
			if err := os.Mkdir(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			for _, name := range c.files {
				full := filepath.Join(dir, name)
				if err := errors.Join(os.MkdirAll(filepath.Dir(full), 0o755), os.WriteFile(full, nil, 0o644)); err != nil {
					t.Fatal(err)
				}
			}
			got := Propose(dir)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			write(t, dir, string(Draft(dir, got)))
			w, err := Open(dir)
			if err != nil || len(w.Sources) != len(c.want) {
				t.Fatalf("%v, %+v", err, w.Sources)
			}
			for _, s := range w.Sources {
				for _, glob := range s.Exclude {
					if entries, err := doublestar.Glob(os.DirFS(dir), glob); err != nil || len(entries) != 1 {
						t.Errorf("%s means %v, %v", glob, entries, err)
					}
				}
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{full, least, "", "- a", "sources: [&a {name: *a}]", "organisation: {a: 1}\nsources: 3", string(Draft("kopi", Propose("kopi")))} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		w, err := Parse(data, FileName)
		if err != nil {
			if fault.KindOf(err) != fault.Invalid {
				t.Errorf("not an invalid fault: %v", err)
			}
			return
		}
		if len(w.Sources) == 0 || w.Organisation == "" {
			t.Errorf("accepted without what is required: %+v", w)
		}
		for _, s := range Sightings(w) {
			if s.Place.Line == 0 {
				t.Errorf("no line: %+v", s)
			}
		}
	})
}

func write(t *testing.T, dir, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, FileName), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
