package code

import "bytes"

// language says how a language writes comments and strings, as far as lines are concerned.
type language struct {
	line       []string // what starts a comment to the end of the line
	open       string   // what opens a comment over lines, "" when there is none
	close      string
	docstrings bool // a triple-quoted text that starts a statement is a comment
	triple     bool // triple quotes hold a text over lines
	backtick   bool // so do backticks
	markup     bool // comments of HTML besides
}

var (
	cLike      = &language{line: []string{"//"}, open: "/*", close: "*/"}
	javaLike   = &language{line: []string{"//"}, open: "/*", close: "*/", triple: true}
	goLike     = &language{line: []string{"//"}, open: "/*", close: "*/", backtick: true}
	scriptLike = &language{line: []string{"//"}, open: "/*", close: "*/", backtick: true, markup: true}
	fsLike     = &language{line: []string{"//"}, open: "(*", close: "*)", triple: true}
	phpLike    = &language{line: []string{"//", "#"}, open: "/*", close: "*/", markup: true}
	python     = &language{line: []string{"#"}, docstrings: true, triple: true}
	elixir     = &language{line: []string{"#"}, docstrings: true, triple: true}
	ruby       = &language{line: []string{"#"}, open: "=begin", close: "=end"}
	shell      = &language{line: []string{"#"}}
	erlang     = &language{line: []string{"%"}}
	clojure    = &language{line: []string{";"}}
)

var languages = map[string]*language{
	".java": javaLike, ".kt": javaLike, ".kts": javaLike, ".scala": javaLike, ".groovy": javaLike, ".go": goLike, ".cs": javaLike, ".vb": {line: []string{"'"}}, ".fs": fsLike,
	".js": scriptLike, ".mjs": scriptLike, ".cjs": scriptLike, ".ts": scriptLike, ".jsx": scriptLike, ".tsx": scriptLike, ".vue": scriptLike, ".svelte": scriptLike,
	".py": python, ".rb": ruby, ".rs": cLike, ".php": phpLike, ".ex": elixir, ".exs": elixir, ".erl": erlang, ".clj": clojure, ".sh": shell, ".bash": shell, ".pl": shell,
	".swift": javaLike, ".dart": cLike, ".c": cLike, ".cc": cLike, ".cpp": cLike,
}

// lexer takes the comments out of a file, line by line.
type lexer struct {
	language *language
	comment  string // what closes the comment at hand
	text     string // what closes the text over lines at hand
}

// code is what a line holds besides comments and outer blanks. It is a part of line unless a comment stands in the middle.
func (x *lexer) code(line []byte) []byte {
	line = bytes.TrimSpace(line)
	if x.comment != "" {
		i := bytes.Index(line, []byte(x.comment))
		if i < 0 {
			return nil
		}
		line = bytes.TrimSpace(line[i+len(x.comment):])
		x.comment = ""
	}
	if x.text == "" && x.startsDocumentation(line) {
		return nil
	}
	start, end := x.commentIn(line)
	if start < 0 {
		return line
	}
	if end < 0 {
		return bytes.TrimSpace(line[:start])
	}
	rest := append(bytes.Clone(line[:start]), ' ')
	return x.code(append(rest, line[end:]...))
}

// startsDocumentation reports whether a triple-quoted text here is one that people read and programs do not.
func (x *lexer) startsDocumentation(line []byte) bool {
	if !x.language.docstrings {
		return false
	}
	for _, head := range []string{"@moduledoc ", "@doc ", "@typedoc "} {
		line = bytes.TrimPrefix(line, []byte(head))
	}
	line = bytes.TrimLeft(line, "ruRUbs~")
	for _, quote := range []string{`"""`, "'''"} {
		rest, ok := bytes.CutPrefix(line, []byte(quote))
		if !ok {
			continue
		}
		if !bytes.Contains(rest, []byte(quote)) {
			x.comment = quote
		}
		return true
	}
	return false
}

// commentIn finds the first comment of a line, minding strings: where it starts, or -1, and where it ends, or -1 for the
// end of the line.
func (x *lexer) commentIn(line []byte) (start, end int) {
	for i := 0; i < len(line); {
		if x.text != "" {
			n := bytes.Index(line[i:], []byte(x.text))
			if n < 0 {
				return -1, -1
			}
			i += n + len(x.text)
			x.text = ""
			continue
		}
		switch c := line[i]; c {
		case '"', '\'', '`':
			i = x.afterQuote(line, i)
		case '/', '#', '(', '=', '<', ';', '%':
			if start, end, ok := x.commentAt(line, i); ok {
				return start, end
			}
			i++
		default:
			i++
		}
	}
	return -1, -1
}

// afterQuote moves behind the string that starts at i. A string without its end stops with the line, unless the language
// lets it go on.
func (x *lexer) afterQuote(line []byte, i int) int {
	quote := line[i]
	if x.language.triple && i+2 < len(line) && line[i+1] == quote && line[i+2] == quote {
		x.text = string(line[i : i+3])
		return i + 3
	}
	for j := i + 1; j < len(line); j++ {
		switch line[j] {
		case '\\':
			j++
		case quote:
			return j + 1
		}
	}
	switch {
	case quote == '`' && x.language.backtick:
		x.text = "`"
	case quote == '\'' && !x.language.docstrings:
		return i + 1 // an apostrophe, or a Rust lifetime
	}
	return len(line)
}

// commentAt reports whether a comment starts at i.
func (x *lexer) commentAt(line []byte, i int) (start, end int, ok bool) {
	rest := line[i:]
	if open := x.language.open; open != "" && hasPrefix(rest, open) && (open[0] != '=' || i == 0) {
		return x.block(line, i, len(open), x.language.close)
	}
	if x.language.markup && hasPrefix(rest, "<!--") {
		return x.block(line, i, 4, "-->")
	}
	for _, mark := range x.language.line {
		if hasPrefix(rest, mark) && startsComment(line, i, mark) {
			return i, -1, true
		}
	}
	return 0, 0, false
}

// startsComment tells a comment from a sign that only looks like one: the // of a URL, the # of $#, #{ and #[.
func startsComment(line []byte, i int, mark string) bool {
	switch mark {
	case "//":
		return i == 0 || line[i-1] != ':'
	case "#":
		return (i == 0 || line[i-1] == ' ' || line[i-1] == '\t') && (i+1 == len(line) || line[i+1] != '[' && line[i+1] != '{')
	}
	return true
}

func (x *lexer) block(line []byte, i, width int, closer string) (start, end int, ok bool) {
	n := bytes.Index(line[i+width:], []byte(closer))
	if n < 0 {
		x.comment = closer
		return i, -1, true
	}
	return i, i + width + n + len(closer), true
}

func hasPrefix(b []byte, prefix string) bool {
	return len(b) >= len(prefix) && string(b[:len(prefix)]) == prefix
}
