package kube

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/object"
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

// difference is how an object changes, as lines of YAML without secrets.
func difference(i id, before, after *unstructured.Unstructured) string {
	name := i.String()
	return object.Difference(readable(before), readable(after), name+" (now)", name+" (then)")
}

// readable is an object without what the cluster and Caravan itself write into it.
func readable(o *unstructured.Unstructured) map[string]any {
	if o == nil {
		return nil
	}
	return object.Readable(o.Object, contentKey)
}

// some is a list for people: the first few, and how many more there are.
func some(all []string) string {
	const few = 5
	if len(all) <= few {
		return strings.Join(all, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(all[:few], ", "), len(all)-few)
}
