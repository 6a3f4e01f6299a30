// Package targets_test carries steps out on real clusters, as the program does.
package targets_test

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"example.org/caravan/testbed"
)

// standing, in the environment, names a bed that stands already: the tests take it and leave it, which is faster while one works on them.
const standing = "CARAVAN_TESTBED_STANDING"

func bed(t testing.TB) *testbed.Bed {
	t.Helper()
	if name := os.Getenv(standing); name != "" {
		b, err := testbed.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	return testbed.Start(t, testbed.Options{Name: "targets", Clusters: testbed.Clusters(1)})
}

// The tests share one bed: it takes a while.
func TestAClusterAsATarget(t *testing.T) {
	b := bed(t)
	for _, part := range []struct {
		name string
		test func(*testing.T, *testbed.Bed)
	}{
		{"keeps what targets promise", conforms},
		{"keeps secrets beside those of others", keepsSecrets},
		{"says what is wrong, goes on once it is mended, and leaves nothing behind", faults},
	} {
		t.Run(part.name, func(t *testing.T) { part.test(t, b) })
	}
}

// contextOf is the context of the cluster's kubeconfig.
func contextOf(c *testbed.Cluster) string {
	text, err := os.ReadFile(c.Kubeconfig())
	var config struct {
		Current string `yaml:"current-context"`
	}
	if err != nil || yaml.Unmarshal(text, &config) != nil {
		return ""
	}
	return config.Current
}

// moves are kinds of objects that come and go, or are touched, by themselves.
var moves = []string{"events", "events.events.k8s.io", "leases.coordination.k8s.io", "endpoints", "endpointslices.discovery.k8s.io", "componentstatuses"}

// everything is every object of a cluster by kind, namespace and name, each with the version of it if nobody but people changes it. What
// Kubernetes makes in every namespace by itself is left out.
func everything(t *testing.T, c *testbed.Cluster) map[string]string {
	t.Helper()
	kubectl := func(args ...string) string {
		out, err := c.Kubectl(t.Context(), args...)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	var kinds []string
	for line := range strings.Lines(kubectl("api-resources", "--verbs=list", "-o", "name")) {
		kinds = append(kinds, strings.TrimSpace(line))
	}
	kinds = without(kinds, moves)
	out := map[string]string{}
	const row = `{range .items[*]}{.kind}{"\t"}{.metadata.namespace}{"\t"}{.metadata.name}{"\t"}{.metadata.resourceVersion}{"\t"}{.metadata.uid}{"\n"}{end}`
	all := kubectl("get", strings.Join(kinds, ","), "-A", "-o", "jsonpath="+row)
	for line := range bytes.Lines([]byte(all)) {
		f := strings.Split(strings.TrimSuffix(string(line), "\n"), "\t")
		if len(f) < 5 || f[2] == "kube-root-ca.crt" || f[0] == "ServiceAccount" && f[2] == "default" {
			continue
		}
		name := strings.ToLower(f[0]) + "s/" + f[1] + "/" + f[2]
		out[name] = f[4]
		if f[0] == "ConfigMap" {
			out[name] += " version " + f[3]
		}
	}
	return out
}

func without(all, some []string) []string {
	var out []string
	for _, a := range all {
		keep := true
		for _, s := range some {
			keep = keep && a != s
		}
		if keep {
			out = append(out, a)
		}
	}
	return out
}
