package ruby

import (
	"strings"
)

func (l *lexer) quoted(quote byte, spaced bool) {
	line := l.line
	l.pos++
	body := l.until(quote, 0, quote != '\'')
	e := l.text(body, line, quote == '\'', quote)
	if l.labelEnd() && !l.inTernary() && quote != '`' {
		l.pos++
		l.tokens = append(l.tokens, token{kind: tLabel, text: e.Text, expr: e, line: line, spaced: spaced})
		return
	}
	if quote == '`' {
		e = Expr{Kind: Opaque, Line: line}
	}
	l.literal(e, spaced)
}

func (l *lexer) symbol(spaced bool) {
	line := l.line
	l.pos++
	if c := l.src[l.pos]; c == '"' || c == '\'' {
		l.pos++
		e := l.text(l.until(c, 0, c == '"'), line, c == '\'', c)
		e.Kind = Symbol
		l.literal(e, spaced)
		return
	}
	start := l.pos
	for l.pos < len(l.src) && isNamePart(l.src[l.pos]) {
		l.pos++
	}
	l.literal(Expr{Kind: Symbol, Line: line, Text: l.src[start:l.pos]}, spaced)
}

func (l *lexer) regexp(spaced bool) {
	line := l.line
	l.pos++
	l.until('/', 0, true)
	for l.pos < len(l.src) && isNameStart(l.src[l.pos]) {
		l.pos++
	}
	l.literal(Expr{Kind: Opaque, Line: line}, spaced)
}

// percent reads %w(a b), %q(text), %(text) and their kin; false when it is the operator after all.
func (l *lexer) percent(spaced bool) bool {
	rest := l.src[l.pos+1:]
	kind := byte('Q')
	if rest != "" && strings.IndexByte("wWiIqQrsx", rest[0]) >= 0 {
		kind, rest = rest[0], rest[1:]
	}
	if rest == "" || isNamePart(rest[0]) || rest[0] == ' ' || rest[0] == '=' || rest[0] == '\n' {
		return false
	}
	open, line := rest[0], l.line
	closing := closer(open)
	nested := open
	if closing == open {
		nested = 0
	}
	l.pos = len(l.src) - len(rest) + 1
	body := l.until(closing, nested, kind != 'w' && kind != 'q' && kind != 'i')
	l.literal(l.percentValue(kind, body, line, closing), spaced)
	return true
}

func (l *lexer) percentValue(kind byte, body string, line int, closing byte) Expr {
	switch kind {
	case 'w', 'W', 'i', 'I':
		return words(body, line)
	case 'q', 'Q':
		return l.text(body, line, kind == 'q', closing)
	case 's':
		return Expr{Kind: Symbol, Line: line, Text: body}
	}
	return Expr{Kind: Opaque, Line: line}
}

func words(body string, line int) Expr {
	list := Expr{Kind: Array, Line: line}
	for i, row := range strings.Split(body, "\n") {
		for _, word := range strings.Fields(row) {
			list.Args = append(list.Args, Expr{Kind: String, Line: line + i, Text: word})
		}
	}
	return list
}

func closer(open byte) byte {
	switch open {
	case '(':
		return ')'
	case '[':
		return ']'
	case '{':
		return '}'
	case '<':
		return '>'
	}
	return open
}

// until reads to the closing byte and past it. Escapes are skipped, interpolations too where they count, and nested
// opening bytes ask for as many closing ones.
func (l *lexer) until(closing, nested byte, interpolates bool) string {
	start, line, level := l.pos, l.line, 0
	for l.pos < len(l.src) {
		c := l.src[l.pos]
		switch {
		case c == '\\':
			if l.pos+1 < len(l.src) && l.src[l.pos+1] == '\n' {
				l.line++
			}
			l.pos = min(l.pos+2, len(l.src))
			continue
		case c == '\n':
			l.line++
		case interpolates && c == '#' && strings.HasPrefix(l.src[l.pos:], "#{"):
			size := braced(l.src[l.pos:])
			l.line += strings.Count(l.src[l.pos:l.pos+size], "\n")
			l.pos += size
			continue
		case nested != 0 && c == nested:
			level++
		case c == closing && level > 0:
			level--
		case c == closing:
			body := l.src[start:l.pos]
			l.pos++
			return body
		}
		l.pos++
	}
	return l.unclosed(start, line)
}

// braced is the length of the "#{…}" that s starts with, all of s when it is not closed. Quotes inside hide braces.
func braced(s string) int {
	level := 0
	var quote byte
	for i := 1; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '\\':
			i++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '{':
			level++
		case c == '}':
			if level--; level == 0 {
				return i + 1
			}
		}
	}
	return len(s)
}

// text turns the inside of a string into an expression: escapes resolved and interpolations parsed, unless raw.
func (l *lexer) text(body string, line int, raw bool, quote byte) Expr {
	if raw {
		return Expr{Kind: String, Line: line, Text: unescapeRaw(body, quote)}
	}
	if !strings.Contains(body, "#{") {
		return Expr{Kind: String, Line: line, Text: unescape(body)}
	}
	out := Expr{Kind: String, Line: line}
	for body != "" {
		i := strings.Index(body, "#{")
		if i < 0 {
			i = len(body)
		}
		if i > 0 {
			out.Args = append(out.Args, Expr{Kind: String, Line: line, Text: unescape(body[:i])})
			line += strings.Count(body[:i], "\n")
			body = body[i:]
			continue
		}
		size := braced(body)
		out.Args = append(out.Args, l.interpolated(body[:size], line))
		line += strings.Count(body[:size], "\n")
		body = body[size:]
	}
	return out
}

func (l *lexer) interpolated(source string, line int) Expr {
	out := Expr{Kind: Interpolated, Line: line, Text: source, Args: []Expr{{Kind: Opaque, Line: line}}}
	if l.depth >= maxDepth/16 || len(source) < 3 {
		return out
	}
	if inner, err := parse(source[2:len(source)-1], line, l.depth+1); err == nil && len(inner) == 1 {
		out.Args = inner
	}
	return out
}

func unescapeRaw(s string, quote byte) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	return strings.NewReplacer(`\\`, `\`, `\`+string(rune(quote)), string(rune(quote))).Replace(s)
}

func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		switch s[i] {
		case 'n':
			b.WriteByte('\n')
		case 't':
			b.WriteByte('\t')
		case '\n':
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// heredocStart reads <<~NAME, <<-'NAME' or <<NAME; the body follows at the end of the line.
func (l *lexer) heredocStart(spaced bool) bool {
	rest := l.src[l.pos+2:]
	h := heredoc{token: len(l.tokens)}
	if rest != "" && (rest[0] == '~' || rest[0] == '-') {
		h.squiggly = rest[0] == '~'
		rest = rest[1:]
	}
	if rest == "" {
		return false
	}
	if q := rest[0]; q == '\'' || q == '"' {
		end := strings.IndexByte(rest[1:], q)
		if end < 1 {
			return false
		}
		h.raw, h.end, rest = q == '\'', rest[1:1+end], rest[2+end:]
	} else {
		n := 0
		for n < len(rest) && isNamePart(rest[n]) {
			n++
		}
		if n == 0 || rest[0] < 'A' || rest[0] > 'Z' && rest[0] != '_' {
			return false
		}
		h.end, rest = rest[:n], rest[n:]
	}
	l.pos = len(l.src) - len(rest)
	l.literal(Expr{Kind: String, Line: l.line}, spaced)
	l.pending = append(l.pending, h)
	return true
}

func (l *lexer) heredocBody(h heredoc) {
	first := l.line
	var rows []string
	for l.pos < len(l.src) {
		row, rest, _ := strings.Cut(l.src[l.pos:], "\n")
		l.pos = len(l.src) - len(rest)
		l.line++
		if strings.TrimSpace(row) == h.end {
			break
		}
		rows = append(rows, row)
	}
	if h.squiggly {
		rows = dedent(rows)
	}
	body := strings.Join(rows, "\n")
	if len(rows) > 0 {
		body += "\n"
	}
	l.tokens[h.token].expr = l.text(body, first, h.raw, 0)
}

func dedent(rows []string) []string {
	margin := -1
	for _, row := range rows {
		if trimmed := strings.TrimLeft(row, " \t"); trimmed != "" {
			if n := len(row) - len(trimmed); margin < 0 || n < margin {
				margin = n
			}
		}
	}
	out := make([]string, len(rows))
	for i, row := range rows {
		out[i] = row[min(max(margin, 0), len(row)):]
	}
	return out
}
