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

// expansion bounds how many values aliases may make out of one byte of YAML; what people write stays far below.
const expansion = 16

// YAML parses every document of a stream, JSON included. Anchors, aliases and merge keys are resolved within MaxNodes.
// Documents before an error are returned with it. A template that is not YAML yet is an error, even where its braces
// happen to be read as a map.
func YAML(data []byte) ([]Node, error) {
	data, odd, err := source(data)
	if err != nil {
		return nil, err
	}
	if err := tooDeep(data); err != nil {
		return nil, err
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	c := yamlConverter{budget: min(MaxNodes, 1000+expansion*len(data))}
	var docs []Node
	for {
		var raw yaml.Node
		err := decode(dec, &raw)
		if errors.Is(err, io.EOF) {
			return docs, first(odd)
		}
		if err != nil {
			return docs, yamlError(err)
		}
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
		return Node{}, &Error{Line: n.Line, Text: "too many values once its aliases are expanded; write them out, or exclude the file"}
	}
	if depth > MaxDepth {
		return Node{}, deeper(n.Line)
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
		if key.Kind == yaml.AliasNode {
			key = key.Alias
		}
		if key.Kind != yaml.ScalarNode {
			return Node{}, &Error{Line: key.Line, Text: "a key is not plain text; if this is a template, render it first"}
		}
		v, err := c.convert(n.Content[i+1], depth+1)
		if err != nil {
			return Node{}, err
		}
		if key.Tag == "!!merge" {
			merged = append(merged, mergePairs(v)...)
			continue
		}
		out.Pairs = append(out.Pairs, Pair{Key: key.Value, Line: key.Line, Value: v})
	}
	if len(merged) > 0 {
		out.Pairs = withMerged(out.Pairs, merged)
	}
	return out, nil
}

// withMerged adds the merged pairs whose keys are not there yet.
func withMerged(pairs, merged []Pair) []Pair {
	has := make(map[string]bool, len(pairs)+len(merged))
	for _, p := range pairs {
		has[p.Key] = true
	}
	for _, p := range merged {
		if !has[p.Key] {
			has[p.Key] = true
			pairs = append(pairs, p)
		}
	}
	return pairs
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
