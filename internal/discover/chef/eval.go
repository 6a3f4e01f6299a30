package chef

import (
	"slices"
	"strings"

	"example.org/caravan/internal/discover/chef/ruby"
)

// levelNames are the words an attribute assignment starts with, and the level each means.
var levelNames = map[string]string{
	"default": "default", "normal": "normal", "set": "normal", "override": "override", "automatic": "automatic",
	"force_default": "force_default", "force_override": "force_override", "default!": "force_default", "override!": "force_override",
	"normal!": "normal", "default_unless": "default_unless", "normal_unless": "normal_unless", "set_unless": "normal_unless",
	"override_unless": "override_unless", "role_default": "default", "env_default": "default", "role_override": "override", "env_override": "override",
}

func isLevel(word string) bool { return levelNames[word] != "" || word == "node" }

// attributeRoot is the word an attribute's path starts with: "node", "default" …; and whether e is such a path at all.
func attributeRoot(e ruby.Expr) (string, bool) {
	for e.Recv != nil && (e.Kind == ruby.Index || e.Kind == ruby.Call) {
		e = *e.Recv
	}
	return e.Text, e.Kind == ruby.Name && isLevel(e.Text)
}

// target reads the left side of an assignment: node.default['a']['b'], default[:a].b, node['a'], set['a'].
func (in *interpreter) target(e ruby.Expr) (level string, path []string, ok bool) {
	root, is := attributeRoot(e)
	if !is {
		return "", nil, false
	}
	path, ok = in.path(e)
	if !ok || len(path) == 0 {
		return "", nil, false
	}
	if root != "node" {
		return levelNames[root], path, true
	}
	if named := levelNames[path[0]]; named != "" && len(path) > 1 {
		return named, path[1:], true
	}
	return "normal", path, true
}

// path reads the keys behind the root word; false when one of them is not known.
func (in *interpreter) path(e ruby.Expr) ([]string, bool) {
	switch e.Kind {
	case ruby.Name:
		return nil, true
	case ruby.Index:
		path, ok := in.path(*e.Recv)
		if !ok || len(e.Args) != 1 {
			return nil, false
		}
		key, ok := in.known(in.eval(e.Args[0]))
		return append(path, key), ok
	case ruby.Call:
		if e.Recv == nil || len(e.Block) > 0 {
			return nil, false
		}
		path, ok := in.path(*e.Recv)
		switch {
		case !ok:
			return nil, false
		case len(e.Args) == 0:
			return append(path, e.Text), true
		case e.Text == "dig" || e.Text == "read" || e.Text == "fetch" || e.Text == "[]":
			if e.Text == "fetch" {
				e.Args = e.Args[:1]
			}
			for _, arg := range e.Args {
				key, ok := in.known(in.eval(arg))
				if !ok {
					return nil, false
				}
				path = append(path, key)
			}
			return path, true
		}
	}
	return nil, false
}

// known is the text of a value, references followed.
func (in *interpreter) known(v *value) (string, bool) {
	if in.host == nil {
		return v.literal()
	}
	return in.host.text(v)
}

// eval turns an expression into a value. What cannot be known without running it is unread.
func (in *interpreter) eval(e ruby.Expr) *value {
	at := in.place(e.Line)
	switch e.Kind {
	case ruby.String:
		return in.evalString(e)
	case ruby.Symbol, ruby.Number, ruby.Bool:
		return text(e.Text, at, in.owner)
	case ruby.Nil:
		return &value{place: at}
	case ruby.Array:
		v := &value{shape: list, place: at, layer: in.owner}
		for _, arg := range e.Args {
			v.items = append(v.items, in.eval(arg))
		}
		return v
	case ruby.Hash:
		return in.evalHash(e)
	case ruby.Name:
		if v := in.locals[e.Text]; v != nil {
			return v
		}
	case ruby.Index, ruby.Call:
		return in.evalPath(e)
	case ruby.Binary:
		return in.evalBinary(e)
	case ruby.Branch:
		return in.evalBranch(e)
	case ruby.Sequence:
		if n := len(e.Args); n > 0 {
			return in.eval(e.Args[n-1])
		}
	}
	return &value{shape: unread, place: at}
}

func (in *interpreter) evalString(e ruby.Expr) *value {
	v := text(e.Text, in.place(e.Line), in.owner)
	if len(e.Args) == 0 {
		return v
	}
	v.pieces = nil
	for _, part := range e.Args {
		if part.Kind != ruby.Interpolated {
			v.pieces = append(v.pieces, piece{text: part.Text})
			continue
		}
		inner := in.eval(part.Args[0])
		switch path, ok := inner.reference(); {
		case ok:
			v.pieces = append(v.pieces, piece{text: part.Text, path: path})
		case inner.shape == leaf:
			v.pieces = append(v.pieces, inner.pieces...)
		default:
			v.pieces = append(v.pieces, piece{text: part.Text, path: []string{}})
		}
	}
	return v
}

func (in *interpreter) evalHash(e ruby.Expr) *value {
	v := newTable(in.place(e.Line), in.owner)
	for _, p := range e.Pairs {
		if key, ok := in.known(in.eval(p.Key)); ok {
			v.put(key, in.eval(p.Value))
		}
	}
	return v
}

// evalPath reads node['a']['b'], a local variable's parts, data_bag_item(…) and the few methods that keep a value.
func (in *interpreter) evalPath(e ruby.Expr) *value {
	none := &value{shape: unread, place: in.place(e.Line)}
	if v, ok := in.bagItem(e); ok {
		return v
	}
	if e.Recv == nil {
		return none
	}
	if e.Kind == ruby.Call && keeps[e.Text] {
		return in.eval(*e.Recv)
	}
	if v, ok := in.attribute(e); ok {
		return v
	}
	inner := in.eval(*e.Recv)
	key, ok := "", false
	switch {
	case e.Kind == ruby.Index && len(e.Args) == 1, e.Text == "fetch" && len(e.Args) > 0:
		key, ok = in.known(in.eval(e.Args[0]))
	case e.Text == "first" && len(e.Args) == 0:
		key, ok = "0", true
	case e.Text == "join" && inner.shape == list:
		return in.join(inner, e)
	}
	if !ok {
		return none
	}
	if path, isRef := inner.reference(); isRef {
		return &value{shape: leaf, pieces: []piece{{text: "#{node" + bracketed(append(slices.Clone(path), key)) + "}", path: append(slices.Clone(path), key)}}, place: in.place(e.Line), layer: in.owner}
	}
	if found := inner.at(key); found != nil {
		return found
	}
	return none
}

// keeps are methods whose result reads like what they are called on.
var keeps = map[string]bool{
	"to_s": true, "to_i": true, "to_sym": true, "to_str": true, "dup": true, "freeze": true, "strip": true, "chomp": true, "to_hash": true,
	"to_h": true, "to_a": true, "uniq": true, "sort": true, "compact": true, "flatten": true, "clone": true, "to_json": true, "reverse": true,
}

// attribute reads a path that starts with node or a level as a reference.
func (in *interpreter) attribute(e ruby.Expr) (*value, bool) {
	root, is := attributeRoot(e)
	if !is || in.locals[root] != nil {
		return nil, false
	}
	path, ok := in.path(e)
	if !ok || len(path) == 0 {
		return nil, false
	}
	if root == "node" && levelNames[path[0]] != "" && len(path) > 1 {
		path = path[1:]
	}
	if in.host != nil && len(path) == 1 {
		switch path[0] {
		case "chef_environment", "environment", "policy_group":
			if in.host.env != "" {
				return text(in.host.env, in.place(e.Line), in.owner), true
			}
		case "name":
			return text(in.host.name, in.place(e.Line), in.owner), true
		}
	}
	return &value{shape: leaf, pieces: []piece{{text: "#{node" + bracketed(path) + "}", path: path}}, place: in.place(e.Line), layer: in.owner}, true
}

func bracketed(path []string) string {
	var b strings.Builder
	for _, key := range path {
		b.WriteString("['" + key + "']")
	}
	return b.String()
}

func (in *interpreter) join(v *value, e ruby.Expr) *value {
	between := ""
	if len(e.Args) == 1 {
		between, _ = in.known(in.eval(e.Args[0]))
	}
	out := &value{shape: leaf, place: in.place(e.Line), layer: in.owner}
	for i, item := range v.items {
		if item.shape != leaf {
			return &value{shape: unread, place: out.place}
		}
		if i > 0 {
			out.pieces = append(out.pieces, piece{text: between})
		}
		out.pieces = append(out.pieces, item.pieces...)
	}
	return out
}

// itemLoaders are the calls that load a data bag item.
var itemLoaders = map[string]bool{"data_bag_item": true, "chef_vault_item": true, "encrypted_data_bag_item": true, "load": true}

// bagItem reads data_bag_item('apps', 'web') and Chef::DataBagItem.load('apps', 'web').
func (in *interpreter) bagItem(e ruby.Expr) (*value, bool) {
	bag, id, ok := in.bagCall(e)
	if !ok {
		return nil, false
	}
	if v := in.bags[bag][id]; v != nil {
		return v, true
	}
	return &value{shape: unread, place: in.place(e.Line)}, true
}

func (in *interpreter) bagCall(e ruby.Expr) (bag, id string, ok bool) {
	if e.Kind != ruby.Call || !itemLoaders[e.Text] || len(e.Args) < 2 || e.Text == "load" && e.Recv == nil {
		return "", "", false
	}
	bag, ok1 := in.known(in.eval(e.Args[0]))
	id, ok2 := in.known(in.eval(e.Args[1]))
	return bag, id, ok1 && ok2
}

func (in *interpreter) evalBinary(e ruby.Expr) *value {
	left, right := in.eval(e.Args[0]), in.eval(e.Args[1])
	switch {
	case e.Text == "+" && left.shape == leaf && right.shape == leaf && e.Args[0].Kind != ruby.Number:
		return &value{shape: leaf, pieces: append(slices.Clone(left.pieces), right.pieces...), place: left.place, layer: left.layer}
	case (e.Text == "+" || e.Text == "|") && left.shape == list && right.shape == list:
		return union(left, right)
	case e.Text == "||":
		if path, ok := left.reference(); left.shape > unread && (!ok || in.host == nil || in.host.find(path) != nil) {
			return left
		}
		return right
	}
	return &value{shape: unread, place: in.place(e.Line)}
}

// evalBranch is the value of the arm that holds, of the first one when that cannot be told.
func (in *interpreter) evalBranch(e ruby.Expr) *value {
	arm, known := in.choose(e)
	if !known {
		arm = 0
	}
	if arm < 0 || arm >= len(e.Arms) || len(e.Arms[arm].Body) == 0 {
		return &value{place: in.place(e.Line)}
	}
	body := e.Arms[arm].Body
	v := in.eval(body[len(body)-1])
	if !known && len(e.Arms) > 1 && len(e.Arms[1].Body) > 0 {
		other := e.Arms[1].Body
		if w := in.eval(other[len(other)-1]); differ(v, w) {
			in.doubt(ambiguous(e.Line))
		}
	}
	return v
}
