package nginx

import (
	"bytes"
	"strings"

	"example.org/caravan/internal/syntax"
)

// directive is one statement: a name, its arguments and, for a block, the directives inside.
type directive struct {
	name string
	args []string
	line int
	body []directive
}

// arg is an argument by position, "" when there is none.
func (d directive) arg(i int) string {
	if i < len(d.args) {
		return d.args[i]
	}
	return ""
}

// parse reads a configuration or a template of one. On an error it returns what it understood so far.
func parse(data []byte) ([]directive, error) {
	p := &parser{lexer{data: data, line: 1}}
	return p.block(0)
}

type parser struct{ lexer }

// block reads directives up to the closing brace, or the end of the file at depth 0.
func (p *parser) block(depth int) ([]directive, error) {
	if depth > syntax.MaxDepth {
		return nil, &syntax.Error{Line: p.line, Text: "blocks nest too deep; split the file"}
	}
	var out []directive
	for {
		t := p.next()
		switch t.kind {
		case end:
			if depth > 0 {
				return out, &syntax.Error{Line: t.line, Text: "a block is not closed; add the missing }"}
			}
			return out, nil
		case closing:
			if depth == 0 {
				return out, &syntax.Error{Line: t.line, Text: "a } closes nothing; remove it"}
			}
			return out, nil
		case word:
			d, err := p.directive(t, depth)
			out = append(out, d)
			if err != nil {
				return out, err
			}
		}
	}
}

// directive reads one statement whose name has been read.
func (p *parser) directive(name token, depth int) (directive, error) {
	d := directive{name: name.text, line: name.line}
	for {
		t := p.next()
		switch t.kind {
		case word:
			d.args = append(d.args, t.text)
		case opening:
			if strings.HasSuffix(d.name, "_by_lua_block") {
				p.skipLua()
				return d, nil
			}
			var err error
			d.body, err = p.block(depth + 1)
			return d, err
		case semicolon:
			return d, nil
		case end:
			return d, &syntax.Error{Line: d.line, Text: "the statement does not end; add the missing ;"}
		case closing:
			p.pos-- // the brace still closes the block around
			return d, nil
		}
	}
}

type tokenKind int

const (
	end tokenKind = iota
	word
	opening
	closing
	semicolon
)

type token struct {
	kind tokenKind
	text string
	line int
}

type lexer struct {
	data []byte
	pos  int
	line int
}

// next reads a token. Control statements of template languages are passed over, so that a template reads like
// the configuration it becomes.
func (l *lexer) next() token {
	for l.pos < len(l.data) {
		switch c := l.data[l.pos]; {
		case c == '\n':
			l.line++
			l.pos++
		case c == ' ' || c == '\t' || c == '\r':
			l.pos++
		case c == '#':
			l.skipTo("\n", 0)
		case l.at("{%"):
			l.skipTo("%}", 2)
		case l.at("{#"):
			l.skipTo("#}", 2)
		case l.at("<%") && !l.at("<%="):
			l.skipTo("%>", 2)
		case c == ';':
			l.pos++
			return token{semicolon, "", l.line}
		case c == '}':
			l.pos++
			return token{closing, "", l.line}
		case c == '{' && !l.at("{{"):
			l.pos++
			return token{opening, "", l.line}
		case c == '"' || c == '\'':
			return l.quoted(c)
		default:
			return l.bare()
		}
	}
	return token{end, "", l.line}
}

func (l *lexer) at(s string) bool { return bytes.HasPrefix(l.data[l.pos:], []byte(s)) }

// skipTo moves behind the next mark, or to the end, and counts the lines on the way.
func (l *lexer) skipTo(mark string, from int) {
	start := min(l.pos+from, len(l.data))
	i := bytes.Index(l.data[start:], []byte(mark))
	stop := len(l.data)
	if i >= 0 {
		stop = start + i + len(mark)
	}
	l.line += bytes.Count(l.data[l.pos:stop], []byte{'\n'})
	l.pos = stop
}

func (l *lexer) quoted(quote byte) token {
	t := token{kind: word, line: l.line}
	var b strings.Builder
	for l.pos++; l.pos < len(l.data); l.pos++ {
		c := l.data[l.pos]
		switch {
		case c == quote:
			l.pos++
			t.text = b.String()
			return t
		case c == '\\' && l.pos+1 < len(l.data) && l.data[l.pos+1] == quote:
			l.pos++
			c = quote
		case c == '\n':
			l.line++
		}
		b.WriteByte(c)
	}
	t.text = b.String()
	return t
}

// bare reads a word without quotes. Expressions of template languages and ${names} are part of it whatever they hold.
func (l *lexer) bare() token {
	t := token{kind: word, line: l.line}
	start := l.pos
	for l.pos < len(l.data) {
		switch c := l.data[l.pos]; {
		case l.at("${"):
			l.skipTo("}", 0)
		case l.at("{{"):
			l.skipTo("}}", 0)
		case l.at("<%="):
			l.skipTo("%>", 0)
		case c == '\\' && l.pos+1 < len(l.data) && l.data[l.pos+1] != '\n':
			l.pos += 2
		case c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ';' || c == '{':
			t.text = string(l.data[start:l.pos])
			return t
		default:
			l.pos++
		}
	}
	t.text = string(l.data[start:l.pos])
	return t
}

// skipLua passes over a block of Lua, whose braces balance outside strings and comments.
func (l *lexer) skipLua() {
	for depth := 1; l.pos < len(l.data) && depth > 0; {
		switch c := l.data[l.pos]; {
		case l.at("--"):
			l.skipTo("\n", 0)
			continue
		case c == '"' || c == '\'':
			l.quoted(c)
			continue
		case c == '{':
			depth++
		case c == '}':
			depth--
		case c == '\n':
			l.line++
		}
		l.pos++
	}
}
