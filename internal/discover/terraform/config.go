package terraform

import (
	"bytes"
	"math/big"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
	"github.com/zclconf/go-cty/cty/function/stdlib"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/discover/hclfile"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/syntax"
)

// folder is the configuration in one folder and what its expressions may refer to.
type folder struct {
	report    *discover.Report
	variables map[string]cty.Value
	locals    map[string]cty.Value
	resources map[string]map[string]cty.Value // type → name → what is known of it
	path      string
	sources   [][]byte // of all files, to see what is referred to
	blocks    []located
	context   *hcl.EvalContext // all of these, as of the last refresh
}

type located struct {
	file  string
	block *hclsyntax.Block
}

// readFolder reads the *.tf files of one folder with the variables files that apply by themselves.
func readFolder(files []discover.File, r *discover.Report) {
	f := &folder{report: r, path: files[0].Dir(), variables: map[string]cty.Value{}, locals: map[string]cty.Value{}, resources: map[string]map[string]cty.Value{}}
	var assigned []*hclsyntax.Body
	for _, file := range files {
		body := f.parse(file)
		f.sources = append(f.sources, file.Data)
		switch base := file.Base(); {
		case body == nil:
		case file.Ext() == ".tf":
			for _, b := range body.Blocks {
				f.blocks = append(f.blocks, located{file.Path, b})
			}
		case base == "terraform.tfvars" || strings.HasSuffix(base, ".auto.tfvars"):
			assigned = append(assigned, body)
		}
	}
	f.refresh()
	f.assign(assigned)
	f.refresh()
	f.nameResources()
	for range 2 { // locals may refer to locals
		f.refresh()
		f.assignLocals()
	}
	f.refresh()
	f.read()
}

// refresh lets expressions see what is known by now.
func (f *folder) refresh() {
	scope := map[string]cty.Value{
		"var": cty.ObjectVal(f.variables), "local": cty.ObjectVal(f.locals),
		"terraform": cty.ObjectVal(map[string]cty.Value{"workspace": cty.StringVal("default")}),
	}
	for kind, byName := range f.resources {
		scope[kind] = cty.ObjectVal(byName)
	}
	f.context = &hcl.EvalContext{Variables: scope, Functions: functions}
}

// parse reads one file; nil when it must not be parsed at all.
func (f *folder) parse(file discover.File) *hclsyntax.Body {
	body, err := hclfile.Parse(file.Data)
	if err != nil {
		f.report.Broken(file, syntax.LineOf(err), err)
	}
	return body
}

// assign gives variables their defaults, then what the variables files say.
func (f *folder) assign(files []*hclsyntax.Body) {
	for _, b := range f.blocks {
		if b.block.Type != "variable" || len(b.block.Labels) != 1 {
			continue
		}
		if attr, ok := b.block.Body.Attributes["default"]; ok {
			f.put(f.variables, b.block.Labels[0], attr.Expr)
		}
	}
	for _, body := range files {
		for name, attr := range body.Attributes {
			f.put(f.variables, name, attr.Expr)
		}
	}
}

func (f *folder) assignLocals() {
	for _, b := range f.blocks {
		if b.block.Type != "locals" {
			continue
		}
		for name, attr := range b.block.Body.Attributes {
			f.put(f.locals, name, attr.Expr)
		}
	}
}

func (f *folder) put(into map[string]cty.Value, name string, expr hclsyntax.Expression) {
	if v, ok := f.value(expr); ok && textIn(v, 0) <= maxText {
		into[name] = v
	}
}

// maxText bounds the text of a value that others may refer to, so that references cannot multiply it without end.
const maxText = 8 << 10

// textIn is how many bytes of text a value holds.
func textIn(v cty.Value, depth int) int {
	v, _ = v.UnmarkDeep()
	switch {
	case v.IsNull() || depth > syntax.MaxDepth:
		return 0
	case v.Type() == cty.String:
		return len(v.AsString())
	case !v.CanIterateElements():
		return 8
	}
	n := 0
	for it := v.ElementIterator(); it.Next() && n <= maxText; {
		_, inner := it.Element()
		n += 8 + textIn(inner, depth+1)
	}
	return n
}

// nameResources lets expressions refer to the addresses of resources beside them: such a reference stays as it is
// written, and the resource is called so.
func (f *folder) nameResources() {
	for _, b := range f.blocks {
		kind, name, ok := b.resource()
		if !ok {
			continue
		}
		known := map[string]cty.Value{}
		for attr := range b.block.Body.Attributes {
			f.put(known, attr, b.block.Body.Attributes[attr].Expr)
		}
		for _, attr := range addressesOf(kind) {
			if !strings.Contains(attr, ".") {
				known[attr] = cty.StringVal(f.reference(kind, name, attr))
			}
		}
		if f.resources[kind] == nil {
			f.resources[kind] = map[string]cty.Value{}
		}
		f.resources[kind][name] = cty.ObjectVal(known)
	}
}

// reference stands for an address only Terraform knows. The folder is part of it, because other folders have resources of
// the same name.
func (f *folder) reference(kind, name, attr string) string {
	text := kind + "." + name + "." + attr
	if f.path != "." {
		text += "." + strings.ReplaceAll(f.path, "/", "-")
	}
	return text
}

// refersTo reports whether a file of the folder mentions an attribute of a resource.
func (f *folder) refersTo(attribute string) bool {
	for _, data := range f.sources {
		if bytes.Contains(data, []byte(attribute)) {
			return true
		}
	}
	return false
}

// addressesOf are the attributes under which others refer to a resource of this type.
func addressesOf(kind string) []string {
	switch {
	case machines[kind]:
		return append([]string{"private_dns", "public_dns"}, machineAddresses...)
	case len(balancers[kind]) > 0:
		return balancers[kind]
	case len(stores[kind].addresses) > 0:
		return stores[kind].addresses
	}
	return runtimes[kind].addresses
}

// resource is a block's type and name when it declares a resource.
func (l located) resource() (kind, name string, ok bool) {
	if l.block.Type != "resource" || len(l.block.Labels) != 2 {
		return "", "", false
	}
	return l.block.Labels[0], l.block.Labels[1], true
}

// functions are those that only shape text.
var functions = map[string]function.Function{
	"jsonencode": stdlib.JSONEncodeFunc, "format": stdlib.FormatFunc, "join": stdlib.JoinFunc, "lower": stdlib.LowerFunc,
	"upper": stdlib.UpperFunc, "merge": stdlib.MergeFunc, "concat": stdlib.ConcatFunc, "replace": stdlib.ReplaceFunc,
	"trimsuffix": stdlib.TrimSuffixFunc, "trimprefix": stdlib.TrimPrefixFunc, "coalesce": stdlib.CoalesceFunc,
}

// value evaluates an expression, as far as it can be without Terraform.
func (f *folder) value(expr hclsyntax.Expression) (v cty.Value, ok bool) {
	defer func() {
		if recover() != nil { // a defect in the library is one unresolved value, not the end of the scan
			v, ok = cty.NilVal, false
		}
	}()
	v, diags := expr.Value(f.context)
	return v, !diags.HasErrors() && v.IsWhollyKnown()
}

// unresolved tags a value that could not be evaluated.
const unresolved = "!unresolved"

// read turns every resource into sightings.
func (f *folder) read() {
	p := page{f.report}
	for _, b := range f.blocks {
		kind, name, ok := b.resource()
		if !ok || !concerns(kind) {
			continue
		}
		line := b.block.TypeRange.Start.Line
		s := resource{kind: kind, name: name, id: kind + "." + name, attrs: f.node(b.block.Body, 0), place: estate.Place{File: b.file, Line: line}}
		p.resource(s, nil)
		for _, attr := range addressesOf(kind) {
			if !strings.Contains(attr, ".") && f.refersTo(s.id+"."+attr) {
				p.see(s, estate.Called, estate.NameHostname, f.reference(kind, name, attr), 0)
			}
		}
		if at := findUnresolved(s); at > 0 {
			f.report.Doubt(estate.Unresolved, s.at(at), "some values of "+s.id+" are only known to Terraform; add its state to the sources")
		}
	}
}

// concerns reports whether resources of this type are read at all.
func concerns(kind string) bool {
	_, isStore := stores[kind]
	_, isRuntime := runtimes[kind]
	_, isRecord := records[kind]
	_, isBalancer := balancers[kind]
	_, isNetwork := networks[kind]
	return isNetwork || isStore || isRuntime || isRecord || isBalancer || machines[kind] || kind == "aws_ecs_task_definition" || kind == "helm_release"
}

// findUnresolved is the line of the first value that matters and could not be evaluated: an environment or a record.
func findUnresolved(s resource) int {
	var paths []string
	paths = append(paths, runtimes[s.kind].variables...)
	paths = append(paths, runtimes[s.kind].lists...)
	paths = append(paths, records[s.kind].targets...)
	if s.kind == "aws_ecs_task_definition" {
		paths = append(paths, "container_definitions")
	}
	for _, path := range paths {
		for _, n := range s.objects(path) {
			if line := unresolvedLine(n); line > 0 {
				return line
			}
		}
	}
	return 0
}

func unresolvedLine(n syntax.Node) int {
	if n.Tag == unresolved {
		return n.Line
	}
	for _, pair := range n.Pairs {
		if line := unresolvedLine(pair.Value); line > 0 {
			return line
		}
	}
	return 0
}

// node makes a body a tree like the one a state holds: nested blocks are lists of maps.
func (f *folder) node(body *hclsyntax.Body, depth int) syntax.Node {
	out := syntax.Node{Kind: syntax.Map, Line: body.SrcRange.Start.Line}
	if depth > syntax.MaxDepth {
		return out
	}
	for _, name := range hclfile.Attributes(body) {
		attr := body.Attributes[name]
		out.Pairs = append(out.Pairs, syntax.Pair{Key: name, Line: attr.NameRange.Start.Line, Value: f.expression(attr.Expr, depth+1)})
	}
	lists := map[string]int{}
	for _, b := range body.Blocks {
		if b.Type == "dynamic" {
			continue
		}
		at, ok := lists[b.Type]
		if !ok {
			at = len(out.Pairs)
			lists[b.Type] = at
			out.Pairs = append(out.Pairs, syntax.Pair{Key: b.Type, Line: b.TypeRange.Start.Line, Value: syntax.Node{Kind: syntax.List}})
		}
		out.Pairs[at].Value.Items = append(out.Pairs[at].Value.Items, f.node(b.Body, depth+1))
	}
	return out
}

// expression is a value as a tree. Of a map or list, what can be evaluated is kept, and the rest is tagged unresolved.
func (f *folder) expression(expr hclsyntax.Expression, depth int) syntax.Node {
	line := expr.Range().Start.Line
	if depth > syntax.MaxDepth {
		return syntax.Node{Line: line, Tag: unresolved}
	}
	switch e := expr.(type) {
	case *hclsyntax.ObjectConsExpr:
		out := syntax.Node{Kind: syntax.Map, Line: line}
		for _, item := range e.Items {
			key, ok := f.value(item.KeyExpr)
			if ok && key.Type() == cty.String && !key.IsNull() {
				out.Pairs = append(out.Pairs, syntax.Pair{Key: key.AsString(), Line: item.KeyExpr.Range().Start.Line, Value: f.expression(item.ValueExpr, depth+1)})
			}
		}
		return out
	case *hclsyntax.TupleConsExpr:
		out := syntax.Node{Kind: syntax.List, Line: line}
		for _, item := range e.Exprs {
			out.Items = append(out.Items, f.expression(item, depth+1))
		}
		return out
	}
	v, ok := f.value(expr)
	if !ok {
		return syntax.Node{Line: line, Tag: unresolved}
	}
	return fromValue(v, line, depth)
}

// fromValue is an evaluated value as a tree.
func fromValue(v cty.Value, line, depth int) syntax.Node {
	v, _ = v.UnmarkDeep()
	switch t := v.Type(); {
	case v.IsNull() || depth > syntax.MaxDepth:
		return syntax.Node{Line: line}
	case t == cty.String:
		return syntax.Node{Kind: syntax.Scalar, Tag: "str", Value: v.AsString(), Line: line}
	case t == cty.Number:
		return syntax.Node{Kind: syntax.Scalar, Tag: "int", Value: number(v.AsBigFloat()), Line: line}
	case t == cty.Bool:
		value := "false"
		if v.True() {
			value = "true"
		}
		return syntax.Node{Kind: syntax.Scalar, Tag: "bool", Value: value, Line: line}
	case t.IsObjectType() || t.IsMapType():
		out := syntax.Node{Kind: syntax.Map, Line: line}
		for it := v.ElementIterator(); it.Next(); {
			key, value := it.Element()
			out.Pairs = append(out.Pairs, syntax.Pair{Key: key.AsString(), Line: line, Value: fromValue(value, line, depth+1)})
		}
		return out
	case t.IsTupleType() || t.IsListType() || t.IsSetType():
		out := syntax.Node{Kind: syntax.List, Line: line}
		for it := v.ElementIterator(); it.Next(); {
			_, value := it.Element()
			out.Items = append(out.Items, fromValue(value, line, depth+1))
		}
		return out
	}
	return syntax.Node{Line: line}
}

func number(n *big.Float) string { return n.Text('f', -1) }
