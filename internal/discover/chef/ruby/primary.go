package ruby

// primary reads a literal, a name with its arguments, a bracketed expression or a construct that ends in "end".
func (p *parser) primary() Expr {
	t := p.peek()
	switch t.kind {
	case tValue:
		p.take()
		e := t.expr
		for e.Kind == String && p.peek().kind == tValue && p.peek().expr.Kind == String {
			e = joined(e, p.take().expr)
		}
		return e
	case tName:
		p.take()
		return p.called(Expr{Kind: Name, Line: t.line, Text: t.text})
	case tKeyword:
		return p.construct()
	case tLabel:
		return Expr{Kind: Hash, Line: t.line, Pairs: p.pairs("")}
	}
	switch t.text {
	case "(":
		return p.parenthesised()
	case "[":
		p.take()
		return Expr{Kind: Array, Line: t.line, Args: p.list("]")}
	case "{":
		p.take()
		return Expr{Kind: Hash, Line: t.line, Pairs: p.pairs("}")}
	case "->":
		return p.lambda()
	}
	return Expr{Kind: Opaque, Line: t.line}
}

// joined puts together string literals that stand side by side.
func joined(a, b Expr) Expr {
	out := Expr{Kind: String, Line: a.Line}
	for _, e := range []Expr{a, b} {
		if len(e.Args) > 0 {
			out.Args = append(out.Args, e.Args...)
		} else {
			out.Args = append(out.Args, Expr{Kind: String, Line: e.Line, Text: e.Text})
		}
	}
	return out
}

func (p *parser) parenthesised() Expr {
	line := p.take().line
	inner := p.statements()
	p.accept(")")
	if len(inner) == 1 {
		return inner[0]
	}
	return Expr{Kind: Sequence, Line: line, Args: inner}
}

func (p *parser) lambda() Expr {
	e := Expr{Kind: Opaque, Line: p.take().line}
	if p.accept("(") {
		p.list(")")
	}
	if p.isOp("{") || p.isKeyword("do") {
		p.block()
	}
	return e
}

// list reads comma-separated values up to and past the closing bracket; "key => value" and "key: value" at its end
// make one hash, as in Ruby.
func (p *parser) list(closing string) []Expr {
	var out []Expr
	for {
		p.newlines()
		if p.accept(closing) || p.peek().kind == tEOF {
			return out
		}
		start := p.pos
		out = p.argument(out)
		p.newlines()
		if p.accept(",") || p.isOp(closing) {
			continue
		}
		if p.pos == start || !p.resume(closing) {
			p.skipTo(closing)
			return out
		}
	}
}

// argument adds one value, or one pair to a hash that ends the list.
func (p *parser) argument(out []Expr) []Expr {
	if p.peek().kind == tLabel {
		return addPair(out, p.labelled())
	}
	e := p.modifiedArgument()
	if !p.accept("=>") {
		return append(out, e)
	}
	p.newlines()
	return addPair(out, Pair{Key: e, Value: p.expression()})
}

// modifiedArgument reads a value that a block may follow only in its own brackets.
func (p *parser) modifiedArgument() Expr {
	saved := p.noDo
	p.noDo = 0
	defer func() { p.noDo = saved }()
	return p.expression()
}

func addPair(out []Expr, pair Pair) []Expr {
	if n := len(out); n > 0 && out[n-1].Kind == Hash && out[n-1].Text == "bare" {
		out[n-1].Pairs = append(out[n-1].Pairs, pair)
		return out
	}
	return append(out, Expr{Kind: Hash, Line: pair.Key.Line, Text: "bare", Pairs: []Pair{pair}})
}

func (p *parser) labelled() Pair {
	t := p.take()
	key := Expr{Kind: Symbol, Line: t.line, Text: t.text}
	if len(t.expr.Args) > 0 {
		key = t.expr
	}
	p.newlines()
	if p.isOp(",") || p.isOp("}") || p.isOp(")") {
		return Pair{Key: key, Value: Expr{Kind: Name, Line: t.line, Text: t.text}}
	}
	return Pair{Key: key, Value: p.expression()}
}

// pairs reads the entries of a hash up to and past the closing bracket; without one, up to the last comma.
func (p *parser) pairs(closing string) []Pair {
	var out []Pair
	for {
		if closing != "" {
			p.newlines()
			if p.accept(closing) || p.peek().kind == tEOF {
				return out
			}
		}
		pair, ok := p.pair()
		if ok {
			out = append(out, pair)
		}
		if closing != "" {
			p.newlines()
		}
		if ok && p.accept(",") {
			p.newlines()
			continue
		}
		if closing == "" {
			return out
		}
		if p.isOp(closing) {
			continue
		}
		if !p.resume(closing) {
			p.skipTo(closing)
			return out
		}
	}
}

func (p *parser) pair() (Pair, bool) {
	if p.peek().kind == tLabel {
		return p.labelled(), true
	}
	key := p.expression()
	p.newlines()
	if !p.accept("=>") {
		return Pair{}, false
	}
	p.newlines()
	return Pair{Key: key, Value: p.expression()}, true
}

// resume skips something odd inside brackets up to the next comma or the closing bracket; false when neither comes
// before other brackets close or the file ends.
func (p *parser) resume(closing string) bool {
	level := 0
	for {
		t := p.peek()
		switch {
		case t.kind == tEOF:
			return false
		case t.kind == tKeyword && t.text == "do":
			p.block()
			continue
		case t.kind == tKeyword && t.text == "end":
			return false
		case t.kind != tOp:
		case level == 0 && t.text == closing:
			return true
		case level == 0 && t.text == ",":
			p.take()
			return true
		case t.text == "(" || t.text == "[" || t.text == "{":
			level++
		case t.text == ")" || t.text == "]" || t.text == "}":
			if level == 0 {
				return false
			}
			level--
		}
		p.take()
	}
}

func (p *parser) skipTo(closing string) {
	p.skipLine()
	p.accept(closing)
}

// called reads the arguments and the block of a call.
func (p *parser) called(e Expr) Expr {
	switch t := p.peek(); {
	case t.kind == tOp && t.text == "(" && !t.spaced:
		p.take()
		e.Kind, e.Args = Call, p.list(")")
	case !isVariable(e.Text) && p.startsArgument():
		e.Kind, e.Args = Call, p.commandArguments()
	}
	return p.withBlock(e)
}

func isVariable(name string) bool { return name[0] == '@' || name[0] == '$' }

func (p *parser) withBlock(e Expr) Expr {
	if p.isKeyword("do") && p.noDo == 0 || p.isOp("{") && (e.Kind == Call || p.blockBrace()) {
		if e.Kind == Name {
			e.Kind = Call
		}
		e.Params, e.Block = p.block()
	}
	return e
}

// blockBrace reports whether the "{" after a bare name opens a block. It always does in Ruby, for a call; a local
// variable before a "{" is a syntax error.
func (p *parser) blockBrace() bool { return p.peek().spaced }

// startsArgument reports whether the next token begins the first argument of a call without parentheses.
func (p *parser) startsArgument() bool {
	t := p.peek()
	if !t.spaced {
		return false
	}
	next := p.after(1)
	switch t.kind {
	case tValue, tName, tLabel:
		return true
	case tKeyword:
		return t.text == "nil" || t.text == "true" || t.text == "false" || t.text == "not" || t.text == "case"
	case tOp:
		switch t.text {
		case "[", "*", "&", "::", "-", "**":
			return !next.spaced
		case "->", "!":
			return true
		case "(":
			return true
		}
	}
	return false
}

// commandArguments reads "a, b, key => value" up to the end of the line; a comma carries on to the next.
func (p *parser) commandArguments() []Expr {
	if !p.enter() {
		return nil
	}
	defer p.leave()
	var out []Expr
	for {
		start := p.pos
		if p.peek().kind == tLabel {
			out = addPair(out, p.labelled())
		} else {
			// A "do" here belongs to the call, not to its argument.
			p.noDo++
			e := p.expression()
			p.noDo--
			if p.accept("=>") {
				p.newlines()
				p.noDo++
				out = addPair(out, Pair{Key: e, Value: p.expression()})
				p.noDo--
			} else {
				out = append(out, e)
			}
		}
		if p.pos == start || !p.accept(",") {
			return out
		}
		p.newlines()
	}
}

// block reads "do |x| … end" or "{ |x| … }".
func (p *parser) block() (params []string, body []Expr) {
	brace := p.take().text == "{"
	saved := p.noDo
	p.noDo = 0
	defer func() { p.noDo = saved }()
	if p.accept("||") {
	} else if p.accept("|") {
		params = p.parameters()
	}
	for {
		body = append(body, p.statements()...)
		t := p.peek()
		if t.kind == tEOF {
			return params, body
		}
		if brace && t.kind == tKeyword && t.text == "end" {
			return params, body
		}
		p.take()
		if brace && t.text == "}" || !brace && t.kind == tKeyword && t.text == "end" {
			return params, body
		}
	}
}

func (p *parser) parameters() []string {
	var out []string
	for {
		t := p.take()
		switch {
		case t.kind == tEOF || t.kind == tNewline || t.kind == tOp && t.text == "|":
			return out
		case t.kind == tName || t.kind == tLabel:
			out = append(out, t.text)
		}
	}
}

// postfix reads what hangs on a value: .method, [index], ::Constant.
func (p *parser) postfix(e Expr) Expr {
	for n := 0; ; n++ {
		t := p.peek()
		switch {
		case t.kind == tOp && t.text == "[" && !(t.spaced && e.Kind == Call):
			p.take()
			recv := e
			e = Expr{Kind: Index, Line: recv.Line, Recv: &recv, Args: p.list("]")}
		case t.kind == tOp && (t.text == "." || t.text == "&." || t.text == "::"):
			p.take()
			e = p.method(e)
		case t.kind == tNewline && p.chained():
			p.newlines()
		default:
			return e
		}
	}
}

// chained reports whether the next line goes on with ".method".
func (p *parser) chained() bool {
	for i := p.pos; i < len(p.tokens); i++ {
		if t := p.tokens[i]; t.kind != tNewline {
			return t.kind == tOp && (t.text == "." || t.text == "&.")
		} else if t.text == ";" {
			return false
		}
	}
	return false
}

func (p *parser) method(recv Expr) Expr {
	p.newlines()
	t := p.peek()
	e := Expr{Kind: Call, Line: recv.Line, Recv: &recv, Text: t.text}
	switch {
	case t.kind == tLabel:
		// "a ? b.c: d" is rare; a label here is the name of a method all the same.
		p.take()
		return e
	case t.kind != tName && t.kind != tKeyword:
		return Expr{Kind: Opaque, Line: recv.Line}
	}
	p.take()
	return p.called(e)
}

// construct reads if, case, begin and the other words that "end" closes, and the plain constants.
func (p *parser) construct() Expr {
	t := p.peek()
	switch t.text {
	case "nil":
		p.take()
		return Expr{Kind: Nil, Line: t.line}
	case "true", "false":
		p.take()
		return Expr{Kind: Bool, Line: t.line, Text: t.text}
	case "if", "unless":
		return p.conditional()
	case "case":
		return p.caseOf()
	case "begin":
		p.take()
		return Expr{Kind: Sequence, Line: t.line, Args: p.untilEnd()}
	case "while", "until", "for", "def", "class", "module":
		return p.definition()
	case "return", "next", "break", "yield":
		p.take()
		if p.peek().kind != tNewline && !p.closes() && !p.isKeyword("if") && !p.isKeyword("unless") {
			p.expression()
		}
		return Expr{Kind: Opaque, Line: t.line}
	}
	return Expr{Kind: Opaque, Line: t.line}
}

// definition reads a loop, method or class: its head to the end of the line, its body to "end". What a method does is
// not known until it is called, so it stays opaque.
func (p *parser) definition() Expr {
	t := p.take()
	for p.peek().kind != tNewline && p.peek().kind != tEOF && !p.isKeyword("do") {
		p.take()
	}
	p.acceptKeyword("do")
	body := p.untilEnd()
	if t.text == "def" {
		return Expr{Kind: Opaque, Line: t.line}
	}
	return Expr{Kind: Sequence, Line: t.line, Args: body}
}

// untilEnd reads statements to "end" and past it; rescue, else and ensure parts are read alike.
func (p *parser) untilEnd() []Expr {
	var out []Expr
	for {
		out = append(out, p.statements()...)
		t := p.peek()
		if t.kind == tEOF {
			return out
		}
		p.take()
		if t.kind == tKeyword && t.text == "end" {
			return out
		}
	}
}

func (p *parser) conditional() Expr {
	t := p.take()
	out := Expr{Kind: Branch, Line: t.line, Text: "if"}
	arm := Arm{When: []Expr{p.condition()}, Unless: t.text == "unless"}
	for {
		arm.Body = append(arm.Body, p.statements()...)
		t := p.peek()
		if t.kind == tEOF {
			out.Arms = append(out.Arms, arm)
			return out
		}
		p.take()
		switch {
		case t.kind == tKeyword && t.text == "elsif":
			out.Arms = append(out.Arms, arm)
			arm = Arm{When: []Expr{p.condition()}}
		case t.kind == tKeyword && t.text == "else":
			out.Arms = append(out.Arms, arm)
			arm = Arm{}
		case t.kind == tKeyword && t.text == "end":
			out.Arms = append(out.Arms, arm)
			return out
		}
	}
}

func (p *parser) condition() Expr {
	e := p.loose()
	p.acceptKeyword("then")
	return e
}

func (p *parser) caseOf() Expr {
	t := p.take()
	out := Expr{Kind: Branch, Line: t.line, Text: "case"}
	if p.peek().kind != tNewline {
		subject := p.loose()
		out.Recv = &subject
	}
	p.newlines()
	for {
		t := p.peek()
		switch {
		case t.kind == tEOF:
			return out
		case p.acceptKeyword("end"):
			return out
		case p.acceptKeyword("when"), p.acceptKeyword("in"):
			arm := Arm{When: p.alternatives()}
			p.acceptKeyword("then")
			arm.Body = p.statements()
			out.Arms = append(out.Arms, arm)
		case p.acceptKeyword("else"):
			out.Arms = append(out.Arms, Arm{Body: p.statements()})
		default:
			p.take()
			p.statements()
		}
	}
}

func (p *parser) alternatives() []Expr {
	var out []Expr
	for {
		p.newlines()
		start := p.pos
		out = append(out, p.expression())
		if p.pos == start || !p.accept(",") {
			return out
		}
	}
}
