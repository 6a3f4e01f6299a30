package workspace

import (
	"fmt"
	"path/filepath"
	"strings"
)

// SchemaURL is where the JSON Schema of caravan.yaml is served for editors.
const SchemaURL = "https://caravan.example.org/schemas/workspace.schema.json"

// Draft is the caravan.yaml that begins a workspace in a directory: it reads that directory and explains the rest.
// It is valid as it stands, and names the organisation and its source after the directory.
func Draft(dir string) []byte {
	name := draftName(dir)
	return fmt.Appendf(nil, draft, SchemaURL, name, name)
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
  - name: "%s"
    dir: .
    # exclude: [archive, "**/testdata"]
    # environment: production-sg
  # - name: config
  #   dir: ../config-repo
  #   kind: config-repository      # a configuration server hands out its files by service name

# Places where things run.
# environments:
#   - name: production-sg
#     kind: vm                     # or kubernetes
#     country: SG
#     provider: gcp

# Who owns what: service names, globs, or folders as in CODEOWNERS. This file wins over CODEOWNERS and catalog files.
# teams:
#   - name: orders
#     mail: orders@example.org
#     chat: "#orders"
#     owns: [orders, "pg-*", /services/orders/]

# What the configuration says wrongly or not at all.
# services:
#   - name: payment-provider
#     aliases: [api.pay.example.org]
#     kind: external               # or service, datastore, host
#     team: orders
#   - name: old-smtp
#     ignore: true                 # leave it out of the map

# History is kept in .caravan/caravan.db beside this file. To share it, name a PostgreSQL; its password belongs in
# PGPASSWORD or a password file, not here.
# database: postgres://caravan@db.internal/caravan
`
