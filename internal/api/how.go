package api

import (
	"context"

	"github.com/danielgtaylor/huma/v2"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/how"
)

// ServicePlace names a service, and maybe the one environment that is wanted.
type ServicePlace struct {
	Name        string `path:"name" doc:"Name or alias of a service or datastore, URL-escaped."`
	Environment string `query:"environment" doc:"Only this environment; all it runs in, or is planned to, when left out."`
}

// how adds the routes that say how people do to a service what they did to it on machines.
func (r routes) how(a huma.API) {
	get(a, "how", "/services/{name}/how", "How everything is done to a service, in each environment it runs in or is planned to", func(ctx context.Context, in *ServicePlace) (how.Guide, error) {
		g, err := r.App.How(ctx, in.Name)
		if err != nil || in.Environment == "" {
			return g, err
		}
		return g.In(estate.EnvironmentName(in.Environment))
	})
	get(a, "how-to", "/services/{name}/how/{action}", "How one action is done to a service, in each environment it runs in or is planned to", func(ctx context.Context, in *struct {
		ServicePlace
		Action string `path:"action" doc:"logs, restart, shell …, or another word for it."`
	}) (how.Answer, error) {
		action, err := how.Find(in.Action)
		if err != nil {
			return how.Answer{}, err
		}
		answer, err := r.App.HowTo(ctx, in.Name, action)
		if err != nil || in.Environment == "" {
			return answer, err
		}
		return answer.In(estate.EnvironmentName(in.Environment))
	})
}
