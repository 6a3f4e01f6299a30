package pipeline

import (
	"fmt"
	"strings"

	"example.org/caravan/internal/fault"
)

// tokenKind is what a piece of a Jenkinsfile is.
type tokenKind int

const (
	wordToken tokenKind = iota
	stringToken
	markToken // one character
	lineToken // the end of a line
)

// token is a piece of a Jenkinsfile: its place in bytes, its line counted from 1, and the line it ends on.
type token struct {
	kind      tokenKind
	text      string // of a string: what stands between its quotes, as written
	quote     string // of a string: ', ", ”' …
	from, to  int
	line, end int
}

func (t token) is(mark string) bool { return t.kind == markToken && t.text == mark }

// lexer takes Groovy apart as far as declarative pipelines need it: words, strings of all kinds with what is nested in them, comments,
// brackets. Comments are left out.
type lexer struct {
	text     string
	at, line int
	out      []token
	open     []token
}

// tokens reads a Jenkinsfile. Invalid with the line when a string, comment or bracket is not closed.
func tokens(text string) ([]token, *refusal) {
	l := &lexer{text: text, line: 1}
	if strings.HasPrefix(text, "#!") {
		l.at = untilLineEnd(text)
	}
	for l.at < len(text) {
		if no := l.step(); no != nil {
			return nil, no
		}
	}
	if n := len(l.open); n > 0 {
		return nil, l.broken(l.open[n-1].line, "%q is never closed", l.open[n-1].text)
	}
	return l.out, nil
}

func (l *lexer) broken(line int, format string, args ...any) *refusal {
	return &refusal{kind: fault.Invalid, line: line, text: fmt.Sprintf(format, args...) + "; mend the file first"}
}

func (l *lexer) step() *refusal {
	rest := l.text[l.at:]
	switch c := rest[0]; {
	case c == '\n':
		l.push(token{kind: lineToken, text: "\n"}, 1)
		l.line++
	case c == ' ' || c == '\t' || c == '\r':
		l.at++
	case strings.HasPrefix(rest, "//"):
		l.at += untilLineEnd(rest)
	case strings.HasPrefix(rest, "/*"):
		return l.comment(rest)
	case strings.HasPrefix(rest, `'''`), strings.HasPrefix(rest, `"""`):
		return l.string(rest[:3])
	case c == '\'' || c == '"':
		return l.string(rest[:1])
	case c == '/' && l.beginsValue() || strings.HasPrefix(rest, "$/") && l.beginsValue():
		return l.slashy(rest)
	case isWordByte(c):
		n := 0
		for n < len(rest) && isWordByte(rest[n]) {
			n++
		}
		l.push(token{kind: wordToken, text: rest[:n]}, n)
	default:
		return l.bracket(rest[:1])
	}
	return nil
}

func isWordByte(c byte) bool {
	return c == '_' || c == '$' || c >= 0x80 || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func (l *lexer) push(t token, n int) {
	t.from, t.to, t.line, t.end = l.at, l.at+n, l.line, l.line
	l.out = append(l.out, t)
	l.at += n
}

var closes = map[string]string{"}": "{", ")": "(", "]": "["}

// bracket takes one mark and keeps account of what is open.
func (l *lexer) bracket(mark string) *refusal {
	l.push(token{kind: markToken, text: mark}, 1)
	t := l.out[len(l.out)-1]
	if mark == "{" || mark == "(" || mark == "[" {
		l.open = append(l.open, t)
		return nil
	}
	want, ok := closes[mark]
	if !ok {
		return nil
	}
	if n := len(l.open); n == 0 || l.open[n-1].text != want {
		return l.broken(t.line, "%q closes nothing that is open", mark)
	}
	l.open = l.open[:len(l.open)-1]
	return nil
}

func (l *lexer) comment(rest string) *refusal {
	n := strings.Index(rest[2:], "*/")
	if n < 0 {
		return l.broken(l.line, "a comment is never closed")
	}
	l.line += strings.Count(rest[:n+4], "\n")
	l.at += n + 4
	return nil
}

// beginsValue reports whether a slash that stands here begins a string rather than divides.
func (l *lexer) beginsValue() bool {
	for i := len(l.out) - 1; i >= 0; i-- {
		switch t := l.out[i]; t.kind {
		case lineToken:
			continue
		case markToken:
			return strings.IndexByte("(,=[~:!&|?{;", t.text[0]) >= 0
		case wordToken:
			return t.text == "return" || t.text == "in" || t.text == "sh" || t.text == "echo"
		default:
			return false
		}
	}
	return true
}

// string takes a quoted string; in those with double quotes, code within ${} may have quotes of its own.
func (l *lexer) string(quote string) *refusal {
	begin, line := l.at, l.line
	i := l.at + len(quote)
	for i < len(l.text) {
		rest := l.text[i:]
		switch {
		case rest[0] == '\\' && len(rest) > 1:
			l.line += strings.Count(rest[:2], "\n")
			i += 2
			continue
		case strings.HasPrefix(rest, quote):
			l.keep(token{kind: stringToken, text: l.text[begin+len(quote) : i], quote: quote, from: begin, to: i + len(quote), line: line, end: l.line})
			return nil
		case quote[0] == '"' && strings.HasPrefix(rest, "${"):
			n := embedded(rest)
			l.line += strings.Count(rest[:n], "\n")
			i += n
			continue
		case rest[0] == '\n' && len(quote) == 1:
			return l.broken(line, "a string is not closed on its line")
		}
		if rest[0] == '\n' {
			l.line++
		}
		i++
	}
	return l.broken(line, "a string is never closed")
}

func (l *lexer) keep(t token) {
	l.out = append(l.out, t)
	l.at = t.to
}

// embedded is the length of ${…} in a string, with strings and brackets inside.
func embedded(s string) int {
	s = s[:min(len(s), mostEmbedded)]
	depth := 0
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return i + 1
			}
		case '\'', '"':
			if n := strings.IndexByte(s[i+1:], s[i]); n >= 0 && !strings.Contains(s[i+1:i+1+n], "\n") {
				i += n + 1
			}
		}
	}
	return 2
}

// slashy takes /…/ and $/…/$.
func (l *lexer) slashy(rest string) *refusal {
	quote, closing := "/", "/"
	if strings.HasPrefix(rest, "$/") {
		quote, closing = "$/", "/$"
	}
	i := len(quote)
	for i < len(rest) && !strings.HasPrefix(rest[i:], closing) {
		if rest[i] == '\\' {
			i++
		}
		i++
	}
	if i >= len(rest) {
		return l.broken(l.line, "a string between slashes is never closed")
	}
	t := token{kind: stringToken, text: rest[len(quote):i], quote: quote, from: l.at, to: l.at + i + len(closing), line: l.line}
	l.line += strings.Count(rest[:i], "\n")
	t.end = l.line
	l.keep(t)
	return nil
}
