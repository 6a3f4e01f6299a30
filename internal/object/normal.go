package object

import (
	"encoding/base64"
	"encoding/json"
	"reflect"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
)

// Normal is a declared object in the spelling of an API server: quantities, texts and numbers as their types write them, what says nothing
// left out, the readable data of a secret among its data. Fields that the kinds known here do not have stay as they are.
func Normal(declared map[string]any) map[string]any {
	out, _ := clone(declared).(map[string]any)
	if textOf(out, "kind") == "Secret" && group(out) == "" {
		encode(out)
	}
	return normal(out, typed(out)).(map[string]any)
}

// encode moves stringData to data, over what stands there under the same key.
func encode(secret map[string]any) {
	readable, _ := secret["stringData"].(map[string]any)
	delete(secret, "stringData")
	if len(readable) == 0 {
		return
	}
	data, ok := secret["data"].(map[string]any)
	if !ok {
		data = map[string]any{}
		secret["data"] = data
	}
	for k, v := range readable {
		text, _ := v.(string)
		data[k] = base64.StdEncoding.EncodeToString([]byte(text))
	}
}

// typed is an object as the Go type of its kind writes it; nil for kinds that are not Kubernetes' own, and for what is not of its type.
func typed(o map[string]any) map[string]any {
	gv, err := schema.ParseGroupVersion(textOf(o, "apiVersion"))
	if err != nil {
		return nil
	}
	is, err := scheme.Scheme.New(gv.WithKind(textOf(o, "kind")))
	if err != nil {
		return nil
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(numbered(o).(map[string]any), is); err != nil {
		return nil
	}
	out, err := runtime.DefaultUnstructuredConverter.ToUnstructured(is)
	if err != nil {
		return nil
	}
	return out
}

// numbered has whole numbers as the converter takes them.
func numbered(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, below := range v {
			out[k] = numbered(below)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = numbered(item)
		}
		return out
	case int:
		return int64(v)
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		f, _ := v.Float64()
		return f
	case float64:
		if n := int64(v); float64(n) == v {
			return n
		}
	}
	return v
}

// normal takes over how the type writes a value; as is what the type makes of it, nil when it makes nothing of it.
func normal(raw, as any) any {
	switch raw := raw.(type) {
	case map[string]any:
		of, known := as.(map[string]any)
		for k, v := range raw {
			written, has := of[k]
			if v == nil || known && !has && !says(v) {
				delete(raw, k)
				continue
			}
			raw[k] = normal(v, written)
		}
		return raw
	case []any:
		of, _ := as.([]any)
		for i, item := range raw {
			if len(of) == len(raw) {
				raw[i] = normal(item, of[i])
			} else {
				raw[i] = normal(item, nil)
			}
		}
		return raw
	}
	if as != nil {
		return as
	}
	return raw
}

// says reports whether a value says anything: types leave out what does not.
func says(v any) bool {
	switch v := v.(type) {
	case nil:
		return false
	case map[string]any:
		for _, below := range v {
			if says(below) {
				return true
			}
		}
		return false
	case []any:
		return len(v) > 0
	}
	return !reflect.ValueOf(v).IsZero()
}
