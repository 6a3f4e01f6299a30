package syntax

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// Properties parses Java .properties: "key=value", "key: value" or "key value", comments with # and !, a backslash at the
// end to go on in the next line, \uXXXX escapes. Bytes that are not UTF-8 are read as ISO 8859-1, as Java once did.
func Properties(data []byte) ([]Entry, error) {
	if len(data) > MaxBytes {
		return nil, &Error{Text: "larger than " + strconv.Itoa(MaxBytes>>20) + " MiB"}
	}
	var out []Entry
	for s := newLines(data); s.next(); {
		line := strings.TrimLeft(s.text, " \t\f")
		if line == "" || line[0] == '#' || line[0] == '!' {
			continue
		}
		at := s.number
		for continues(line) && s.next() {
			line = line[:len(line)-1] + strings.TrimLeft(s.text, " \t\f")
		}
		key, value := cutProperty(line)
		out = append(out, Entry{Key: unescape(key), Value: unescape(value), Line: at})
	}
	return out, nil
}

// continues reports whether a line ends in an odd number of backslashes.
func continues(line string) bool {
	n := 0
	for i := len(line) - 1; i >= 0 && line[i] == '\\'; i-- {
		n++
	}
	return n%2 == 1
}

// cutProperty splits at the first unescaped '=', ':' or blank.
func cutProperty(line string) (key, value string) {
	for i := 0; i < len(line); i++ {
		switch line[i] {
		case '\\':
			i++
		case '=', ':', ' ', '\t', '\f':
			rest := strings.TrimLeft(line[i:], " \t\f")
			if rest != "" && (rest[0] == '=' || rest[0] == ':') {
				rest = strings.TrimLeft(rest[1:], " \t\f")
			}
			return line[:i], strings.TrimRight(rest, " \t")
		}
	}
	return line, ""
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
		case 't':
			b.WriteByte('\t')
		case 'n':
			b.WriteByte('\n')
		case 'r':
			b.WriteByte('\r')
		case 'f':
			b.WriteByte('\f')
		case 'u':
			if i+4 < len(s) {
				if r, err := strconv.ParseUint(s[i+1:i+5], 16, 32); err == nil {
					b.WriteRune(rune(r))
					i += 4
					continue
				}
			}
			b.WriteByte('u')
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// lines reads a file line by line without their ends, as UTF-8.
type lines struct {
	rest   string
	text   string
	number int
}

func newLines(data []byte) *lines { return &lines{rest: text(data)} }

func (l *lines) next() bool {
	if l.rest == "" {
		return false
	}
	l.text, l.rest, _ = strings.Cut(l.rest, "\n")
	l.text = strings.TrimSuffix(l.text, "\r")
	l.number++
	return true
}

// text is the file as UTF-8, without a byte order mark.
func text(data []byte) string {
	data = trimBOM(data)
	if utf8.Valid(data) {
		return string(data)
	}
	var b strings.Builder
	for _, c := range data {
		b.WriteRune(rune(c))
	}
	return b.String()
}
