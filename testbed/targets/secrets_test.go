package targets_test

import (
	"strings"
	"testing"

	"example.org/caravan/internal/kube"
	"example.org/caravan/internal/render"
	"example.org/caravan/testbed"
)

// keepsSecrets puts keys into a Secret beside those of others, and takes them out again.
func keepsSecrets(t *testing.T, b *testbed.Bed) {
	c := b.Clusters[0]
	target, err := kube.Open(t.Context(), kube.TargetOptions{Options: reached(b), Expansion: "secrets", Environment: "secrets"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = target.Close() }()
	kubectl := func(args ...string) string {
		t.Helper()
		out, err := c.Kubectl(t.Context(), args...)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	kubectl("create", "namespace", "keeping")
	defer kubectl("delete", "namespace", "keeping")
	kubectl("-n", "keeping", "create", "secret", "generic", "orders-secrets", "--from-literal=theirs=x")
	data := func(name string) string {
		return kubectl("-n", "keeping", "get", "secret", name, "--ignore-not-found", "-o", "jsonpath={.data}")
	}
	put := func(data map[string]string) []render.Secret {
		return []render.Secret{{Namespace: "keeping", Name: "orders-secrets", Data: data}, {Namespace: "keeping", Name: "own", Data: map[string]string{"A": "1"}}}
	}
	version := ""
	for range 2 { // the second time changes nothing
		version = kubectl("-n", "keeping", "get", "secret", "orders-secrets", "-o", "jsonpath={.metadata.resourceVersion}")
		if err := target.PutSecrets(t.Context(), put(map[string]string{"A": "one", "B": "two"})); err != nil {
			t.Fatal(err)
		}
	}
	if now := kubectl("-n", "keeping", "get", "secret", "orders-secrets", "-o", "jsonpath={.metadata.resourceVersion}"); now != version {
		t.Errorf("putting it there again changes it from version %s to %s", version, now)
	}
	if got := data("orders-secrets"); got != `{"A":"b25l","B":"dHdv","theirs":"eA=="}` {
		t.Errorf("the Secret holds %s", got)
	}
	if err := target.PutSecrets(t.Context(), put(map[string]string{"A": "three"})); err != nil {
		t.Fatal(err)
	}
	if got := data("orders-secrets"); got != `{"A":"dGhyZWU=","theirs":"eA=="}` {
		t.Errorf("a key that is no more is still there: %s", got)
	}
	for range 2 {
		if err := target.DropSecrets(t.Context(), put(map[string]string{"A": ""})); err != nil {
			t.Fatal(err)
		}
	}
	if got, own := data("orders-secrets"), data("own"); got != `{"theirs":"eA=="}` || own != "" {
		t.Errorf("left behind: %s %s", got, own)
	}
	err = target.PutSecrets(t.Context(), []render.Secret{{Namespace: "nowhere", Name: "a", Data: map[string]string{"K": "canary-secret-9x"}}})
	if err == nil || strings.Contains(err.Error(), "canary") || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("a namespace that is not there: %v", err)
	}
}
