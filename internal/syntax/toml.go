package syntax

import "github.com/pelletier/go-toml/v2/unstable"

// TOML parses a document. What stands before an error is returned with it.
func TOML(data []byte) (Node, error) {
	data, odd, err := source(data)
	if err != nil {
		return Node{}, err
	}
	if err := tooDeep(data); err != nil {
		return Node{}, err
	}
	t := tomlReader{root: &Node{Kind: Map, Line: 1}}
	t.table = t.root
	t.parser.Reset(data)
	for t.err == nil && t.parser.NextExpression() {
		t.expression(t.parser.Expression())
	}
	if t.err == nil && t.parser.Error() != nil {
		t.err = &Error{Line: t.line, Text: "not valid TOML after this line"}
	}
	return *t.root, first(t.err, odd)
}

// maxSearch bounds how many keys are compared while tables are found, which is quadratic in their number.
const maxSearch = 20_000_000

type tomlReader struct {
	parser unstable.Parser
	root   *Node
	table  *Node
	line   int
	search int
	err    *Error
}

func (t *tomlReader) expression(e *unstable.Node) {
	path, line := t.key(e)
	t.line = max(t.line, line)
	if len(path) > MaxDepth {
		t.err = deeper(line)
		return
	}
	switch e.Kind {
	case unstable.Table:
		t.table = t.descend(t.root, path, line)
	case unstable.ArrayTable:
		parent := t.descend(t.root, path[:len(path)-1], line)
		list := t.child(parent, path[len(path)-1], line)
		list.Kind = List
		list.Items = append(list.Items, Node{Kind: Map, Line: line})
		t.table = &list.Items[len(list.Items)-1]
	case unstable.KeyValue:
		t.assign(t.table, path, line, t.value(e.Value(), line, 0))
	}
}

func (t *tomlReader) assign(table *Node, path []string, line int, v Node) {
	parent := t.descend(table, path[:len(path)-1], line)
	parent.Kind = Map
	parent.Pairs = append(parent.Pairs, Pair{Key: path[len(path)-1], Line: line, Value: v})
}

func (t *tomlReader) key(e *unstable.Node) (path []string, line int) {
	for it := e.Key(); it.Next(); {
		n := it.Node()
		path = append(path, string(n.Data))
		if line == 0 {
			line = t.parser.Shape(n.Raw).Start.Line
		}
	}
	if len(path) == 0 {
		path = []string{""}
	}
	return path, line
}

func (t *tomlReader) value(v *unstable.Node, line, depth int) Node {
	if depth > MaxDepth || v == nil {
		return Node{}
	}
	n := Node{Kind: Scalar, Line: line, Value: string(v.Data)}
	switch v.Kind {
	case unstable.Array:
		n = Node{Kind: List, Line: line}
		for it := v.Children(); it.Next(); {
			if c := it.Node(); c.Kind != unstable.Comment {
				n.Items = append(n.Items, t.value(c, line, depth+1))
			}
		}
	case unstable.InlineTable:
		n = Node{Kind: Map, Line: line}
		for it := v.Children(); it.Next(); {
			c := it.Node()
			if c.Kind != unstable.KeyValue {
				continue
			}
			path, at := t.key(c)
			t.assign(&n, path, at, t.value(c.Value(), at, depth+1))
		}
	case unstable.String:
		n.Tag = "str"
	case unstable.Bool:
		n.Tag = "bool"
	case unstable.Integer:
		n.Tag = "int"
	case unstable.Float:
		n.Tag = "float"
	}
	return n
}

// descend walks nested tables, making those that are missing. Through a list of tables it goes into the last.
func (t *tomlReader) descend(n *Node, path []string, line int) *Node {
	for _, key := range path {
		n = t.child(n, key, line)
		if n.Kind == List && len(n.Items) > 0 {
			n = &n.Items[len(n.Items)-1]
		}
		if n.Kind == Null {
			n.Kind = Map
		}
	}
	return n
}

func (t *tomlReader) child(n *Node, key string, line int) *Node {
	if t.search += len(n.Pairs); t.search > maxSearch && t.err == nil {
		t.err = &Error{Line: line, Text: "too many tables; exclude the file, or split it if it is configuration"}
	}
	for i := range n.Pairs {
		if n.Pairs[i].Key == key {
			return &n.Pairs[i].Value
		}
	}
	n.Pairs = append(n.Pairs, Pair{Key: key, Line: line, Value: Node{Line: line}})
	return &n.Pairs[len(n.Pairs)-1].Value
}
