package syntax

import "strings"

// INI parses sections of "key = value" or "key: value" lines; Key is "section.key". Comments start a line with # or ;, or
// follow a value after a blank. Indented lines without a sign of their own go on with the value above, as Python's
// configparser reads them. Lines that are something else are passed over; the first of them is the error.
func INI(data []byte) ([]Entry, error) {
	s, odd, err := newLines(data)
	if err != nil {
		return nil, err
	}
	p := iniReader{lines: s}
	for s.next() {
		p.line(strings.TrimSpace(s.text))
	}
	p.endValue()
	return p.out, first(p.bad, odd)
}

type iniReader struct {
	*lines
	section string
	out     []Entry
	more    []string // lines that continue the last value
	bad     *Error
}

func (p *iniReader) line(line string) {
	switch {
	case line == "" || line[0] == '#' || line[0] == ';':
	case line[0] == '[':
		p.header(line)
	default:
		p.assignment(line)
	}
}

func (p *iniReader) header(line string) {
	name, _, ok := strings.Cut(line[1:], "]")
	if !ok {
		p.fail("a section's name does not end; close it with ]")
		return
	}
	p.endValue()
	p.section = strings.Trim(strings.TrimSpace(name), `"`)
}

func (p *iniReader) assignment(line string) {
	i := strings.IndexAny(line, "=:")
	if i > 0 && strings.HasPrefix(line[i:], "://") {
		i = -1
	}
	switch indented := p.text[0] == ' ' || p.text[0] == '\t'; {
	case i > 0:
		p.endValue()
		key := strings.TrimSpace(line[:i])
		if p.section != "" {
			key = p.section + "." + key
		}
		p.out = append(p.out, Entry{Key: key, Value: iniValue(line[i+1:]), Line: p.number})
	case indented && len(p.out) > 0:
		p.more = append(p.more, line)
	default:
		p.fail("neither a section nor key = value")
	}
}

// endValue gives the last value the lines that continued it, all at once.
func (p *iniReader) endValue() {
	if len(p.more) == 0 {
		return
	}
	last := &p.out[len(p.out)-1]
	last.Value = strings.TrimSpace(last.Value + "\n" + strings.Join(p.more, "\n"))
	p.more = nil
}

func (p *iniReader) fail(text string) {
	if p.bad == nil {
		p.bad = &Error{Line: p.number, Text: text}
	}
}

func iniValue(v string) string {
	v = strings.TrimSpace(v)
	if len(v) > 1 && (v[0] == '"' || v[0] == '\'') {
		if end := strings.IndexByte(v[1:], v[0]); end >= 0 {
			return v[1 : end+1]
		}
	}
	return strings.TrimSpace(beforeComment(v, "#;"))
}

// beforeComment is v up to a comment sign that stands at its start or after a blank.
func beforeComment(v, signs string) string {
	for i := 0; i < len(v); i++ {
		if strings.IndexByte(signs, v[i]) >= 0 && (i == 0 || v[i-1] == ' ' || v[i-1] == '\t') {
			return v[:i]
		}
	}
	return v
}
