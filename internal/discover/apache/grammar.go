package apache

import (
	"bytes"
	"strings"
)

// directive is one line of a configuration in words; sections are directives too, named "<VirtualHost" or
// "</VirtualHost".
type directive struct {
	name string // lower case
	args []string
	line int
}

// arg is an argument by position, "" when there is none.
func (d directive) arg(i int) string {
	if i < len(d.args) {
		return d.args[i]
	}
	return ""
}

// parse reads a configuration, or a template of one, line by line. Every text is some list of directives.
func parse(data []byte) []directive {
	var out []directive
	for n := 1; len(data) > 0; {
		var line strings.Builder
		first := n
		for more := true; more && len(data) > 0; n++ {
			raw, rest, _ := bytes.Cut(data, []byte{'\n'})
			data = rest
			raw = bytes.TrimRight(raw, "\r")
			if more = bytes.HasSuffix(raw, []byte{'\\'}); more {
				raw = raw[:len(raw)-1]
			}
			line.Write(raw)
		}
		if words := split(line.String()); len(words) > 0 {
			out = append(out, directive{strings.ToLower(words[0]), words[1:], first})
		}
	}
	return out
}

// split cuts a line into words; quotes keep blanks together, as do expressions of template languages. Comments and lines
// that only steer a template have no words.
func split(line string) []string {
	var words []string
	line = strings.TrimSpace(line)
	if strings.HasPrefix(line, "#") || strings.HasPrefix(line, "{%") || strings.HasPrefix(line, "<%") && !strings.HasPrefix(line, "<%=") {
		return nil
	}
	if strings.HasPrefix(line, "<") {
		line = strings.TrimSuffix(line, ">")
	}
	for line = strings.TrimSpace(line); line != ""; line = strings.TrimSpace(line) {
		var word string
		word, line = firstWord(line)
		words = append(words, word)
	}
	return words
}

// firstWord takes one word off a line that starts with one.
func firstWord(line string) (word, rest string) {
	if q := line[0]; q == '"' || q == '\'' {
		if i := strings.IndexByte(line[1:], q); i >= 0 {
			return line[1 : 1+i], line[2+i:]
		}
		return line[1:], ""
	}
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case c == ' ' || c == '\t':
			return line[:i], line[i:]
		case strings.HasPrefix(line[i:], "<%="):
			i += through(line[i:], "%>") - 1
		case strings.HasPrefix(line[i:], "{{"):
			i += through(line[i:], "}}") - 1
		}
	}
	return line, ""
}

// through is the length of s up to and including mark, or all of it.
func through(s, mark string) int {
	if i := strings.Index(s, mark); i >= 0 {
		return i + len(mark)
	}
	return len(s)
}
