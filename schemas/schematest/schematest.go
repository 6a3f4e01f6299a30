// Package schematest holds what tests of JSON Schemas share: making one from a type, keeping its file up to date, and judging values by it.
package schematest

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/invopop/jsonschema"
	validator "github.com/santhosh-tekuri/jsonschema/v6"
)

// Reflect is the schema of a type, its definitions called like its types.
func Reflect(of any) *jsonschema.Schema {
	r := &jsonschema.Reflector{ExpandedStruct: true, Anonymous: true, Namer: func(t reflect.Type) string { return t.Name() }}
	return r.Reflect(of)
}

// Text is a schema as its file has it.
func Text(t *testing.T, s *jsonschema.Schema) []byte {
	t.Helper()
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(s); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// UpToDate wants the embedded text of a schema to be the one its type makes; update writes that into the file instead. File is seen from the
// directory of the test, whose package below the module is pkg.
func UpToDate(t *testing.T, update bool, file, pkg string, want, embedded []byte) {
	t.Helper()
	if update {
		if err := os.WriteFile(file, want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(want), string(embedded)); diff != "" {
		t.Errorf("%s is out of date; run go test ./%s -run TestSchema -update (-types +file):\n%s", file, pkg, diff)
	}
}

// Compile is a schema that values can be judged by.
func Compile(t *testing.T, url string, text []byte) *validator.Schema {
	t.Helper()
	doc, err := validator.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := validator.NewCompiler()
	if err := c.AddResource(url, doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(url)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
