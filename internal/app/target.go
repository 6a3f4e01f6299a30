package app

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"example.org/caravan/internal/directory"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/render"
	"example.org/caravan/internal/workspace"
)

// runOptions are where a run puts things, and how.
type runOptions struct {
	Folder  string                                      `json:"folder"`            // of environments without a target
	Targets map[estate.EnvironmentName]workspace.Target `json:"targets,omitempty"` // of those that have one
	Force   bool                                        `json:"force,omitempty"`
}

// optionsOf are where a course is carried out.
func (a *App) optionsOf(c course, folder string, force bool) runOptions {
	o := runOptions{Folder: folder, Force: force, Targets: map[estate.EnvironmentName]workspace.Target{}}
	for _, s := range c.Journey.Steps {
		if t, ok := a.declared.TargetOf(s.Environment); ok {
			o.Targets[s.Environment] = t
		}
	}
	return o
}

// folderOf is the folder of an environment.
func (a *App) folderOf(env estate.EnvironmentName, o runOptions) string {
	t, ok := o.Targets[env]
	switch {
	case !ok:
		return o.Folder
	case filepath.IsAbs(t.Folder):
		return t.Folder
	}
	return filepath.Join(a.dir, t.Folder)
}

// target is where the steps of an environment are carried out.
func (a *App) target(ctx context.Context, expansion string, env estate.EnvironmentName, o runOptions, wait bool) (journey.Target, error) {
	if t, ok := o.Targets[env]; ok && t.Folder == "" {
		return nil, fault.Newf(fault.Invalid, "%s: this version reaches no clusters and machines; give its target a folder", env)
	}
	return directory.Open(ctx, directory.Options{Dir: a.folderOf(env, o), Expansion: expansion, Force: o.Force, Wait: wait})
}

// there is what is in place of an expansion, in all its places, by path.
func (a *App) there(ctx context.Context, name string, o runOptions) ([]journey.Found, error) {
	folders := []string{o.Folder}
	for env := range o.Targets {
		if dir := a.folderOf(env, o); !slices.Contains(folders, dir) {
			folders = append(folders, dir)
		}
	}
	var out []journey.Found
	for _, dir := range folders {
		found, err := directory.Look(ctx, dir, name)
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	slices.SortFunc(out, func(x, y journey.Found) int { return strings.Compare(x.Path, y.Path) })
	return out, nil
}

// places are the environments of a course that are carried out in a place of their own, each with its files; "" stands for all others.
func (o runOptions) places(c course) map[estate.EnvironmentName][]render.File {
	out := map[estate.EnvironmentName][]render.File{}
	for _, s := range c.Journey.Steps {
		env := s.Environment
		if _, ok := o.Targets[env]; !ok {
			env = ""
		}
		out[env] = append(out[env], c.FilesOf(s)...)
	}
	return out
}

// preview says what carrying a course out would change, by path, and what is in the way, all of it.
func (a *App) preview(ctx context.Context, c course, o runOptions) (map[string]journey.Change, error) {
	out := map[string]journey.Change{}
	var inTheWay []error
	for env, files := range o.places(c) {
		t, err := a.target(ctx, c.Journey.Expansion, env, o, false)
		if err != nil {
			return out, err
		}
		changes, err := t.Preview(ctx, files)
		inTheWay = append(inTheWay, err, t.Close())
		for _, ch := range changes {
			out[ch.Path] = ch
		}
	}
	return out, errors.Join(inTheWay...)
}
