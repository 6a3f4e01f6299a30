package kube

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/object"
)

// What is written on every object, so that anybody who meets one knows whose it is.
const (
	ownerLabel = "caravan.example.org/inventory" // whose inventory has it
	contentKey = "caravan.example.org/content"   // annotation: digest of what was applied
)

// id names an object of a cluster.
type id struct {
	Group     string `json:"group,omitempty"`
	Version   string `json:"version"`
	Kind      string `json:"kind"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
}

func idOf(o *unstructured.Unstructured) id {
	k := o.GroupVersionKind()
	return id{Group: k.Group, Version: k.Version, Kind: k.Kind, Namespace: o.GetNamespace(), Name: o.GetName()}
}

func (i id) gvk() schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: i.Group, Version: i.Version, Kind: i.Kind}
}

// key tells objects apart whatever version they are written in.
func (i id) key() string {
	return strings.Join([]string{i.Group, i.Kind, i.Namespace, i.Name}, "/")
}

// String is how people call an object: "deployment orders/orders".
func (i id) String() string {
	name := i.Name
	if i.Namespace != "" {
		name = i.Namespace + "/" + i.Name
	}
	return strings.ToLower(i.Kind) + " " + name
}

// made is an object that files make.
type made struct {
	id
	path    string // of the file it came from
	object  *unstructured.Unstructured
	content estate.Digest
}

// makeOf is an object with the marks of its owner, made from the file at a path.
func makeOf(o *unstructured.Unstructured, path, owner string) made {
	content := shortDigest(o.Object)
	o.SetLabels(with(o.GetLabels(), ownerLabel, owner))
	o.SetAnnotations(with(o.GetAnnotations(), contentKey, string(content)))
	return made{id: idOf(o), path: path, object: o, content: content}
}

func with(m map[string]string, key, value string) map[string]string {
	out := maps.Clone(m)
	if out == nil {
		out = map[string]string{}
	}
	out[key] = value
	return out
}

// shortDigest is a digest that is short enough to be read on an object.
func shortDigest(v any) estate.Digest {
	const digits = len("sha256:") + 16
	return estate.DigestOf(v)[:digits]
}

// stages are the kinds of objects that are there before others: what others stand in, what they may do, what they are configured with.
// All others come together at the end. Objects of a stage are applied at once.
var stages = [][]string{
	{"CustomResourceDefinition"},
	{"Namespace", "PriorityClass", "StorageClass", "RuntimeClass", "IngressClass", "GatewayClass"},
	{"ResourceQuota", "LimitRange", "ServiceAccount", "Role", "ClusterRole", "ConfigMap", "Secret", "PersistentVolumeClaim", "NetworkPolicy"},
	{"RoleBinding", "ClusterRoleBinding", "Service"},
}

// stage is when an object is applied; those of the last come first when objects are taken away.
func (i id) stage() int {
	n := slices.IndexFunc(stages, func(kinds []string) bool { return slices.Contains(kinds, i.Kind) })
	if n < 0 {
		return len(stages)
	}
	return n
}

// staged are things by the stage of their object, first ones first.
func staged[T any](all []T, of func(T) id) [][]T {
	sorted := slices.SortedStableFunc(slices.Values(all), func(x, y T) int {
		return cmp.Or(of(x).stage()-of(y).stage(), strings.Compare(of(x).key(), of(y).key()))
	})
	var out [][]T
	for i, x := range sorted {
		if i == 0 || of(sorted[i-1]).stage() != of(x).stage() {
			out = append(out, nil)
		}
		out[len(out)-1] = append(out[len(out)-1], x)
	}
	return out
}

// ours reports whether an object has the mark of an owner.
func ours(live *unstructured.Unstructured, owner string) bool {
	return live.GetLabels()[ownerLabel] == owner
}

// contentOf is the digest of what was applied to make an object what it is.
func contentOf(live *unstructured.Unstructured) estate.Digest {
	return estate.Digest(live.GetAnnotations()[contentKey])
}

// fingerprint is a digest of all that people and programs have written into an object. When it changes, somebody edited the object.
func fingerprint(live *unstructured.Unstructured) estate.Digest {
	return shortDigest(object.Written(live.Object, manager))
}
