// Package schemas holds the JSON Schemas of the files people write, as editors and the portal are given them. They are
// generated from the Go types that read those files; it knows nothing else.
package schemas

import _ "embed" // for the schema files

// Workspace is the JSON Schema (draft 2020-12) of caravan.yaml.
//
//go:embed workspace.schema.json
var Workspace []byte

// Expansion is the JSON Schema (draft 2020-12) of expansions/NAME.yaml.
//
//go:embed expansion.schema.json
var Expansion []byte

// Config is the JSON Schema (draft 2020-12) of a layer of configuration, config/….yaml.
//
//go:embed config.schema.json
var Config []byte
