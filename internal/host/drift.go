package host

import (
	"cmp"
	"context"
	"maps"
	"path"
	"slices"
	"sync"

	"example.org/caravan/internal/drift"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/render"
)

// Differing is what of the machines of a target is not as its files say.
type Differing struct {
	Files []drift.File
	Units []drift.UnitState // all, those of which nothing is wrong too
	Lost  map[string]error  // machines that could not be looked at
}

// Differing looks at every machine at once: for files that were edited or are gone, and units that do not run as they shall. It changes
// nothing, and says of a machine that cannot be looked at just that.
func (t *Target) Differing(ctx context.Context) Differing {
	out := Differing{Lost: map[string]error{}}
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, h := range t.hosts {
		all.Go(func() {
			files, units, err := t.differingOn(ctx, h)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				out.Lost[h.Name] = err
				return
			}
			out.Files, out.Units = append(out.Files, files...), append(out.Units, units...)
		})
	}
	all.Wait()
	slices.SortFunc(out.Files, func(x, y drift.File) int {
		return cmp.Or(cmp.Compare(x.Machine, y.Machine), cmp.Compare(x.Path, y.Path))
	})
	slices.SortFunc(out.Units, func(x, y drift.UnitState) int {
		return cmp.Or(cmp.Compare(x.Machine, y.Machine), cmp.Compare(x.Unit, y.Unit))
	})
	return out
}

func (t *Target) differingOn(ctx context.Context, h render.Host) (files []drift.File, units []drift.UnitState, err error) {
	var v *view
	var there map[string]unit
	err = t.each(ctx, []render.Host{h}, func(_ render.Host, m *Machine) (err error) {
		if v, err = t.look(ctx, m, t.o.Files); err != nil {
			return err
		}
		var wanted []string
		for _, thing := range slices.Sorted(maps.Keys(v.manifest.Things)) {
			wanted = append(wanted, names(v.manifest.Things[thing].Install)...)
		}
		there, err = m.units(ctx, wanted...)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	return v.differing(h.Name), v.standing(h.Name, there), nil
}

// differing are the files that are not as they shall be.
func (v *view) differing(machine string) []drift.File {
	var out []drift.File
	for i, w := range v.wares {
		d := v.verdicts[i]
		if d.what == journey.Unchanged && d.why == "" {
			continue
		}
		there := w.seen(v.there[w.At], v.manifest.Expansion)
		f := drift.File{Machine: machine, Path: w.At, File: w.path, Missing: there.kind == nothing, Diff: v.difference(i), Sum: sum(there.data)}
		if w.Page && f.Missing {
			f.Path = path.Base(w.path)
		}
		f.Service = estate.ServiceName(w.Thing)
		out = append(out, f)
	}
	return out
}

// standing is how the units stand that are to run.
func (v *view) standing(machine string, there map[string]unit) []drift.UnitState {
	var out []drift.UnitState
	for thing, o := range v.manifest.Things {
		for _, name := range names(o.Install) {
			u := drift.UnitState{Machine: machine, Unit: name, Wrong: wrong(there[name], reads(o.Releases[o.Release].Files, name), o.Started[name])}
			u.Service = estate.ServiceName(thing)
			out = append(out, u)
		}
	}
	return out
}

// wrong is what is wrong with a unit; "" when nothing is. One that waits for what people bring is not wrong.
func wrong(u unit, want, had started) string {
	switch {
	case !u.Known:
		return "is not known to systemd"
	case u.failed:
		return "has failed"
	case !u.Active && u.skipped:
		return ""
	case !u.Active:
		return "does not run"
	case !u.Enabled:
		return "is not enabled"
	case u.stale || had.Unit != want.Unit:
		return "runs by an older unit file than is there"
	case had.Files != want.Files:
		return "runs with older files than are there"
	}
	return ""
}
