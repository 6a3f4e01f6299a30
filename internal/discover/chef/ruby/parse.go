package ruby

import "example.org/caravan/internal/syntax"

type parser struct {
	tokens []token
	pos    int
	depth  int
	noDo   int // inside the condition of a while or for, whose "do" is not a block
	err    error
}

func (p *parser) peek() token { return p.tokens[p.pos] }

func (p *parser) after(n int) token { return p.tokens[min(p.pos+n, len(p.tokens)-1)] }

func (p *parser) take() token {
	t := p.tokens[p.pos]
	if p.pos < len(p.tokens)-1 {
		p.pos++
	}
	return t
}

func (p *parser) isOp(text string) bool {
	t := p.peek()
	return t.kind == tOp && t.text == text
}

func (p *parser) isKeyword(text string) bool {
	t := p.peek()
	return t.kind == tKeyword && t.text == text
}

func (p *parser) accept(op string) bool {
	if p.isOp(op) {
		p.take()
		return true
	}
	return false
}

func (p *parser) acceptKeyword(word string) bool {
	if p.isKeyword(word) {
		p.take()
		return true
	}
	return false
}

func (p *parser) newlines() {
	for p.peek().kind == tNewline {
		p.take()
	}
}

// enter bounds the nesting of the input; every enter is paired with a leave.
func (p *parser) enter() bool {
	if p.depth++; p.depth > maxDepth {
		if p.err == nil {
			p.err = &syntax.Error{Line: p.peek().line, Text: "nested too deeply"}
		}
		p.pos = len(p.tokens) - 1
		return false
	}
	return true
}

func (p *parser) leave() { p.depth-- }

// program reads statements to the end of the file, past any stray closing words.
func (p *parser) program() []Expr {
	var out []Expr
	for {
		out = append(out, p.statements()...)
		if p.peek().kind == tEOF {
			return out
		}
		p.take()
	}
}

// statements reads up to a word or bracket that closes them, and leaves that in place.
func (p *parser) statements() []Expr {
	if !p.enter() {
		return nil
	}
	defer p.leave()
	var out []Expr
	for {
		p.newlines()
		if p.closes() {
			return out
		}
		start := p.pos
		out = append(out, p.statement())
		if p.pos == start {
			p.take()
		}
	}
}

func (p *parser) closes() bool {
	t := p.peek()
	switch t.kind {
	case tEOF:
		return true
	case tKeyword:
		switch t.text {
		case "end", "else", "elsif", "when", "in", "rescue", "ensure":
			return true
		}
	case tOp:
		return t.text == "}" || t.text == ")" || t.text == "]"
	}
	return false
}

func (p *parser) statement() Expr {
	e := p.modified(p.loose())
	if t := p.peek(); t.kind != tNewline && !p.closes() {
		p.skipLine()
		e = Expr{Kind: Sequence, Line: e.Line, Args: []Expr{e, {Kind: Opaque, Line: t.line}}}
	}
	return e
}

// modified reads what may stand behind a statement: "x if y", "x while y", "x rescue y".
func (p *parser) modified(e Expr) Expr {
	for {
		t := p.peek()
		if t.kind != tKeyword {
			return e
		}
		switch t.text {
		case "if", "unless":
			p.take()
			arm := Arm{When: []Expr{p.loose()}, Unless: t.text == "unless", Body: []Expr{e}}
			e = Expr{Kind: Branch, Line: e.Line, Text: "if", Arms: []Arm{arm}}
		case "while", "until":
			p.take()
			p.loose()
		case "rescue":
			if p.after(1).kind == tNewline {
				return e
			}
			p.take()
			p.loose()
		default:
			return e
		}
	}
}

// skipLine drops the rest of a statement that makes no sense, brackets and blocks in it included.
func (p *parser) skipLine() {
	level := 0
	for {
		t := p.peek()
		switch {
		case t.kind == tEOF:
			return
		case t.kind == tNewline && level == 0:
			return
		case t.kind == tKeyword && t.text == "do":
			p.block()
			continue
		case t.kind == tOp && (t.text == "(" || t.text == "[" || t.text == "{"):
			level++
		case t.kind == tOp && (t.text == ")" || t.text == "]" || t.text == "}"):
			if level == 0 {
				return
			}
			level--
		case t.kind == tKeyword && level == 0 && t.text == "end":
			return
		}
		p.take()
	}
}

// loose reads an expression with the word operators: not, and, or.
func (p *parser) loose() Expr {
	var left Expr
	if t := p.peek(); p.acceptKeyword("not") {
		left = Expr{Kind: Not, Line: t.line, Args: []Expr{p.expression()}}
	} else {
		left = p.expression()
	}
	for p.isKeyword("and") || p.isKeyword("or") {
		op := "&&"
		if p.take().text == "or" {
			op = "||"
		}
		p.newlines()
		left = Expr{Kind: Binary, Line: left.Line, Text: op, Args: []Expr{left, p.expression()}}
	}
	return left
}

var assignments = map[string]bool{
	"=": true, "||=": true, "&&=": true, "+=": true, "-=": true, "*=": true, "/=": true, "|=": true, "&=": true, "**=": true, "<<=": true, ">>=": true, "%=": true,
}

// expression reads an assignment, a ternary or anything that binds tighter.
func (p *parser) expression() Expr {
	if !p.enter() {
		return Expr{Line: p.peek().line}
	}
	defer p.leave()
	left := p.binary(0)
	t := p.peek()
	switch {
	case t.kind == tOp && assignments[t.text]:
		p.take()
		p.newlines()
		right := p.expression()
		if p.isOp(",") && t.text == "=" && left.Kind == Name {
			right = p.bareList(right)
		}
		return Expr{Kind: Assign, Line: left.Line, Text: t.text, Recv: &left, Args: []Expr{right}}
	case p.isOp("?"):
		return p.ternary(left)
	}
	return left
}

// bareList reads the rest of "a = 1, 2".
func (p *parser) bareList(first Expr) Expr {
	list := Expr{Kind: Array, Line: first.Line, Args: []Expr{first}}
	for p.accept(",") {
		p.newlines()
		list.Args = append(list.Args, p.expression())
	}
	return list
}

func (p *parser) ternary(condition Expr) Expr {
	p.take()
	p.newlines()
	yes := p.expression()
	p.newlines()
	if p.peek().kind == tLabel || !p.accept(":") {
		return Expr{Kind: Opaque, Line: condition.Line}
	}
	p.newlines()
	no := p.expression()
	return Expr{Kind: Branch, Line: condition.Line, Text: "?:", Arms: []Arm{
		{When: []Expr{condition}, Body: []Expr{yes}},
		{Body: []Expr{no}},
	}}
}

// levels of the binary operators, loosest first.
var levels = map[string]int{
	"..": 1, "...": 1, "||": 2, "&&": 3, "<=>": 4, "==": 4, "===": 4, "!=": 4, "=~": 4, "!~": 4,
	"<": 5, "<=": 5, ">": 5, ">=": 5, "|": 6, "^": 6, "&": 7, "<<": 8, ">>": 8, "+": 9, "-": 9, "*": 10, "/": 10, "%": 10, "**": 11,
}

func (p *parser) binary(level int) Expr {
	left := p.unary()
	for {
		t := p.peek()
		bind := levels[t.text]
		if t.kind != tOp || bind == 0 || bind < level {
			return left
		}
		p.take()
		p.newlines()
		right := p.binary(bind + 1)
		left = Expr{Kind: Binary, Line: left.Line, Text: t.text, Args: []Expr{left, right}}
	}
}

func (p *parser) unary() Expr {
	t := p.peek()
	if t.kind == tOp {
		switch t.text {
		case "!", "-", "+", "*", "**", "&", "::", "~":
			if !p.enter() {
				return Expr{Line: t.line}
			}
			defer p.leave()
			p.take()
			return prefixed(t, p.unary())
		}
	}
	return p.postfix(p.primary())
}

func prefixed(op token, e Expr) Expr {
	switch {
	case op.text == "!":
		return Expr{Kind: Not, Line: op.line, Args: []Expr{e}}
	case op.text == "-" && e.Kind == Number:
		e.Text = "-" + e.Text
		return e
	case op.text == "-" || op.text == "~":
		return Expr{Kind: Opaque, Line: op.line}
	}
	return e
}
