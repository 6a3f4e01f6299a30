package kube

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/render"
	"example.org/caravan/internal/workload"
)

// keeping is a service with a variable and a file of its own secret, and one that needs more than that.
func keeping() map[string]workload.Container {
	return map[string]workload.Container{"orders": {
		Image: "orders:1",
		Variables: map[string]string{
			"API_KEY": "${secrets.orders-secrets.API_KEY}", "BOTH": "${secrets.orders-secrets.API_KEY}-${secrets.other.K}", "LATER": "${secrets.orders-secrets.LATER}", "MODE": "fast",
		},
		Files: map[string]workload.File{"/etc/app.json": {Content: `{"key": "${secrets.orders-secrets.API_KEY}"}`}, "/etc/mixed.json": {Content: "${secrets.other.K}"}},
	}}
}

func TestWhatIsKnownOfAServicesOwnSecretIsWritten(t *testing.T) {
	s := with("orders", keeping()["orders"], func(*render.Service) {})
	got, err := OwnSecrets(s, "orders", map[string]string{"API_KEY": "k", "UNUSED": "x"})
	if err != nil {
		t.Fatal(err)
	}
	want := []render.Secret{{Namespace: "orders", Name: "orders-secrets", Data: map[string]string{"API_KEY": "k", "etc-app.json": `{"key": "k"}`}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if none, err := OwnSecrets(s, "orders", map[string]string{"UNUSED": "x"}); err != nil || none != nil {
		t.Errorf("nothing of it is known: %v %v", none, err)
	}
	if _, err := OwnSecrets(s, "shop", nil); fault.KindOf(err) != fault.NotFound {
		t.Errorf("who is not there: %v", err)
	}
}
