package ruby

import (
	"strings"
	"unicode/utf8"

	"example.org/caravan/internal/syntax"
)

type tokenKind uint8

const (
	tEOF tokenKind = iota
	tNewline
	tName    // identifier, constant, @variable, $variable
	tKeyword // reserved word
	tLabel   // key: in a hash or an argument list
	tValue   // a literal, complete in expr
	tOp
)

type token struct {
	kind   tokenKind
	text   string
	expr   Expr
	line   int
	spaced bool // white space stands before it
}

type lexer struct {
	src     string
	pos     int
	line    int
	depth   int
	tokens  []token
	pending []heredoc
	open    int // strings without an end so far
	err     error
}

// heredoc is a body still to be read at the end of the line; token is where its text belongs.
type heredoc struct {
	token    int
	end      string
	squiggly bool
	raw      bool
}

var keywords = map[string]bool{
	"if": true, "unless": true, "elsif": true, "else": true, "end": true, "case": true, "when": true, "then": true,
	"do": true, "begin": true, "rescue": true, "ensure": true, "while": true, "until": true, "for": true, "in": true,
	"def": true, "class": true, "module": true, "and": true, "or": true, "not": true, "return": true,
	"nil": true, "true": true, "false": true, "next": true, "break": true, "yield": true,
}

// operators, longest first.
var operators = []string{
	"**=", "||=", "&&=", "<=>", "===", "...", "<<=", ">>=",
	"**", "||", "&&", "==", "!=", ">=", "<=", "=~", "!~", "<<", ">>", "=>", "->", "::", "..", "+=", "-=", "*=", "/=", "|=", "&=", "%=", "&.",
}

func (l *lexer) run() {
	for l.next() {
	}
	l.add(tEOF, "", false)
}

// maxOpen bounds how often the lexer tries again after a string without an end. Inside an interpolation it never does:
// the file is read again from there, and tries within tries would multiply.
const maxOpen = 16

// unclosed notes a string without an end that began at start, and goes on as if it ended with its line.
func (l *lexer) unclosed(start, line int) string {
	if l.err == nil {
		l.err = &syntax.Error{Line: line, Text: "a string is not closed before the end of the file; close it"}
	}
	l.line, l.pos = line, len(l.src)
	if l.open++; l.open > maxOpen || l.depth > 0 {
		return ""
	}
	body, _, _ := strings.Cut(l.src[start:], "\n")
	l.pos = start + len(body)
	return body
}

func (l *lexer) add(kind tokenKind, text string, spaced bool) {
	l.tokens = append(l.tokens, token{kind: kind, text: text, line: l.line, spaced: spaced})
}

func (l *lexer) literal(e Expr, spaced bool) {
	l.tokens = append(l.tokens, token{kind: tValue, expr: e, line: e.Line, spaced: spaced})
}

// next reads one token and reports whether there may be more.
func (l *lexer) next() bool {
	spaced := l.blank()
	if l.pos >= len(l.src) {
		return false
	}
	c := l.src[l.pos]
	rest := l.src[l.pos:]
	switch {
	case c == '\n':
		l.newline()
	case c == ';':
		l.add(tNewline, ";", spaced)
		l.pos++
	case c == '=' && l.lineStart() && strings.HasPrefix(rest, "=begin"):
		l.skipPast("\n=end")
	case c == '_' && l.lineStart() && strings.HasPrefix(rest, "__END__"):
		return false
	case isNameStart(c):
		l.name(spaced)
	case c == '@' || c == '$':
		l.variable(spaced)
	case c >= '0' && c <= '9':
		l.number(spaced)
	case c == '"' || c == '\'' || c == '`':
		l.quoted(c, spaced)
	case c == ':' && len(rest) > 1 && (isNameStart(rest[1]) || rest[1] == '"' || rest[1] == '\'') && l.symbolHere(spaced):
		l.symbol(spaced)
	case c == '%' && l.valueHere(spaced) && l.percent(spaced):
	case c == '<' && strings.HasPrefix(rest, "<<") && l.valueHere(spaced) && l.heredocStart(spaced):
	case c == '/' && l.valueHere(spaced):
		l.regexp(spaced)
	case c == '?' && l.valueHere(spaced) && len(rest) > 2 && isNameStart(rest[1]) && !isNamePart(rest[2]):
		l.literal(Expr{Kind: String, Line: l.line, Text: rest[1:2]}, spaced)
		l.pos += 2
	default:
		l.operator(spaced)
	}
	return true
}

// blank skips white space, comments and escaped line ends, and reports whether there was any.
func (l *lexer) blank() bool {
	start := l.pos
	for l.pos < len(l.src) {
		switch c := l.src[l.pos]; {
		case c == ' ' || c == '\t' || c == '\r':
			l.pos++
		case c == '\\' && l.pos+1 < len(l.src) && l.src[l.pos+1] == '\n':
			l.pos += 2
			l.line++
		case c == '#':
			for l.pos < len(l.src) && l.src[l.pos] != '\n' {
				l.pos++
			}
		default:
			return l.pos > start
		}
	}
	return l.pos > start
}

func (l *lexer) lineStart() bool { return l.pos == 0 || l.src[l.pos-1] == '\n' }

func (l *lexer) skipPast(mark string) {
	i := strings.Index(l.src[l.pos:], mark)
	if i < 0 {
		l.pos = len(l.src)
		return
	}
	end := l.pos + i + len(mark)
	l.line += strings.Count(l.src[l.pos:end], "\n")
	l.pos = end
	for l.pos < len(l.src) && l.src[l.pos] != '\n' {
		l.pos++
	}
}

func (l *lexer) newline() {
	l.add(tNewline, "\n", false)
	l.pos++
	l.line++
	pending := l.pending
	l.pending = nil
	for _, h := range pending {
		l.heredocBody(h)
	}
}

// afterValue reports whether the last token ends a value, so that what follows is an operator.
func (l *lexer) afterValue() bool {
	if len(l.tokens) == 0 {
		return false
	}
	t := l.tokens[len(l.tokens)-1]
	switch t.kind {
	case tName, tValue:
		return true
	case tKeyword:
		return t.text == "end" || t.text == "nil" || t.text == "true" || t.text == "false"
	case tOp:
		return t.text == ")" || t.text == "]" || t.text == "}"
	}
	return false
}

// valueHere reports whether a value may start here: after an operator, or as the first argument of a call without
// parentheses, which Ruby tells by "name %w(x)" against "name % x".
func (l *lexer) valueHere(spaced bool) bool {
	if !l.afterValue() {
		return true
	}
	t := l.tokens[len(l.tokens)-1]
	if t.kind != tName || !spaced || isConstant(t.text) {
		return false
	}
	return l.pos+1 < len(l.src) && l.src[l.pos+1] != ' ' && l.src[l.pos+1] != '='
}

func (l *lexer) symbolHere(spaced bool) bool {
	return !l.afterValue() || spaced
}

func (l *lexer) name(spaced bool) {
	start := l.pos
	for l.pos < len(l.src) && isNamePart(l.src[l.pos]) {
		l.pos++
	}
	if l.pos < len(l.src) && (l.src[l.pos] == '?' || l.src[l.pos] == '!') && !strings.HasPrefix(l.src[l.pos+1:], "=") {
		l.pos++
	}
	text := l.src[start:l.pos]
	if l.labelEnd() && !l.afterDot() && !l.inTernary() {
		l.pos++
		l.add(tLabel, text, spaced)
		return
	}
	if keywords[text] && !l.afterDot() {
		l.add(tKeyword, text, spaced)
		return
	}
	l.add(tName, text, spaced)
}

// labelEnd reports whether a single colon stands here.
func (l *lexer) labelEnd() bool {
	rest := l.src[l.pos:]
	return len(rest) > 0 && rest[0] == ':' && !strings.HasPrefix(rest, "::")
}

func (l *lexer) afterDot() bool {
	if len(l.tokens) == 0 {
		return false
	}
	t := l.tokens[len(l.tokens)-1]
	return t.kind == tOp && (t.text == "." || t.text == "&.")
}

// inTernary reports whether a "?" earlier on the line still waits for its colon, as in "a ? b: c".
func (l *lexer) inTernary() bool {
	for i := len(l.tokens) - 1; i >= 0; i-- {
		t := l.tokens[i]
		switch {
		case t.kind == tNewline || t.kind == tLabel:
			return false
		case t.kind == tOp && (t.text == "," || t.text == "{" || t.text == "("):
			return false
		case t.kind == tOp && t.text == "?":
			return true
		}
	}
	return false
}

func (l *lexer) variable(spaced bool) {
	start := l.pos
	for l.pos < len(l.src) && (l.src[l.pos] == '@' || l.src[l.pos] == '$') {
		l.pos++
	}
	for l.pos < len(l.src) && isNamePart(l.src[l.pos]) {
		l.pos++
	}
	l.add(tName, l.src[start:l.pos], spaced)
}

func (l *lexer) number(spaced bool) {
	start := l.pos
	for l.pos < len(l.src) {
		c := l.src[l.pos]
		fraction := c == '.' && l.pos+1 < len(l.src) && l.src[l.pos+1] >= '0' && l.src[l.pos+1] <= '9'
		if !isNamePart(c) && !fraction {
			break
		}
		l.pos++
	}
	l.literal(Expr{Kind: Number, Line: l.line, Text: strings.ReplaceAll(l.src[start:l.pos], "_", "")}, spaced)
}

func (l *lexer) operator(spaced bool) {
	rest := l.src[l.pos:]
	for _, op := range operators {
		if strings.HasPrefix(rest, op) {
			l.add(tOp, op, spaced)
			l.pos += len(op)
			return
		}
	}
	_, size := utf8.DecodeRuneInString(rest)
	l.add(tOp, rest[:size], spaced)
	l.pos += size
}

func isNameStart(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= utf8.RuneSelf
}

func isNamePart(c byte) bool { return isNameStart(c) || c >= '0' && c <= '9' }

func isConstant(name string) bool { return name != "" && name[0] >= 'A' && name[0] <= 'Z' }
