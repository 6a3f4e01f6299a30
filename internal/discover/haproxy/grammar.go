package haproxy

import (
	"bytes"
	"strings"
)

// section is a part of haproxy.cfg: its keyword, its name and the statements up to the next section.
type section struct {
	kind  string
	name  string
	line  int
	lines []statement
}

// statement is one line in words.
type statement struct {
	words []string
	line  int
}

func (s statement) word(i int) string {
	if i < len(s.words) {
		return s.words[i]
	}
	return ""
}

func (s statement) has(keyword string) bool {
	for _, w := range s.words {
		if w == keyword {
			return true
		}
	}
	return false
}

// sections are the words that start one.
var sections = map[string]bool{
	"global": true, "defaults": true, "frontend": true, "backend": true, "listen": true, "resolvers": true, "peers": true,
	"mailers": true, "userlist": true, "program": true, "cache": true, "http-errors": true, "ring": true, "fcgi-app": true,
	"log-forward": true, "crt-store": true, "traces": true, "log-profile": true, "acme": true,
}

// parse cuts a configuration, or a template of one, into sections. Every text is some list of sections; lines before the
// first are dropped.
func parse(data []byte) []section {
	var out []section
	for n := 1; len(data) > 0; n++ {
		line, rest, _ := bytes.Cut(data, []byte{'\n'})
		data = rest
		words := split(string(line))
		switch {
		case len(words) == 0:
		case sections[words[0]]:
			s := section{kind: words[0], line: n}
			if len(words) > 1 {
				s.name = words[1]
			}
			if len(words) > 2 { // the old way to bind: listen NAME ADDRESS
				s.lines = append(s.lines, statement{append([]string{"bind"}, words[2:]...), n})
			}
			out = append(out, s)
		case len(out) > 0:
			last := &out[len(out)-1]
			last.lines = append(last.lines, statement{words, n})
		}
	}
	return out
}

// split cuts a line into words. Quotes and backslashes keep blanks together, as do expressions of template languages;
// lines that only steer a template have no words.
func split(line string) []string {
	var words []string
	for i := 0; i < len(line); {
		switch rest := line[i:]; {
		case rest[0] == ' ' || rest[0] == '\t' || rest[0] == '\r':
			i++
		case rest[0] == '#':
			return words
		case strings.HasPrefix(rest, "<%") && !strings.HasPrefix(rest, "<%="):
			i += through(rest, "%>")
		case strings.HasPrefix(rest, "{%"):
			i += through(rest, "%}")
		default:
			word, n := firstWord(rest)
			words = append(words, word)
			i += n
		}
	}
	return words
}

// firstWord reads the word at the start of rest and says how many bytes it took.
func firstWord(rest string) (string, int) {
	var b strings.Builder
	i := 0
	for i < len(rest) {
		switch c := rest[i]; {
		case c == ' ' || c == '\t' || c == '\r':
			return b.String(), i
		case c == '\\' && i+1 < len(rest):
			b.WriteByte(rest[i+1])
			i += 2
		case c == '"' || c == '\'':
			n := through(rest[i+1:], string(c))
			b.WriteString(strings.TrimSuffix(rest[i+1:i+1+n], string(c)))
			i += 1 + n
		case strings.HasPrefix(rest[i:], "<%=") || strings.HasPrefix(rest[i:], "{{"):
			mark := "%>"
			if c == '{' {
				mark = "}}"
			}
			n := through(rest[i:], mark)
			b.WriteString(rest[i : i+n])
			i += n
		default:
			b.WriteByte(c)
			i++
		}
	}
	return b.String(), i
}

// through is the length of s up to and including mark, or all of it.
func through(s, mark string) int {
	if i := strings.Index(s, mark); i >= 0 {
		return i + len(mark)
	}
	return len(s)
}
