package object

import (
	"fmt"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
	"sigs.k8s.io/yaml"

	"example.org/caravan/internal/redact"
)

// Readable is an object without what its cluster writes into it, and without some annotations; nil for nil.
func Readable(o map[string]any, without ...string) map[string]any {
	if o == nil {
		return nil
	}
	out, _ := clone(o).(map[string]any)
	if m, ok := out["metadata"].(map[string]any); ok {
		for _, field := range []string{"managedFields", "resourceVersion", "uid", "creationTimestamp", "generation"} {
			delete(m, field)
		}
		if notes, ok := m["annotations"].(map[string]any); ok {
			for _, key := range without {
				delete(notes, key)
			}
		}
	}
	delete(out, "status")
	return out
}

// Difference is how a readable object becomes another, as lines of YAML in a unified diff without secrets. Either may be nil.
func Difference(before, after map[string]any, from, to string) string {
	secret := textOf(before, "kind") == "Secret" || textOf(after, "kind") == "Secret"
	var old, now []byte
	if before != nil {
		old = yamlOf(masked("", before, nil, secret))
	}
	if after != nil {
		now = yamlOf(masked("", after, before, secret))
	}
	return string(diff.Diff(from, old, to, now))
}

func yamlOf(v any) []byte {
	text, err := yaml.Marshal(v)
	if err != nil {
		return fmt.Appendf(nil, "%v\n", err)
	}
	return text
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

// longest bounds how much of a value is shown in a line.
const longest = 120

// Texts are what is declared in a field and what is there, in a line each and without secrets; "" for nothing.
func (f Field) Texts(kind string) (declared, live string) {
	return bounded(f.text(kind, f.Declared)), bounded(f.text(kind, f.Live))
}

// Content tells two states of a field apart without secrets: where one is hidden, by who wrote last and when.
func (f Field) Content(kind string) string {
	text := f.text(kind, f.Declared) + "\n" + f.text(kind, f.Live)
	if strings.Contains(text, redact.Mask) {
		text += "\n" + f.By + "\n" + f.At.UTC().String()
	}
	return text
}

func bounded(text string) string {
	if r := []rune(text); len(r) > longest {
		return string(r[:longest]) + " …"
	}
	return text
}

func (f Field) text(kind string, v any) string {
	if v == nil {
		return ""
	}
	key, name := "", ""
	for _, s := range f.steps {
		if s.keys != nil {
			name, _ = s.keys["name"].(string)
			continue
		}
		key = s.field
	}
	if key == "value" && name != "" {
		key = name
	}
	hidden := kind == "Secret" && len(f.steps) > 0 && (f.steps[0].field == "data" || f.steps[0].field == "stringData")
	var text string
	switch shown := masked(key, v, nil, false).(type) {
	case string:
		text = shown
	default:
		text = compact(shown)
	}
	if hidden {
		return redact.Mask
	}
	return text
}

// Mended is a live object with fields put back as they are declared, and without what was added; nothing of it is the given one's.
func Mended(live map[string]any, fields []Field) map[string]any {
	out, _ := clone(live).(map[string]any)
	for _, f := range fields {
		if v := put(out, f.steps, f); v != nil {
			out, _ = v.(map[string]any)
		}
	}
	return out
}

// put sets or takes away what steps lead to, and gives the value it is in.
func put(in any, steps []step, f Field) any {
	if len(steps) == 0 {
		return clone(f.Declared)
	}
	s, last := steps[0], len(steps) == 1
	if s.keys != nil {
		list, _ := in.([]any)
		for i, v := range list {
			if !hasKeys(keyIn(v, sorted(s.keys)), s.keys) {
				continue
			}
			if last && f.What == Added {
				return append(list[:i:i], list[i+1:]...)
			}
			list[i] = put(v, steps[1:], f)
			return list
		}
		if f.What == Added {
			return list
		}
		return append(list, put(nil, steps[1:], f))
	}
	m, ok := in.(map[string]any)
	if !ok {
		m = map[string]any{}
	}
	switch deeper, there := m[s.field]; {
	case last && f.What == Added:
		delete(m, s.field)
	case !there && f.What == Added:
	default:
		m[s.field] = put(deeper, steps[1:], f)
	}
	return m
}
