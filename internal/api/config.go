package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"example.org/caravan/internal/app"
	"example.org/caravan/internal/config"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/rights"
)

// ConfiguredService is the part of a path that names a service.
type ConfiguredService struct {
	Name string `path:"name" minLength:"1" doc:"Service, as the map calls it."`
}

type imports struct {
	ConfiguredService
	From string `query:"from" doc:"Environment; may be left out when it runs in one."`
}

// config adds the routes about how services are configured.
func (r routes) config(a huma.API) {
	read(a, "get-config", "/config/services/{name}", "What a service is given in an environment, each key with the layers that say so", func(ctx context.Context, in *struct {
		ConfiguredService
		Environment string `query:"environment" doc:"Where; may be left out when it is in one."`
	}) (app.Configured, error) {
		return r.App.Config(ctx, estate.ServiceName(in.Name), estate.EnvironmentName(in.Environment))
	})
	read(a, "diff-config", "/config/services/{name}/diff", "What differs between the configurations of a service in two environments", func(ctx context.Context, in *struct {
		ConfiguredService
		Old string `query:"old" required:"true" doc:"Environment."`
		New string `query:"new" required:"true" doc:"The other one."`
	}) (app.ConfigComparison, error) {
		d, err := r.App.ConfigDiff(ctx, estate.ServiceName(in.Name), estate.EnvironmentName(in.Old), estate.EnvironmentName(in.New))
		d.Keys = nonNil(d.Keys)
		return d, err
	})
	read(a, "trace-config", "/config/trace", "Who is given a key, everywhere", func(ctx context.Context, in *struct {
		Key string `query:"key" required:"true" doc:"Key, as it is given."`
	}) ([]config.Uses, error) {
		list, err := r.App.ConfigTrace(ctx, in.Key)
		return nonNil(list), err
	})
	read(a, "config-keys", "/config/services/{name}/keys", "Which keys of a service anything reads, and which of those it reads anything sets", func(ctx context.Context, in *struct {
		ConfiguredService
		Environment string `query:"environment" doc:"Where; may be left out when it is in one."`
	}) (app.ConfigKeys, error) {
		keys, err := r.App.ConfigKeys(ctx, estate.ServiceName(in.Name), estate.EnvironmentName(in.Environment))
		keys.Keys = nonNil(keys.Keys)
		return keys, err
	})
	read(a, "idle-config-keys", "/config/keys", "Of all services, the keys that nobody reads and those that are read and unset", func(ctx context.Context, _ *struct{}) ([]app.IdleKey, error) {
		list, err := r.App.IdleConfigKeys(ctx)
		return nonNil(list), err
	})
	read(a, "import-config", "/config/services/{name}/import", "A service's base layer, made from what it is given today", func(ctx context.Context, in *imports) (app.ConfigProposal, error) {
		return r.App.ImportConfig(ctx, estate.ServiceName(in.Name), estate.EnvironmentName(in.From))
	})
	change(a, rights.Decide, "write-config", http.MethodPost, "/config/services/{name}/import", "Write that base layer where the service's team will keep it", func(ctx context.Context, in *imports) (app.ConfigProposal, error) {
		return r.App.WriteConfig(ctx, estate.ServiceName(in.Name), estate.EnvironmentName(in.From), rights.Of(ctx))
	})
	change(a, rights.Decide, "set-config", http.MethodPut, "/config/services/{name}/values", "Set a value of a service in one of its layers; writes into the workspace", func(ctx context.Context, in *struct {
		ConfiguredService
		Body app.Setting
	}) (app.Set, error) {
		return r.App.SetConfig(ctx, estate.ServiceName(in.Name), in.Body, rights.Of(ctx))
	})
	change(a, rights.Plan, "set-common-config", http.MethodPut, "/config/values", "Set a value for everybody in one of the layers; writes into the workspace", func(ctx context.Context, in *struct{ Body app.Setting }) (app.Set, error) {
		return r.App.SetCommonConfig(ctx, in.Body, rights.Of(ctx))
	})
	r.switches(a)
}

// switches adds the routes by which services are switched to configuration.
func (r routes) switches(a huma.API) {
	type request[B any] struct {
		ConfiguredService
		Body B
	}
	read(a, "shadow-config", "/config/services/{name}/shadow", "What the processes of a service are told beside what configuration has for them; asks its machines", func(ctx context.Context, in *struct {
		ConfiguredService
		Environment string `query:"environment" doc:"Where; may be left out when it is in one."`
	}) (app.Shadow, error) {
		return r.App.Shadow(ctx, estate.ServiceName(in.Name), estate.EnvironmentName(in.Environment))
	})
	change(a, rights.Agree, "sign-config", http.MethodPost, "/config/services/{name}/signatures", "Keep somebody's word that a difference is meant", func(ctx context.Context, in *request[app.SignRequest]) (app.Shadow, error) {
		return r.App.SignConfig(ctx, estate.ServiceName(in.Name), in.Body, rights.Of(ctx))
	})
	change(a, rights.Decide, "adopt-config", http.MethodPost, "/config/services/{name}/adoption", "Write what processes are told and configuration does not have into the layer of the environment", func(ctx context.Context, in *struct {
		ConfiguredService
		Environment string `query:"environment" doc:"Where; may be left out when it is in one."`
	}) (app.Adopted, error) {
		return r.App.AdoptConfig(ctx, estate.ServiceName(in.Name), estate.EnvironmentName(in.Environment), rights.Of(ctx))
	})
	change(a, rights.Operate, "switch-config", http.MethodPost, "/config/services/{name}/switch", "Begin to have a service told by configuration", func(ctx context.Context, in *request[app.SwitchRequest]) (journey.Run, error) {
		return r.App.StartSwitch(ctx, estate.ServiceName(in.Name), in.Body, rights.Of(ctx))
	})
	change(a, rights.Operate, "switch-config-back", http.MethodPost, "/config/services/{name}/back", "Begin to have a service told again what it was before its switch", func(ctx context.Context, in *request[app.SwitchRequest]) (journey.Run, error) {
		return r.App.StartSwitchBack(ctx, estate.ServiceName(in.Name), in.Body, rights.Of(ctx))
	})
}
