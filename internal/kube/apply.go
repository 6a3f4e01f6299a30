package kube

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/object"
	"example.org/caravan/internal/render"
)

// plan is what putting files in place takes: the objects they make beside what there is.
type plan struct {
	files       []render.File
	tree        *tree
	folders     map[string]string // where files are recorded, by path
	inventories map[string]*inventory
	was         map[string]fileRecord    // before anything is done, by path
	inputs      map[string]estate.Digest // of what is built, by folder
	deeds       []deed
	live        map[string]*unstructured.Unstructured
}

// deed is one object of a plan.
type deed struct {
	made
	folder   string
	live     *unstructured.Unstructured // nil when it is not there
	what     journey.What
	inTheWay error
	adopted  bool // others made it
}

// liveOf are the objects of a plan that are there. Those that the inventory does not know are mostly not: the API server's memory tells so
// without its store being asked, and only what is in it is read for certain.
func (t *Target) liveOf(ctx context.Context, p *plan) (map[string]*unstructured.Unstructured, error) {
	var certain, likely []id
	for _, d := range p.deeds {
		if _, known := p.inventories[d.folder].Objects[d.key()]; known {
			certain = append(certain, d.id)
		} else {
			likely = append(likely, d.id)
		}
	}
	remembered, err := t.look(ctx, likely, "0")
	if err != nil {
		return nil, err
	}
	for _, i := range likely {
		if remembered[i.key()] != nil {
			certain = append(certain, i)
		}
	}
	return t.live(ctx, certain)
}

func (d *deed) blocked() bool { return d.inTheWay != nil }

// plan looks at the cluster and decides about every object of files. It changes nothing.
func (t *Target) plan(ctx context.Context, files []render.File) (*plan, error) {
	p := &plan{files: files, tree: treeOf(t.owner, t.o.Images, t.o.Files, files), was: map[string]fileRecord{}, inputs: map[string]estate.Digest{}}
	paths := make([]string, len(files))
	for i, f := range files {
		paths[i] = f.Path
	}
	p.tree.builds = t.o.Builds
	folders, units, err := p.tree.placed(paths)
	if err != nil {
		return nil, err
	}
	p.folders = folders
	names := slices.Collect(maps.Values(folders))
	for _, u := range units {
		names = append(names, u.folder)
	}
	slices.Sort(names)
	if p.inventories, err = t.inventories(ctx, slices.Compact(names)...); err != nil {
		return nil, err
	}
	for _, v := range p.inventories {
		maps.Copy(p.was, v.Files)
	}
	if err := p.gather(units); err != nil {
		return nil, err
	}
	if p.live, err = t.liveOf(ctx, p); err != nil {
		return nil, err
	}
	for i := range p.deeds {
		t.judge(p, &p.deeds[i])
	}
	return p, p.fill(units)
}

// fill gives objects that are to be applied their content, where they come from the inventory: somebody took them away or edited them.
func (p *plan) fill(units []unit) error {
	for _, u := range units {
		blank := func(d deed) bool { return d.folder == u.folder && d.object == nil && d.what != journey.Unchanged }
		if !slices.ContainsFunc(p.deeds, blank) {
			continue
		}
		all, err := p.tree.build(u)
		if err != nil {
			return err
		}
		for _, m := range all {
			if i := slices.IndexFunc(p.deeds, func(d deed) bool { return blank(d) && d.key() == m.key() }); i >= 0 {
				p.deeds[i].object = m.object
			}
		}
	}
	return nil
}

// gather finds out what objects the files make. A unit that nothing changed of since its objects were recorded is not built again.
func (p *plan) gather(units []unit) error {
	var mu sync.Mutex
	err := each(units, func(u unit) error {
		v, input := p.inventories[u.folder], p.tree.input(u)
		deeds := p.recorded(v, input)
		if deeds == nil {
			all, err := p.tree.build(u)
			if err != nil {
				return err
			}
			for _, m := range all {
				if p.makes(m.path) {
					deeds = append(deeds, deed{made: m, folder: u.folder})
				}
			}
		}
		mu.Lock()
		defer mu.Unlock()
		p.inputs[u.folder] = input
		p.deeds = append(p.deeds, deeds...)
		return nil
	})
	slices.SortFunc(p.deeds, func(x, y deed) int { return strings.Compare(x.key(), y.key()) })
	return err
}

func (p *plan) makes(path string) bool {
	return slices.ContainsFunc(p.files, func(f render.File) bool { return f.Path == path })
}

// recorded are the objects of files as the inventory has them, when all of it is still what would be built; else nil.
func (p *plan) recorded(v *inventory, input estate.Digest) []deed {
	out := []deed{}
	for _, f := range p.files {
		if p.folders[f.Path] != v.Folder {
			continue
		}
		if r, ok := v.Files[f.Path]; !ok || r.Next != "" || r.Digest != journey.DigestOf(f) || r.Input != input {
			return nil
		}
		now, _ := v.of(f.Path)
		for _, o := range now {
			out = append(out, deed{made: made{id: o.ID, path: o.Path, content: o.Content}, folder: v.Folder})
		}
	}
	return out
}

// judge decides about one object. What is in the way: one that others made, or edited since it was made.
func (t *Target) judge(p *plan, d *deed) {
	record := p.inventories[d.folder].Objects[d.key()]
	d.live = p.live[d.key()]
	if d.live != nil && d.live.GetDeletionTimestamp() != nil {
		d.live = nil // Apply waits until it is gone
	}
	mark := d.live != nil && ours(d.live, t.owner) && applied(d.live)
	d.adopted = record.Adopted
	switch {
	case d.live == nil:
		d.what = journey.Created
	case !mark && record.Print == "": // one that is Caravan's own and not known is known again: somebody took the inventory away
		d.what, d.adopted, d.inTheWay = journey.Updated, true, t.foreign(d)
	case record.Print != "" && fingerprint(d.live) != record.Print:
		d.what, d.inTheWay = journey.Updated, t.wasEdited(d)
	case record.Print != "" && record.Content == d.content && !record.Old:
		d.what = journey.Unchanged
	default:
		d.what = journey.Updated
	}
	if t.o.Force {
		d.inTheWay = nil
	}
}

// applied reports whether Caravan has applied an object, and nobody copied it.
func applied(live *unstructured.Unstructured) bool {
	return slices.ContainsFunc(live.GetManagedFields(), func(m metav1.ManagedFieldsEntry) bool {
		return m.Manager == manager && m.Operation == metav1.ManagedFieldsOperationApply
	})
}

// foreign is that an object was made by others.
func (t *Target) foreign(d *deed) error {
	by := "by others"
	if owner := d.live.GetLabels()[ownerLabel]; owner != "" {
		by = "for " + owner
	} else if who := writers(d.live); who != "" {
		by = "by " + who
	}
	return fault.Newf(fault.Conflict, "%s: %s is there and was made %s; move it away, or run again with --force to overwrite it", d.path, d.id, by)
}

// wasEdited is that an object was edited since it was made.
func (t *Target) wasEdited(d *deed) error {
	by := ""
	if who := writers(d.live); who != "" {
		by = " by " + who
	}
	return fault.Newf(fault.Conflict, "%s: %s was edited since it was applied%s; move the change into services/ or expansions/, or run again with --force to lose it", d.path, d.id, by)
}

// writers are who else wrote into an object what is not for the cluster itself to write.
func writers(live *unstructured.Unstructured) string { return object.Writers(live.Object, manager) }

// inTheWay is all that is in the way of a plan.
func (p *plan) inTheWay() error {
	var out []error
	for _, d := range p.deeds {
		out = append(out, d.inTheWay)
	}
	return errors.Join(out...)
}

// Apply puts a step's files in place: what its objects are made in comes first, objects of a kind at once.
func (t *Target) Apply(ctx context.Context, s journey.Step, files []render.File, tell journey.Tell) ([]journey.Change, error) {
	ctx = loud(ctx, tell)
	p, err := t.plan(ctx, files)
	if err != nil {
		return nil, err
	}
	if err := p.inTheWay(); err != nil {
		return nil, err
	}
	if err := t.rehearse(ctx, p); err != nil {
		return nil, err
	}
	if err := t.intend(ctx, s.ID, p); err != nil {
		return nil, err
	}
	failed := t.carryOut(ctx, p, tell)
	if err := t.settle(ctx, p, failed == nil); err != nil || failed != nil {
		return p.changes(), errors.Join(failed, err)
	}
	return p.changes(), t.sweep(ctx, p.inventories, tell)
}

// rehearse lets the API server check changes of what is there before anything is changed, so that a step with something in the way is not
// half done. What is new has nothing in the way.
func (t *Target) rehearse(ctx context.Context, p *plan) error {
	return each(p.deeds, func(d deed) error {
		if d.what != journey.Updated {
			return nil
		}
		_, err := t.put(ctx, d, true)
		return err
	})
}

// put applies an object, or has the API server say what would come of it.
func (t *Target) put(ctx context.Context, d deed, dry bool) (live *unstructured.Unstructured, err error) {
	r, err := t.resource(ctx, d.id)
	if err != nil {
		return nil, err
	}
	o := metav1.ApplyOptions{FieldManager: manager, Force: t.o.Force}
	if dry {
		o.DryRun = []string{metav1.DryRunAll}
	}
	err = t.patiently(ctx, func() (err error) {
		live, err = t.in(r, d.Namespace).Apply(ctx, d.Name, d.object, o)
		return err
	})
	return live, t.say(err, d.path+": apply "+d.id.String())
}

// intend notes what is about to be made.
func (t *Target) intend(ctx context.Context, step journey.StepID, p *plan) error {
	return t.record(ctx, p, func(v *inventory) { p.note(v, step) })
}

// record changes every inventory of a plan.
func (t *Target) record(ctx context.Context, p *plan, change func(*inventory)) error {
	before := slices.Collect(maps.Values(p.inventories))
	var mu sync.Mutex
	return each(before, func(v *inventory) error {
		after, err := t.change(ctx, v, change)
		mu.Lock()
		defer mu.Unlock()
		p.inventories[v.Folder] = after
		return err
	})
}

// note writes what is about to be made into an inventory.
func (p *plan) note(v *inventory, step journey.StepID) {
	for _, f := range p.files {
		r := v.Files[f.Path]
		if p.folders[f.Path] != v.Folder || r.Digest == journey.DigestOf(f) && r.Next == "" && r.Mode == f.Mode && !p.moves(f.Path) {
			continue
		}
		v.Files[f.Path] = fileRecord{Digest: r.Digest, Next: journey.DigestOf(f), Mode: f.Mode, Step: step, Input: r.Input}
	}
	there := map[string]bool{}
	for _, d := range p.deeds {
		if d.folder != v.Folder {
			continue
		}
		there[d.key()] = true
		if d.what == journey.Unchanged {
			continue
		}
		v.Objects[d.key()] = objectRecord{ID: d.id, Path: d.path, Content: d.content, Adopted: d.adopted}
	}
	for key, r := range v.Objects {
		if p.makes(r.Path) && !there[key] && !r.Old {
			r.Old = true
			v.Objects[key] = r
		}
	}
}

// moves reports whether any object of a file is about to change.
func (p *plan) moves(path string) bool {
	return slices.ContainsFunc(p.deeds, func(d deed) bool { return d.path == path && d.what != journey.Unchanged })
}

// carryOut applies what is not as it should be, stage by stage.
func (t *Target) carryOut(ctx context.Context, p *plan, tell journey.Tell) error {
	byKey := map[string]*deed{}
	var open []id
	for i := range p.deeds {
		if p.deeds[i].what != journey.Unchanged {
			byKey[p.deeds[i].key()] = &p.deeds[i]
			open = append(open, p.deeds[i].id)
		}
	}
	for _, stage := range staged(open, func(i id) id { return i }) {
		if err := each(stage, func(i id) error { return t.carry(ctx, byKey[i.key()], tell) }); err != nil {
			return err
		}
		if err := t.settled(ctx, stage); err != nil {
			return err
		}
	}
	return nil
}

// carry applies one object. One that is being taken away, by others or an earlier run, is waited for.
func (t *Target) carry(ctx context.Context, d *deed, tell journey.Tell) error {
	before := ""
	if d.live != nil {
		before = d.live.GetResourceVersion()
	}
	if err := t.shed(ctx, d); err != nil {
		return err
	}
	err := t.await(ctx, func() (bool, error) {
		live, err := t.put(ctx, *d, false)
		if err != nil && terminating(err) {
			return false, nil
		}
		if err == nil && live.GetDeletionTimestamp() != nil {
			return false, nil
		}
		d.live = live
		return true, err
	})
	if errors.Is(err, errTime) {
		return fault.Newf(fault.Unavailable, "%s: %s is still being taken away%s; once it is gone, run it again", d.path, d.id, holding(d.live))
	}
	switch {
	case err != nil:
		return err
	case d.live.GetResourceVersion() == before:
		d.what = journey.Unchanged
	default:
		tell(d.id.String() + " " + string(d.what))
	}
	return nil
}

// shed takes away what others added to an object that is to be overwritten: applying leaves what it does not name.
func (t *Target) shed(ctx context.Context, d *deed) error {
	if !t.o.Force || d.live == nil || d.object == nil {
		return nil
	}
	added := slices.DeleteFunc(object.Compare(object.Normal(d.object.Object), d.live.Object, object.Options{Manager: manager}), func(f object.Field) bool { return f.What != object.Added })
	if len(added) == 0 {
		return nil
	}
	r, err := t.resource(ctx, d.id)
	if err != nil {
		return err
	}
	without := &unstructured.Unstructured{Object: object.Mended(d.live.Object, added)}
	return t.say(t.patiently(ctx, func() error {
		_, err := t.in(r, d.Namespace).Update(ctx, without, metav1.UpdateOptions{FieldManager: manager})
		return err
	}), d.path+": take away what others added to "+d.id.String())
}

// terminating reports whether an object cannot be made because its namespace is being taken away.
func terminating(err error) bool {
	for ; err != nil; err = errors.Unwrap(err) {
		if apierrors.HasStatusCause(err, "NamespaceTerminating") || strings.Contains(err.Error(), "because it is being terminated") {
			return true
		}
	}
	return false
}

// settled waits until a stage's kinds of objects can be used.
func (t *Target) settled(ctx context.Context, stage []id) error {
	for _, i := range stage {
		if i.Kind != "CustomResourceDefinition" {
			continue
		}
		if err := t.ready(ctx, []objectRecord{{ID: i}}, func(string) {}); err != nil {
			return err
		}
		t.mapper.Reset()
	}
	return nil
}

// settle notes what was made, and how it is now.
func (t *Target) settle(ctx context.Context, p *plan, all bool) error {
	return t.record(ctx, p, func(v *inventory) { p.confirm(v, all) })
}

// confirm writes what was made into an inventory. When not all was, files stay announced.
func (p *plan) confirm(v *inventory, all bool) {
	for _, d := range p.deeds {
		r, ok := v.Objects[d.key()]
		if d.folder != v.Folder || !ok || d.live == nil || contentOf(d.live) != d.content || r.Content != d.content {
			continue
		}
		if r.Print == "" {
			r.Print = fingerprint(d.live)
			v.Objects[d.key()] = r
		}
	}
	if !all {
		return
	}
	for _, f := range p.files {
		if r, ok := v.Files[f.Path]; ok && p.folders[f.Path] == v.Folder {
			v.Files[f.Path] = fileRecord{Digest: journey.DigestOf(f), Mode: f.Mode, Step: r.Step, Input: p.inputs[v.Folder]}
		}
	}
}

// changes are what became, or would become, of each file, in the order they were given.
func (p *plan) changes() []journey.Change {
	out := make([]journey.Change, len(p.files))
	for i, f := range p.files {
		out[i] = journey.Change{Path: f.Path, What: p.whatOf(f)}
	}
	return out
}

// whatOf is what becomes of a file: of its objects, or of its record when it makes none.
func (p *plan) whatOf(f render.File) journey.What {
	made := map[journey.What]int{}
	for _, d := range p.deeds {
		if d.path == f.Path {
			made[d.what]++
		}
	}
	r, known := p.was[f.Path]
	switch {
	case made[journey.Updated] > 0, made[journey.Created] > 0 && made[journey.Unchanged] > 0:
		return journey.Updated
	case made[journey.Created] > 0:
		return journey.Created
	case made[journey.Unchanged] == 0 && !known:
		return journey.Created
	case known && r.Digest != "" && (r.Digest != journey.DigestOf(f) || r.Mode != f.Mode):
		return journey.Updated
	case known && r.Digest == "":
		return journey.Created
	}
	return journey.Unchanged
}
