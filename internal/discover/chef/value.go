package chef

import (
	"slices"
	"strconv"
	"strings"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/syntax"
)

// shape of an attribute's value.
type shape uint8

const (
	absent shape = iota // nil, or nothing there
	unread              // an expression that only a Chef run could evaluate
	leaf
	list
	table
)

// value is an attribute with everything below it and where it was written. Values are shared between nodes and never
// changed: merging and setting make new tables.
type value struct {
	shape  shape
	pieces []piece // leaf
	items  []*value
	keys   []string // table, in the order written
	fields map[string]*value
	place  estate.Place
	layer  string
}

// piece of a leaf: text as it stands, or a reference to another attribute with the source that names it.
type piece struct {
	text string
	path []string
}

func text(s string, at estate.Place, layer string) *value {
	return &value{shape: leaf, pieces: []piece{{text: s}}, place: at, layer: layer}
}

// fromNode turns parsed JSON or YAML into a value.
func fromNode(n syntax.Node, file, layer string) *value {
	at := estate.Place{File: file, Line: n.Line}
	switch n.Kind {
	case syntax.Scalar:
		return text(n.Value, at, layer)
	case syntax.List:
		v := &value{shape: list, place: at, layer: layer}
		for _, item := range n.Items {
			v.items = append(v.items, fromNode(item, file, layer))
		}
		return v
	case syntax.Map:
		v := newTable(at, layer)
		for _, p := range n.Pairs {
			v.put(p.Key, fromNode(p.Value, file, layer))
		}
		return v
	}
	return &value{place: at, layer: layer}
}

func newTable(at estate.Place, layer string) *value {
	return &value{shape: table, fields: map[string]*value{}, place: at, layer: layer}
}

// put adds a field to a table still being made.
func (v *value) put(key string, to *value) {
	if _, ok := v.fields[key]; !ok {
		v.keys = append(v.keys, key)
	}
	v.fields[key] = to
}

func (v *value) copyTable() *value {
	out := newTable(v.place, v.layer)
	out.keys = slices.Clone(v.keys)
	for k, f := range v.fields {
		out.fields[k] = f
	}
	return out
}

// at walks down tables and lists; nil when nothing is there.
func (v *value) at(path ...string) *value {
	for _, key := range path {
		switch {
		case v == nil:
			return nil
		case v.shape == table:
			v = v.fields[key]
		case v.shape == list:
			i, err := strconv.Atoi(key)
			if err != nil || i < 0 || i >= len(v.items) {
				return nil
			}
			v = v.items[i]
		default:
			return nil
		}
	}
	return v
}

// has reports whether anything is written at a path.
func (v *value) has(path ...string) bool {
	found := v.at(path...)
	return found != nil && found.shape != absent
}

// literal is the text of a leaf without references.
func (v *value) literal() (string, bool) {
	if v == nil || v.shape != leaf {
		return "", false
	}
	var b strings.Builder
	for _, p := range v.pieces {
		if p.path != nil {
			return "", false
		}
		b.WriteString(p.text)
	}
	return b.String(), true
}

// word is literal, empty when there is none.
func (v *value) word() string {
	s, _ := v.literal()
	return s
}

// words are the literal texts of a leaf or of a list's leaves.
func (v *value) words() []string {
	if v == nil {
		return nil
	}
	if s, ok := v.literal(); ok {
		return []string{s}
	}
	var out []string
	for _, item := range v.items {
		if s, ok := item.literal(); ok {
			out = append(out, s)
		}
	}
	return out
}

// reference is the path of a leaf that is nothing but another attribute.
func (v *value) reference() ([]string, bool) {
	if v == nil || v.shape != leaf || len(v.pieces) != 1 || len(v.pieces[0].path) == 0 {
		return nil, false
	}
	return v.pieces[0].path, true
}

// with returns v with the value at path replaced; whatever is in the way makes room.
func (v *value) with(path []string, to *value) *value {
	if len(path) == 0 {
		return to
	}
	out := newTable(to.place, to.layer)
	if v != nil && v.shape == table {
		out = v.copyTable()
	}
	out.put(path[0], out.fields[path[0]].with(path[1:], to))
	return out
}

// Chef joins lists of one precedence level and replaces those of a lower one.
const (
	joinLists    = true
	replaceLists = false
)

// merge lays upper over lower as Chef does.
func merge(lower, upper *value, lists bool) *value {
	switch {
	case upper == nil || upper.shape == absent:
		return lower
	case lower == nil:
		return upper
	case lower.shape == table && upper.shape == table:
		out := lower.copyTable()
		for _, key := range upper.keys {
			out.put(key, merge(out.fields[key], upper.fields[key], lists))
		}
		return out
	case lists && lower.shape == list && upper.shape == list:
		return union(lower, upper)
	}
	return upper
}

// union appends the items of b that a does not have.
func union(a, b *value) *value {
	out := &value{shape: list, items: slices.Clone(a.items), place: a.place, layer: a.layer}
	known := map[string]bool{}
	for _, item := range a.items {
		if s, ok := item.literal(); ok {
			known[s] = true
		}
	}
	for _, item := range b.items {
		if s, ok := item.literal(); !ok || !known[s] {
			out.items = append(out.items, item)
		}
	}
	return out
}

// each calls see for every leaf below v with its dotted key, in the order written, and stops at tables and lists that
// skip answers true for.
func (v *value) each(key string, skip func(string, *value) bool, see func(string, *value)) {
	if v == nil {
		return
	}
	switch v.shape {
	case leaf, unread:
		see(key, v)
	case list:
		if skip(key, v) {
			return
		}
		for i, item := range v.items {
			item.each(key+"["+strconv.Itoa(i)+"]", skip, see)
		}
	case table:
		if skip(key, v) {
			return
		}
		for _, k := range v.keys {
			v.fields[k].each(joinKey(key, k), skip, see)
		}
	}
}

func joinKey(prefix, key string) string {
	if prefix == "" {
		return key
	}
	return prefix + "." + key
}
