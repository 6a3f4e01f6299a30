package compose

import (
	"strings"

	"example.org/caravan/internal/syntax"
)

// variables are what ${NAME} may stand for, and which names turned out to be set nowhere.
type variables struct {
	values map[string]string
	unset  map[string]bool
	spent  *int // bytes of interpolated text so far
}

func newVariables() variables {
	return variables{values: map[string]string{}, unset: map[string]bool{}, spent: new(int)}
}

// with are the same variables and more of one's own.
func (v variables) with(values map[string]string) variables {
	return variables{values: values, unset: v.unset, spent: v.spent}
}

// Bounds of one interpolated value and of all of a project: variables that repeat each other must not grow without end.
const (
	maxExpanded = 64 << 10
	maxSpent    = 32 << 20
)

// tree replaces the variables in every scalar of a tree.
func (v variables) tree(n syntax.Node) syntax.Node {
	switch n.Kind {
	case syntax.Scalar:
		if strings.IndexByte(n.Value, '$') >= 0 {
			n.Value = v.expand(n.Value)
		}
	case syntax.Map:
		pairs := make([]syntax.Pair, len(n.Pairs))
		for i, p := range n.Pairs {
			pairs[i] = syntax.Pair{Key: p.Key, Line: p.Line, Value: v.tree(p.Value)}
		}
		n.Pairs = pairs
	case syntax.List:
		items := make([]syntax.Node, len(n.Items))
		for i, item := range n.Items {
			items[i] = v.tree(item)
		}
		n.Items = items
	}
	return n
}

func (v variables) expand(text string) string {
	if !strings.Contains(text, "$") || *v.spent > maxSpent {
		return text
	}
	text = v.expandNested(text, 0)
	*v.spent += len(text)
	return text
}

func (v variables) expandNested(text string, nested int) string {
	if nested > 8 {
		return text
	}
	var out strings.Builder
	for {
		i := strings.IndexByte(text, '$')
		if i < 0 || i+1 == len(text) || out.Len() > maxExpanded {
			out.WriteString(text)
			return out.String()
		}
		out.WriteString(text[:i])
		text = text[i+1:]
		switch name := leadingName(text); {
		case text[0] == '$':
			out.WriteByte('$')
			text = text[1:]
		case text[0] == '{':
			end := closing(text)
			if end < 0 {
				out.WriteString("$" + text)
				return out.String()
			}
			out.WriteString(v.braced(text[1:end], nested))
			text = text[end+1:]
		case name != "":
			out.WriteString(v.plain(name))
			text = text[len(name):]
		default:
			out.WriteByte('$')
		}
	}
}

// braced is the value of what stands between ${ and }.
func (v variables) braced(inner string, nested int) string {
	name := leadingName(inner)
	rest := inner[len(name):]
	if name == "" {
		return "${" + inner + "}"
	}
	value, set := v.values[name]
	orEmpty := strings.HasPrefix(rest, ":")
	present := set && !(orEmpty && value == "")
	switch op := strings.TrimPrefix(rest, ":"); {
	case rest == "":
		return v.plain(name)
	case strings.HasPrefix(op, "-"):
		if present {
			return value
		}
		return v.expandNested(op[1:], nested+1)
	case strings.HasPrefix(op, "+"):
		if present {
			return v.expandNested(op[1:], nested+1)
		}
		return ""
	case strings.HasPrefix(op, "?"):
		return v.plain(name)
	}
	return "${" + inner + "}"
}

// plain is a variable's value, or its reference when it is set nowhere.
func (v variables) plain(name string) string {
	if value, ok := v.values[name]; ok {
		return value
	}
	v.unset[name] = true
	return "${" + name + "}"
}

// closing is the index of the } that closes the { at the start.
func closing(s string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}

func leadingName(s string) string {
	i := 0
	for i < len(s) && (s[i] == '_' || s[i] >= 'A' && s[i] <= 'Z' || s[i] >= 'a' && s[i] <= 'z' || i > 0 && s[i] >= '0' && s[i] <= '9') {
		i++
	}
	return s[:i]
}

// unsetIn names a variable of text that is set nowhere.
func (v variables) unsetIn(text string) (string, bool) {
	for {
		i := strings.Index(text, "${")
		if i < 0 {
			return "", false
		}
		text = text[i+2:]
		if name := leadingName(text); v.unset[name] && strings.HasPrefix(text[len(name):], "}") {
			return name, true
		}
	}
}
