package workload

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"example.org/caravan/internal/estate"
)

// Notes are what a written workload says beside its values.
type Notes struct {
	Questions []Question
	Origins   map[string]estate.Place // where values were seen, by path
}

// Format writes a workload as its file: keys in the order of Score's documentation, beside each value where it was seen, and
// what only the owner knows as a question in the place of its answer. Parse reads the same workload back.
func Format(w Workload, n Notes) []byte {
	f := &formatter{origins: n.Origins, keys: map[string]*yaml.Node{}}
	root := f.workload(w)
	for _, q := range n.Questions {
		f.ask(root, q)
	}
	var out bytes.Buffer
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	_ = e.Encode(root) // a tree of scalars and maps into memory cannot fail
	return out.Bytes()
}

// formatter builds the tree of a file.
type formatter struct {
	origins map[string]estate.Place
	keys    map[string]*yaml.Node // by path
}

// ask puts a question above the key it is about, or above the nearest there is.
func (f *formatter) ask(root *yaml.Node, q Question) {
	text := "QUESTION: " + oneLine(q.Text)
	if q.Place != (estate.Place{}) {
		text += " (" + oneLine(q.Place.String()) + ")"
	}
	node := root.Content[0]
	for path := q.Path; path != ""; path = path[:max(strings.LastIndexByte(path, '.'), 0)] {
		if found, ok := f.keys[path]; ok {
			node = found
			break
		}
	}
	if node.HeadComment != "" {
		text = node.HeadComment + "\n" + text
	}
	node.HeadComment = text
}

// oneLine is a text as a comment may hold it: names of files are other people's.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
}

// tree is a map under construction.
type tree struct {
	f    *formatter
	path string
	node *yaml.Node
}

func (f *formatter) tree(path string) tree {
	return tree{f, path, &yaml.Node{Kind: yaml.MappingNode}}
}

func (t tree) at(key string) string { return strings.TrimPrefix(t.path+"."+key, ".") }

// set adds a key, unless it would be an empty map or list.
func (t tree) set(key string, value *yaml.Node) {
	if value == nil || value.Kind != yaml.ScalarNode && len(value.Content) == 0 {
		return
	}
	t.put(key, value)
}

func (t tree) put(key string, value *yaml.Node) {
	name := textNode(key)
	t.f.keys[t.at(key)] = name
	if at, ok := t.f.origins[t.at(key)]; ok && value.Kind == yaml.ScalarNode {
		value.LineComment = oneLine(at.String())
	} else if ok {
		name.HeadComment = oneLine(at.String())
	}
	t.node.Content = append(t.node.Content, name, value)
}

// say adds a text unless it is empty.
func (t tree) say(key, text string) {
	if text != "" {
		t.put(key, textNode(text))
	}
}

func (t tree) number(key string, n int) {
	if n != 0 {
		t.put(key, numberNode(n))
	}
}

func (t tree) yes(key string, b bool) {
	if b {
		t.put(key, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: "true"})
	}
}

func textNode(text string) *yaml.Node {
	n := &yaml.Node{}
	n.SetString(text)
	switch {
	case !strings.Contains(text, "\n"):
		n.Style = 0
	case !blockSafe(text):
		n.Style = yaml.DoubleQuotedStyle
	}
	return n
}

// blockSafe reports whether a text over several lines comes back as it was from a block: where a line begins with white
// space, or all is white space, what is indentation and what is text cannot be told.
func blockSafe(text string) bool {
	first, _ := utf8.DecodeRuneInString(text)
	return !unicode.IsSpace(first) && !strings.Contains(text, "\n\t") && !strings.Contains(text, "\r")
}

func numberNode(n int) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: strconv.Itoa(n)}
}

func textsNode(list []string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
	for _, text := range list {
		item := textNode(text)
		if strings.Contains(text, "\n") {
			n.Style, item.Style = 0, yaml.DoubleQuotedStyle
		}
		n.Content = append(n.Content, item)
	}
	return n
}

// mapped is a map of named things, sorted by name.
func mapped[V any](f *formatter, path string, m map[string]V, item func(path string, v V) *yaml.Node) *yaml.Node {
	t := f.tree(path)
	for _, name := range sorted(m) {
		t.put(name, item(t.at(name), m[name]))
	}
	return t.node
}

func (f *formatter) texts(path string, m map[string]string) *yaml.Node {
	return mapped(f, path, m, func(_ string, v string) *yaml.Node { return textNode(v) })
}

func (f *formatter) workload(w Workload) *yaml.Node {
	t := f.tree("")
	t.say("apiVersion", w.APIVersion)
	meta := f.tree("metadata")
	meta.say("name", w.Metadata.Name)
	meta.set("annotations", f.texts("metadata.annotations", w.Metadata.Annotations))
	t.put("metadata", meta.node)
	if w.Service != nil {
		s := f.tree("service")
		s.set("ports", mapped(f, "service.ports", w.Service.Ports, f.port))
		t.put("service", s.node)
	}
	t.put("containers", mapped(f, "containers", w.Containers, f.container))
	t.set("resources", mapped(f, "resources", w.Resources, f.resource))
	return t.node
}

func (f *formatter) port(path string, p Port) *yaml.Node {
	t := f.tree(path)
	t.number("port", p.Port)
	t.say("protocol", p.Protocol)
	t.number("targetPort", p.TargetPort)
	return t.node
}

func (f *formatter) container(path string, c Container) *yaml.Node {
	t := f.tree(path)
	t.say("image", c.Image)
	t.set("command", textsNode(c.Command))
	t.set("args", textsNode(c.Args))
	t.set("variables", f.texts(t.at("variables"), c.Variables))
	t.set("files", mapped(f, t.at("files"), c.Files, f.file))
	t.set("volumes", mapped(f, t.at("volumes"), c.Volumes, f.volume))
	if c.Resources != nil {
		r := f.tree(t.at("resources"))
		r.set("limits", f.quantity(r.at("limits"), c.Resources.Limits))
		r.set("requests", f.quantity(r.at("requests"), c.Resources.Requests))
		t.put("resources", r.node)
	}
	t.set("livenessProbe", f.probe(t.at("livenessProbe"), c.LivenessProbe))
	t.set("readinessProbe", f.probe(t.at("readinessProbe"), c.ReadinessProbe))
	t.set("before", mapped(f, t.at("before"), c.Before, func(path string, b Before) *yaml.Node {
		t := f.tree(path)
		t.say("ready", b.Ready)
		return t.node
	}))
	return t.node
}

func (f *formatter) file(path string, v File) *yaml.Node {
	t := f.tree(path)
	if v.Mode != "" {
		t.put("mode", &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: v.Mode, Style: yaml.DoubleQuotedStyle})
	}
	switch {
	case v.Source != "":
		t.say("source", v.Source)
	case v.BinaryContent != "":
		t.say("binaryContent", v.BinaryContent)
	default:
		t.put("content", textNode(v.Content))
	}
	t.yes("noExpand", v.NoExpand)
	return t.node
}

func (f *formatter) volume(path string, v Volume) *yaml.Node {
	t := f.tree(path)
	t.put("source", textNode(v.Source))
	t.say("path", v.Path)
	t.yes("readOnly", v.ReadOnly)
	return t.node
}

func (f *formatter) quantity(path string, q Quantity) *yaml.Node {
	t := f.tree(path)
	t.say("memory", q.Memory)
	t.say("cpu", q.CPU)
	return t.node
}

func (f *formatter) probe(path string, p *Probe) *yaml.Node {
	if p == nil {
		return nil
	}
	t := f.tree(path)
	if h := p.HTTPGet; h != nil {
		g := f.tree(t.at("httpGet"))
		g.put("path", textNode(h.Path))
		g.number("port", h.Port)
		g.say("host", h.Host)
		g.say("scheme", h.Scheme)
		g.set("httpHeaders", headers(h.HTTPHeaders))
		t.put("httpGet", g.node)
	}
	if p.Exec != nil {
		e := f.tree(t.at("exec"))
		e.put("command", textsNode(p.Exec.Command))
		t.put("exec", e.node)
	}
	return t.node
}

func headers(list []Header) *yaml.Node {
	out := &yaml.Node{Kind: yaml.SequenceNode}
	for _, h := range list {
		out.Content = append(out.Content, &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{
			textNode("name"), textNode(h.Name), textNode("value"), textNode(h.Value),
		}})
	}
	return out
}

func (f *formatter) resource(path string, v Resource) *yaml.Node {
	t := f.tree(path)
	t.say("type", v.Type)
	t.say("class", v.Class)
	t.say("id", v.ID)
	m := f.tree(t.at("metadata"))
	m.set("annotations", f.texts(m.at("annotations"), v.Metadata.Annotations))
	t.set("metadata", m.node)
	t.set("params", mapped(f, t.at("params"), v.Params, func(_ string, v any) *yaml.Node { return anyNode(v) }))
	return t.node
}

// anyNode is a value of any kind that plain reads.
func anyNode(v any) *yaml.Node {
	switch v := v.(type) {
	case nil:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}
	case string:
		return textNode(v)
	case bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: strconv.FormatBool(v)}
	case int:
		return numberNode(v)
	case float64:
		return floatNode(v)
	case []any:
		n := &yaml.Node{Kind: yaml.SequenceNode}
		for _, item := range v {
			n.Content = append(n.Content, anyNode(item))
		}
		return n
	case map[string]any:
		n := &yaml.Node{Kind: yaml.MappingNode}
		for _, key := range sorted(v) {
			n.Content = append(n.Content, textNode(key), anyNode(v[key]))
		}
		return n
	}
	return textNode(fmt.Sprint(v))
}

func floatNode(x float64) *yaml.Node {
	text := strconv.FormatFloat(x, 'g', -1, 64)
	switch {
	case math.IsInf(x, 1):
		text = ".inf"
	case math.IsInf(x, -1):
		text = "-.inf"
	case math.IsNaN(x):
		text = ".nan"
	case !strings.ContainsAny(text, ".e"):
		text += ".0"
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!float", Value: text}
}
