package keys

import "strings"

// token is a word, a text, a number or a single sign.
type token struct {
	kind   kind
	text   string // of a text, what stands between its quotes
	line   int
	column int  // counted from 0
	head   bool // the first of its line
	open   bool // of a text: something computed follows, text is what stands before it
	mark   byte // of a text: its quote
}

type kind uint8

const (
	sign kind = iota
	word
	text
	number
)

// Bounds of a file.
const (
	maxTokens = 200_000
	maxDepth  = 4 // of texts within what is computed within texts
)

// lexer turns the text of a program into tokens.
type lexer struct {
	language *language
	src      string
	at       int
	line     int
	begin    int // where the line starts
	head     bool
	out      []token
	inner    [][]token
	depth    int
	left     *int // how many tokens may still be made
}

// lex is a program's tokens, and apart from them those of each expression within its texts.
func lex(src string, l *language) [][]token {
	left := maxTokens
	x := lexer{language: l, src: src, line: 1, head: true, left: &left, out: make([]token, 0, len(src)/4)}
	return x.run()
}

func (x *lexer) run() [][]token {
	for x.at < len(x.src) && *x.left > 0 {
		if !x.blank() && !x.comment() {
			x.next()
		}
	}
	return append([][]token{x.out}, x.inner...)
}

func (x *lexer) blank() bool {
	switch x.src[x.at] {
	case '\n':
		x.at++
		x.line++
		x.begin, x.head = x.at, true
	case ' ', '\t', '\r':
		x.at++
	default:
		return false
	}
	return true
}

// comment skips one that starts here.
func (x *lexer) comment() bool {
	rest := x.src[x.at:]
	for _, b := range x.language.blocks {
		if strings.HasPrefix(rest, b[0]) && (b[0][0] != '=' || x.at == x.begin) {
			end := strings.Index(rest[len(b[0]):], b[1])
			if end < 0 {
				end = len(rest)
			} else {
				end += len(b[0]) + len(b[1])
			}
			x.skip(end)
			return true
		}
	}
	for _, mark := range x.language.line {
		if strings.HasPrefix(rest, mark) && x.starts(mark) {
			end := strings.IndexByte(rest, '\n')
			if end < 0 {
				end = len(rest)
			}
			x.at += end
			return true
		}
	}
	return false
}

// starts tells a comment from the # of $#, #{ and #[, and the // of what Perl calls or.
func (x *lexer) starts(mark string) bool {
	if mark != "#" {
		return true
	}
	before := x.at == 0 || strings.IndexByte(" \t\n;", x.src[x.at-1]) >= 0
	return before && !strings.HasPrefix(x.src[x.at:], "#[") && !strings.HasPrefix(x.src[x.at:], "#{")
}

// skip moves on, counting lines.
func (x *lexer) skip(n int) {
	for end := min(x.at+n, len(x.src)); x.at < end; x.at++ {
		if x.src[x.at] == '\n' {
			x.line++
			x.begin, x.head = x.at+1, true
		}
	}
}

func (x *lexer) add(k kind, s string, open bool, mark byte) {
	x.out = append(x.out, token{k, s, x.line, x.at - x.begin, x.head, open, mark})
	x.head = false
	*x.left--
}

func (x *lexer) next() {
	c := x.src[x.at]
	switch {
	case letter(c):
		end := x.at + 1
		for end < len(x.src) && (letter(x.src[end]) || digit(x.src[end])) {
			end++
		}
		w := x.src[x.at:end]
		if end < len(x.src) && quote(x.src[end]) && x.language.prefixed(w) {
			x.at = end
			x.quoted(strings.ContainsAny(w, "fFsS"), strings.ContainsAny(w, "rR"))
			return
		}
		x.add(word, w, false, 0)
		x.at = end
	case digit(c):
		end := x.at + 1
		for end < len(x.src) && (letter(x.src[end]) || digit(x.src[end]) || x.src[end] == '.') {
			end++
		}
		x.add(number, x.src[x.at:end], false, 0)
		x.at = end
	case (c == '$' || c == '@') && x.language.dollarTexts:
		x.dollar()
	case quote(c) && (c != '`' || x.language.backtick):
		x.quoted(false, false)
	default:
		x.add(sign, x.src[x.at:x.at+1], false, 0)
		x.at++
	}
}

// dollar reads the texts of C# that start with $, @ or both.
func (x *lexer) dollar() {
	end := x.at
	for end < len(x.src) && (x.src[end] == '$' || x.src[end] == '@') {
		end++
	}
	if end < len(x.src) && x.src[end] == '"' {
		marks := x.src[x.at:end]
		x.at = end
		x.quoted(strings.Contains(marks, "$"), strings.Contains(marks, "@"))
		return
	}
	x.add(sign, x.src[x.at:x.at+1], false, 0)
	x.at++
}

func letter(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= 0x80
}
func digit(c byte) bool { return c >= '0' && c <= '9' }
func quote(c byte) bool { return c == '"' || c == '\'' || c == '`' }

// quoted reads a text. Filled: it is one of those in which expressions are computed. Raw: a backslash is only a backslash.
func (x *lexer) quoted(filled, raw bool) {
	q := x.src[x.at]
	l := x.language
	closer, width := x.src[x.at:x.at+1], 1
	if l.triple && strings.HasPrefix(x.src[x.at:], strings.Repeat(closer, 3)) {
		closer, width = strings.Repeat(closer, 3), 3
	}
	if q == '\'' && l.lifetimes && !x.character() {
		x.add(sign, closer, false, 0)
		x.at++
		return
	}
	raw = raw || q == '`' && l.opener[q] == ""
	opener := l.opener[q]
	if filled {
		opener = "{"
	}
	end, open := x.within(x.at+width, closer, opener, raw, width == 3 || q == '`' || l.longTexts)
	from := x.at + width
	shown := x.src[from:end]
	if open >= 0 {
		shown = x.src[from:open]
	}
	if strings.IndexByte(shown, '\\') >= 0 && !raw {
		shown = unescape.Replace(shown)
	}
	x.add(text, shown, open >= 0, q)
	x.skip(end - x.at + min(len(closer), len(x.src)-end))
}

var unescape = strings.NewReplacer(`\$`, "$", `\"`, `"`, `\\`, `\`, `\'`, "'")

// character tells a character's literal from a lifetime of Rust.
func (x *lexer) character() bool {
	rest := x.src[x.at:]
	return len(rest) > 2 && (rest[1] == '\\' || rest[2] == '\'')
}

// within finds the end of a text that starts at from, and where the first thing in it is computed, or -1. One without its end stops with the
// line, unless it may go on.
func (x *lexer) within(from int, closer, opener string, raw, long bool) (end, open int) {
	open = -1
	line := x.line
	for i := from; i < len(x.src); i++ {
		switch c := x.src[i]; {
		case c == '\n':
			if !long {
				return i, open
			}
			line++
		case c == '\\' && !raw:
			i++
		case strings.HasPrefix(x.src[i:], closer):
			return i, open
		case opener != "" && c == opener[0] && strings.HasPrefix(x.src[i:], opener):
			if strings.HasPrefix(x.src[i:], "{{") && opener == "{" {
				i++
				continue
			}
			stop := x.expression(i, len(opener), line)
			if stop > i {
				if open < 0 {
					open = i
				}
				i = stop - 1
			}
		}
	}
	return len(x.src), open
}

// expression reads what is computed within a text at i, and gives where it ends; i when nothing is.
func (x *lexer) expression(i, width, line int) int {
	var end int
	from, ok := i, true
	switch brace := strings.IndexByte(x.src[i:i+width], '{'); {
	case brace >= 0:
		from = i + brace + 1
		end, ok = balanced(x.src, i+brace)
	case i+width < len(x.src) && x.src[i+width] == '{': // ${x}
		from = i + width + 1
		end, ok = balanced(x.src, i+width)
	case i+width < len(x.src) && letter(x.src[i+width]): // $x
		end = reference(x.src, i+width)
	default:
		return i
	}
	if !ok {
		return i
	}
	if x.depth < maxDepth {
		to := end
		if from > i {
			to--
		}
		in := lexer{language: x.language, src: x.src[from:to], line: line, head: true, depth: x.depth + 1, left: x.left}
		x.inner = append(x.inner, in.run()...)
	}
	return end
}

// balanced is where the brace that opens at i closes, behind it. It stops with the file.
func balanced(src string, i int) (int, bool) {
	depth := 0
	for k := i; k < len(src) && k < i+maxKey*4; k++ {
		switch src[k] {
		case '{':
			depth++
		case '}':
			if depth--; depth == 0 {
				return k + 1, true
			}
		}
	}
	return i, false
}

// reference is where a variable in a text ends, with what is taken out of it: $conf{host}, $row->{x}.
func reference(src string, i int) int {
	for i < len(src) && (letter(src[i]) || digit(src[i])) {
		i++
	}
	k := i
	if strings.HasPrefix(src[k:], "->") {
		k += 2
	}
	if k < len(src) && src[k] == '{' {
		if end, ok := balanced(src, k); ok {
			return end
		}
	}
	if k < len(src) && src[k] == '[' {
		if n := strings.IndexByte(src[k:min(len(src), k+maxKey)], ']'); n >= 0 {
			return k + n + 1
		}
	}
	return i
}
