package web

import (
	"context"
	"time"

	"example.org/caravan/internal/config"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/web/configuration"
)

func given(layer config.Layer, name, text, file string, line int) config.Given {
	return config.Given{Layer: layer, Name: name, Value: config.Value{Text: text}, Place: estate.Place{File: file, Line: line}}
}

// Configuration is a service on machines today, and planned to a cluster.
func (s shelf) Configuration(ctx context.Context, name estate.ServiceName, env estate.EnvironmentName) (Configuration, error) {
	newest, err := s.Snapshot(ctx, "")
	if err != nil {
		return Configuration{}, err
	}
	if _, ok := newest.Graph.Find(string(name)); !ok {
		return Configuration{}, fault.Newf(fault.NotFound, "no service is called %q: search for it on the map", name)
	}
	v := Configuration{Team: "orders", Places: []configuration.Place{{Environment: "singapore-vm", Kind: "vm"}, {Environment: "malaysia", Kind: "kubernetes", Planned: true}}}
	v.Effective = config.Effective{Spot: config.Spot{Service: name, Environment: "singapore-vm", Kind: "vm", Country: "SG"}}
	if env == "malaysia" {
		v.Effective.Environment, v.Effective.Kind, v.Effective.Country = env, "kubernetes", "MY"
	}
	secret := given(config.Base, "", "", "services/orders/config/base.yaml", 9)
	secret.Value.Secret = &config.Reference{SOPS: "secrets/orders.yaml", Key: "card.key"}
	v.Effective.Entries = []config.Entry{
		{Key: "CARD_API_KEY", Declared: config.Key{Type: config.Secret}, Given: []config.Given{secret}},
		{Key: "CURRENCY", Given: []config.Given{given(config.Base, "", "SGD", "config/base.yaml", 4), given(config.Country, v.Effective.Country, "MYR", "config/country/MY.yaml", 2)}},
		{Key: "DATABASE_URL", Given: []config.Given{given(config.Seen, "", "postgres://orders@db.kopi.internal:5432/orders?sslmode=require&application_name=orders", "chef/cookbooks/kopi-app/attributes/orders_team.rb", 14)}},
		{Key: "POOL_SIZE", Declared: config.Key{Type: config.Integer}, Given: []config.Given{given(config.Environment, string(v.Effective.Environment), "40", "services/orders/config/environment/singapore-vm.yaml", 2)}},
	}
	return v, nil
}

// ConfigurationSwitch is a service of which two keys are unexplained, one is signed and the others are equal.
func (s shelf) ConfigurationSwitch(_ context.Context, name estate.ServiceName, env estate.EnvironmentName) (ConfigurationSwitch, error) {
	if env != "singapore-vm" {
		return ConfigurationSwitch{}, fault.Newf(fault.Usage, "%s is no environment of machines", env)
	}
	side := func(text string) *config.Side { return &config.Side{Text: text} }
	at := time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC)
	return ConfigurationSwitch{
		Name:     "config:" + string(name) + ":singapore-vm",
		InTheWay: "POOL_SIZE would be 40, and is 30",
		Unread:   []configuration.Unread{{Machine: "app-sin-3", Why: "kopi-orders.service does not run, so nothing is known of what it is told; start it, and try again"}},
		Report: config.Report{
			Spot: config.Spot{Service: name, Environment: env, Kind: "vm"}, Instances: []string{"app-sin-1", "app-sin-2"}, Equal: 2, Intended: 1, Unexplained: 2,
			Keys: []config.Parity{
				{Slot: config.Slot{Key: "CARD_API_KEY"}, Verdict: config.Equal, Now: side("a secret"), Then: side("secrets/orders.yaml, key card.key")},
				{Slot: config.Slot{Key: "CURRENCY"}, Verdict: config.Equal, Now: side("SGD"), Then: side("SGD")},
				{Slot: config.Slot{Key: "LOG_LEVEL"}, Verdict: config.Intended, Now: side("debug"), Then: side("info"), Signed: &config.Signature{By: "wei@example.org", Why: "debug was left on after an incident", At: at}},
				{Slot: config.Slot{Key: "POOL_SIZE"}, Verdict: config.Unexplained, Now: side("30"), Then: side("40")},
				{Slot: config.Slot{Key: "server.port", File: "/etc/orders/application.properties"}, Verdict: config.Unexplained, Now: side("8210"), Instances: []string{"app-sin-2"}},
			},
		},
	}, nil
}
