package chef

import (
	"path"
	"strings"

	"example.org/caravan/internal/discover"
	"example.org/caravan/internal/discover/chef/ruby"
	"example.org/caravan/internal/endpoint"
	"example.org/caravan/internal/estate"
)

var noPlace = estate.Place{}

// isEndpoint reports whether a value is an address for certain: a URL, host:port or an IP address.
func isEndpoint(s string) bool {
	if isAddress(s) {
		return true
	}
	for _, e := range endpoint.Parse(s) {
		if !e.Bare && e.Host != "" && !e.Unresolved() {
			return true
		}
	}
	return false
}

// template finds a template of a cookbook by the name a recipe calls it.
func (b *cookbook) template(source string) (discover.File, bool) {
	if b == nil {
		return discover.File{}, false
	}
	for _, f := range b.templates {
		if path.Base(f.Path) == path.Base(source) && strings.HasSuffix(f.Path, "/"+source) {
			return f, true
		}
	}
	return discover.File{}, false
}

// maxLine is the longest line of a template that is looked at.
const maxLine = 4 << 10

// emitTemplate reports the lines of a rendered file that hold an address, and of a unit those that say how its process is kept.
func (b *bearer) emitTemplate(f fact) {
	file, ok := f.book.template(f.key)
	if !ok {
		return
	}
	in := &interpreter{
		file: file.Path, owner: "cookbook[" + f.book.name + "]", report: b.repo.report, host: b, bags: b.repo.bags, budget: maxSteps, silent: true,
		locals: map[string]*value{},
	}
	for name, v := range f.vars {
		in.locals["@"+name] = v
	}
	if target, ok := b.text(f.value); ok {
		b.emitUnitFile(in, target, file.Path, string(file.Data))
	}
	line := 0
	for row := range strings.Lines(string(file.Data)) {
		line++
		row = strings.TrimSpace(row)
		if row == "" || len(row) > maxLine || comment(row) {
			continue
		}
		filled, filledIn, whole := in.fill(row)
		key, val := splitLine(filled)
		if strings.Contains(val, "-----BEGIN") || !isEndpoint(val) && !(filledIn && whole && nameLike(val)) {
			continue
		}
		full := "template:" + path.Base(f.key)
		if key != "" {
			full += "." + key
		}
		b.see(estate.Sighting{Fact: estate.Sets, Key: full, Value: val, Layer: "file", Place: estate.Place{File: file.Path, Line: line}})
	}
}

func comment(row string) bool {
	return row[0] == '#' || row[0] == ';' || strings.HasPrefix(row, "//") || strings.HasPrefix(row, "<!--") || strings.HasPrefix(row, "* ")
}

// fill replaces <%= … %> by its value. filledIn: at least one was; whole: none was left.
func (in *interpreter) fill(row string) (out string, filledIn, whole bool) {
	var b strings.Builder
	whole = true
	for {
		before, rest, ok := strings.Cut(row, "<%")
		b.WriteString(before)
		if !ok {
			return b.String(), filledIn, whole
		}
		code, after, ok := strings.Cut(rest, "%>")
		if !ok {
			return b.String(), filledIn, false
		}
		row = after
		if !strings.HasPrefix(code, "=") {
			continue
		}
		s, known := in.printed(strings.Trim(code, "=- "))
		if !known {
			s, whole = "<%= … %>", false
		}
		filledIn = filledIn || known
		b.WriteString(s)
	}
}

func (in *interpreter) printed(code string) (string, bool) {
	body, err := ruby.Parse([]byte(code))
	if err != nil || len(body) != 1 {
		return "", false
	}
	v := in.host.follow(in.eval(body[0]))
	if v.shape == list {
		return strings.Join(v.words(), ","), len(v.items) > 0
	}
	return in.known(v)
}

// splitLine splits "key = value", "key: value", "KEY=value" and "key value"; other lines are all value.
func splitLine(row string) (key, val string) {
	row = strings.TrimPrefix(strings.TrimSuffix(row, ";"), "export ")
	n := 0
	for n < len(row) && (isWord(row[n]) || n == 0 && (row[0] == '"' || row[0] == '\'') || row[n] == '"' && row[0] == '"') {
		n++
	}
	rest := strings.TrimLeft(row[n:], " \t")
	if n == 0 || n == len(row) || strings.HasPrefix(rest, "://") {
		return "", unquote(row)
	}
	if rest != "" && (rest[0] == '=' || rest[0] == ':') {
		next := strings.TrimPrefix(rest[1:], ">")
		if rest[0] == ':' && next != "" && next[0] != ' ' && next[0] != '"' {
			return "", unquote(row) // host:port
		}
		return unquote(row[:n]), unquote(next)
	}
	if row[n] == ' ' || row[n] == '\t' {
		return row[:n], unquote(rest)
	}
	return "", unquote(row)
}

func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '.' || c == '-'
}

func unquote(s string) string {
	s = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(s), ","))
	return strings.Trim(s, `"'`)
}

// nameLike reports whether a value could be a host's name.
func nameLike(s string) bool {
	if len(s) < 2 || len(s) > 253 || s == "true" || s == "false" {
		return false
	}
	letters := false
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !isWord(c) {
			return false
		}
		letters = letters || c >= 'a' && c <= 'z'
	}
	return letters
}
