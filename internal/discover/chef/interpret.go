package chef

import (
	"slices"
	"strings"

	"example.org/caravan/internal/discover/chef/ruby"
	"example.org/caravan/internal/estate"
)

// maxSteps bounds how many statements one file may take, loops unrolled; maxAllSteps all files for all nodes.
const (
	maxSteps    = 20_000
	maxAllSteps = 20_000_000
)

// interpreter follows the literal part of one Ruby file: attribute assignments, literal loops and the conditions
// that the node's own attributes decide. It calls nothing.
type interpreter struct {
	file    string
	owner   string // "cookbook[web]", "role[web]": the layer's first word
	report  *reporter
	locals  map[string]*value
	written levels
	forced  levels // force_default, force_override
	forks   []*fork
	budget  int
	silent  bool // write no doubts

	host    *bearer                      // whose attributes node[…] means; nil when there is none
	bags    map[string]map[string]*value // data bags
	observe func(ruby.Expr)              // sees every statement of a recipe; nil elsewhere
	declare func(word string, v *value)  // sees the words of a role's or Policyfile's Ruby; nil elsewhere
}

// fork is a condition that only a Chef run could decide: what its earlier arms wrote stands.
type fork struct {
	line           int
	settled, fresh map[string]*value
}

func (in *interpreter) place(line int) estate.Place { return estate.Place{File: in.file, Line: line} }

func (in *interpreter) doubt(topic estate.DoubtTopic, line int, text string) {
	if !in.silent {
		in.report.doubt(topic, in.place(line), text)
	}
}

func (in *interpreter) run(body []ruby.Expr) {
	for _, e := range body {
		in.budget--
		if in.report.steps++; in.budget < 0 || in.report.steps > maxAllSteps {
			in.report.doubt(estate.Unsupported, in.place(e.Line), "this Ruby takes more steps than are followed; write its attributes out")
			return
		}
		in.step(e)
	}
}

func (in *interpreter) step(e ruby.Expr) {
	if in.observe != nil {
		in.observe(e)
	}
	switch e.Kind {
	case ruby.Assign:
		in.assign(e)
	case ruby.Branch:
		in.branch(e)
	case ruby.Sequence:
		in.run(e.Args)
	case ruby.Binary:
		if e.Text == "<<" {
			in.push(e.Args[0], e.Args[1])
		}
	case ruby.Call:
		in.call(e)
	}
}

func (in *interpreter) call(e ruby.Expr) {
	switch {
	case e.Recv != nil && strings.HasPrefix(e.Text, "each") && len(e.Block) > 0:
		in.loop(e)
	case e.Recv != nil && (e.Text == "push" || e.Text == "append" || e.Text == "concat") && len(e.Args) == 1:
		in.push(*e.Recv, e.Args[0])
	case e.Recv != nil && (e.Text == "merge!" || e.Text == "update" || e.Text == "deep_merge!") && len(e.Args) == 1:
		if level, path, ok := in.target(*e.Recv); ok {
			in.write(level, path, merge(in.current(level, path), in.eval(e.Args[0]), replaceLists))
		}
	case e.Recv == nil && in.declare != nil && len(e.Args) > 0:
		in.declare(e.Text, in.argument(e))
	default:
		in.run(e.Block)
	}
}

// argument is a call's only argument, or all of them as a list.
func (in *interpreter) argument(e ruby.Expr) *value {
	if len(e.Args) == 1 {
		v := in.eval(e.Args[0])
		in.stamp(v, wordLevel[e.Text])
		in.unreadParts(v)
		return v
	}
	v := &value{shape: list, place: in.place(e.Line), layer: in.owner}
	for _, arg := range e.Args {
		v.items = append(v.items, in.eval(arg))
	}
	return v
}

var wordLevel = map[string]string{"default_attributes": "default", "override_attributes": "override", "normal_attributes": "normal"}

// stamp gives a fresh value its layer.
func (in *interpreter) stamp(v *value, level string) {
	if v == nil || level == "" {
		return
	}
	v.layer = in.owner + " " + level
	for _, item := range v.items {
		in.stamp(item, level)
	}
	for _, key := range v.keys {
		in.stamp(v.fields[key], level)
	}
}

// unreadParts writes a doubt for every part of a value that is not literal.
func (in *interpreter) unreadParts(v *value) {
	v.each("", never, func(_ string, part *value) {
		if part.shape == unread {
			in.doubt(estate.Unsupported, part.place.Line, "this attribute's value is computed in Ruby; write it out, or name its value in the workspace")
		}
	})
}

func never(string, *value) bool { return false }

// branch runs the arm whose condition holds. When that cannot be told, every arm is run; the first to write an
// attribute stands.
func (in *interpreter) branch(e ruby.Expr) {
	if arm, known := in.choose(e); known {
		if arm >= 0 {
			in.run(e.Arms[arm].Body)
		}
		return
	}
	f := &fork{line: e.Line, settled: map[string]*value{}}
	in.forks = append(in.forks, f)
	for _, arm := range e.Arms {
		f.fresh = map[string]*value{}
		in.run(arm.Body)
		for k, v := range f.fresh {
			f.settled[k] = v
		}
	}
	in.forks = in.forks[:len(in.forks)-1]
}

// loop unrolls an iteration over literal values; over anything else the body is read once with its variable unknown.
func (in *interpreter) loop(e ruby.Expr) {
	over := in.eval(*e.Recv)
	if in.host != nil {
		over = in.host.follow(over)
	}
	saved := in.locals
	defer func() { in.locals = saved }()
	switch {
	case over.shape == list && len(e.Params) == 1:
		for _, item := range over.items {
			in.bind(saved, e.Params, item)
			in.run(e.Block)
		}
	case over.shape == table && len(e.Params) == 2:
		for _, key := range over.keys {
			in.bind(saved, e.Params, text(key, over.place, ""), over.fields[key])
			in.run(e.Block)
		}
	default:
		in.bind(saved, e.Params)
		in.run(e.Block)
	}
}

// bind starts a scope in which params have the given values, or are unknown.
func (in *interpreter) bind(outer map[string]*value, params []string, values ...*value) {
	in.locals = make(map[string]*value, len(outer)+len(params))
	for k, v := range outer {
		in.locals[k] = v
	}
	for i, p := range params {
		in.locals[p] = &value{shape: unread}
		if i < len(values) {
			in.locals[p] = values[i]
		}
	}
}

func (in *interpreter) assign(e ruby.Expr) {
	right := e.Args[0]
	if right.Kind == ruby.Branch && len(right.Arms) > 0 && right.Text != "?:" {
		in.assignArms(e, right)
		return
	}
	if e.Recv.Kind == ruby.Name && !isLevel(e.Recv.Text) {
		if len(in.forks) == 0 || in.locals[e.Recv.Text] == nil {
			in.locals[e.Recv.Text] = in.eval(right)
		}
		return
	}
	level, path, ok := in.target(*e.Recv)
	if !ok {
		if root, is := attributeRoot(*e.Recv); is && root != "" {
			in.doubt(estate.Unsupported, e.Line, "the name of this attribute is computed in Ruby; write it out")
		}
		return
	}
	level, unless := strings.CutSuffix(level, "_unless")
	v := in.eval(right)
	switch e.Text {
	case "=":
	case "||=":
		unless = true
	case "+=", "|=":
		v = appended(in.current(level, path), v)
	default:
		v = &value{shape: unread, place: in.place(e.Line)}
	}
	if unless && in.current(level, path) != nil {
		return
	}
	in.write(level, path, v)
}

// assignArms reads "x = if … end" and "x = case … end" as an assignment in each arm.
func (in *interpreter) assignArms(e, branch ruby.Expr) {
	arms := slices.Clone(branch.Arms)
	for i, arm := range arms {
		if n := len(arm.Body); n > 0 {
			last := e
			last.Args = arm.Body[n-1:]
			arms[i].Body = append(slices.Clone(arm.Body[:n-1]), last)
		}
	}
	branch.Arms = arms
	in.branch(branch)
}

// appended joins two lists; a list and anything else is not known.
func appended(a, b *value) *value {
	if a != nil && a.shape == list && b.shape == list {
		return union(a, b)
	}
	if a == nil {
		return b
	}
	return &value{shape: unread, place: b.place}
}

func (in *interpreter) push(to, what ruby.Expr) {
	level, path, ok := in.target(to)
	if !ok {
		return
	}
	item := in.eval(what)
	if item.shape != list {
		item = &value{shape: list, items: []*value{item}, place: item.place}
	}
	in.write(level, path, appended(in.current(level, path), item))
}

// write sets an attribute, unless an earlier arm of an undecided condition has.
func (in *interpreter) write(level string, path []string, v *value) {
	in.stamp(v, strings.TrimPrefix(level, "force_"))
	in.unreadParts(v)
	if v.shape == unread || v.shape == absent {
		return
	}
	key := level + "\x00" + strings.Join(path, "\x00")
	for _, f := range in.forks {
		if before := f.settled[key]; before != nil {
			if differ(before, v) {
				in.doubt(ambiguous(f.line))
			}
			return
		}
	}
	if n := len(in.forks); n > 0 {
		in.forks[n-1].fresh[key] = v
	}
	to := in.level(level)
	*to = (*to).with(path, v)
}

func (in *interpreter) level(name string) **value {
	switch name {
	case "force_default":
		return &in.forced.byDefault
	case "force_override":
		return &in.forced.override
	case "override":
		return &in.written.override
	case "normal":
		return &in.written.normal
	case "automatic":
		return &in.written.automatic
	}
	return &in.written.byDefault
}

func (in *interpreter) current(level string, path []string) *value {
	return (*in.level(strings.TrimSuffix(level, "_unless"))).at(path...)
}

// differ reports whether two values hold different addresses.
func differ(a, b *value) bool {
	one, two := addressesIn(a), addressesIn(b)
	return len(one)+len(two) > 0 && !slices.Equal(one, two)
}

func addressesIn(v *value) []string {
	var out []string
	v.each("", never, func(_ string, part *value) {
		if s := part.word(); isEndpoint(s) {
			out = append(out, s)
		}
	})
	return out
}
