package app

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

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

	// Declared is the move of a datastore as whoever began the run read it; "" when nobody said. Another program, which may have read caravan.yaml before it was
	// changed, leaves it alone.
	Declared estate.Digest `json:"declared,omitempty"`
}

// readOptions are the options of a run, as it was started with.
func readOptions(id journey.RunID, text string) (o runOptions, err error) {
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		return o, fault.Newf(fault.Invalid, "the options of run %s are damaged; cancel it and move again", id)
	}
	return o, nil
}

// optionsOf are where a course is carried out.
func (a *App) optionsOf(c course, folder string, force bool) runOptions {
	o := runOptions{Folder: folder, Force: force, Targets: map[estate.EnvironmentName]workspace.Target{}}
	for _, s := range c.Journey.Steps {
		if t, ok := a.targetOf(s); ok {
			o.Targets[s.Environment] = t
		}
	}
	return o
}

// targetOf is where a step is carried out, as caravan.yaml says now; false for nowhere but a folder of files. A datastore moves at its servers, which
// somebody always has to agree to.
func (a *App) targetOf(s journey.Step) (workspace.Target, bool) {
	if s.Kind == journey.Replicate || s.Kind == journey.CutOver {
		return workspace.Target{Environment: string(s.Environment), Servers: string(s.Subject)}, true
	}
	return a.declared.TargetOf(s.Environment)
}

// targetInWords is where the steps of an environment are carried out, as caravan.yaml says now; "" for nowhere but a folder of files.
func (a *App) targetInWords(env estate.EnvironmentName) string {
	t, _ := a.declared.TargetOf(env)
	return t.String()
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

// aMoment is how long a folder that others write into is waited for by those who only look.
const aMoment = 2 * time.Second

// target is where the steps of an environment are carried out; files are all that it shall hold. A folder that others write into is waited for, if need be
// for long.
func (a *App) target(ctx context.Context, expansion string, env estate.EnvironmentName, files []render.File, o runOptions, wait bool) (journey.Target, error) {
	switch t := o.Targets[env]; {
	case t.Cluster != nil:
		return a.cluster(ctx, *t.Cluster, expansion, env, files, o.Force)
	case t.Machines != nil:
		return a.machines(ctx, *t.Machines, expansion, env, files, o.Force)
	}
	if !wait { // others may be looking, too
		var done context.CancelFunc
		ctx, done = context.WithTimeout(ctx, aMoment)
		defer done()
	}
	return directory.Open(ctx, directory.Options{Dir: a.folderOf(env, o), Expansion: expansion, Force: o.Force, Wait: true})
}

// live are the environments whose target is no folder: what is there has to be asked for.
func (o runOptions) live() []estate.EnvironmentName {
	var out []estate.EnvironmentName
	for env, t := range o.Targets {
		if t.Folder == "" {
			out = append(out, env)
		}
	}
	slices.Sort(out)
	return out
}

// Where is the target of an environment, in words.
type Where struct {
	Environment estate.EnvironmentName `json:"environment"`
	Target      string                 `json:"target"` // "cluster of context kopi-id", "machines over SSH", or a folder
	Live        bool                   `json:"live"`   // what is put there runs; else it is files for something else to apply
}

// where says where a course is carried out, by environment.
func (a *App) where(c course, o runOptions) []Where {
	var out []Where
	for _, s := range c.Journey.Steps {
		if s.Environment == "" || slices.ContainsFunc(out, func(w Where) bool { return w.Environment == s.Environment }) {
			continue
		}
		w := Where{Environment: s.Environment}
		switch t := o.Targets[s.Environment]; {
		case t.Cluster != nil:
			w.Target, w.Live = "cluster of context "+t.Cluster.Context, true
		case t.Machines != nil:
			w.Target, w.Live = "machines over SSH", true
		default:
			w.Target = a.folderOf(s.Environment, o)
		}
		out = append(out, w)
	}
	return out
}

// there is what is in place of a course's expansion, in all its places, by path. A place that cannot be reached is an error that says so.
func (a *App) there(ctx context.Context, c course, o runOptions) ([]journey.Found, error) {
	out, err := a.inFolders(ctx, c.Journey.Expansion, o)
	if err != nil {
		return nil, err
	}
	for _, env := range o.live() {
		found, err := a.observe(ctx, c, env, o)
		if err != nil {
			return nil, err
		}
		out = append(out, found...)
	}
	slices.SortFunc(out, byPath)
	return out, nil
}

func byPath(x, y journey.Found) int { return strings.Compare(x.Path, y.Path) }

// inFolders is what is in place of an expansion in folders, by path.
func (a *App) inFolders(ctx context.Context, name string, o runOptions) ([]journey.Found, error) {
	folders := []string{o.Folder}
	for env, t := range o.Targets {
		if dir := a.folderOf(env, o); t.Folder != "" && !slices.Contains(folders, dir) {
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
	slices.SortFunc(out, byPath)
	return out, nil
}

// observe asks an environment's target what is in place.
func (a *App) observe(ctx context.Context, c course, env estate.EnvironmentName, o runOptions) ([]journey.Found, error) {
	t, err := a.target(ctx, c.Journey.Expansion, env, c.In(env), o, false)
	if err != nil {
		return nil, err
	}
	found, err := t.Observe(ctx)
	return found, errors.Join(err, t.Close())
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
	places := o.places(c)
	for _, env := range slices.Sorted(maps.Keys(places)) {
		files := places[env]
		t, err := a.target(ctx, c.Journey.Expansion, env, files, o, false)
		if err != nil {
			inTheWay = append(inTheWay, err) // what else is wrong is said with it
			continue
		}
		changes, err := t.Preview(ctx, files)
		inTheWay = append(inTheWay, err, t.Close())
		for _, ch := range changes {
			out[ch.Path] = ch
		}
	}
	return out, errors.Join(inTheWay...)
}

// previewLive is preview of the environments whose target is no folder.
func (a *App) previewLive(ctx context.Context, c course, o runOptions) (map[string]journey.Change, error) {
	c.Journey.Steps = slices.DeleteFunc(slices.Clone(c.Journey.Steps), func(s journey.Step) bool { return !slices.Contains(o.live(), s.Environment) })
	return a.preview(ctx, c, o)
}
