package object_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
	"sigs.k8s.io/yaml"

	"example.org/caravan/internal/object"
)

// leaf is a plain value within an object, with what sets it.
type leaf struct {
	path string
	v    any
	set  func(any)
}

func leaves(v any, path string, set func(any)) []leaf {
	var out []leaf
	switch v := v.(type) {
	case map[string]any:
		for k, below := range v {
			out = append(out, leaves(below, path+"."+k, func(x any) { v[k] = x })...)
		}
	case []any:
		for i, below := range v {
			out = append(out, leaves(below, fmt.Sprintf("%s.%d", path, i), func(x any) { v[i] = x })...)
		}
	case nil:
	default:
		out = append(out, leaf{path, v, set})
	}
	slices.SortFunc(out, func(x, y leaf) int { return strings.Compare(x.path, y.path) })
	return out
}

// fixed are places that say which object it is, and not how it shall be.
func fixed(path string) bool {
	return slices.Contains([]string{".apiVersion", ".kind", ".metadata.name", ".metadata.namespace"}, path)
}

// untouched are the archives of which nothing differs, by name.
func untouched(t testing.TB) []string {
	var out []string
	for name, a := range corpus(t) {
		if a.want == "" {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

func TestWhateverChangesIsFound(t *testing.T) {
	names := untouched(t)
	rapid.Check(t, func(rt *rapid.T) {
		a := corpus(t)[rapid.SampledFrom(names).Draw(rt, "archive")]
		all := slices.DeleteFunc(leaves(a.declared, "", nil), func(l leaf) bool { return fixed(l.path) || a.scaled && l.path == ".spec.replicas" })
		all = slices.DeleteFunc(all, func(l leaf) bool {
			return l.path == ".spec.replicas" && strings.Contains(fmt.Sprint(a.live), "subresource:scale")
		})
		l := rapid.SampledFrom(all).Draw(rt, "value")
		switch v := l.v.(type) {
		case string:
			l.set(v + "7")
		case bool:
			l.set(!v)
		case float64:
			l.set(v + 1)
		}
		if len(a.compare()) == 0 {
			rt.Fatalf("%s was %v, is %v and is not found", l.path, l.v, a.declared)
		}
	})
}

// respelt are spellings of the same amount.
var respelt = [][]any{
	{"1", 1, "1000m", "1.0"}, {"500m", 0.5, "0.5"}, {"2Gi", "2048Mi", "2147483648", 2147483648}, {"4", 4, "4000m"}, {"250m", "0.25", 0.25},
}

func TestAnAmountIsTheSameInEachSpelling(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pod := func(draw string) map[string]any {
			amounts := map[string]any{}
			for i, k := range []string{"cpu", "memory", "ephemeral-storage"} {
				amounts[k] = rapid.SampledFrom(respelt[i]).Draw(t, draw+k)
			}
			return map[string]any{"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"name": "x"}, "spec": map[string]any{
				"containers": []any{map[string]any{"name": "x", "image": "x", "resources": map[string]any{"requests": amounts}}},
			}}
		}
		if got := object.Compare(object.Normal(pod("declared ")), object.Normal(pod("live ")), object.Options{Manager: own}); len(got) > 0 {
			t.Fatal(lines(got, "Pod"))
		}
	})
}

func FuzzCompare(f *testing.F) {
	for _, a := range corpus(f) {
		d, _ := yaml.Marshal(a.declared)
		l, _ := yaml.Marshal(a.live)
		f.Add(d, l)
	}
	f.Fuzz(func(t *testing.T, d, l []byte) {
		var declared, live map[string]any
		if yaml.Unmarshal(d, &declared) != nil || yaml.Unmarshal(l, &live) != nil {
			return
		}
		normal := object.Normal(declared)
		fields := object.Compare(normal, live, object.Options{Manager: own})
		lines(fields, "Secret")
		object.Mended(live, fields)
		object.Written(live, own)
		delete(normal, "metadata")
		if same := object.Compare(normal, normal, object.Options{Manager: own}); len(same) > 0 {
			t.Errorf("it is not as itself: %s", lines(same, ""))
		}
	})
}
