package kube

import (
	"context"
	"encoding/base64"
	"encoding/json"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"example.org/caravan/internal/render"
)

// keeper is the name under which keys of Secrets are owned: what others put beside them is theirs.
const keeper = manager + "-secrets"

func (t *Target) secretsIn(namespace string) dynamic.ResourceInterface {
	return t.api.Resource(schema.GroupVersionResource{Version: "v1", Resource: "secrets"}).Namespace(namespace)
}

func secretOf(s render.Secret, data map[string]any) *unstructured.Unstructured {
	o := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Secret", "metadata": map[string]any{"namespace": s.Namespace, "name": s.Name}}}
	if len(data) > 0 {
		o.Object["data"] = data
	}
	return o
}

// PutSecrets puts keys into Secrets, in the place of those it put there before. Keys of others stay.
func (t *Target) PutSecrets(ctx context.Context, all []render.Secret) error {
	for _, s := range all {
		data := map[string]any{}
		for key, value := range s.Data {
			data[key] = base64.StdEncoding.EncodeToString([]byte(value))
		}
		err := t.patiently(ctx, func() error {
			if there, err := t.secretsIn(s.Namespace).Get(ctx, s.Name, metav1.GetOptions{}); err == nil && holds(there, data) || err != nil && !apierrors.IsNotFound(err) {
				return err
			}
			_, err := t.secretsIn(s.Namespace).Apply(ctx, s.Name, secretOf(s, data), metav1.ApplyOptions{FieldManager: keeper, Force: true})
			return err
		})
		if err != nil {
			return t.say(err, "put secret "+s.Namespace+"/"+s.Name+" there")
		}
	}
	return nil
}

// holds tells whether a Secret has these keys of ours, and no others of ours.
func holds(there *unstructured.Unstructured, data map[string]any) bool {
	now, _, _ := unstructured.NestedMap(there.Object, "data")
	for key, value := range data {
		if now[key] != value {
			return false
		}
	}
	for _, m := range there.GetManagedFields() {
		var fields struct {
			Data map[string]any `json:"f:data"`
		}
		if m.Manager == keeper && m.FieldsV1 != nil && json.Unmarshal(m.FieldsV1.GetRawBytes(), &fields) == nil {
			return len(fields.Data) == len(data)
		}
	}
	return false
}

// DropSecrets takes those keys out again, and Secrets in which nothing is left.
func (t *Target) DropSecrets(ctx context.Context, all []render.Secret) error {
	for _, s := range all {
		err := t.patiently(ctx, func() error {
			if _, err := t.names.Resource(schema.GroupVersionResource{Version: "v1", Resource: "secrets"}).Namespace(s.Namespace).Get(ctx, s.Name, metav1.GetOptions{}); err != nil {
				return err
			}
			left, err := t.secretsIn(s.Namespace).Apply(ctx, s.Name, secretOf(s, nil), metav1.ApplyOptions{FieldManager: keeper, Force: true})
			if err != nil {
				return err
			}
			if data, _, _ := unstructured.NestedMap(left.Object, "data"); len(data) > 0 {
				return nil
			}
			version := left.GetResourceVersion()
			return t.secretsIn(s.Namespace).Delete(ctx, s.Name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{ResourceVersion: &version}})
		})
		if err != nil && !apierrors.IsNotFound(err) {
			return t.say(err, "take secret "+s.Namespace+"/"+s.Name+" away")
		}
	}
	return nil
}
