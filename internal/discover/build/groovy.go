package build

import (
	"strings"

	"example.org/caravan/internal/syntax"
)

// statement is one statement of a Gradle script, Groovy or Kotlin, with the heads of the blocks it stands in, outermost
// first. The head of a block is a statement too.
type statement struct {
	blocks []string
	text   string
	line   int
}

// maxStatement bounds a statement: a longer one is no dependency.
const maxStatement = 8 << 10

// gradleStatements calls take with every statement of a script, comments left out.
func gradleStatements(data []byte, take func(statement)) error {
	s := &groovyScanner{src: string(data), line: 1, take: take}
	for s.pos < len(s.src) && s.err == nil {
		s.next()
	}
	s.end()
	return s.err
}

// groovyScanner splits a script where statements end: at line ends outside parentheses, semicolons and braces.
type groovyScanner struct {
	src   string
	pos   int
	line  int
	text  strings.Builder
	start int // line the statement starts on
	depth int // parentheses and brackets open in the statement
	open  []groovyBlock
	heads []string
	take  func(statement)
	err   error
}

// groovyBlock remembers the statement around a block, for blocks inside parentheses.
type groovyBlock struct {
	outer string
	start int
	depth int
}

func (s *groovyScanner) next() {
	switch c := s.src[s.pos]; {
	case c == '\n':
		s.newline()
	case c == '/' && s.follows("//"):
		s.skipTo("\n")
	case c == '/' && s.follows("/*"):
		s.skipTo("*/")
		s.pos = min(s.pos+2, len(s.src))
	case c == '"' || c == '\'':
		s.quoted()
	case c == '{':
		s.openBlock()
	case c == '}':
		s.closeBlock()
	case c == ';':
		s.end()
		s.pos++
	default:
		switch c {
		case '(', '[':
			s.depth++
		case ')', ']':
			s.depth--
		}
		s.write(c)
		s.pos++
	}
}

func (s *groovyScanner) follows(text string) bool {
	return strings.HasPrefix(s.src[s.pos:], text)
}

func (s *groovyScanner) write(c byte) {
	if s.text.Len() == 0 {
		if c == ' ' || c == '\t' || c == '\r' {
			return
		}
		s.start = s.line
	}
	if s.text.Len() < maxStatement {
		s.text.WriteByte(c)
	}
}

// newline ends the statement unless a parenthesis or a comma holds it open.
func (s *groovyScanner) newline() {
	if s.depth > 0 || strings.HasSuffix(strings.TrimRight(s.text.String(), " \t\r"), ",") {
		s.write(' ')
	} else {
		s.end()
	}
	s.line++
	s.pos++
}

// skipTo moves to the next place of text, or the end.
func (s *groovyScanner) skipTo(text string) {
	i := strings.Index(s.src[s.pos:], text)
	if i < 0 {
		i = len(s.src) - s.pos
	}
	s.line += strings.Count(s.src[s.pos:s.pos+i], "\n")
	s.pos += i
}

// quoted copies a string; its braces and slashes mean nothing.
func (s *groovyScanner) quoted() {
	quote := s.src[s.pos]
	if triple := strings.Repeat(string(quote), 3); s.follows(triple) {
		s.pos += 3
		s.skipTo(triple)
		s.pos = min(s.pos+3, len(s.src))
		return
	}
	s.write(quote)
	for s.pos++; s.pos < len(s.src); s.pos++ {
		c := s.src[s.pos]
		if c == '\n' {
			return
		}
		s.write(c)
		if c == '\\' && s.pos+1 < len(s.src) {
			s.pos++
			continue
		}
		if c == quote {
			s.pos++
			return
		}
	}
}

func (s *groovyScanner) openBlock() {
	if len(s.open) >= syntax.MaxDepth {
		s.err = &syntax.Error{Line: s.line, Text: "blocks nested too deep to be a build script; exclude the file"}
		return
	}
	head := strings.TrimSpace(s.text.String())
	outer := groovyBlock{start: s.start, depth: s.depth}
	if s.depth > 0 {
		outer.outer = head
	}
	s.flush(head)
	s.open = append(s.open, outer)
	s.heads = append(s.heads, head)
	s.depth = 0
	s.pos++
}

func (s *groovyScanner) closeBlock() {
	s.end()
	s.pos++
	if len(s.open) == 0 {
		return
	}
	last := s.open[len(s.open)-1]
	s.open, s.heads = s.open[:len(s.open)-1], s.heads[:len(s.heads)-1]
	s.text.WriteString(last.outer)
	s.start, s.depth = last.start, last.depth
}

// end hands over the statement so far.
func (s *groovyScanner) end() {
	s.flush(strings.TrimSpace(s.text.String()))
	s.depth = 0
}

func (s *groovyScanner) flush(text string) {
	s.text.Reset()
	if text != "" {
		s.take(statement{blocks: s.heads, text: text, line: s.start})
	}
}
