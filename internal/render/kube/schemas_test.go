package kube

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

// published is a folder with Kubernetes' api/openapi-spec/swagger.json (module k8s.io/kubernetes v1.34.4), and the
// CustomResourceDefinitions of HTTPRoute (module sigs.k8s.io/gateway-api v1.4.0, config/crd/standard) and of CloudNativePG's Cluster,
// Database, Pooler and ScheduledBackup. With it the test writes anew what is kept of them.
var published = flag.String("schemas", "", "folder of published schemas to cut testdata/schemas.json from")

const kept = "testdata/schemas.json"

// kinds that are rendered, and the definition of each.
var kinds = map[string]string{
	"apps/v1/Deployment":                       "io.k8s.api.apps.v1.Deployment",
	"apps/v1/StatefulSet":                      "io.k8s.api.apps.v1.StatefulSet",
	"autoscaling/v2/HorizontalPodAutoscaler":   "io.k8s.api.autoscaling.v2.HorizontalPodAutoscaler",
	"networking.k8s.io/v1/NetworkPolicy":       "io.k8s.api.networking.v1.NetworkPolicy",
	"policy/v1/PodDisruptionBudget":            "io.k8s.api.policy.v1.PodDisruptionBudget",
	"rbac.authorization.k8s.io/v1/Role":        "io.k8s.api.rbac.v1.Role",
	"rbac.authorization.k8s.io/v1/RoleBinding": "io.k8s.api.rbac.v1.RoleBinding",
	"v1/ConfigMap":                             "io.k8s.api.core.v1.ConfigMap",
	"v1/LimitRange":                            "io.k8s.api.core.v1.LimitRange",
	"v1/Namespace":                             "io.k8s.api.core.v1.Namespace",
	"v1/ResourceQuota":                         "io.k8s.api.core.v1.ResourceQuota",
	"v1/Service":                               "io.k8s.api.core.v1.Service",
	"v1/ServiceAccount":                        "io.k8s.api.core.v1.ServiceAccount",
	"gateway.networking.k8s.io/v1/HTTPRoute":   "gateway.networking.k8s.io_httproutes.yaml",
	"postgresql.cnpg.io/v1/Cluster":            "postgresql.cnpg.io_clusters.yaml",
	"postgresql.cnpg.io/v1/Database":           "postgresql.cnpg.io_databases.yaml",
	"postgresql.cnpg.io/v1/Pooler":             "postgresql.cnpg.io_poolers.yaml",
	"postgresql.cnpg.io/v1/ScheduledBackup":    "postgresql.cnpg.io_scheduledbackups.yaml",
}

func TestSchemasAreWhatWasPublished(t *testing.T) {
	if *published == "" {
		t.Skip("no folder of published schemas is given with -schemas")
	}
	definitions := map[string]any{}
	var swagger struct {
		Definitions map[string]any `json:"definitions"`
	}
	read(t, filepath.Join(*published, "swagger.json"), &swagger)
	for _, name := range slices.Sorted(maps.Values(kinds)) {
		if strings.HasSuffix(name, ".yaml") {
			definitions[name] = custom(t, filepath.Join(*published, name))
			continue
		}
		take(definitions, swagger.Definitions, name)
	}
	data, err := json.Marshal(strict(definitions))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(kept, append(data, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, file string, into any) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(data, into); err != nil {
		t.Fatal(err)
	}
}

// custom is the schema of the version v1 of a CustomResourceDefinition.
func custom(t *testing.T, file string) any {
	t.Helper()
	var crd struct {
		Spec struct {
			Versions []struct {
				Name   string
				Schema struct {
					OpenAPIV3Schema map[string]any `yaml:"openAPIV3Schema"`
				}
			}
		}
	}
	read(t, file, &crd)
	for _, v := range crd.Spec.Versions {
		if v.Name == "v1" {
			v.Schema.OpenAPIV3Schema["properties"].(map[string]any)["metadata"] = map[string]any{"$ref": "#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"}
			return v.Schema.OpenAPIV3Schema
		}
	}
	t.Fatalf("%s has no version v1", file)
	return nil
}

// take copies a definition and all it refers to.
func take(into, from map[string]any, name string) {
	if into[name] != nil {
		return
	}
	into[name] = from[name]
	for _, other := range references(from[name]) {
		take(into, from, other)
	}
}

func references(node any) []string {
	var out []string
	switch v := node.(type) {
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if ref, ok := v[key].(string); ok && key == "$ref" {
				out = append(out, strings.TrimPrefix(ref, "#/definitions/"))
			}
			out = append(out, references(v[key])...)
		}
	case []any:
		for _, item := range v {
			out = append(out, references(item)...)
		}
	}
	return out
}

// strict leaves out what only documents, and refuses fields that are not listed.
func strict(node any) any {
	switch v := node.(type) {
	case map[string]any:
		return strictMap(v)
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = strict(item)
		}
		return out
	}
	return node
}

// documentation are keys that say nothing about which objects are right, or that only the API server can check.
var documentation = []string{"description", "example", "default", "format", "title", "nullable"}

func strictMap(v map[string]any) any {
	if v["format"] == "int-or-string" || v["x-kubernetes-int-or-string"] == true {
		return map[string]any{"type": []any{"integer", "string"}}
	}
	out := map[string]any{}
	for key, value := range v {
		if text, isText := value.(string); strings.HasPrefix(key, "x-kubernetes-") || slices.Contains(documentation, key) && (isText || key == "default" || key == "nullable") && text != "object" {
			continue
		}
		if named, ok := value.(map[string]any); ok && (key == "properties" || key == "definitions") {
			inner := map[string]any{}
			for name, schema := range named {
				inner[name] = strict(schema)
			}
			out[key] = inner
			continue
		}
		out[key] = strict(value)
	}
	_, listed := v["properties"]
	if _, open := v["additionalProperties"]; listed && !open && v["x-kubernetes-preserve-unknown-fields"] != true {
		out["additionalProperties"] = false
	}
	return out
}

// validator judges objects by the API of Kubernetes 1.34.
type validator struct{ schemas map[string]*jsonschema.Schema }

func newValidator(t *testing.T) validator {
	t.Helper()
	file, err := os.Open(kept)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	definitions, err := jsonschema.UnmarshalJSON(file)
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft4)
	if err := c.AddResource("kubernetes.json", map[string]any{"definitions": definitions}); err != nil {
		t.Fatal(err)
	}
	v := validator{map[string]*jsonschema.Schema{}}
	for kind, name := range kinds {
		if v.schemas[kind], err = c.Compile("kubernetes.json#/definitions/" + name); err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
	}
	return v
}

// check judges one object as YAML.
func (v validator) check(data []byte) error {
	var object map[string]any
	if err := yaml.Unmarshal(data, &object); err != nil {
		return err
	}
	kind := fmt.Sprint(object["apiVersion"], "/", object["kind"])
	schema := v.schemas[kind]
	if schema == nil {
		return fmt.Errorf("no schema of %s is kept", kind)
	}
	asJSON, err := json.Marshal(object)
	if err != nil {
		return err
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(asJSON)))
	if err != nil {
		return err
	}
	return schema.Validate(value)
}

func TestTheValidatorRefusesWhatKubernetesWould(t *testing.T) {
	v := newValidator(t)
	good := "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: [{port: 80, targetPort: http}]}\n"
	if err := v.check([]byte(good)); err != nil {
		t.Errorf("a service: %v", err)
	}
	for name, text := range map[string]string{
		"an unknown field":               strings.Replace(good, "ports", "port", 1),
		"an unknown field far down":      strings.Replace(good, "targetPort", "target", 1),
		"a text for a number":            strings.Replace(good, "port: 80", "port: \"80\"", 1),
		"a kind nobody knows":            strings.Replace(good, "Service", "Servant", 1),
		"a field of a custom resource":   "apiVersion: postgresql.cnpg.io/v1\nkind: Cluster\nmetadata: {name: a}\nspec: {instances: 3, size: 3Gi}\n",
		"a missing field":                "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: a, labels: [x]}\n",
		"a route's field that is wrong":  "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: a}\nspec: {hostname: [a.example.org]}\n",
		"a container without limits key": "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec: {selector: {}, template: {spec: {containers: [{name: a, limits: {}}]}}}\n",
	} {
		if v.check([]byte(text)) == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}
