package object

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
)

// Compare lists what of an object in a cluster is not as declared, by path; none when applying the declaration again would change nothing
// and nobody added to it. Declared comes from Normal.
func Compare(declared, live map[string]any, o Options) []Field {
	c := comparing{Options: o, custom: custom(declared), workload: hasReplicas(declared)}
	c.object(declared, live, ownersOf(live))
	slices.SortStableFunc(c.out, func(x, y Field) int { return cmp.Compare(x.Path, y.Path) })
	return c.out
}

func hasReplicas(o map[string]any) bool { return at(o, "spec", "replicas") != nil }

type comparing struct {
	Options
	custom, workload bool
	out              []Field
}

// server are the fields of metadata that are not for people to declare.
var server = []string{"managedFields", "resourceVersion", "uid", "creationTimestamp", "generation", "selfLink", "deletionTimestamp", "deletionGracePeriodSeconds", "generateName", "name", "namespace"}

// object compares the fields at the top: status and most of metadata are the cluster's.
func (c *comparing) object(declared, live map[string]any, owners []owner) {
	for _, key := range union(declared, live) {
		at := []step{{field: key}}
		switch key {
		case "apiVersion", "kind", "status":
			continue
		case "metadata":
			c.metadata(declared, live, below(owners, "f:metadata"))
			continue
		}
		c.member(at, declared, live, key, below(owners, "f:"+key))
	}
}

// metadata compares what is declared there. What others add to it is for others to read.
func (c *comparing) metadata(declared, live map[string]any, owners []owner) {
	d, _ := declared["metadata"].(map[string]any)
	l, _ := live["metadata"].(map[string]any)
	quiet := *c
	quiet.out = nil
	for _, key := range sorted(d) {
		if !slices.Contains(server, key) {
			quiet.member([]step{{field: "metadata"}, {field: key}}, d, l, key, below(owners, "f:"+key))
		}
	}
	for _, f := range quiet.out {
		if f.What != Added {
			c.out = append(c.out, f)
		}
	}
}

func union(x, y map[string]any) []string {
	all := sorted(x)
	for k := range y {
		if _, ok := x[k]; !ok {
			all = append(all, k)
		}
	}
	slices.Sort(all)
	return all
}

// member compares a field of two maps.
func (c *comparing) member(path []step, declared, live map[string]any, key string, owners []owner) {
	d, isDeclared := declared[key]
	l, isLive := live[key]
	switch {
	case !isDeclared && isLive:
		c.added(path, l, owners)
	case c.scales(path, owners), !isDeclared:
	case !isLive:
		if says(d) || exact(path) || d != nil && !c.custom && !empty(d) {
			c.report(path, Missing, d, nil, owners)
		}
	default:
		c.value(path, d, l, owners)
	}
}

func empty(v any) bool {
	switch v := v.(type) {
	case map[string]any:
		return len(v) == 0
	case []any:
		return len(v) == 0
	}
	return v == ""
}

// exact reports whether an empty value at a path is kept by API servers: in maps of texts and where one of several kinds is chosen.
func exact(path []step) bool {
	if len(path) < 2 {
		return false
	}
	above := path[len(path)-2]
	if slices.Contains([]string{"data", "binaryData", "labels", "annotations", "matchLabels", "nodeSelector", "selector"}, above.field) {
		return true
	}
	return above.keys != nil && len(path) > 2 && path[len(path)-3].field == "volumes"
}

// scales reports whether a path is the number of replicas and something scales them.
func (c *comparing) scales(path []step, owners []owner) bool {
	if len(path) != 2 || path[0].field != "spec" || path[1].field != "replicas" {
		return false
	}
	return c.Scaled || slices.ContainsFunc(owners, func(o owner) bool { return o.subresource == "scale" && clusterOwn(o.manager) })
}

// value compares two values that are both there.
func (c *comparing) value(path []step, d, l any, owners []owner) {
	switch d := d.(type) {
	case map[string]any:
		if l, ok := l.(map[string]any); ok {
			for _, key := range union(d, l) {
				c.member(deeper(path, step{field: key}), d, l, key, below(owners, "f:"+key))
			}
			return
		}
	case []any:
		if l, ok := l.([]any); ok {
			c.list(path, d, l, owners)
			return
		}
	default:
		if same(path, d, l, c.custom) {
			return
		}
	}
	c.report(path, Changed, d, l, owners)
}

// deeper is a path with one step more, which shares nothing with it.
func deeper(path []step, s step) []step {
	return append(slices.Clip(path), s)
}

// list compares two lists: by keys, as sets, or item by item.
func (c *comparing) list(path []step, d, l []any, owners []owner) {
	keys := keysOf(owners)
	if keys == nil && !c.custom {
		keys = usualKeys(path)
	}
	switch {
	case len(keys) > 0 && keyed(d, keys) && keyed(l, keys):
		c.keyed(path, d, l, keys, owners)
	case isSet(owners) || len(path) == 2 && path[1].field == "finalizers":
		c.set(path, d, l, owners)
	default:
		c.items(path, d, l, owners)
	}
}

// usualKeys are by what the items of Kubernetes' own lists are told apart (listType=map), for objects that came without managed fields.
func usualKeys(path []step) []string {
	switch path[len(path)-1].field {
	case "containers", "initContainers", "ephemeralContainers", "volumes", "env", "imagePullSecrets", "secrets", "webhooks":
		return []string{"name"}
	case "volumeMounts":
		return []string{"mountPath"}
	case "volumeDevices":
		return []string{"devicePath"}
	case "hostAliases":
		return []string{"ip"}
	case "topologySpreadConstraints":
		return []string{"topologyKey", "whenUnsatisfiable"}
	case "ports":
		switch {
		case len(path) == 2: // of a Service
			return []string{"port", "protocol"}
		case path[len(path)-2].keys != nil: // of a container
			return []string{"containerPort", "protocol"}
		}
	}
	return nil
}

// keyIn are the keys of an item, with those that API servers fill in.
func keyIn(v any, keys []string) map[string]any {
	m, _ := v.(map[string]any)
	out := map[string]any{}
	for _, k := range keys {
		switch has, ok := m[k]; {
		case ok:
			out[k] = has
		case k == "protocol":
			out[k] = "TCP"
		}
	}
	return out
}

// keyed reports whether every item of a list has its own keys.
func keyed(list []any, keys []string) bool {
	seen := map[string]bool{}
	for _, v := range list {
		k := keyIn(v, keys)
		text := step{keys: k}.label()
		if len(k) == 0 || seen[text] {
			return false
		}
		seen[text] = true
	}
	return true
}

func find(list []any, key map[string]any, keys []string) (map[string]any, bool) {
	for _, v := range list {
		if hasKeys(keyIn(v, keys), key) {
			m, ok := v.(map[string]any)
			return m, ok
		}
	}
	return nil, false
}

func (c *comparing) keyed(path []step, d, l []any, keys []string, owners []owner) {
	for _, v := range d {
		key := keyIn(v, keys)
		at := deeper(path, step{keys: key})
		whose := item(owners, key)
		if there, ok := find(l, key, keys); ok {
			c.value(at, v, there, whose)
		} else {
			c.report(at, Missing, v, nil, nil)
		}
	}
	for _, v := range l {
		key := keyIn(v, keys)
		if _, ok := find(d, key, keys); !ok {
			c.added(deeper(path, step{keys: key}), v, item(owners, key))
		}
	}
}

func (c *comparing) set(path []step, d, l []any, owners []owner) {
	for _, v := range d {
		if !slices.ContainsFunc(l, func(x any) bool { return same(path, v, x, c.custom) }) {
			c.report(path, Changed, d, l, owners)
			return
		}
	}
}

// items compares lists of which the whole is one value: it belongs to whoever wrote it last. What is in an item and not declared was
// filled in by the API server, as long as the list is ours.
func (c *comparing) items(path []step, d, l []any, owners []owner) {
	part := *c
	part.out = nil
	if len(d) == len(l) {
		for i := range d {
			part.value(deeper(path, step{field: fmt.Sprint(i)}), d[i], l[i], nil)
		}
	}
	other := slices.ContainsFunc(owners, func(o owner) bool { return o.writes(c.Manager, c.custom) })
	mine := slices.ContainsFunc(owners, func(o owner) bool { return o.manager == c.Manager })
	if len(d) != len(l) || len(part.out) > 0 || other && !mine && more(d, l) {
		c.report(path, Changed, d, l, owners)
	}
}

// filled are what API servers fill into items of lists.
var filled = map[string][]any{
	"protocol": {"TCP"}, "volumeMode": {"Filesystem"}, "status": nil, "apiVersion": nil, "kind": nil, "creationTimestamp": nil, "pathType": {"ImplementationSpecific"}, "operator": {"Equal"}, "apiGroup": nil,
}

// more reports whether a value says more than another does, beyond what API servers fill in.
func more(d, l any) bool {
	switch l := l.(type) {
	case map[string]any:
		d, _ := d.(map[string]any)
		for k, v := range l {
			declared, ok := d[k]
			usual, known := filled[k]
			switch {
			case ok && more(declared, v):
				return true
			case !ok && !(known && (usual == nil || slices.Contains(usual, v))):
				return true
			}
		}
	case []any:
		d, _ := d.([]any)
		for i, v := range l {
			if i < len(d) && more(d[i], v) {
				return true
			}
		}
	}
	return false
}

// restarted is what `kubectl rollout restart` writes. A restart is no edit.
const restarted = "kubectl.kubernetes.io/restartedAt"

// authority is what programs such as cert-manager put into the configuration of webhooks, for it is not known when that is declared.
const authority = "caBundle"

// added reports what others wrote where nothing is declared, and what was declared once. What nobody owns was filled in by the API server, or by
// what watches over what comes in there.
func (c *comparing) added(path []step, l any, owners []owner) {
	var others []owner
	whole := false
	for _, o := range owners {
		if o.manager == c.Manager && o.above {
			return // filled in within what is ours
		}
		if o.manager == c.Manager && len(o.fields) == 0 && scalar(l) && says(l) {
			c.report(path, Changed, reflect.Zero(reflect.TypeOf(l)).Interface(), l, owners)
			return
		}
		if !o.writes(c.Manager, c.custom) {
			continue
		}
		others = append(others, o)
		_, itself := o.fields["."]
		whole = whole || itself || len(o.fields) == 0
	}
	last := path[len(path)-1].field
	if len(others) == 0 || last == restarted || last == authority || c.scales(path, owners) {
		return
	}
	m, isMap := l.(map[string]any)
	list, isList := l.([]any)
	keys := keysOf(others)
	switch {
	case !whole && isMap:
		for _, k := range sorted(m) {
			c.added(deeper(path, step{field: k}), m[k], below(others, "f:"+k))
		}
	case isList && len(keys) > 0:
		for _, v := range list {
			key := keyIn(v, keys)
			c.added(deeper(path, step{keys: key}), v, item(others, key))
		}
	case isMap && len(m) == 1 && m[restarted] != nil:
	default:
		c.report(path, Added, nil, l, others)
	}
}

func (c *comparing) report(path []step, what What, d, l any, owners []owner) {
	f := Field{Path: named(path), What: what, Declared: d, Live: l, steps: path}
	f.By, f.At = whose(owners, c.Manager)
	c.out = append(c.out, f)
}
