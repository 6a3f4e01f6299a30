package syntax

import "strings"

// Dialect says whose rules an env file follows.
type Dialect int

// The dialects. All know NAME=value lines, single and double quotes and comments that start a line with #.
const (
	// EnvShell is what a shell sources: export, quotes and escapes anywhere in a value, several assignments on a line.
	// A value ends at the first blank outside quotes.
	EnvShell Dialect = iota
	// EnvCompose is Docker Compose's and dotenv's: a value is the rest of its line, or in quotes that may span lines; a
	// comment may follow after a blank. "NAME: value" is read as well, and a bare NAME, which takes its value from
	// elsewhere, is passed over.
	EnvCompose
	// EnvSystemd is that of EnvironmentFile=: comments start with # or ; and only at the start of a line, quotes and
	// escapes anywhere, a backslash at the end goes on in the next line; lines without = are passed over.
	EnvSystemd
)

// Env parses an env file. Lines that are something else are passed over; the first of them is the error.
func Env(data []byte, d Dialect) ([]Entry, error) {
	data, odd, err := source(data)
	if err != nil {
		return nil, err
	}
	p := envReader{text: string(data), line: 1, dialect: d}
	for p.pos < len(p.text) {
		p.statement()
	}
	return p.out, first(p.bad, odd)
}

type envReader struct {
	text    string
	pos     int
	line    int
	dialect Dialect
	out     []Entry
	bad     *Error
}

// statement reads one line, or several when a quote or a backslash holds them together.
func (p *envReader) statement() {
	p.blanks()
	if p.pos == len(p.text) {
		return
	}
	if c := p.text[p.pos]; c == '\n' || c == '#' || p.dialect == EnvSystemd && c == ';' {
		p.endLine()
		return
	}
	if p.dialect != EnvSystemd && (strings.HasPrefix(p.text[p.pos:], "export ") || strings.HasPrefix(p.text[p.pos:], "export\t")) {
		p.pos += len("export")
		p.blanks()
	}
	if !p.assignment() {
		p.notAssignment()
		return
	}
	if p.dialect == EnvShell {
		for p.another() {
		}
	}
	p.endLine()
}

// another reads the next assignment on a shell's line.
func (p *envReader) another() bool {
	for p.pos < len(p.text) && strings.IndexByte(" \t;", p.text[p.pos]) >= 0 {
		p.pos++
	}
	return p.assignment()
}

func (p *envReader) assignment() bool {
	at, rest := p.line, p.text[p.pos:]
	n := nameLength(rest)
	if n == 0 {
		return false
	}
	sign := n
	if p.dialect != EnvShell {
		sign += len(rest[n:]) - len(strings.TrimLeft(rest[n:], " \t"))
	}
	if sign == len(rest) || rest[sign] != '=' && (p.dialect != EnvCompose || rest[sign] != ':') {
		return false
	}
	p.pos += sign + 1
	p.out = append(p.out, Entry{Key: rest[:n], Value: p.value(), Line: at})
	return true
}

// notAssignment passes over a line, which is a mistake unless the dialect gives such lines a meaning.
func (p *envReader) notAssignment() {
	line, _, _ := strings.Cut(p.text[p.pos:], "\n")
	bare := p.dialect == EnvCompose && nameLength(line) == len(strings.TrimRight(line, " \t\r"))
	ignored := p.dialect == EnvSystemd && !strings.Contains(line, "=")
	if !bare && !ignored && p.bad == nil {
		p.bad = &Error{Line: p.line, Text: "not NAME=value"}
	}
	p.endLine()
}

// nameLength is how much of s is a name, as environments and their templates write them.
func nameLength(s string) int {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c != '_' && c != '.' && c != '-' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (i == 0 || c < '0' || c > '9') {
			return i
		}
	}
	return len(s)
}

func (p *envReader) value() string {
	if p.dialect == EnvShell {
		return p.words()
	}
	p.blanks()
	if p.dialect == EnvSystemd {
		return p.words()
	}
	if v, ok := p.quoted(); ok {
		return v
	}
	line, _, _ := strings.Cut(p.text[p.pos:], "\n")
	p.pos += len(line)
	return strings.TrimSpace(beforeComment(line, "#"))
}

// quoted reads a value that is one quoted text; without its end the quote is a character like any other.
func (p *envReader) quoted() (string, bool) {
	rest := p.text[p.pos:]
	if rest == "" || rest[0] != '"' && rest[0] != '\'' {
		return "", false
	}
	end := closingQuote(rest)
	if end < 0 {
		return "", false
	}
	inner := rest[1:end]
	p.line += strings.Count(inner, "\n")
	p.pos += end + 1
	if rest[0] == '"' {
		inner = unescapeQuoted(inner)
	}
	return inner, true
}

func closingQuote(s string) int {
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '\\' && s[0] == '"':
			i++
		case s[i] == s[0]:
			return i
		}
	}
	return -1
}

func unescapeQuoted(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
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
		case '"', '\\', '$', 'n', 'r', 't':
			b.WriteByte(controlEscape(s[i]))
		default:
			b.WriteByte('\\')
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// words reads a value made of quoted and unquoted parts. A systemd value ends with its line; a shell's also at a blank or
// a semicolon that ends a command, unless braces hold it together. Blanks at the end count only when quoted.
func (p *envReader) words() string {
	var b strings.Builder
	kept, depth := 0, 0
	for p.pos < len(p.text) {
		c := p.text[p.pos]
		switch {
		case c == '\n', depth <= 0 && p.dialect == EnvShell && p.commandEnds():
			return b.String()[:kept]
		case c == '\\':
			p.escape(&b, false)
			kept = b.Len()
			continue
		case (c == '\'' || c == '"') && closingQuote(p.text[p.pos:]) > 0:
			p.part(&b, c)
			kept = b.Len()
			continue
		case c == '(' || c == '{':
			depth++
		case c == ')' || c == '}':
			depth--
		}
		b.WriteByte(c)
		p.pos++
		if c != ' ' && c != '\t' && c != '\r' {
			kept = b.Len()
		}
	}
	return b.String()[:kept]
}

// commandEnds reports whether a shell's word ends here. A semicolon inside a connection string does not end it.
func (p *envReader) commandEnds() bool {
	switch p.text[p.pos] {
	case ' ', '\t', '\r':
		return true
	case ';':
		return p.pos+1 == len(p.text) || strings.IndexByte(" \t\r\n", p.text[p.pos+1]) >= 0
	}
	return false
}

// part reads one quoted part of a value.
func (p *envReader) part(b *strings.Builder, quote byte) {
	for p.pos++; p.pos < len(p.text); {
		switch c := p.text[p.pos]; {
		case c == quote:
			p.pos++
			return
		case c == '\\' && quote == '"':
			p.escape(b, true)
		default:
			if c == '\n' {
				p.line++
			}
			b.WriteByte(c)
			p.pos++
		}
	}
}

// escape resolves a backslash. Before the end of a line it joins the next; inside quotes it stands for itself unless it
// comes before a quote, a dollar, a backtick or another backslash.
func (p *envReader) escape(b *strings.Builder, quoted bool) {
	rest := p.text[p.pos+1:]
	switch {
	case strings.HasPrefix(rest, "\n"), strings.HasPrefix(rest, "\r\n"):
		p.pos += 2 + strings.IndexByte(rest, '\n')
		p.line++
		return
	case rest == "":
		p.pos++
		return
	case quoted && strings.IndexByte("\"\\$`", rest[0]) < 0:
		b.WriteByte('\\')
	}
	b.WriteByte(rest[0])
	p.pos += 2
}

func (p *envReader) blanks() {
	for p.pos < len(p.text) && (p.text[p.pos] == ' ' || p.text[p.pos] == '\t' || p.text[p.pos] == '\r') {
		p.pos++
	}
}

func (p *envReader) endLine() {
	i := strings.IndexByte(p.text[p.pos:], '\n')
	if i < 0 {
		p.pos = len(p.text)
		return
	}
	p.pos += i + 1
	p.line++
}
