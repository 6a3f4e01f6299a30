package kube

import (
	"context"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"example.org/caravan/internal/journey"
)

// Instances counts the pods of what a step lets run: those that are ready and as the step has them now, and all there shall be.
func (t *Target) Instances(ctx context.Context, s journey.Step) (running, all int, err error) {
	records, _, err := t.recordsOf(ctx, s)
	if err != nil {
		return 0, 0, err
	}
	var ids []id
	for _, r := range records {
		if slices.Contains(keepers, r.ID.Kind) {
			ids = append(ids, r.ID)
		}
	}
	live, err := t.live(ctx, ids)
	if err != nil {
		return 0, 0, err
	}
	for _, o := range live {
		wanted, ok, _ := unstructured.NestedInt64(o.Object, "spec", "replicas")
		if !ok {
			wanted = 1 // what Kubernetes fills in
		}
		updated, _, _ := unstructured.NestedInt64(o.Object, "status", "updatedReplicas")
		ready, _, _ := unstructured.NestedInt64(o.Object, "status", "readyReplicas")
		running, all = running+int(min(updated, ready)), all+int(wanted)
	}
	return running, all, nil
}

// Image is the image that what a step lets run has now, in its main container; "" when it is not there.
func (t *Target) Image(ctx context.Context, s journey.Step) (string, error) {
	records, _, err := t.recordsOf(ctx, s)
	if err != nil {
		return "", err
	}
	for _, r := range records {
		if !slices.Contains(keepers, r.ID.Kind) {
			continue
		}
		live, err := t.live(ctx, []id{r.ID})
		if err != nil || live[r.ID.key()] == nil {
			return "", err
		}
		containers, _, _ := unstructured.NestedSlice(live[r.ID.key()].Object, "spec", "template", "spec", "containers")
		if len(containers) > 0 {
			return text(asMap(containers[0]), "image"), nil
		}
	}
	return "", nil
}
