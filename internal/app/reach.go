package app

import (
	"context"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/host"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/kube"
	"example.org/caravan/internal/render"
	"example.org/caravan/internal/workspace"
)

// cluster is a cluster as a target.
func (a *App) cluster(ctx context.Context, c workspace.Cluster, expansion string, env estate.EnvironmentName, files []render.File, force bool) (journey.Target, error) {
	images, err := a.imagesIn(ctx, env)
	if err != nil {
		return nil, err
	}
	return kube.Open(ctx, kube.TargetOptions{
		Options: kube.Options{Kubeconfig: a.declared.Within(c.Kubeconfig), Context: c.Context}, Expansion: expansion, Environment: env, Files: files, Images: images, Force: force, Builds: &a.builds,
	})
}

// machines are machines as a target.
func (a *App) machines(ctx context.Context, m workspace.Machines, expansion string, env estate.EnvironmentName, files []render.File, force bool) (journey.Target, error) {
	return host.Open(ctx, host.TargetOptions{
		Options:   a.overSSH(m),
		Expansion: expansion, Environment: env, Files: files, Force: force,
	})
}

// overSSH is how machines are reached.
func (a *App) overSSH(m workspace.Machines) host.Options {
	return host.Options{User: m.User, Key: a.declared.Within(m.Key), KnownHosts: a.declared.Within(m.KnownHosts), Port: m.Port}
}
