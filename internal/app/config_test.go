package app

import (
	"testing"

	"example.org/caravan/internal/config"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/rights"
)

func TestATeamHandsOutOnlySecretsOfItsOwnService(t *testing.T) {
	member, platform := rights.Person{Role: rights.Member}, rights.Person{Role: rights.Platform}
	for _, c := range []struct {
		name string
		ref  *config.Reference
		may  bool
	}{
		{"no secret", nil, true},
		{"a Secret of its namespace", &config.Reference{Kubernetes: "orders-keys", Key: "a"}, true},
		{"a file of its own folder", &config.Reference{SOPS: "services/orders/secrets.yaml", Key: "a"}, true},
		{"another team's", &config.Reference{SOPS: "services/payments/secrets.yaml", Key: "a"}, false},
		{"another's by a way round", &config.Reference{SOPS: "services/orders/../payments/secrets.yaml", Key: "a"}, false},
		{"one like its own", &config.Reference{SOPS: "services/orders-2/secrets.yaml", Key: "a"}, false},
		{"everybody's", &config.Reference{SOPS: "secrets.yaml", Key: "a"}, false},
		{"a variable", &config.Reference{Env: "ORDERS_KEY"}, false},
	} {
		if err := mayKeep("orders", c.ref, member); (err == nil) != c.may || err != nil && fault.KindOf(err) != fault.Denied {
			t.Errorf("%s, for a member: %v", c.name, err)
		}
		if err := mayKeep("orders", c.ref, platform); err != nil {
			t.Errorf("%s, for the platform: %v", c.name, err)
		}
	}
}
