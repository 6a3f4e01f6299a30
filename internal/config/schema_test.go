package config

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/invopop/jsonschema"
	validator "github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"example.org/caravan/internal/fault"
	"example.org/caravan/schemas"
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
	r := &jsonschema.Reflector{ExpandedStruct: true, Anonymous: true, Namer: func(t reflect.Type) string { return t.Name() }}
	s := r.Reflect(layer{})
	s.ID, s.Title = SchemaURL, "Caravan configuration"
	s.Description = "A layer of configuration: config/ in the workspace, and below services/NAME."
	s.Definitions["Key"].Required = nil
	values, _ := s.Properties.Get("values")
	values.AdditionalProperties = &jsonschema.Schema{AnyOf: []*jsonschema.Schema{
		{Type: "string"}, {Type: "number"}, {Type: "boolean"}, {Type: "null"}, {Ref: "#/$defs/Reference"},
	}}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(s); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestSchemaIsWhatTheTypesSay(t *testing.T) {
	want := generated(t)
	if *update {
		if err := os.WriteFile(schemaFile, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(want), string(schemas.Config)); diff != "" {
		t.Errorf("schemas/config.schema.json is out of date; run go test ./internal/config -run TestSchema -update (-types +file):\n%s", diff)
	}
}

func TestParserAndSchemaAgree(t *testing.T) {
	compiler := validator.NewCompiler()
	text, err := validator.UnmarshalJSON(bytes.NewReader(schemas.Config))
	if err != nil {
		t.Fatal(err)
	}
	if err := compiler.AddResource(SchemaURL, text); err != nil {
		t.Fatal(err)
	}
	schema, err := compiler.Compile(SchemaURL)
	if err != nil {
		t.Fatal(err)
	}
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
