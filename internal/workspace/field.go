package workspace

import (
	"fmt"
	"slices"
	"strings"

	"github.com/agext/levenshtein"

	"example.org/caravan/internal/syntax"
)

// field is one key of a map: what it is called, whether it must be there, and how its value is taken in.
type field struct {
	key      string
	required bool
	take     taker
}

// taker takes in the value at a path, or reports what is wrong with it.
type taker func(p *parser, n syntax.Node, path string)

// object takes in a map, key by key.
func (p *parser) object(n syntax.Node, path string, fields []field) {
	if n.Kind != syntax.Map {
		p.problem(max(n.Line, 1), "%s is %s; write keys and values: %s", called(path), shape(n), strings.Join(keysOf(fields), ", "))
		return
	}
	p.lines[path] = n.Line
	seen := map[string]int{}
	for _, pair := range n.Pairs {
		if first, twice := seen[pair.Key]; twice {
			p.problem(pair.Line, "%q is given in line %d already; keep one", pair.Key, first)
			continue
		}
		seen[pair.Key] = pair.Line
		p.pair(pair, path, fields)
	}
	for _, f := range fields {
		if _, given := seen[f.key]; f.required && !given {
			p.problem(max(n.Line, 1), "%s has no %s; add one", called(path), f.key)
		}
	}
}

func (p *parser) pair(pair syntax.Pair, path string, fields []field) {
	i := slices.IndexFunc(fields, func(f field) bool { return f.key == pair.Key })
	if i < 0 {
		p.unknown(pair, keysOf(fields))
		return
	}
	at := strings.TrimPrefix(path+"."+pair.Key, ".")
	p.lines[at] = pair.Line
	fields[i].take(p, pair.Value, at)
}

func (p *parser) unknown(pair syntax.Pair, known []string) {
	if near, ok := nearest(pair.Key, known); ok {
		p.problem(pair.Line, "unknown key %q; did you mean %q?", pair.Key, near)
		return
	}
	p.problem(pair.Line, "unknown key %q; the keys here are %s", pair.Key, strings.Join(known, ", "))
}

func keysOf(fields []field) []string {
	return names(fields, func(f field) string { return f.key })
}

// text takes in a string.
func text[T ~string](into *T) taker {
	return func(p *parser, n syntax.Node, path string) {
		switch {
		case n.Kind == syntax.Null:
			p.at(path, "%s is empty; give it a text, in quotes if it begins with #", called(path))
		case n.Kind != syntax.Scalar:
			p.at(path, "%s is %s; write a text", called(path), shape(n))
		case n.Tag != "str":
			p.at(path, "%s is %s; put the text in quotes", called(path), shape(n))
		case strings.TrimSpace(n.Value) == "":
			p.at(path, "%s is empty; give it a text", called(path))
		case len(n.Value) > maxText:
			p.at(path, "%s is longer than %d bytes; shorten it", called(path), maxText)
		case strings.ContainsAny(n.Value, "\n\r\x00"):
			p.at(path, "%s spreads over several lines; write one", called(path))
		default:
			*into = T(strings.TrimSpace(n.Value))
		}
	}
}

// optional lets a value be empty.
func optional(take taker) taker {
	return func(p *parser, n syntax.Node, path string) {
		if n.Kind != syntax.Null && (n.Kind != syntax.Scalar || n.Value != "") {
			take(p, n, path)
		}
	}
}

func oneOf[T ~string](into *T, allowed ...T) taker {
	return func(p *parser, n syntax.Node, path string) {
		var given T
		text(&given)(p, n, path)
		if given == "" || slices.Contains(allowed, given) {
			*into = given
			return
		}
		choice := names(allowed, func(a T) string { return string(a) })
		p.at(path, "%s is %q; write %s", called(path), string(given), strings.Join(choice, " or "))
	}
}

func boolean(into *bool) taker {
	return func(p *parser, n syntax.Node, path string) {
		if n.Kind != syntax.Scalar || n.Tag != "bool" {
			p.at(path, "%s is %s; write true or false", called(path), shape(n))
			return
		}
		*into = strings.EqualFold(n.Value, "true")
	}
}

// texts takes in a list of strings.
func texts(into *[]string) taker {
	return list(into, func(p *parser, n syntax.Node, path string) (s string) {
		text(&s)(p, n, path)
		return s
	})
}

// list takes in a list, item by item; an empty key is an empty list.
func list[T any](into *[]T, item func(*parser, syntax.Node, string) T) taker {
	return func(p *parser, n syntax.Node, path string) {
		switch {
		case n.Kind == syntax.Null:
		case n.Kind != syntax.List:
			p.at(path, "%s is %s; write a list, each item after a dash", called(path), shape(n))
		case len(n.Items) > maxItems:
			p.at(path, "%s has more than %d items; split the workspace", called(path), maxItems)
		default:
			for i, v := range n.Items {
				at := fmt.Sprintf("%s[%d]", path, i)
				p.lines[at] = max(v.Line, 1)
				*into = append(*into, item(p, v, at))
			}
		}
	}
}

// nonEmpty wants at least one item.
func nonEmpty(take taker) taker {
	return func(p *parser, n syntax.Node, path string) {
		if n.Kind == syntax.Null || n.Kind == syntax.List && len(n.Items) == 0 {
			p.at(path, "%s is empty; add at least one", called(path))
			return
		}
		take(p, n, path)
	}
}

// Bounds that keep a hostile file from costing more than a moment.
const (
	maxItems     = 5000 // in one list
	maxText      = 1000 // bytes of one text
	maxGuessed   = 40   // bytes of a mistyped word that is worth a guess
	maxGuessFrom = 200  // words to guess from
)

func shape(n syntax.Node) string {
	switch n.Kind {
	case syntax.Map:
		return "a map"
	case syntax.List:
		return "a list"
	case syntax.Null:
		return "empty"
	}
	switch n.Tag {
	case "int", "float":
		return "a number"
	case "bool":
		return "true or false"
	case "timestamp":
		return "a date"
	}
	return "a text"
}

// called is a value's path as people say it.
func called(path string) string {
	if path == "" {
		return "the workspace"
	}
	return path
}

// nearest is the known word that a mistyped one most likely means.
func nearest(word string, known []string) (string, bool) {
	if len(word) > maxGuessed || len(known) > maxGuessFrom {
		return "", false
	}
	best, least := "", 3
	for _, k := range known {
		if d := levenshtein.Distance(strings.ToLower(word), strings.ToLower(k), nil); d < least && d < len(k) {
			best, least = k, d
		}
	}
	return best, best != ""
}
