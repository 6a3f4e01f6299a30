package kube

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/journey"
)

// doomed is an object that is to go.
type doomed struct {
	objectRecord
	folder string
	live   *unstructured.Unstructured // nil when it is gone already
	fate   fate
	why    string // it stays
}

// fate is what becomes of an object that is to go.
type fate int

const (
	gone    fate = iota // it is not there any more, or what is there is not what was made
	deleted             // it is taken away
	stays               // it stays, and stays known
	let                 // it stays, and is let go of: others made it
)

// Remove takes away the objects of files that are not kept, what was made last first, and waits until they are gone. What was edited since
// it was made stays, and stays known, unless the target was opened with Force; so does a namespace that others put things into. When
// nothing is left, the inventory goes too.
func (t *Target) Remove(ctx context.Context, keep func(path string) bool, tell journey.Tell) ([]journey.Change, error) {
	ctx = loud(ctx, tell)
	all, err := t.inventories(ctx)
	if err != nil {
		return nil, err
	}
	var out []doomed
	for _, folder := range sortedKeys(all) {
		for _, key := range sortedKeys(all[folder].Objects) {
			if r := all[folder].Objects[key]; !keep(r.Path) {
				out = append(out, doomed{objectRecord: r, folder: folder})
			}
		}
	}
	if err := t.sentence(ctx, out); err != nil {
		return nil, err
	}
	if err := t.execute(ctx, out, tell); err != nil {
		return nil, err
	}
	changes, left := outcome(all, out, keep), false
	for _, folder := range sortedKeys(all) {
		v, err := t.change(ctx, all[folder], func(v *inventory) { forget(v, out, keep) })
		if err != nil {
			return changes, err
		}
		left = left || !v.empty()
	}
	if left {
		return changes, nil
	}
	return changes, t.say(t.leave(ctx), "take the namespace "+Space+" away")
}

// sentence decides what becomes of each object.
func (t *Target) sentence(ctx context.Context, all []doomed) error {
	var ids []id
	for _, d := range all {
		ids = append(ids, d.ID)
	}
	live, err := t.live(ctx, ids)
	if err != nil {
		return err
	}
	var spaces []string
	for i := range all {
		d := &all[i]
		d.live = live[d.ID.key()]
		d.decide(t.owner, t.o.Force)
		if d.ID.Kind == "Namespace" && d.fate == deleted && d.live.GetDeletionTimestamp() == nil {
			spaces = append(spaces, d.ID.Name)
		}
	}
	if len(spaces) == 0 {
		return nil
	}
	inside, err := t.within(ctx, spaces)
	for i := range all {
		if d := &all[i]; d.ID.Kind == "Namespace" && len(inside[d.ID.Name].others) > 0 {
			d.fate, d.why = stays, "others put things into it: "+some(inside[d.ID.Name].others)
		}
	}
	return err
}

func (d *doomed) decide(owner string, force bool) {
	switch {
	case d.live == nil:
		d.fate = gone
	case d.Adopted && d.ID.Kind == "Namespace":
		d.fate, d.why = let, "it was there before"
	case !ours(d.live, owner) && d.Print == "":
		d.fate = gone
	case d.live.GetDeletionTimestamp() == nil && d.Print != "" && fingerprint(d.live) != d.Print && !force:
		d.fate, d.why = stays, "it was edited since it was applied"
		if who := writers(d.live); who != "" {
			d.why += " by " + who
		}
	default:
		d.fate = deleted
	}
}

// execute takes away what is to go, stage by stage, and waits for each.
func (t *Target) execute(ctx context.Context, all []doomed, tell journey.Tell) error {
	stages := staged(all, func(d doomed) id { return d.ID })
	for _, stage := range slices.Backward(stages) {
		var ids []id
		for _, d := range stage {
			switch d.fate {
			case deleted:
				ids = append(ids, d.ID)
				if d.ID.Kind == "StatefulSet" {
					claims, err := t.claims(ctx, d.live)
					if err != nil {
						return err
					}
					ids = append(ids, claims...)
				}
			case stays, let:
				tell(d.ID.String() + " stays: " + d.why)
			}
		}
		if err := t.take(ctx, stage, ids, tell); err != nil {
			return err
		}
	}
	return nil
}

// take takes objects away and waits until they are gone.
func (t *Target) take(ctx context.Context, known []doomed, ids []id, tell journey.Tell) error {
	if len(ids) == 0 {
		return nil
	}
	uids := map[string]*unstructured.Unstructured{}
	for _, d := range known {
		uids[d.ID.key()] = d.live
	}
	if err := each(ids, func(i id) error { return t.delete(ctx, i, uids[i.key()]) }); err != nil {
		return err
	}
	left := ids
	err := t.await(ctx, func() (bool, error) {
		live, err := t.live(ctx, left)
		left = slices.DeleteFunc(slices.Clone(left), func(i id) bool {
			l := live[i.key()]
			missing := l == nil || uids[i.key()] != nil && l.GetUID() != uids[i.key()].GetUID()
			if missing && err == nil {
				tell(i.String() + " removed")
			}
			return missing && err == nil
		})
		return len(left) == 0, err
	})
	if errors.Is(err, errTime) {
		return t.clinging(ctx, left)
	}
	return err
}

// delete asks the API server to take an object away: exactly the one that was looked at.
func (t *Target) delete(ctx context.Context, i id, live *unstructured.Unstructured) error {
	r, err := t.resource(ctx, i)
	if err != nil {
		return err
	}
	policy := metav1.DeletePropagationBackground
	if i.stage() == len(stages) { // it is gone when what it runs is
		policy = metav1.DeletePropagationForeground
	}
	o := metav1.DeleteOptions{PropagationPolicy: &policy}
	if live != nil {
		uid := live.GetUID()
		o.Preconditions = &metav1.Preconditions{UID: &uid}
	}
	err = t.patiently(ctx, func() error { return t.in(r, i.Namespace).Delete(ctx, i.Name, o) })
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) { // another is in its place, which somebody else made
		return nil
	}
	return t.say(err, "remove "+i.String())
}

// claims are the volumes that a StatefulSet had made for its pods (names: CLAIM-SET-NUMBER).
func (t *Target) claims(ctx context.Context, set *unstructured.Unstructured) ([]id, error) {
	templates, _, _ := unstructured.NestedSlice(set.Object, "spec", "volumeClaimTemplates")
	if len(templates) == 0 {
		return nil, nil
	}
	all, err := t.list(ctx, claimResource, set.GetNamespace(), "")
	var out []id
	for _, c := range all {
		for _, template := range templates {
			name, _, _ := unstructured.NestedString(asMap(template), "metadata", "name")
			number, ok := strings.CutPrefix(c.GetName(), name+"-"+set.GetName()+"-")
			if ok && strings.Trim(number, "0123456789") == "" {
				out = append(out, idOf(&c))
			}
		}
	}
	return out, t.say(err, "list the volumes of "+idOf(set).String())
}

func asMap(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

// clinging is that objects do not go in time, with who holds them.
func (t *Target) clinging(ctx context.Context, left []id) error {
	live, err := t.live(ctx, left)
	if err != nil {
		return err
	}
	var out []error
	for _, i := range left {
		if l := live[i.key()]; l != nil {
			out = append(out, fault.Newf(fault.Unavailable, "%s is not gone after %s%s; once it is, run it again", i, t.o.Patience, holding(l)))
		}
	}
	return errors.Join(out...)
}

// holding says who keeps an object from going, as far as it tells.
func holding(live *unstructured.Unstructured) string {
	if live == nil {
		return ""
	}
	var out []string
	if f := live.GetFinalizers(); len(f) > 0 {
		out = append(out, "finalizers "+strings.Join(f, ", "))
	}
	for _, c := range conditions(live) {
		if c.status == "True" && (strings.HasSuffix(c.kind, "Remaining") || strings.HasSuffix(c.kind, "Failure")) && live.GetKind() == "Namespace" {
			out = append(out, clean(c.message))
		}
	}
	if len(out) == 0 {
		return ""
	}
	return ": held by " + strings.Join(out, "; ")
}

// outcome is what became of every file that is not kept.
func outcome(all map[string]*inventory, objects []doomed, keep func(string) bool) []journey.Change {
	what := map[string]journey.What{}
	for _, d := range objects {
		switch {
		case d.fate == stays, d.fate == let:
			what[d.Path] = journey.Kept
		case d.fate == deleted && what[d.Path] != journey.Kept:
			what[d.Path] = journey.Removed
		}
	}
	for _, v := range all {
		for path, f := range v.Files {
			if now, old := v.of(path); len(now)+len(old) == 0 && f.Digest != "" && !keep(path) {
				what[path] = journey.Removed
			}
		}
	}
	var out []journey.Change
	for _, path := range slices.Sorted(maps.Keys(what)) {
		out = append(out, journey.Change{Path: path, What: what[path]})
	}
	return out
}

// forget takes what is gone out of an inventory.
func forget(v *inventory, objects []doomed, keep func(string) bool) {
	kept := map[string]bool{}
	for _, d := range objects {
		if d.folder != v.Folder {
			continue
		}
		if d.fate == stays {
			kept[d.Path] = true
			continue
		}
		delete(v.Objects, d.ID.key())
	}
	for path := range v.Files {
		if !keep(path) && !kept[path] {
			delete(v.Files, path)
		}
	}
}

// sweep takes away what files do not make any more, unless a pod or what starts pods still uses it: a configuration goes when the last that
// was started with it is gone.
func (t *Target) sweep(ctx context.Context, folders []string, tell journey.Tell) error {
	all, err := t.inventories(ctx, folders...)
	if err != nil {
		return err
	}
	var out []doomed
	for _, folder := range sortedKeys(all) {
		for _, key := range sortedKeys(all[folder].Objects) {
			if r := all[folder].Objects[key]; r.Old {
				out = append(out, doomed{objectRecord: r, folder: folder})
			}
		}
	}
	if len(out) == 0 {
		return nil
	}
	if err := t.sentence(ctx, out); err != nil {
		return err
	}
	if err := t.spare(ctx, out); err != nil {
		return err
	}
	if err := t.execute(ctx, out, tell); err != nil {
		return err
	}
	for _, folder := range sortedKeys(all) {
		if _, err := t.change(ctx, all[folder], func(v *inventory) { forget(v, out, func(string) bool { return true }) }); err != nil {
			return err
		}
	}
	return nil
}

// spare keeps configuration that is used.
func (t *Target) spare(ctx context.Context, all []doomed) error {
	used := map[string][]unstructured.Unstructured{}
	for i := range all {
		d := &all[i]
		if d.fate != deleted || !slices.Contains([]string{"ConfigMap", "Secret", "ServiceAccount"}, d.ID.Kind) {
			continue
		}
		if _, ok := used[d.ID.Namespace]; !ok {
			for _, r := range users {
				found, err := t.list(ctx, r, d.ID.Namespace, "")
				if err != nil {
					return t.say(err, "look who uses "+d.ID.String())
				}
				used[d.ID.Namespace] = append(used[d.ID.Namespace], found...)
			}
		}
		if i := slices.IndexFunc(used[d.ID.Namespace], func(o unstructured.Unstructured) bool { return mentions(o.Object["spec"], d.ID.Name) }); i >= 0 {
			user := used[d.ID.Namespace][i]
			d.fate, d.why = stays, fmt.Sprintf("%s uses it", idOf(&user))
		}
	}
	return nil
}

// mentions reports whether a text stands anywhere in a value.
func mentions(in any, text string) bool {
	switch v := in.(type) {
	case string:
		return v == text
	case []any:
		return slices.ContainsFunc(v, func(item any) bool { return mentions(item, text) })
	case map[string]any:
		for _, item := range v {
			if mentions(item, text) {
				return true
			}
		}
	}
	return false
}
