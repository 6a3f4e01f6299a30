package pipeline

import (
	"errors"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"example.org/caravan/internal/fault"
)

// page is a YAML file: its lines, and its documents with the place of every node.
type page struct {
	File
	lines []string // without their endings
	docs  []*yaml.Node
}

var atLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)

func parsePage(f File) (p page, no *refusal) {
	if no := readable(f.Text); no != nil {
		return p, no
	}
	p = page{File: f, lines: strings.Split(strings.ReplaceAll(f.Text, "\r\n", "\n"), "\n")}
	d := yaml.NewDecoder(strings.NewReader(f.Text))
	for {
		var doc yaml.Node
		err := d.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return p, nil
		}
		if err != nil {
			m := atLine.FindStringSubmatch(err.Error())
			if m == nil {
				return p, &refusal{kind: fault.Invalid, text: "no YAML; mend it first"}
			}
			line, _ := strconv.Atoi(m[1])
			return p, &refusal{kind: fault.Invalid, line: line, text: "no YAML: " + m[2] + "; mend it first"}
		}
		if len(doc.Content) > 0 {
			p.docs = append(p.docs, doc.Content[0])
		}
	}
}

// scalars are all of a page's scalars in order, aliases by their name.
func (p page) scalars() []string {
	var out []string
	var walk func(n *yaml.Node)
	walk = func(n *yaml.Node) {
		if n.Kind == yaml.ScalarNode || n.Kind == yaml.AliasNode {
			out = append(out, n.Value)
		}
		for _, c := range n.Content {
			walk(c)
		}
	}
	for _, doc := range p.docs {
		walk(doc)
	}
	return out
}

// within reports whether another page holds all scalars of this one in their order; a script may have lines more that are marked.
func (p page) within(other page) bool {
	rest := other.scalars()
	for _, s := range p.scalars() {
		i := slices.IndexFunc(rest, func(r string) bool {
			if r == s {
				return true
			}
			was, ok := Undo(r)
			return ok && strings.TrimRight(was, "\n") == strings.TrimRight(s, "\n")
		})
		if i < 0 {
			return false
		}
		rest = rest[i+1:]
	}
	return true
}

// at is what an alias stands for, or the node itself.
func at(n *yaml.Node) *yaml.Node {
	for range 20 {
		if n == nil || n.Kind != yaml.AliasNode {
			return n
		}
		n = n.Alias
	}
	return nil
}

// field is the value of a mapping's key; nil when there is none.
func field(n *yaml.Node, key string) *yaml.Node {
	_, v := entry(n, key)
	return v
}

func entry(n *yaml.Node, key string) (k, v *yaml.Node) {
	n = at(n)
	if n == nil || n.Kind != yaml.MappingNode {
		return nil, nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i], n.Content[i+1]
		}
	}
	return nil, nil
}

// merged is the value of a key, also when it comes from a mapping that is merged in with <<.
func merged(n *yaml.Node, key string) *yaml.Node {
	return mergedWithin(n, key, map[*yaml.Node]bool{})
}

func mergedWithin(n *yaml.Node, key string, seen map[*yaml.Node]bool) *yaml.Node {
	if v := field(n, key); v != nil || seen[at(n)] {
		return v
	}
	seen[at(n)] = true
	from := at(field(n, "<<"))
	if from == nil {
		return nil
	}
	if from.Kind == yaml.SequenceNode {
		for _, one := range from.Content {
			if v := mergedWithin(one, key, seen); v != nil {
				return v
			}
		}
		return nil
	}
	return mergedWithin(from, key, seen)
}

// text is a scalar's value; "" for all else.
func text(n *yaml.Node) string {
	if n = at(n); n == nil || n.Kind != yaml.ScalarNode {
		return ""
	}
	return n.Value
}

// texts are a scalar's value or those of a list.
func texts(n *yaml.Node) []string {
	n = at(n)
	switch {
	case n == nil:
		return nil
	case n.Kind == yaml.ScalarNode:
		return []string{n.Value}
	case n.Kind != yaml.SequenceNode:
		return nil
	}
	var out []string
	for _, c := range n.Content {
		if c = at(c); c != nil && c.Kind == yaml.ScalarNode {
			out = append(out, c.Value)
		}
	}
	return out
}

// pairs are the scalar values of a mapping.
func pairs(n *yaml.Node) map[string]string {
	out := map[string]string{}
	if n = at(n); n == nil || n.Kind != yaml.MappingNode {
		return out
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		v := at(n.Content[i+1])
		if v != nil && v.Kind == yaml.MappingNode {
			v = at(field(v, "value"))
		}
		if v != nil && v.Kind == yaml.ScalarNode {
			out[n.Content[i].Value] = v.Value
		}
	}
	return out
}

// scriptLine is the file's line on which line i of a scalar's text stands.
func scriptLine(n *yaml.Node, i int) int {
	if n.Style&yaml.LiteralStyle != 0 {
		return n.Line + 1 + i
	}
	return n.Line
}

func indentOf(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }

// lastLine is the last line of what begins in a line and is indented deeper than a column, counted from 0.
func (p page) lastLine(first, column int) int {
	last := first
	for i := first; i < len(p.lines); i++ {
		line := p.lines[i]
		if strings.TrimSpace(line) == "" {
			continue
		}
		if indentOf(line) <= column {
			break
		}
		last = i + 1
	}
	return last
}

var dashed = regexp.MustCompile(`^( *)-( +)`)

// item is a list's item as it stands in the file: from which line to which, and what its lines begin with.
type item struct {
	from, to int
	dash     string // the blanks, the dash and the blanks after it
	inner    string // as many blanks
}

// item finds the lines of a list's item; ok is false when it does not begin on a line of its own.
func (p page) item(n *yaml.Node) (item, bool) {
	if n.Line < 1 || n.Line > len(p.lines) {
		return item{}, false
	}
	m := dashed.FindStringSubmatch(p.lines[n.Line-1])
	if m == nil {
		return item{}, false
	}
	return item{from: n.Line, to: p.lastLine(n.Line, len(m[1])), dash: m[0], inner: strings.Repeat(" ", len(m[0]))}, true
}

var plainScalar = regexp.MustCompile(`^[A-Za-z$(/.][^#]*$`)

// scalar writes a text on one line so that YAML reads it as that.
func scalar(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if plainScalar.MatchString(s) && !strings.Contains(s, ": ") && !strings.HasSuffix(s, ":") {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", "''") + "'"
}
