package files

import (
	"path"
	"regexp"
	"strings"
)

// Line is one line of a file in spans of one look.
type Line struct {
	Number int
	Spans  []Span
}

// Span is a part of a line. Class is "key", "comment", "string" or "" for the rest.
type Span struct {
	Class string
	Text  string
}

// Highlight cuts a text into lines and marks keys, strings and comments, as far as one line tells them: enough to read
// by, not a parser. The text of all spans of a line is the line.
func Highlight(name, text string) []Line {
	spans := plainLine
	switch path.Ext(name) {
	case ".yaml", ".yml":
		spans = yamlLine
	case ".env", ".conf", ".cfg", ".service", ".toml", ".ini", ".socket", ".timer":
		spans = settingLine
	}
	var out []Line
	for i, line := range splitLines(text) {
		out = append(out, Line{Number: i + 1, Spans: spans(line)})
	}
	return out
}

func splitLines(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

func plainLine(line string) []Span { return []Span{{Text: line}} }

// yamlKey is a key with what is before it: blanks and dashes of lists.
var yamlKey = regexp.MustCompile(`^([\s-]*)([A-Za-z0-9_./$"'-]+)(:)(?:\s|$)`)

func yamlLine(line string) []Span {
	if m := yamlKey.FindStringSubmatchIndex(line); m != nil {
		return append(join(Span{Text: line[:m[3]]}, Span{Class: "key", Text: line[m[4]:m[5]]}), valueSpans(line[m[6]:])...)
	}
	return valueSpans(line)
}

var setting = regexp.MustCompile(`^(\s*)([A-Za-z0-9_.-]+)(\s*=)`)

func settingLine(line string) []Span {
	if m := setting.FindStringSubmatchIndex(line); m != nil {
		return append(join(Span{Text: line[:m[3]]}, Span{Class: "key", Text: line[m[4]:m[5]]}), valueSpans(line[m[6]:])...)
	}
	return valueSpans(line)
}

// valueSpans marks quoted strings, and a comment: a # at the start or after a blank, outside quotes.
func valueSpans(text string) []Span {
	var out []Span
	from := 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '#' && (i == 0 || text[i-1] == ' ' || text[i-1] == '\t'):
			return append(out, join(Span{Text: text[from:i]}, Span{Class: "comment", Text: text[i:]})...)
		case c == '"' || c == '\'':
			end := quoteEnd(text, i)
			if end < 0 || i > 0 && !strings.ContainsRune(" \t[{,:=(", rune(text[i-1])) {
				continue
			}
			out = append(out, join(Span{Text: text[from:i]}, Span{Class: "string", Text: text[i:end]})...)
			from, i = end, end-1
		}
	}
	return append(out, join(Span{Text: text[from:]})...)
}

// quoteEnd is where the string that begins at i ends, -1 when the line ends first.
func quoteEnd(text string, i int) int {
	for j := i + 1; j < len(text); j++ {
		if text[j] == '\\' && text[i] == '"' {
			j++
		} else if text[j] == text[i] {
			return j + 1
		}
	}
	return -1
}

// join leaves out empty spans.
func join(spans ...Span) []Span {
	var out []Span
	for _, s := range spans {
		if s.Text != "" {
			out = append(out, s)
		}
	}
	return out
}
