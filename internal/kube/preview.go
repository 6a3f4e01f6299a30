package kube

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/redact"
	"example.org/caravan/internal/render"
)

// Preview says what applying files would change, object by object as the API server would make them, and changes nothing. Conflict,
// naming everything that is in the way.
func (t *Target) Preview(ctx context.Context, files []render.File) ([]journey.Change, error) {
	p, err := t.plan(ctx, files)
	if err != nil {
		return nil, err
	}
	diffs := make([]string, len(p.deeds))
	numbers, stands := make([]int, len(p.deeds)), make([]bool, len(p.deeds))
	for i := range numbers {
		numbers[i], stands[i] = i, p.standsIn(&p.deeds[i])
	}
	failed := each(numbers, func(i int) (err error) {
		diffs[i], err = t.diff(ctx, &p.deeds[i], stands[i])
		return err
	})
	changes := p.changes()
	for i := range changes {
		for n, d := range p.deeds {
			if d.path == changes[i].Path {
				changes[i].Diff += diffs[n]
			}
		}
	}
	return changes, errors.Join(p.inTheWay(), failed)
}

// diff is how an object would change, without secrets; "" when it would not.
func (t *Target) diff(ctx context.Context, d *deed, stands bool) (string, error) {
	if d.what == journey.Unchanged || d.blocked() {
		return "", nil
	}
	next := d.object
	if d.live != nil || stands {
		rehearsed, err := t.put(ctx, *d, true)
		if err != nil {
			return "", err
		}
		next = rehearsed
		if d.live != nil && d.live.GetResourceVersion() == next.GetResourceVersion() && contentOf(d.live) == d.content {
			d.what = journey.Unchanged
			return "", nil
		}
	}
	return difference(d.id, d.live, next), nil
}

// standsIn reports whether what an object is in is there already: else the API server could not say what would come of it.
func (p *plan) standsIn(d *deed) bool {
	if d.Namespace == "" {
		return true
	}
	return slices.ContainsFunc(p.deeds, func(other deed) bool {
		return other.live != nil && (other.Namespace == d.Namespace || other.Kind == "Namespace" && other.Name == d.Namespace)
	})
}

// difference is how an object changes, as lines of YAML.
func difference(i id, before, after *unstructured.Unstructured) string {
	old, name := []byte(nil), i.String()
	was, is := readable(before), readable(after)
	shown := masked("", is, was, i.Kind == "Secret")
	if before != nil {
		old = yamlOf(masked("", was, nil, i.Kind == "Secret"))
	}
	return string(diff.Diff(name+" (now)", old, name+" (then)", yamlOf(shown)))
}

func yamlOf(v any) []byte {
	text, err := yaml.Marshal(v)
	if err != nil {
		return fmt.Appendf(nil, "%v\n", err)
	}
	return text
}

// readable is an object without what the cluster writes into it.
func readable(o *unstructured.Unstructured) map[string]any {
	if o == nil {
		return nil
	}
	c := o.DeepCopy()
	for _, field := range []string{"managedFields", "resourceVersion", "uid", "creationTimestamp", "generation"} {
		unstructured.RemoveNestedField(c.Object, "metadata", field)
	}
	unstructured.RemoveNestedField(c.Object, "metadata", "annotations", contentKey)
	unstructured.RemoveNestedField(c.Object, "status")
	return c.Object
}

// masked is a value without secrets. Where one stands that differs from what was there, it says so.
func masked(key string, value, before any, secret bool) any {
	switch v := value.(type) {
	case map[string]any:
		old, _ := before.(map[string]any)
		name, _ := v["name"].(string)
		out := make(map[string]any, len(v))
		for k, below := range v {
			under := k
			if k == "value" && name != "" {
				under = name // of a variable
			}
			if secret && (k == "data" || k == "stringData") {
				out[k] = veiled(below, old[k])
				continue
			}
			out[k] = masked(under, below, old[k], false)
		}
		return out
	case []any:
		old, _ := before.([]any)
		out := make([]any, len(v))
		for i, item := range v {
			var was any
			if i < len(old) {
				was = old[i]
			}
			out[i] = masked(key, item, was, false)
		}
		return out
	case string:
		if shown := redact.Value(key, v); shown != v {
			return shown + another(v, before)
		}
	}
	return value
}

// veiled hides every value of a secret.
func veiled(value, before any) any {
	v, ok := value.(map[string]any)
	if !ok {
		return redact.Mask + another(value, before)
	}
	old, _ := before.(map[string]any)
	out := make(map[string]any, len(v))
	for k, text := range v {
		out[k] = redact.Mask + another(text, old[k])
	}
	return out
}

// another marks a hidden value that differs from the one before.
func another(value, before any) string {
	if before != nil && fmt.Sprint(value) != fmt.Sprint(before) {
		return " (another one)"
	}
	return ""
}

// some is a list for people: the first few, and how many more there are.
func some(all []string) string {
	const few = 5
	if len(all) <= few {
		return strings.Join(all, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(all[:few], ", "), len(all)-few)
}
