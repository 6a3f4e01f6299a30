package kube

import (
	"bytes"
	"maps"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"example.org/caravan/internal/render"
)

// noted is a value with a comment above its key, for what a reader would ask about.
type noted struct {
	comment string
	value   any
}

// m is a map of keys and values in the order given. A key whose value is nil, or a list or map without entries, is left out.
func m(pairs ...any) *yaml.Node {
	out := &yaml.Node{Kind: yaml.MappingNode}
	for i := 0; i+1 < len(pairs); i += 2 {
		key := textNode(pairs[i].(string))
		value := pairs[i+1]
		if n, ok := value.(noted); ok {
			key.HeadComment, value = n.comment, n.value
		}
		if node := nodeOf(value); node != nil {
			out.Content = append(out.Content, key, node)
		}
	}
	return out
}

// empty is a map without entries that stays: "emptyDir: {}".
var empty = &yaml.Node{Kind: yaml.MappingNode, Style: yaml.FlowStyle}

func nodeOf(value any) *yaml.Node {
	switch v := value.(type) {
	case *yaml.Node:
		if v == nil || v != empty && v.Kind != yaml.ScalarNode && len(v.Content) == 0 {
			return nil
		}
		return v
	case string:
		return textNode(v)
	case int:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: strconv.Itoa(v)}
	case bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: strconv.FormatBool(v)}
	case []string:
		return nodeOf(words(v))
	case []*yaml.Node:
		return nodeOf(&yaml.Node{Kind: yaml.SequenceNode, Content: v})
	case map[string]string:
		return nodeOf(table(v))
	}
	return nil
}

// textNode is a text, in quotes where it would be read as something else, over several lines where it has them.
func textNode(text string) *yaml.Node {
	n := &yaml.Node{}
	n.SetString(text)
	if n.Style == yaml.LiteralStyle && !isBlock(text) {
		n.Style = yaml.DoubleQuotedStyle
	}
	return n
}

// isBlock reports whether a text over several lines survives as a literal block, which the encoder gets wrong where it begins with
// blanks or holds tabs at a line's begin.
func isBlock(text string) bool {
	return strings.TrimLeft(text, " \t\n") == text && !strings.Contains(text, "\n\t") && !strings.ContainsAny(text, "\r\u0085\u2028\u2029\ufeff")
}

// words is a short list of texts on one line.
func words(list []string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
	for _, w := range list {
		item := textNode(w)
		if strings.Contains(w, "\n") {
			n.Style, item.Style = 0, yaml.DoubleQuotedStyle
		}
		n.Content = append(n.Content, item)
	}
	return n
}

// table is a map of texts, by key.
func table(entries map[string]string) *yaml.Node {
	out := &yaml.Node{Kind: yaml.MappingNode}
	for _, key := range slices.Sorted(maps.Keys(entries)) {
		out.Content = append(out.Content, textNode(key), textNode(entries[key]))
	}
	return out
}

// said puts a comment above a node of a list.
func said(comment string, n *yaml.Node) *yaml.Node {
	n.HeadComment = comment
	return n
}

// text is a document with a comment on top, if any.
func text(comment string, document *yaml.Node) string {
	var out bytes.Buffer
	if comment != "" {
		for line := range strings.Lines(comment) {
			out.WriteString("# " + strings.TrimRight(line, "\n") + "\n")
		}
	}
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	_ = e.Encode(document) // a tree of scalars and maps into memory cannot fail
	return out.String()
}

// file is a document as a file.
func (c cluster) file(of named, path, comment string, document *yaml.Node) render.File {
	return render.File{Path: path, Text: text(comment, document), Mode: 0o644, Subject: of.subject}
}

// line keeps a text that goes into a comment on one line.
func line(s string) string { return strings.Join(strings.Fields(s), " ") }
