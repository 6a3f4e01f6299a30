package syntax

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// YAML parses every document of a stream, JSON included. Anchors, aliases and merge keys are resolved within
// MaxNodes. Documents before an error are returned with it.
func YAML(data []byte) ([]Node, error) {
	if len(data) > MaxBytes {
		return nil, &Error{Text: "larger than " + strconv.Itoa(MaxBytes>>20) + " MiB"}
	}
	if line := tooDeepYAML(data); line > 0 {
		return nil, &Error{Line: line, Text: "nested deeper than " + strconv.Itoa(MaxDepth) + " levels"}
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var docs []Node
	for {
		var raw yaml.Node
		err := decode(dec, &raw)
		if errors.Is(err, io.EOF) {
			return docs, nil
		}
		if err != nil {
			return docs, yamlError(err)
		}
		c := yamlConverter{budget: MaxNodes}
		doc, err := c.convert(&raw, 0)
		if err != nil {
			return docs, err
		}
		docs = append(docs, doc)
	}
}

// decode keeps a defect in the library from ending the program: hostile input is its business too.
func decode(dec *yaml.Decoder, into *yaml.Node) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = &Error{Text: "not valid YAML"}
		}
	}()
	return dec.Decode(into)
}

// tooDeepYAML finds the line where brackets or indentation nest deeper than MaxDepth, before the real parser,
// whose time grows with depth, sees them. Brackets inside quotes count too: a generous bound, not a grammar.
func tooDeepYAML(data []byte) int {
	depth, line := 0, 1
	for _, c := range data {
		switch c {
		case '\n':
			line++
		case '[', '{':
			if depth++; depth > 8*MaxDepth {
				return line
			}
		case ']', '}':
			depth = max(depth-1, 0)
		}
	}
	return 0
}

var yamlLine = regexp.MustCompile(`line (\d+)`)

// yamlError keeps the line and the grammar's complaint and drops anything that could quote the file.
func yamlError(err error) error {
	var known *Error
	if errors.As(err, &known) {
		return known
	}
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	out := &Error{Text: "not valid YAML"}
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		out.Line, _ = strconv.Atoi(m[1])
	}
	if i := strings.LastIndex(text, ": "); i >= 0 {
		text = text[i+2:]
	}
	if !strings.ContainsAny(text, "\"'`\n") && len(text) < 80 {
		out.Text += ": " + text
	}
	return out
}

type yamlConverter struct{ budget int }

func (c *yamlConverter) convert(n *yaml.Node, depth int) (Node, error) {
	if c.budget--; c.budget < 0 {
		return Node{}, &Error{Line: n.Line, Text: "more than " + strconv.Itoa(MaxNodes) + " values after expanding aliases"}
	}
	if depth > MaxDepth {
		return Node{}, &Error{Line: n.Line, Text: "nested deeper than " + strconv.Itoa(MaxDepth) + " levels"}
	}
	switch n.Kind {
	case yaml.DocumentNode:
		if len(n.Content) == 0 {
			return Node{}, nil
		}
		return c.convert(n.Content[0], depth)
	case yaml.AliasNode:
		return c.convert(n.Alias, depth+1)
	case yaml.SequenceNode:
		return c.list(n, depth)
	case yaml.MappingNode:
		return c.mapping(n, depth)
	}
	if n.Tag == "!!null" {
		return Node{Line: n.Line}, nil
	}
	return Node{Kind: Scalar, Line: n.Line, Value: n.Value, Tag: strings.TrimPrefix(n.Tag, "!!")}, nil
}

func (c *yamlConverter) list(n *yaml.Node, depth int) (Node, error) {
	out := Node{Kind: List, Line: n.Line, Tag: customTag(n.Tag), Items: make([]Node, 0, len(n.Content))}
	for _, item := range n.Content {
		v, err := c.convert(item, depth+1)
		if err != nil {
			return Node{}, err
		}
		out.Items = append(out.Items, v)
	}
	return out, nil
}

func (c *yamlConverter) mapping(n *yaml.Node, depth int) (Node, error) {
	out := Node{Kind: Map, Line: n.Line, Tag: customTag(n.Tag), Pairs: make([]Pair, 0, len(n.Content)/2)}
	var merged []Pair
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		v, err := c.convert(n.Content[i+1], depth+1)
		if err != nil {
			return Node{}, err
		}
		if key.Tag == "!!merge" {
			merged = append(merged, mergePairs(v)...)
			continue
		}
		if key.Kind == yaml.AliasNode {
			key = key.Alias
		}
		out.Pairs = append(out.Pairs, Pair{Key: key.Value, Line: key.Line, Value: v})
	}
	for _, p := range merged {
		if !out.Has(p.Key) {
			out.Pairs = append(out.Pairs, p)
		}
	}
	return out, nil
}

// mergePairs lists what a merge key brings in; of several maps the earlier wins, as YAML 1.1 says.
func mergePairs(v Node) []Pair {
	if v.Kind != List {
		return v.Pairs
	}
	var out []Pair
	for _, item := range v.Items {
		out = append(out, item.Pairs...)
	}
	return out
}

func customTag(tag string) string {
	if strings.HasPrefix(tag, "!!") {
		return ""
	}
	return tag
}
