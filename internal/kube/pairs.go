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

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/object"
)

// Pairs are all objects that the target's files make, each beside what of it is in the cluster, by name; and what runs or is reached in their
// namespaces that no file makes and nothing else there owns. Kinds are listed as a whole, several at once; nothing is changed.
func (t *Target) Pairs(ctx context.Context) ([]object.Pair, error) {
	declared, err := t.declared()
	if err != nil {
		return nil, err
	}
	live, err := t.listed(ctx, declared)
	if err != nil {
		return nil, err
	}
	out := make([]object.Pair, 0, len(declared))
	known := map[string]bool{}
	for _, m := range declared {
		p := object.Pair{Path: m.path, Declared: m.object.Object}
		if l := live[m.key()]; l != nil && l.GetDeletionTimestamp() == nil {
			p.Live = l.Object
		}
		known[m.key()] = true
		out = append(out, p)
	}
	for _, key := range slices.Sorted(maps.Keys(live)) {
		if l := live[key]; !known[key] && t.extra(l) {
			out = append(out, object.Pair{Live: l.Object})
		}
	}
	return out, nil
}

// declared are the objects of all files, by name.
func (t *Target) declared() ([]made, error) {
	tree := treeOf(t.owner, t.o.Images, t.o.Files, nil)
	tree.builds = t.o.Builds
	paths := make([]string, len(t.o.Files))
	for i, f := range t.o.Files {
		paths[i] = f.Path
	}
	_, units, err := tree.placed(paths)
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	byKey := map[string]made{}
	err = each(units, func(u unit) error {
		all, err := tree.build(u)
		mu.Lock()
		defer mu.Unlock()
		for _, m := range all {
			byKey[m.key()] = m
		}
		return err
	})
	out := make([]made, 0, len(byKey))
	for _, key := range slices.Sorted(maps.Keys(byKey)) {
		out = append(out, byKey[key])
	}
	return out, err
}

// fewSpaces is up to how many namespaces a kind is listed in one by one.
const fewSpaces = 4

// listed are the objects in a cluster of the kinds that are declared, and of those that would be extra, by key: those in namespaces of
// declared objects, and of all that are in none. Objects of a kind that the cluster does not know are not there.
func (t *Target) listed(ctx context.Context, declared []made) (map[string]*unstructured.Unstructured, error) {
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
func (t *Target) where(ctx context.Context, declared []made) (spaces map[string]bool, kinds map[schema.GroupVersionResource]bool, err error) {
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
	return runs && len(l.GetOwnerReferences()) == 0 && l.GetDeletionTimestamp() == nil && !strings.HasPrefix(l.GetNamespace(), "kube-")
}
