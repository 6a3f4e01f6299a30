// Package object knows objects of Kubernetes as plain values: whether one that lives in a cluster is as it was declared, who wrote what is
// not, how that would be mended, and how all of it is shown without secrets. An API server fills in what nobody says and writes values in its
// own spelling; none of that is a difference.
//
// It talks to no cluster. Objects are maps as JSON makes them, with metadata.managedFields where their cluster keeps them.
package object

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Pair is a declared object beside the one of its name in a cluster. Either is nil where there is none.
type Pair struct {
	Path           string // of the file that declares it
	Declared, Live map[string]any
	Same           bool // it is known that nothing differs
}

// Field is a place in which an object in a cluster is not as declared.
type Field struct {
	Path     string    `json:"path"` // "spec.template.spec.containers[app].image"
	What     What      `json:"what"`
	Declared any       `json:"-"`            // nil for what was added
	Live     any       `json:"-"`            // nil for what is missing
	By       string    `json:"by,omitempty"` // field manager that wrote what is there, where that is somebody else
	At       time.Time `json:"at,omitzero"`  // when it did

	steps []step
}

// What became of a field.
type What string

// What may become of a field.
const (
	Changed What = "changed" // it has another value
	Missing What = "missing" // it has none
	Added   What = "added"   // others gave it one, and nothing is declared
)

// Options say whose declaration an object is compared with.
type Options struct {
	Manager string // under which what is declared is applied
	Scaled  bool   // something scales it: its replicas are nobody's declaration
}

// step leads one level deeper into an object: to a field, or to the item of a list that has some keys.
type step struct {
	field string
	keys  map[string]any
}

func (s step) label() string {
	if s.keys == nil {
		return s.field
	}
	values := make([]string, 0, len(s.keys))
	for _, k := range sorted(s.keys) {
		values = append(values, fmt.Sprint(s.keys[k]))
	}
	return "[" + strings.Join(values, "/") + "]"
}

// named is a path as people read it.
func named(steps []step) string {
	var b strings.Builder
	for i, s := range steps {
		text := s.label()
		switch {
		case s.keys == nil && strings.ContainsAny(text, "./[]"):
			text = "[" + text + "]"
		case s.keys == nil && i > 0:
			b.WriteByte('.')
		}
		b.WriteString(text)
	}
	return b.String()
}

func sorted[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// clone is a copy of a value as JSON makes them.
func clone(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, below := range v {
			out[k] = clone(below)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, item := range v {
			out[i] = clone(item)
		}
		return out
	}
	return v
}

// at is what fields of fields lead to; nil when that is nothing.
func at(o map[string]any, fields ...string) any {
	var v any = o
	for _, f := range fields {
		m, _ := v.(map[string]any)
		v = m[f]
	}
	return v
}

func textOf(o map[string]any, fields ...string) string {
	text, _ := at(o, fields...).(string)
	return text
}

// group is the API group of an object, "" for the core's.
func group(o map[string]any) string {
	group, _, ok := strings.Cut(textOf(o, "apiVersion"), "/")
	if !ok {
		return ""
	}
	return group
}

// custom reports whether an object is of a kind that something else than Kubernetes itself brought.
func custom(o map[string]any) bool {
	g := group(o)
	return strings.Contains(g, ".") && !strings.HasSuffix(g, ".k8s.io") || g == "gateway.networking.k8s.io"
}

func compact(v any) string {
	text, _ := json.Marshal(v) // plain values all encode
	return string(text)
}
