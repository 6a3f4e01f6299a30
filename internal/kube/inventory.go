package kube

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/journey"
)

// Space is the namespace that inventories are in: what Caravan made in a cluster, a ConfigMap for each folder.
const Space = "caravan"

// inventory is what was made of the files of a folder. It is written before anything is made, so that nothing is ever there and unknown.
type inventory struct {
	Expansion   string                  `json:"expansion"`
	Environment estate.EnvironmentName  `json:"environment"`
	Folder      string                  `json:"folder"`
	Files       map[string]fileRecord   `json:"files"`
	Objects     map[string]objectRecord `json:"objects"`

	stored *unstructured.Unstructured // as it was read; nil when there is none
}

// fileRecord is a file in place: the digest of what is, and of what is being put there.
type fileRecord struct {
	Digest estate.Digest  `json:"digest,omitempty"`
	Next   estate.Digest  `json:"next,omitempty"`
	Input  estate.Digest  `json:"input,omitempty"` // of all that its objects were last built from
	Mode   uint32         `json:"mode"`
	Step   journey.StepID `json:"step"`
}

// objectRecord is an object that was made, or is about to be.
type objectRecord struct {
	ID      id            `json:"id"`
	Path    string        `json:"path"`            // of the file it came from
	Content estate.Digest `json:"content"`         // what it is to be
	Print   estate.Digest `json:"print,omitempty"` // what it was when it had been applied; "" while it is being applied
	Adopted bool          `json:"adopted,omitempty"`
	Old     bool          `json:"old,omitempty"` // its file makes another one now; it goes when nothing uses it any more
}

func (v *inventory) empty() bool { return len(v.Files) == 0 && len(v.Objects) == 0 }

var configMaps = schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}
var namespaces = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}

const recordKey = "inventory.json"

// nameOf is the name of the inventory of a folder.
func (t *Target) nameOf(folder string) string { return short(t.owner+"."+folder, longestName) }

// inventories are those of some folders, empty ones for those of which there is none. All of the owner's when no folders are given.
func (t *Target) inventories(ctx context.Context, folders ...string) (map[string]*inventory, error) {
	out := map[string]*inventory{}
	const few = 8
	if len(folders) == 0 || len(folders) > few {
		if err := t.readAll(ctx, out); err != nil {
			return nil, err
		}
	} else if err := t.readSome(ctx, folders, out); err != nil {
		return nil, err
	}
	for _, f := range folders {
		if out[f] == nil {
			out[f] = t.blank(f)
		}
	}
	return out, nil
}

func (t *Target) blank(folder string) *inventory {
	return &inventory{Expansion: t.o.Expansion, Environment: t.o.Environment, Folder: folder, Files: map[string]fileRecord{}, Objects: map[string]objectRecord{}}
}

func (t *Target) readAll(ctx context.Context, out map[string]*inventory) error {
	all, err := t.list(ctx, configMaps, Space, ownerLabel+"="+t.owner)
	if err != nil {
		return t.say(err, "read the inventory in namespace "+Space)
	}
	for i := range all {
		v, err := parse(&all[i])
		if err != nil {
			return err
		}
		out[v.Folder] = v
	}
	return nil
}

func (t *Target) readSome(ctx context.Context, folders []string, out map[string]*inventory) error {
	found := make([]*inventory, len(folders))
	err := each(slices.Collect(maps.Keys(folders2index(folders))), func(i int) (err error) {
		found[i], err = t.read(ctx, folders[i])
		return err
	})
	for i, f := range folders {
		if found[i] != nil {
			out[f] = found[i]
		}
	}
	return err
}

func folders2index(folders []string) map[int]bool {
	out := map[int]bool{}
	for i := range folders {
		out[i] = true
	}
	return out
}

// read is the inventory of a folder, a blank one when there is none.
func (t *Target) read(ctx context.Context, folder string) (*inventory, error) {
	live, err := t.get(ctx, configMaps, Space, t.nameOf(folder))
	if err != nil {
		return nil, t.say(err, "read the inventory in namespace "+Space)
	}
	if live == nil {
		return t.blank(folder), nil
	}
	return parse(live)
}

func parse(live *unstructured.Unstructured) (*inventory, error) {
	text, _, _ := unstructured.NestedString(live.Object, "data", recordKey)
	var v inventory
	if err := json.Unmarshal([]byte(text), &v); err != nil || v.Files == nil || v.Objects == nil {
		return nil, fault.Newf(fault.Invalid, "configmap %s/%s, which says what was made, is damaged; restore it from a backup of the cluster", Space, live.GetName())
	}
	v.stored = live
	return &v, nil
}

// change changes the inventory of a folder as it is in the cluster, whoever else changes it, and gives what it is then. One in which
// nothing is left goes.
func (t *Target) change(ctx context.Context, v *inventory, change func(*inventory)) (*inventory, error) {
	err := t.patiently(ctx, func() error {
		for {
			before, next := v.text(), v.clone()
			change(next)
			if next.text() == before && (next.stored != nil || next.empty()) {
				v = next
				return nil
			}
			stored, err := t.write(ctx, next)
			if apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) || apierrors.IsNotFound(err) {
				if v, err = t.read(ctx, v.Folder); err != nil {
					return err
				}
				continue
			}
			if err != nil {
				return err
			}
			next.stored, v = stored, next
			return nil
		}
	})
	return v, t.say(err, "write the inventory in namespace "+Space)
}

func (v *inventory) text() string {
	text, _ := json.Marshal(v) // plain values all encode
	return string(text)
}

func (v *inventory) clone() *inventory {
	c := *v
	c.Files, c.Objects = maps.Clone(v.Files), maps.Clone(v.Objects)
	return &c
}

// write stores an inventory in the place of what it was read as; gone when nothing is left in it.
func (t *Target) write(ctx context.Context, v *inventory) (*unstructured.Unstructured, error) {
	in := t.api.Resource(configMaps).Namespace(Space)
	switch {
	case v.empty() && v.stored == nil:
		return nil, nil
	case v.empty():
		version := v.stored.GetResourceVersion()
		err := in.Delete(ctx, v.stored.GetName(), metav1.DeleteOptions{Preconditions: &metav1.Preconditions{ResourceVersion: &version}})
		if apierrors.IsNotFound(err) {
			err = nil
		}
		return nil, err
	case v.stored == nil:
		return t.begin(ctx, v)
	}
	o := v.stored.DeepCopy()
	if err := unstructured.SetNestedField(o.Object, v.text(), "data", recordKey); err != nil {
		return nil, err
	}
	return in.Update(ctx, o, metav1.UpdateOptions{FieldManager: manager})
}

// begin stores the first inventory of a folder. The namespace is made when it is missing; one that is being taken away is waited for.
func (t *Target) begin(ctx context.Context, v *inventory) (*unstructured.Unstructured, error) {
	o := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap",
		"metadata": map[string]any{
			"name": t.nameOf(v.Folder), "namespace": Space, "labels": map[string]any{ownerLabel: t.owner, managedBy: manager},
			"annotations": map[string]any{"caravan.example.org/folder": v.Folder},
		},
		"data": map[string]any{recordKey: v.text()},
	}}
	for {
		stored, err := t.api.Resource(configMaps).Namespace(Space).Create(ctx, o, metav1.CreateOptions{FieldManager: manager})
		switch {
		case err == nil:
			if err := t.stays(ctx); err == nil {
				return stored, nil
			} else if !apierrors.IsNotFound(err) {
				return nil, err
			}
			continue
		case apierrors.HasStatusCause(err, "NamespaceTerminating"):
			if err := t.spaceGone(ctx); err != nil {
				return nil, err
			}
		case apierrors.IsNotFound(err):
			if err := t.makeSpace(ctx); err != nil {
				return nil, err
			}
		default:
			return nil, err
		}
	}
}

const (
	managedBy = "app.kubernetes.io/managed-by"
	leaving   = "caravan.example.org/leaving" // on the namespace of inventories, while somebody takes it away
)

func (t *Target) makeSpace(ctx context.Context) error {
	_, err := t.api.Resource(namespaces).Create(ctx, &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": Space, "labels": map[string]any{managedBy: manager}},
	}}, metav1.CreateOptions{FieldManager: manager})
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

// spaceGone waits until the namespace of inventories, which is being taken away, is gone.
func (t *Target) spaceGone(ctx context.Context) error {
	return t.await(ctx, func() (bool, error) {
		live, err := t.get(ctx, namespaces, "", Space)
		return live == nil || live.GetDeletionTimestamp() == nil, err
	})
}

// stays makes sure that the namespace is not being taken away by somebody who did not see what was just written into it. NotFound when
// it was, and is gone now.
func (t *Target) stays(ctx context.Context) error {
	live, err := t.get(ctx, namespaces, "", Space)
	if err != nil {
		return err
	}
	if live != nil && live.GetDeletionTimestamp() == nil {
		if live.GetAnnotations()[leaving] == "" {
			return nil
		}
		patch := `{"metadata":{"annotations":{"` + leaving + `":null}}}`
		if live, err = t.api.Resource(namespaces).Patch(ctx, Space, types.MergePatchType, []byte(patch), metav1.PatchOptions{FieldManager: manager}); err == nil && live.GetDeletionTimestamp() == nil {
			return nil
		}
	}
	if err := t.spaceGone(ctx); err != nil {
		return err
	}
	return apierrors.NewNotFound(namespaces.GroupResource(), Space)
}

// leave takes away the namespace of inventories when there are none in it, nothing of others is, and Caravan made it. Whoever writes one
// meanwhile takes the mark away that it is leaving, and it stays.
func (t *Target) leave(ctx context.Context) error {
	live, err := t.get(ctx, namespaces, "", Space)
	if err != nil || live == nil || live.GetLabels()[managedBy] != manager || live.GetDeletionTimestamp() != nil {
		return err
	}
	if holds, err := t.held(ctx); err != nil || holds {
		return err
	}
	patch := `{"metadata":{"annotations":{"` + leaving + `":"true"}}}`
	live, err = t.api.Resource(namespaces).Patch(ctx, Space, types.MergePatchType, []byte(patch), metav1.PatchOptions{FieldManager: manager})
	if err != nil {
		return absent(err)
	}
	if holds, err := t.held(ctx); err != nil || holds {
		return err
	}
	inside, err := t.within(ctx, []string{Space})
	if err != nil || len(inside[Space].others) > 0 {
		return err
	}
	uid, version := live.GetUID(), live.GetResourceVersion()
	err = t.api.Resource(namespaces).Delete(ctx, Space, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid, ResourceVersion: &version}})
	if apierrors.IsConflict(err) {
		return nil // somebody has come
	}
	if err := absent(err); err != nil {
		return err
	}
	return t.spaceGone(ctx)
}

// held reports whether anybody's inventory is there.
func (t *Target) held(ctx context.Context) (bool, error) {
	all, err := t.list(ctx, configMaps, Space, managedBy+"="+manager)
	return len(all) > 0, err
}

// absent takes away the error that something is not there.
func absent(err error) error {
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// of are the records of objects that a file makes, those of earlier ones of it apart, by key.
func (v *inventory) of(path string) (now, old []objectRecord) {
	for _, key := range slices.Sorted(maps.Keys(v.Objects)) {
		switch o := v.Objects[key]; {
		case o.Path != path:
		case o.Old:
			old = append(old, o)
		default:
			now = append(now, o)
		}
	}
	return now, old
}

func sortedKeys[V any](m map[string]V) []string {
	return slices.SortedFunc(maps.Keys(m), strings.Compare)
}
