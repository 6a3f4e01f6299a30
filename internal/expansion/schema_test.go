package expansion

import (
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/invopop/jsonschema"

	"example.org/caravan/internal/syntax"
	"example.org/caravan/schemas"
	"example.org/caravan/schemas/schematest"
)

var update = flag.Bool("update", false, "write schemas/expansion.schema.json anew from the types")

const schemaFile = "../../schemas/expansion.schema.json"

// generated is the schema the types make, with the forms that only the parser knows: a service by its bare name, a length
// with a slash, a value that is no text.
func generated(t *testing.T) []byte {
	t.Helper()
	s := schematest.Reflect(Expansion{})
	s.ID, s.Title = SchemaURL, "Caravan expansion"
	s.Description = "expansions/NAME.yaml: what a new country is to have."
	want := s.Definitions["Want"]
	s.Definitions["Want"] = &jsonschema.Schema{AnyOf: []*jsonschema.Schema{{Type: "string"}, want}}
	either(t, want, "replicas", "integer")
	for _, key := range []string{"nodes", "pods", "services", "machines"} {
		either(t, s.Definitions["Ranges"], key, "string")
	}
	for _, kind := range []string{"number", "boolean"} {
		either(t, s.Definitions["VariableSubstitute"], "value", kind)
		either(t, s.Definitions["Answer"], "body", kind)
	}
	return schematest.Text(t, s)
}

// either lets a property be of one more type.
func either(t *testing.T, of *jsonschema.Schema, key, kind string) {
	t.Helper()
	p, ok := of.Properties.Get(key)
	if !ok {
		t.Fatalf("no property %s", key)
	}
	if p.AnyOf == nil {
		p.AnyOf = []*jsonschema.Schema{{Type: p.Type}}
		p.Type = ""
	}
	p.AnyOf = append(p.AnyOf, &jsonschema.Schema{Type: kind})
}

func TestSchemaSaysWhatTheTypesSay(t *testing.T) {
	schematest.UpToDate(t, *update, schemaFile, "internal/expansion", generated(t), schemas.Expansion)
}

func TestSchemaAndParserAgree(t *testing.T) {
	kopi, err := os.ReadFile("../../examples/kopi/expansions/indonesia.yaml")
	if err != nil {
		t.Fatal(err)
	}
	schema := schematest.Compile(t, SchemaURL, schemas.Expansion)
	for _, tt := range []struct {
		name, text string
		valid      bool
	}{
		{"the least there can be", least, true},
		{"the sample company's", string(kopi), true},
		{"a draft", string(Draft(Wish{Name: "vietnam", Country: "VN", Source: "a", Services: []string{"b"}})), true},
		{"replicas as a number", least + "  - {service: a, replicas: 3}\n", true},
		{"a length with a slash", strings.Replace(least, "kind: kubernetes", "kind: kubernetes, ranges: {pods: /18}", 1), true},
		{"a value that is a number", least + "substitutions: {variables: [{name: A, value: 3}]}\n", true},
		{"no services", strings.Replace(least, "\n  - orders", " []", 1), false},
		{"an unknown key", least + "decision: []\n", false},
		{"an unknown key of a decision", least + "decisions: [{to: a, decide: clone, by: b, at: 2026-01-01, why: c, when: d}]\n", false},
		{"a decision without a reason", least + "decisions: [{to: a, decide: clone, by: b, at: 2026-01-01}]\n", false},
		{"a fate there is none of", least + "decisions: [{to: a, decide: copy, by: b, at: 2026-01-01, why: c}]\n", false},
		{"a country in small letters", strings.Replace(least, "ID", "id", 1), false},
		{"residency of nothing", least + "residency: [{data: [], because: a}]\n", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := Parse([]byte(tt.text), "x", "x.yaml"); (err == nil) != tt.valid {
				t.Errorf("the parser says %v", err)
			}
			docs, err := syntax.YAML([]byte(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			if err := schema.Validate(jsonValue(docs[0])); (err == nil) != tt.valid {
				t.Errorf("the schema says %v", err)
			}
		})
	}
}

// jsonValue is a node as a JSON value.
func jsonValue(n syntax.Node) any {
	switch n.Kind {
	case syntax.Map:
		m := map[string]any{}
		for _, p := range n.Pairs {
			m[p.Key] = jsonValue(p.Value)
		}
		return m
	case syntax.List:
		list := make([]any, len(n.Items))
		for i, v := range n.Items {
			list[i] = jsonValue(v)
		}
		return list
	case syntax.Null:
		return nil
	}
	if n.Tag == "int" || n.Tag == "float" || n.Tag == "bool" {
		var v any
		if json.Unmarshal([]byte(n.Value), &v) == nil {
			return v
		}
	}
	return n.Value
}
