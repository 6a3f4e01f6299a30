package kube

import (
	"context"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"example.org/caravan/internal/journey"
)

// Observe lists the files whose objects are all there, by path. One is edited when somebody wrote into an object of it since it was
// applied.
func (t *Target) Observe(ctx context.Context) ([]journey.Found, error) {
	all, err := t.inventories(ctx)
	if err != nil {
		return nil, err
	}
	var ids []id
	for _, v := range all {
		for _, o := range v.Objects {
			ids = append(ids, o.ID)
		}
	}
	live, err := t.live(ctx, ids)
	if err != nil {
		return nil, err
	}
	var out []journey.Found
	for _, v := range all {
		for path, f := range v.Files {
			if found, ok := v.found(path, f, live, t.owner); ok {
				out = append(out, found)
			}
		}
	}
	slices.SortFunc(out, func(x, y journey.Found) int { return strings.Compare(x.Path, y.Path) })
	return slices.CompactFunc(out, func(x, y journey.Found) bool { return x.Path == y.Path }), nil
}

// found is a file as it is in place; false when it is not.
func (v *inventory) found(path string, f fileRecord, live map[string]*unstructured.Unstructured, owner string) (journey.Found, bool) {
	now, old := v.of(path)
	out := journey.Found{Written: journey.Written{Path: path, Digest: f.Digest, Mode: f.Mode}}
	if len(now)+len(old) == 0 {
		return out, f.Digest != ""
	}
	there, next := 0, 0
	for _, o := range now {
		l := live[o.ID.key()]
		if l == nil || l.GetDeletionTimestamp() != nil || !ours(l, owner) && o.Print == "" {
			continue
		}
		there++
		if contentOf(l) == o.Content {
			next++
		}
		out.Edited = out.Edited || o.Print != "" && fingerprint(l) != o.Print
	}
	if f.Next != "" && next == len(now) {
		out.Digest = f.Next
	}
	return out, out.Digest != "" && (there == len(now) || f.Digest != "" && f.Next != "" && anyLive(old, live))
}

// anyLive reports whether any of some objects is there.
func anyLive(records []objectRecord, live map[string]*unstructured.Unstructured) bool {
	return slices.ContainsFunc(records, func(o objectRecord) bool { return live[o.ID.key()] != nil })
}
