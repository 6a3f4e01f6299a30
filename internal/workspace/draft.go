package workspace

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
)

// SchemaURL is where the JSON Schema of caravan.yaml is served for editors.
const SchemaURL = "https://caravan.example.org/schemas/workspace.schema.json"

// Draft is the caravan.yaml that begins a workspace in a directory: it reads the proposed sources and explains the
// rest. It is valid as it stands, and names the organisation after the directory.
func Draft(dir string, sources []Proposal) []byte {
	var list strings.Builder
	for _, s := range sources {
		s.write(&list)
	}
	return fmt.Appendf(nil, draft, SchemaURL, draftName(dir), list.String())
}

// write puts a source down as YAML. Names of folders are other people's text, so they are quoted.
func (p Proposal) write(b *strings.Builder) {
	switch {
	case len(p.Found) > 0:
		fmt.Fprintf(b, "  # found here: %s\n", strings.Join(p.Found, ", "))
	case p.Dir != ".":
		b.WriteString("  # nothing was recognised here: take it out if it is none of the estate's\n")
	}
	fmt.Fprintf(b, "  - name: %q\n    dir: %s\n", p.Name, quoted(p.Dir))
	if len(p.Exclude) > 0 {
		globs := make([]string, len(p.Exclude))
		for i, folder := range p.Exclude {
			globs[i] = quoted(asGlob.Replace(folder))
		}
		fmt.Fprintf(b, "    exclude: [%s]\n", strings.Join(globs, ", "))
	}
	if p.Kind != "" {
		fmt.Fprintf(b, "    kind: %s\n", p.Kind)
	}
}

// asGlob makes a folder's name a glob that means that folder alone.
var asGlob = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`, `{`, `\{`, `}`, `\}`)

// quoted is a text in double quotes, unless it is the directory itself. JSON's quotes are YAML's too.
func quoted(s string) string {
	if s == "." {
		return s
	}
	text, err := json.Marshal(s)
	if err != nil {
		return `""`
	}
	return string(text)
}

// draftName is the directory's name as far as it can begin a path.
func draftName(dir string) string {
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	clean := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_', r == '.':
			return r
		}
		return '-'
	}, filepath.Base(dir))
	clean = strings.Trim(clean, "-_.")
	if clean == "" {
		return "estate"
	}
	return clean
}

const draft = `# yaml-language-server: $schema=%s
#
# What no configuration file says about the estate. Keep it in version control: the teams it names review it.

organisation: "%s"

# Directories to read: configuration, and code where there is any. With several, the name begins every path.
sources:
%s    # exclude: [archive, "**/testdata"]
    # environment: production-sg
  # - name: config
  #   dir: ../config-repo
  #   kind: config-repository      # a configuration server hands out its files by service name

# Places where things run. A new country is planned from one of them: caravan plan NAME --new.
# environments:
#   - name: production-sg
#     kind: vm                     # or kubernetes
#     country: SG
#     provider: gcp
#     ranges: [10.10.0.0/22]       # private ranges it uses
#     # pods: {range: 10.60.0.0/16, block: 256, perNode: 110, nodes: 24}   of a cluster: how its pods get addresses

# Private ranges that may be divided among new countries, what else is in use, and what is joined: caravan address.
# pools:
#   - name: countries
#     range: 10.64.0.0/10
#     countries: 16                # how many are to fit
# networks:
#   - name: office
#     ranges: [10.50.0.0/20]
# peerings:
#   - between: [production-sg, office]
#     kind: vpn                    # or peering
#     rtt: 9ms                     # of one round trip

# Calls in a second at peak, where somebody measured them: plans say what a cut edge costs.
# rates:
#   - {from: orders, to: pricing, perSecond: 40}

# Where datastores of new countries run, against Caravan's own advice.
# placement:
#   redis: kubernetes              # or datastores: for all

# Who owns what: service names, globs, or folders as in CODEOWNERS. This file wins over CODEOWNERS and catalog files.
# teams:
#   - name: orders
#     mail: orders@example.org
#     chat: "#orders"
#     people: [ani@example.org]    # who may answer for it in Slack
#     owns: [orders, "pg-*", /services/orders/]

# What the configuration says wrongly or not at all.
# services:
#   - name: payment-provider
#     aliases: [api.pay.example.org]
#     kind: external               # or service, datastore, host
#     team: orders
#   - name: old-smtp
#     ignore: true                 # leave it out of the map

# Where steps are carried out for real, and only with green lights. The rest is written below rendered/, where nothing runs.
# targets:
#   - {environment: indonesia, folder: ../fleet/indonesia}   # a checkout that Argo CD or Flux follows

# What is asked before a step of a journey begins, beyond one green light of the team that owns it.
# consent:
#   zone: Asia/Jakarta
#   unowned: orders                # the team that agrees to what no team owns
#   contact: "#platform-help"
#   rules:
#     - name: datastores
#       when: kind == "datastore" && environment.production
#       approvers: 2
#     - name: weekend
#       freeze: [{from: Friday 16:00, until: Monday 08:00, because: nobody is there}]

# How teams are told what concerns them. Secrets are in files or environment variables, never here.
# channels:
#   portal: https://caravan.example.org
#   slack: {token: {env: CARAVAN_SLACK_TOKEN}}
#   mail: {server: "mail.example.org:587", from: Caravan <caravan@example.org>}
#   quiet: {from: "20:00", until: "07:30"}

# History is kept in .caravan/caravan.db beside this file. To share it, name a PostgreSQL; its password belongs in
# PGPASSWORD or a password file, not here.
# database: postgres://caravan@db.internal/caravan
`
