package kube

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/object"
)

// Pairs are all objects that the target's files make, each beside what of it is in the cluster, by name; and what runs or is reached in their
// namespaces that no file makes and nothing else there owns. Kinds are listed as a whole, several at once; nothing is changed. What is as it was
// when it was applied, with all that others wrote, is not built again.
func (t *Target) Pairs(ctx context.Context) ([]object.Pair, error) {
	d, err := t.declared(ctx)
	if err != nil {
		return nil, err
	}
	live, err := t.listed(ctx, d.claims)
	if err != nil {
		return nil, err
	}
	if err := d.build(live); err != nil {
		return nil, err
	}
	out := make([]object.Pair, 0, len(d.claims))
	for _, key := range slices.Sorted(maps.Keys(d.claims)) {
		c := d.claims[key]
		p := object.Pair{Path: c.path}
		if l := live[key]; l != nil && l.GetDeletionTimestamp() == nil {
			p.Live = l.Object
		}
		if p.Declared = p.Live; c.object != nil {
			p.Declared = c.object.Object
		}
		p.Same = c.object == nil
		out = append(out, p)
	}
	for _, key := range slices.Sorted(maps.Keys(live)) {
		if d.claims[key] == nil && t.extra(live[key]) {
			out = append(out, object.Pair{Live: live[key].Object})
		}
	}
	return out, nil
}

// claim is an object that files make: built, or as it was recorded when it was applied.
type claim struct {
	made
	unit  int
	print estate.Digest // "" unless it was recorded
}

// declaration is all that files make, by key.
type declaration struct {
	tree   *tree
	units  []unit
	claims map[string]*claim
}

// declared are the objects of all files: of units whose input is as it was when they were applied as they are recorded, of others built.
func (t *Target) declared(ctx context.Context) (*declaration, error) {
	d := &declaration{tree: treeOf(t.owner, t.o.Images, t.o.Files, nil), claims: map[string]*claim{}}
	d.tree.builds = t.o.Builds
	paths := make([]string, len(t.o.Files))
	for i, f := range t.o.Files {
		paths[i] = f.Path
	}
	folders, units, err := d.tree.placed(paths)
	if err != nil {
		return nil, err
	}
	d.units = units
	known, err := t.inventories(ctx)
	if err != nil {
		return nil, err
	}
	in := map[string][]string{} // paths by folder
	for _, p := range paths {
		in[folders[p]] = append(in[folders[p]], p)
	}
	var open []int
	for i, u := range units {
		if v := known[u.folder]; v == nil || !d.recorded(v, i, in[u.folder]) {
			open = append(open, i)
		}
	}
	return d, d.kustomize(open)
}

// recorded takes over the objects of a unit from its inventory; false when that is of another input, or not all was applied.
func (d *declaration) recorded(v *inventory, unit int, paths []string) bool {
	input := d.tree.input(d.units[unit])
	var out []*claim
	for _, p := range paths {
		r, ok := v.Files[p]
		if !ok || r.Next != "" || r.Input != input || r.Digest != journey.DigestOf(d.tree.files[p]) {
			return false
		}
		now, _ := v.of(p)
		for _, o := range now {
			if o.Print == "" {
				return false
			}
			out = append(out, &claim{made: made{id: o.ID, path: o.Path, content: o.Content}, unit: unit, print: o.Print})
		}
	}
	for _, c := range out {
		d.claims[c.key()] = c
	}
	return true
}

// kustomize builds units, several at once.
func (d *declaration) kustomize(units []int) error {
	var mu sync.Mutex
	return each(units, func(i int) error {
		all, err := d.tree.build(d.units[i])
		mu.Lock()
		defer mu.Unlock()
		for _, m := range all {
			d.claims[m.key()] = &claim{made: m, unit: i}
		}
		return err
	})
}

// build builds the units of which something in the cluster is not as it was applied.
func (d *declaration) build(live map[string]*unstructured.Unstructured) error {
	changed := map[int]bool{}
	for key, c := range d.claims {
		if c.object == nil && (live[key] == nil || live[key].GetDeletionTimestamp() != nil || fingerprint(live[key]) != c.print) {
			changed[c.unit] = true
		}
	}
	return d.kustomize(slices.Sorted(maps.Keys(changed)))
}

// fewSpaces is up to how many namespaces a kind is listed in one by one.
const fewSpaces = 24

// listed are the objects in a cluster of the kinds that are declared, and of those that would be extra, by key: those in namespaces of
// declared objects, and of all that are in none. Objects of a kind that the cluster does not know are not there.
func (t *Target) listed(ctx context.Context, declared map[string]*claim) (map[string]*unstructured.Unstructured, error) {
	spaces, kinds, err := t.where(ctx, declared)
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	out := map[string]*unstructured.Unstructured{}
	err = each(slices.Collect(maps.Keys(kinds)), func(r schema.GroupVersionResource) error {
		all, err := t.listKind(ctx, r, kinds[r], spaces)
		mu.Lock()
		defer mu.Unlock()
		for i := range all {
			o := &all[i]
			if n := o.GetNamespace(); n == "" || spaces[n] {
				out[idOf(o).key()] = o
			}
		}
		return t.say(err, "list "+r.Resource)
	})
	return out, err
}

// where is in which namespaces objects are declared, and which kinds are to be listed, each with whether it is in namespaces.
func (t *Target) where(ctx context.Context, declared map[string]*claim) (spaces map[string]bool, kinds map[schema.GroupVersionResource]bool, err error) {
	spaces, kinds = map[string]bool{}, map[schema.GroupVersionResource]bool{}
	seen := map[schema.GroupVersionKind]bool{}
	for _, m := range declared {
		if m.Namespace != "" {
			spaces[m.Namespace] = true
		}
		if seen[m.gvk()] {
			continue
		}
		seen[m.gvk()] = true
		r, err := t.resource(ctx, m.id)
		if fault.KindOf(err) == fault.Invalid {
			continue // nothing of a kind that is not known is there
		}
		if err != nil {
			return nil, nil, err
		}
		kinds[r] = m.Namespace != ""
	}
	if len(spaces) > 0 {
		for _, k := range running {
			r, err := t.resource(ctx, id{Group: k.Group, Version: k.Version, Kind: k.Kind})
			if err != nil {
				return nil, nil, err
			}
			kinds[r] = true
		}
	}
	return spaces, kinds, nil
}

// listKind lists a kind over all namespaces, or one by one where there are few, or where the account may not do the first.
func (t *Target) listKind(ctx context.Context, r schema.GroupVersionResource, namespaced bool, spaces map[string]bool) ([]unstructured.Unstructured, error) {
	if !namespaced || len(spaces) > fewSpaces {
		all, err := t.list(ctx, r, "", "")
		if !namespaced || !apierrors.IsForbidden(err) {
			return all, err
		}
	}
	var mu sync.Mutex
	var out []unstructured.Unstructured
	err := each(slices.Sorted(maps.Keys(spaces)), func(space string) error {
		some, err := t.list(ctx, r, space, "")
		mu.Lock()
		defer mu.Unlock()
		out = append(out, some...)
		return err
	})
	return out, err
}

// running are the kinds by which something runs, or is reached, in a namespace.
var running = []schema.GroupVersionKind{
	{Group: "apps", Version: "v1", Kind: "Deployment"}, {Group: "apps", Version: "v1", Kind: "StatefulSet"}, {Group: "apps", Version: "v1", Kind: "DaemonSet"},
	{Group: "batch", Version: "v1", Kind: "CronJob"}, {Version: "v1", Kind: "Service"}, {Group: "networking.k8s.io", Version: "v1", Kind: "Ingress"},
}

// extra reports whether an object that no file makes is something that people put beside what files make.
func (t *Target) extra(l *unstructured.Unstructured) bool {
	runs := slices.ContainsFunc(running, func(k schema.GroupVersionKind) bool { return k.Kind == l.GetKind() && k.Group == idOf(l).Group })
	made := applied(l) && l.GetLabels()[ownerLabel] != "" // by a move, of this or another expansion
	return runs && !made && len(l.GetOwnerReferences()) == 0 && l.GetDeletionTimestamp() == nil && !strings.HasPrefix(l.GetNamespace(), "kube-")
}
