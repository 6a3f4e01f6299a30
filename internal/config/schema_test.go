package config

import (
	"flag"
	"testing"

	"github.com/invopop/jsonschema"
	"go.yaml.in/yaml/v3"

	"example.org/caravan/internal/fault"
	"example.org/caravan/schemas"
	"example.org/caravan/schemas/schematest"
)

var update = flag.Bool("update", false, "write schemas/config.schema.json anew from the types")

const schemaFile = "../../schemas/config.schema.json"

// layer is what a file of a layer holds.
type layer struct {
	Keys   map[string]Key       `json:"keys,omitempty" jsonschema_description:"What is known of keys: everywhere that this holds, and for all stronger layers."`
	Values map[string]Reference `json:"values,omitempty" jsonschema_description:"A value for each key; where a secret is kept; nothing to take a key away."`
	Reads  []Form               `json:"reads,omitempty" jsonschema_description:"How the service takes its keys in; only in the base layer of a service."`
}

func generated(t *testing.T) []byte {
	t.Helper()
	s := schematest.Reflect(layer{})
	s.ID, s.Title = SchemaURL, "Caravan configuration"
	s.Description = "A layer of configuration: config/ in the workspace, and below services/NAME."
	s.Definitions["Key"].Required = nil
	values, _ := s.Properties.Get("values")
	values.AdditionalProperties = &jsonschema.Schema{AnyOf: []*jsonschema.Schema{
		{Type: "string"}, {Type: "number"}, {Type: "boolean"}, {Type: "null"}, {Ref: "#/$defs/Reference"},
	}}
	return schematest.Text(t, s)
}

func TestSchemaIsWhatTheTypesSay(t *testing.T) {
	schematest.UpToDate(t, *update, schemaFile, "internal/config", generated(t), schemas.Config)
}

func TestParserAndSchemaAgree(t *testing.T) {
	schema := schematest.Compile(t, SchemaURL, schemas.Config)
	for _, c := range []struct {
		text string
		good bool
	}{
		{"values: {A: b, B: 1, C: true, D: 2.5, E: , F: {kubernetes: a, key: b}}", true},
		{"keys: {A: {}, B: {type: integer, least: 1, most: 3, required: true}, C: {oneOf: [a]}}", true},
		{"reads: [{as: yaml, path: /etc/a, keys: [a.*]}, {as: variables}]", true},
		{"values: {A: [b]}", false},
		{"values: {A: {vault: b}}", false},
		{"values: {A: {env: b-c}}", false},
		{"keys: {A: {type: int}}", false},
		{"keys: {A: {oneOf: []}}", false},
		{"reads: [{path: /etc/a}]", false},
		{"reads: [{as: toml, path: /etc/a}]", false},
		{"reads: [{as: yaml, path: etc/a}]", false},
		{"more: {}", false},
	} {
		var value any
		if err := yaml.Unmarshal([]byte(c.text), &value); err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(value); (err == nil) != c.good {
			t.Errorf("the schema on %s: %v", c.text, err)
		}
		if _, err := Parse([]byte(c.text), "services/a/config/base.yaml"); (err == nil) != c.good || err != nil && fault.KindOf(err) != fault.Invalid {
			t.Errorf("the parser on %s: %v", c.text, err)
		}
	}
}
