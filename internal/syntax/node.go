// Package syntax turns the bytes of configuration files into trees and lists that remember their lines.
// It knows grammars, not meanings: what a key stands for is the readers' business. Every parser is
// bounded (see Limits), never panics, and on bad input returns what it understood so far with an *Error that
// names the line.
package syntax

import (
	"errors"
	"fmt"
	"strconv"
)

// Kind is the shape of a Node.
type Kind uint8

// The shapes.
const (
	Null Kind = iota
	Scalar
	Map
	List
)

// Node is a value in a configuration file. The zero Node is null. Nodes are read-only once parsed.
type Node struct {
	Kind  Kind
	Line  int    // from 1
	Value string // Scalar: text as written, quotes and escapes resolved
	Tag   string // Scalar: "str", "int", "float", "bool"; other: the custom tag ("!Ref") or ""
	Pairs []Pair // Map, in file order; a duplicate key appears twice, the later one wins in Get
	Items []Node // List
}

// Pair is one entry of a map.
type Pair struct {
	Key   string
	Line  int // of the key
	Value Node
}

// Entry is a leaf of a flattened tree: nested keys joined with dots, list items as key[0].
type Entry struct {
	Key   string
	Value string
	Line  int
}

// Error is a syntax error with its line (0 when unknown). The text never quotes the input.
type Error struct {
	Line int
	Text string
}

func (e *Error) Error() string {
	if e.Line == 0 {
		return e.Text
	}
	return fmt.Sprintf("line %d: %s", e.Line, e.Text)
}

// LineOf is the line a syntax error names; 0 when err is none or names none.
func LineOf(err error) int {
	var e *Error
	if errors.As(err, &e) {
		return e.Line
	}
	return 0
}

// Limits every parser keeps to.
const (
	MaxBytes = 4 << 20 // a larger file is not configuration
	MaxDepth = 64
	MaxNodes = 1_000_000 // after alias expansion
	MaxKey   = 1 << 10   // bytes of a flattened key
)

// Get returns the value under key, the last one if repeated; the null Node if there is none.
func (n Node) Get(key string) Node {
	for i := len(n.Pairs) - 1; i >= 0; i-- {
		if n.Pairs[i].Key == key {
			return n.Pairs[i].Value
		}
	}
	return Node{}
}

// At walks nested maps: n.At("spring", "application", "name").
func (n Node) At(path ...string) Node {
	for _, key := range path {
		n = n.Get(key)
	}
	return n
}

// Has reports whether a map has the key, even with a null value.
func (n Node) Has(key string) bool {
	for _, p := range n.Pairs {
		if p.Key == key {
			return true
		}
	}
	return false
}

// Strings returns a scalar as a list of one, a list's scalars, and nothing for the rest.
func (n Node) Strings() []string {
	switch n.Kind {
	case Scalar:
		return []string{n.Value}
	case List:
		var out []string
		for _, item := range n.Items {
			if item.Kind == Scalar {
				out = append(out, item.Value)
			}
		}
		return out
	}
	return nil
}

// Flatten lists every scalar below n in file order. Empty maps, nulls and what would stand under a key longer than
// MaxKey are left out.
func (n Node) Flatten() []Entry {
	var out []Entry
	n.flatten("", &out)
	return out
}

func (n Node) flatten(prefix string, out *[]Entry) {
	if len(prefix) > MaxKey {
		return
	}
	switch n.Kind {
	case Scalar:
		*out = append(*out, Entry{Key: prefix, Value: n.Value, Line: n.Line})
	case Map:
		for _, p := range n.Pairs {
			key := p.Key
			if prefix != "" {
				key = prefix + "." + p.Key
			}
			p.Value.flatten(key, out)
		}
	case List:
		for i, item := range n.Items {
			item.flatten(prefix+"["+strconv.Itoa(i)+"]", out)
		}
	}
}
