package settings

import (
	"bytes"
	"strconv"
	"strings"

	"example.org/caravan/internal/syntax"
)

// looksLikeHOCON reports whether a .conf file is Typesafe configuration: it opens a block behind a key and sets something,
// and no line ends in a semicolon as those of nginx and its kin do.
func looksLikeHOCON(data []byte) bool {
	if bytes.Contains(data, []byte(";\n")) || bytes.HasPrefix(bytes.TrimSpace(data), []byte("<")) {
		return false
	}
	if bytes.Contains(data, []byte("= ${?")) || bytes.Contains(data, []byte("=${?")) {
		return true
	}
	opens, sets := false, false
	for line := range bytes.Lines(data) {
		line = bytes.TrimSpace(line)
		switch {
		case len(line) == 0 || line[0] == '#' || bytes.HasPrefix(line, []byte("//")):
		case line[len(line)-1] == '{':
			opens = opens || isHOCONKey(bytes.TrimRight(line[:len(line)-1], " =:"))
		default:
			sets = sets || bytes.IndexByte(line, '=') > 0 || bytes.IndexByte(line, ':') > 0
		}
	}
	return opens && sets
}

func isHOCONKey(key []byte) bool {
	for _, c := range key {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '.' && c != '-' && c != '_' && c != '"' {
			return false
		}
	}
	return len(key) > 0
}

// hocon reads the part of HOCON that configuration uses: nested and dotted keys, '=', ':' and '+=', lists, quoted and bare
// values, substitutions. "key = ${?NAME}" after "key = value" becomes ${NAME:value}, which is what it means. Includes are
// passed over, since the file they name is read where it lies.
func hocon(data []byte) ([]syntax.Entry, error) {
	if len(data) > syntax.MaxBytes {
		return nil, &syntax.Error{Text: "too large to be configuration; exclude it"}
	}
	data = bytes.ToValidUTF8(bytes.TrimPrefix(data, []byte("\xEF\xBB\xBF")), []byte("\uFFFD"))
	p := hoconReader{text: string(data), line: 1, at: map[string]int{}}
	p.object("", 0)
	p.skip()
	if p.pos < len(p.text) && p.bad == nil {
		p.fail("a bracket closes that nothing opened")
	}
	if p.bad != nil {
		return p.out, p.bad
	}
	return p.out, nil
}

type hoconReader struct {
	text string
	pos  int
	line int
	out  []syntax.Entry
	at   map[string]int // key → its place in out
	bad  *syntax.Error
}

func (p *hoconReader) fail(text string) {
	if p.bad == nil {
		p.bad = &syntax.Error{Line: p.line, Text: "not valid HOCON: " + text}
	}
}

func (p *hoconReader) peek() byte {
	if p.pos < len(p.text) {
		return p.text[p.pos]
	}
	return 0
}

// skip passes over blanks, comments, ends of lines and the commas that separate values.
func (p *hoconReader) skip() {
	for p.pos < len(p.text) {
		c := p.text[p.pos]
		switch {
		case c == '\n':
			p.line++
		case c == ' ' || c == '\t' || c == '\r' || c == ',':
		case c == '#' || strings.HasPrefix(p.text[p.pos:], "//"):
			if i := strings.IndexByte(p.text[p.pos:], '\n'); i >= 0 {
				p.pos += i
			} else {
				p.pos = len(p.text)
			}
			continue
		default:
			return
		}
		p.pos++
	}
}

// object reads key-value pairs up to a closing brace or the end.
func (p *hoconReader) object(prefix string, depth int) {
	if depth > syntax.MaxDepth || len(prefix) > syntax.MaxKey {
		p.fail("nested too deep")
		return
	}
	for p.bad == nil {
		p.skip()
		switch c := p.peek(); {
		case p.pos >= len(p.text), c == '}':
			return
		case c == '{' && prefix == "" && depth == 0: // the braces around the whole file
			p.pos++
			p.object("", 1)
			p.close('}')
		default:
			p.pair(prefix, depth)
		}
	}
}

func (p *hoconReader) close(bracket byte) {
	p.skip()
	if p.peek() != bracket {
		p.fail("a bracket is not closed")
		return
	}
	p.pos++
}

func (p *hoconReader) pair(prefix string, depth int) {
	line, key := p.line, p.key()
	if key == "" {
		p.fail("a key is missing")
		return
	}
	if strings.HasPrefix(key, "include ") || strings.HasPrefix(key, "include\t") {
		return
	}
	if prefix != "" {
		key = prefix + "." + key
	}
	p.skip()
	p.pos += len(p.text[p.pos:]) - len(strings.TrimPrefix(p.text[p.pos:], "+"))
	if c := p.peek(); c == '=' || c == ':' {
		p.pos++
		p.skip()
	} else if c != '{' {
		p.fail("a key has no value")
		return
	}
	p.value(key, line, depth)
}

// key reads up to a separator or a brace; quotes are dropped.
func (p *hoconReader) key() string {
	var b strings.Builder
	for p.pos < len(p.text) {
		switch c := p.text[p.pos]; c {
		case '=', ':', '{', '}', '[', ']', ',', '\n', '+':
			return strings.TrimSpace(b.String())
		case '"':
			b.WriteString(p.quoted())
			continue
		default:
			b.WriteByte(c)
		}
		p.pos++
	}
	return strings.TrimSpace(b.String())
}

func (p *hoconReader) value(key string, line, depth int) {
	switch p.peek() {
	case '{':
		p.pos++
		p.object(key, depth+1)
		p.close('}')
	case '[':
		p.pos++
		p.list(key, depth+1)
		p.close(']')
	default:
		p.set(key, p.scalar(), line)
	}
}

func (p *hoconReader) list(key string, depth int) {
	if depth > syntax.MaxDepth || len(key) > syntax.MaxKey {
		p.fail("nested too deep")
		return
	}
	for i := 0; p.bad == nil; i++ {
		p.skip()
		if c := p.peek(); c == ']' || c == '}' || c == 0 {
			return
		}
		p.value(key+"["+strconv.Itoa(i)+"]", p.line, depth)
	}
}

// scalar joins quoted and bare parts up to the end of the line, a comma, a comment or a closing bracket.
func (p *hoconReader) scalar() string {
	var b strings.Builder
	for p.pos < len(p.text) {
		rest := p.text[p.pos:]
		switch c := rest[0]; {
		case c == '\n' || c == ',' || c == '}' || c == ']' || c == '#' || strings.HasPrefix(rest, "//") && !strings.HasSuffix(b.String(), ":"):
			return strings.TrimSpace(b.String())
		case c == '"':
			b.WriteString(p.quoted())
			continue
		case strings.HasPrefix(rest, "${"):
			end := strings.IndexByte(rest, '}')
			if end < 0 || strings.IndexByte(rest[:end], '\n') >= 0 {
				p.fail("a substitution is not closed")
				return b.String()
			}
			b.WriteString(rest[:end+1])
			p.pos += end + 1
			continue
		default:
			b.WriteByte(c)
		}
		p.pos++
	}
	return strings.TrimSpace(b.String())
}

// quoted reads a text in one or three quotes.
func (p *hoconReader) quoted() string {
	rest := p.text[p.pos:]
	if strings.HasPrefix(rest, `"""`) {
		end := strings.Index(rest[3:], `"""`)
		if end < 0 {
			p.fail("a text is not closed")
			p.pos = len(p.text)
			return ""
		}
		p.pos += end + 6
		p.line += strings.Count(rest[3:end+3], "\n")
		return rest[3 : end+3]
	}
	for i := 1; i < len(rest); i++ {
		switch rest[i] {
		case '\\':
			i++
		case '"':
			p.pos += i + 1
			return strings.ReplaceAll(strings.ReplaceAll(rest[1:i], `\"`, `"`), `\\`, `\`)
		case '\n':
			p.fail("a text is not closed")
			p.pos += i
			return ""
		}
	}
	p.fail("a text is not closed")
	p.pos = len(p.text)
	return ""
}

// set adds a leaf, or gives an earlier one the variable that may override it.
func (p *hoconReader) set(key, value string, line int) {
	if value == "null" || len(key) > syntax.MaxKey {
		return
	}
	name, optional := strings.CutPrefix(value, "${?")
	if i, ok := p.at[key]; ok && optional && strings.IndexByte(name, '}') == len(name)-1 {
		if len(p.out[i].Value) > maxValue {
			return
		}
		p.out[i].Value = "${" + name[:len(name)-1] + ":" + p.out[i].Value + "}"
		return
	}
	p.at[key] = len(p.out)
	p.out = append(p.out, syntax.Entry{Key: key, Value: value, Line: line})
}
