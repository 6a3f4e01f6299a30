package consul

import (
	"strings"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/convert"

	"example.org/caravan/internal/discover/hclfile"
	"example.org/caravan/internal/syntax"
)

// labelKey holds the label of a block in its tree; no attribute can be called so.
const labelKey = "#label"

// parseHCL reads a file as a tree: blocks of one type are a list, and expressions stay as they are written.
func parseHCL(data []byte) (syntax.Node, error) {
	body, err := hclfile.Parse(data)
	if body == nil {
		return syntax.Node{}, err
	}
	return tree{data}.body(body, 0), err
}

type tree struct{ data []byte }

func (t tree) body(b *hclsyntax.Body, depth int) syntax.Node {
	out := syntax.Node{Kind: syntax.Map, Line: b.SrcRange.Start.Line}
	if depth > syntax.MaxDepth {
		return out
	}
	for _, name := range hclfile.Attributes(b) {
		attr := b.Attributes[name]
		out.Pairs = append(out.Pairs, syntax.Pair{Key: name, Line: attr.NameRange.Start.Line, Value: t.expression(attr.Expr, depth+1)})
	}
	lists := map[string]int{}
	for _, inner := range b.Blocks {
		at, ok := lists[inner.Type]
		if !ok {
			at = len(out.Pairs)
			lists[inner.Type] = at
			out.Pairs = append(out.Pairs, syntax.Pair{Key: inner.Type, Line: inner.TypeRange.Start.Line, Value: syntax.Node{Kind: syntax.List}})
		}
		n := t.body(inner.Body, depth+1)
		n.Line = inner.TypeRange.Start.Line
		if len(inner.Labels) > 0 {
			n.Pairs = append(n.Pairs, syntax.Pair{Key: labelKey, Line: n.Line, Value: syntax.Node{Kind: syntax.Scalar, Line: n.Line, Value: inner.Labels[len(inner.Labels)-1]}})
		}
		out.Pairs[at].Value.Items = append(out.Pairs[at].Value.Items, n)
	}
	return out
}

func (t tree) expression(expr hclsyntax.Expression, depth int) syntax.Node {
	out := syntax.Node{Line: expr.Range().Start.Line}
	if depth > syntax.MaxDepth {
		return out
	}
	switch e := expr.(type) {
	case *hclsyntax.ObjectConsExpr:
		out.Kind = syntax.Map
		for _, item := range e.Items {
			key := t.scalar(item.KeyExpr)
			out.Pairs = append(out.Pairs, syntax.Pair{Key: key.Value, Line: key.Line, Value: t.expression(item.ValueExpr, depth+1)})
		}
		return out
	case *hclsyntax.TupleConsExpr:
		out.Kind = syntax.List
		for _, item := range e.Exprs {
			out.Items = append(out.Items, t.expression(item, depth+1))
		}
		return out
	}
	return t.scalar(expr)
}

// scalar is a literal's value, or the text of an expression without its quotes.
func (t tree) scalar(expr hclsyntax.Expression) syntax.Node {
	out := syntax.Node{Kind: syntax.Scalar, Line: expr.Range().Start.Line}
	if _, isTemplate := expr.(*hclsyntax.TemplateExpr); isTemplate && strings.HasPrefix(t.text(expr), "<<") {
		out.Line++ // the text starts below its mark
	}
	if v, diags := expr.Value(nil); !diags.HasErrors() && v.IsKnown() && !v.IsNull() {
		if s, err := convert.Convert(v, cty.String); err == nil && s.IsKnown() && !s.IsNull() {
			out.Value = s.AsString()
			return out
		}
	}
	out.Value = strings.Trim(t.text(expr), `"`)
	return out
}

func (t tree) text(expr hclsyntax.Expression) string {
	r := expr.Range()
	from, to := min(r.Start.Byte, len(t.data)), min(r.End.Byte, len(t.data))
	return string(t.data[from:max(from, to)])
}
