package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"example.org/caravan/internal/app"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/rights"
	"example.org/caravan/internal/standby"
)

// StandbyAsked names a datastore, and for how long back.
type StandbyAsked struct {
	app.StandbyQuery
	Since string `query:"since" doc:"How far back, such as 24h; an hour when left out, a week at most."`
}

// KeptAsked names one datastore.
type KeptAsked struct {
	Name        estate.ServiceName     `path:"name" doc:"The datastore."`
	Environment estate.EnvironmentName `query:"environment" doc:"The one in this environment."`
}

func (k KeptAsked) query() app.StandbyQuery {
	return app.StandbyQuery{Datastore: k.Name, Environment: k.Environment}
}

// standbys adds the routes about datastores that keep copies of themselves.
func (r routes) standbys(a huma.API) {
	read(a, "get-standbys", "/standbys", "Who is primary of datastores that keep copies, how far and how warm the copies are, and what is wrong, as last looked at", func(ctx context.Context, in *struct{ app.StandbyQuery }) (app.Standbys, error) {
		return r.App.Standbys(ctx, in.StandbyQuery)
	})
	change(a, rights.Read, "look-at-standbys", http.MethodPost, "/standbys/look", "The same after asking them now; changes nothing there", func(ctx context.Context, in *struct{ app.StandbyQuery }) (app.Standbys, error) {
		return r.App.LookAtStandbys(ctx, in.StandbyQuery)
	})
	read(a, "get-warmth", "/standbys/warmth", "How warm and how far behind the standbys of one datastore were, minute by minute", func(ctx context.Context, in *StandbyAsked) ([]standby.Sample, error) {
		since, err := spanOf(in.Since)
		if err != nil {
			return nil, err
		}
		got, err := r.App.Warmth(ctx, in.StandbyQuery, since)
		return nonNil(got), err
	})
	read(a, "get-advice", "/standbys/advice", "Whether datastores are better off on machines or in a cluster, by points from what was measured, and the way back", func(ctx context.Context, in *struct{ app.StandbyQuery }) (app.Advices, error) {
		return r.App.Advise(ctx, in.StandbyQuery)
	})
	change(a, rights.Decide, "create-store", http.MethodPost, "/standbys", "Ask for a new PostgreSQL or Redis for a service: write it into its workload and into an expansion, and plan", func(ctx context.Context, in *struct{ Body app.NewStore }) (app.CreatedStore, error) {
		return r.App.CreateStore(ctx, in.Body, rights.Of(ctx))
	})
	change(a, rights.Decide, "switch-over", http.MethodPost, "/standbys/switch", "Make another instance of a datastore primary, if it lags little and is warm", func(ctx context.Context, in *struct {
		app.StandbyQuery
		Body app.SwitchOver
	}) (app.Handover, error) {
		return r.App.SwitchOver(ctx, in.StandbyQuery, in.Body, rights.Of(ctx))
	})
	change(a, rights.Decide, "back-up", http.MethodPost, "/standbys/{name}/backup", "Make a backup of a datastore now; it goes on when nobody waits for it", func(ctx context.Context, in *struct {
		KeptAsked
		Body app.BackUpRequest
	}) (standby.Backup, error) {
		return r.App.BackUp(ctx, in.query(), in.Body, rights.Of(ctx))
	})
	change(a, rights.Decide, "drill-backup", http.MethodPost, "/standbys/{name}/drill", "Restore the newest backup of a datastore beside it, check it, and take it away again; it goes on when nobody waits for it", func(ctx context.Context, in *struct{ KeptAsked }) (standby.Drill, error) {
		return r.App.DrillBackup(ctx, in.query(), rights.Of(ctx))
	})
}

func spanOf(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, fault.Newf(fault.Invalid, "since %q is no length of time; write one such as 24h", text)
	}
	return d, nil
}
