package app

import (
	"context"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/render"
	"example.org/caravan/internal/workspace"
)

func (a *App) cluster(context.Context, workspace.Cluster, string, estate.EnvironmentName, []render.File, bool) (journey.Target, error) {
	return nil, fault.Newf(fault.Invalid, "none")
}
func (a *App) machines(context.Context, workspace.Machines, string, estate.EnvironmentName, []render.File, bool) (journey.Target, error) {
	return nil, fault.Newf(fault.Invalid, "none")
}
