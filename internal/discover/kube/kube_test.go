package kube

import (
	"flag"
	"fmt"
	"strings"
	"testing"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/discover/readertest"
	"example.org/caravan/internal/estate"
)

var update = flag.Bool("update", false, "rewrite the golden parts of testdata")

func TestGolden(t *testing.T) { readertest.Golden(t, Format(), "testdata/*.txtar", *update) }

func TestClaims(t *testing.T) {
	tests := []struct {
		name, path, data string
		want             discover.Claim
	}{
		{"a manifest", "a.yaml", "apiVersion: v1\nkind: Pod\n", discover.Owns},
		{"a manifest with its keys the other way round", "a.yml", "# x\nkind: Pod\napiVersion: v1\n", discover.Owns},
		{"a manifest in JSON", "a.json", `{"kind": "Pod", "apiVersion": "v1"}`, discover.Owns},
		{"a kustomization without kind", "kustomization.yaml", "resources: []\n", discover.Owns},
		{"a chart", "x/Chart.yaml", "name: x\n", discover.Owns},
		{"a template", "x/templates/a.yaml", "{{ x }}\n", discover.Owns},
		{"a catalog entry", "catalog-info.yaml", "apiVersion: backstage.io/v1alpha1\nkind: Component\n", discover.No},
		{"settings", "application.yaml", "server:\n  kind: a\n", discover.No},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := claims(discover.File{Path: tt.path, Data: []byte(tt.data)}); got != tt.want {
				t.Errorf("claims(%s) = %v, want %v", tt.path, got, tt.want)
			}
		})
	}
}

func TestReferences(t *testing.T) {
	value := func(name string) (string, bool) { return "db", name == "HOST" }
	tests := []struct{ name, text, want string }{
		{"a known variable is filled in", "http://$(HOST):1/$(HOST)", "http://db:1/db"},
		{"an unknown one stays", "$(X) $(HOST)", "$(X) db"},
		{"two dollars are an escape", "$$(HOST)", "$(HOST)"},
		{"an open bracket stays", "$(HOST", "$(HOST"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := references(tt.text, value); got != tt.want {
				t.Errorf("references(%q) = %q, want %q", tt.text, got, tt.want)
			}
		})
	}
}

func TestSecretsAreNamedAndNeverRead(t *testing.T) {
	r := readertest.Read(Format(), readertest.Files("a.yaml", `apiVersion: v1
kind: Secret
metadata: {name: keys}
stringData: {endpoint: canary-7}
---
apiVersion: v1
kind: Pod
metadata: {name: a}
spec:
  containers: [{name: a, image: b, envFrom: [{secretRef: {name: keys}}]}]
`))
	seen := readertest.Lines(r)
	if strings.Contains(seen, "canary-7") || !strings.Contains(seen, "${secret:keys/endpoint}") {
		t.Errorf("a Secret must come out as a reference:\n%s", seen)
	}
}

func TestHostileFilesEndInADoubt(t *testing.T) {
	for name, data := range map[string]string{
		"a truncated manifest": "apiVersion: v1\nkind: Pod\nmetadata: {name: \"a",
		"deep nesting":         "apiVersion: v1\nkind: Pod\nspec: " + strings.Repeat("[", 100_000),
		"a stray template":     "apiVersion: v1\nkind: Pod\nmetadata:\n  name: {{ x }}: {{ y }}\n",
	} {
		t.Run(name, func(t *testing.T) {
			r := readertest.Read(Format(), readertest.Files("a.yaml", data))
			if len(r.Doubts) == 0 || r.Doubts[0].Place.File != "a.yaml" {
				t.Errorf("doubts = %v, want one about a.yaml", r.Doubts)
			}
		})
	}
}

func TestKustomizationsInACircleEnd(t *testing.T) {
	r := readertest.Read(Format(), readertest.Files(
		"root/kustomization.yaml", "resources: [../a]\nnamespace: n\n",
		"a/kustomization.yaml", "resources: [../b, pod.yaml]\n",
		"b/kustomization.yaml", "resources: [../a]\npatches: [{path: none.yaml}]\n",
		"a/pod.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: p, image: i}]}\n"))
	for _, s := range r.Sightings {
		if s.Fact == estate.Runs && s.Subject == estate.In("kube:n", "p") {
			return
		}
	}
	t.Errorf("the pod is not in namespace n:\n%s", readertest.Lines(r))
}

func TestManyWorkloadsFindTheirServices(t *testing.T) {
	var b strings.Builder
	const n = 1500
	for i := range n {
		fmt.Fprintf(&b, "---\napiVersion: v1\nkind: Pod\nmetadata: {name: p%d, labels: {app: p%d}}\nspec: {containers: [{name: c, image: i}]}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: s%d}\nspec: {selector: {app: p%d}}\n", i, i, i, i)
	}
	r := readertest.Read(Format(), readertest.Files("all.yaml", b.String()))
	served := 0
	for _, s := range r.Sightings {
		if s.Fact == estate.Called && s.Key == estate.NameService && s.Value == "s"+strings.TrimPrefix(s.Subject.Name, "p") {
			served++
		}
	}
	if served != n || len(r.Doubts) != 0 {
		t.Errorf("%d of %d workloads have their Service's name; doubts %v", served, n, r.Doubts)
	}
}

func FuzzRead(f *testing.F) {
	f.Add("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a, image: b, env: [{name: X, value: $(X)}], args: [--a, b]}]}\n", "resources: [m.yaml]\npatches: [{patch: '- {op: add, path: /spec/containers/0/env/0/value, value: x}', target: {name: a}}]\n")
	f.Add("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  a.conf: |\n    http://b:80\n", "configMapGenerator: [{name: a, literals: [a=b], envs: [x]}]\n")
	f.Add("apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: a}\nspec: {rules: [{host: x}], backend: {serviceName: b}}\n", "bases: [.]\n")
	f.Fuzz(func(t *testing.T, manifest, kustomization string) {
		r := readertest.Read(Format(), readertest.Files("kustomization.yaml", kustomization, "m.yaml", manifest))
		for _, s := range r.Sightings {
			if s.Place.File == "" {
				t.Errorf("a sighting without a place: %+v", s)
			}
		}
	})
}
