package syntax

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// JSON parses one JSON value, with the comments and trailing commas that configuration files have. On bad or truncated
// input it returns what it understood so far and an *Error.
func JSON(data []byte) (Node, error) {
	data, odd, err := source(data)
	if err != nil {
		return Node{}, err
	}
	p := &jsonParser{data: data, line: 1, budget: MaxNodes}
	n := p.value(0)
	if p.err == nil {
		if p.space(); p.pos < len(p.data) {
			p.fail("something follows the JSON value")
		}
	}
	return n, first(p.err, odd)
}

type jsonParser struct {
	data   []byte
	pos    int
	line   int
	budget int
	err    *Error
}

func (p *jsonParser) fail(text string) {
	if p.err == nil {
		p.err = &Error{Line: p.line, Text: "not valid JSON: " + text}
	}
}

// space skips white space and comments.
func (p *jsonParser) space() {
	for p.pos < len(p.data) {
		switch c := p.data[p.pos]; {
		case c == '\n':
			p.line++
			p.pos++
		case c == ' ' || c == '\t' || c == '\r':
			p.pos++
		case c == '/' && p.pos+1 < len(p.data) && p.data[p.pos+1] == '/':
			for p.pos < len(p.data) && p.data[p.pos] != '\n' {
				p.pos++
			}
		case c == '/' && p.pos+1 < len(p.data) && p.data[p.pos+1] == '*':
			p.blockComment()
		default:
			return
		}
	}
}

func (p *jsonParser) blockComment() {
	for p.pos += 2; p.pos < len(p.data); p.pos++ {
		if p.data[p.pos] == '\n' {
			p.line++
		}
		if p.data[p.pos] == '*' && p.pos+1 < len(p.data) && p.data[p.pos+1] == '/' {
			p.pos += 2
			return
		}
	}
	p.fail("a comment does not end")
}

func (p *jsonParser) value(depth int) Node {
	p.space()
	if p.budget--; p.budget < 0 {
		p.fail("more than " + strconv.Itoa(MaxNodes) + " values")
		return Node{}
	}
	if depth > MaxDepth {
		p.fail("nested deeper than " + strconv.Itoa(MaxDepth) + " levels")
		return Node{Line: p.line}
	}
	if p.pos >= len(p.data) {
		p.fail("it ends too soon")
		return Node{}
	}
	switch c := p.data[p.pos]; c {
	case '{':
		return p.object(depth)
	case '[':
		return p.array(depth)
	case '"':
		line := p.line
		return Node{Kind: Scalar, Line: line, Tag: "str", Value: p.text()}
	}
	return p.word()
}

func (p *jsonParser) object(depth int) Node {
	n := Node{Kind: Map, Line: p.line}
	p.pos++
	for p.err == nil {
		p.space()
		switch {
		case p.pos >= len(p.data):
			p.fail("an object does not end")
		case p.data[p.pos] == '}':
			p.pos++
			return n
		case p.data[p.pos] == ',':
			p.pos++
		case p.data[p.pos] == '"':
			line, key := p.line, p.text()
			p.space()
			if p.pos >= len(p.data) || p.data[p.pos] != ':' {
				p.fail("a key has no value")
				break
			}
			p.pos++
			v := p.value(depth + 1)
			n.Pairs = append(n.Pairs, Pair{Key: key, Line: line, Value: v})
		default:
			p.fail("a key is not in quotes")
		}
	}
	return n
}

func (p *jsonParser) array(depth int) Node {
	n := Node{Kind: List, Line: p.line}
	p.pos++
	for p.err == nil {
		p.space()
		switch {
		case p.pos >= len(p.data):
			p.fail("a list does not end")
		case p.data[p.pos] == ']':
			p.pos++
			return n
		case p.data[p.pos] == ',':
			p.pos++
		default:
			n.Items = append(n.Items, p.value(depth+1))
		}
	}
	return n
}

// text reads a string and resolves its escapes.
func (p *jsonParser) text() string {
	p.pos++
	start := p.pos
	for p.pos < len(p.data) {
		switch p.data[p.pos] {
		case '"':
			s := string(p.data[start:p.pos])
			p.pos++
			return s
		case '\\':
			return p.escaped(start)
		case '\n':
			p.fail("a string does not end on its line")
			return string(p.data[start:p.pos])
		}
		p.pos++
	}
	p.fail("a string does not end")
	return string(p.data[start:])
}

// escaped goes on with a string at its first backslash.
func (p *jsonParser) escaped(start int) string {
	b := append([]byte(nil), p.data[start:p.pos]...)
	for p.pos < len(p.data) {
		switch c := p.data[p.pos]; {
		case c == '"':
			p.pos++
			return string(b)
		case c == '\n':
			p.fail("a string does not end on its line")
			return string(b)
		case c == '\\' && p.pos+1 < len(p.data):
			b = p.escape(b)
		default:
			b = append(b, c)
			p.pos++
		}
	}
	p.fail("a string does not end")
	return string(b)
}

// escape appends what the escape at the current position stands for and moves behind it.
func (p *jsonParser) escape(b []byte) []byte {
	c := p.data[p.pos+1]
	if c != 'u' {
		p.pos += 2
		if c == 'b' {
			return append(b, '\b')
		}
		return append(b, controlEscape(c))
	}
	r, width := unicodeEscape(string(p.data[p.pos:min(p.pos+12, len(p.data))]))
	if width == 0 {
		p.fail("a \\u escape is not four hexadecimal digits")
		p.pos += 2
		return b
	}
	p.pos += width
	return utf8.AppendRune(b, r)
}

// word reads true, false, null or a number.
func (p *jsonParser) word() Node {
	start := p.pos
	for p.pos < len(p.data) && (p.data[p.pos] >= utf8.RuneSelf || !strings.ContainsRune(" \t\r\n,]}:/", rune(p.data[p.pos]))) {
		p.pos++
	}
	n := Node{Kind: Scalar, Line: p.line, Value: string(p.data[start:p.pos])}
	switch n.Value {
	case "null":
		return Node{Line: p.line}
	case "true", "false":
		n.Tag = "bool"
		return n
	}
	if _, err := strconv.ParseFloat(n.Value, 64); err != nil {
		p.fail("a value is neither text, number, list nor object")
		p.pos = max(p.pos, start+1)
		return Node{Line: p.line}
	}
	n.Tag = "float"
	if _, err := strconv.ParseInt(n.Value, 10, 64); err == nil {
		n.Tag = "int"
	}
	return n
}
