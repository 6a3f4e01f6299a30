package syntax

import (
	"strconv"
	"strings"
	"unicode/utf16"
)

// Properties parses Java .properties: "key=value", "key: value" or "key value", comments with # and !, a backslash at the
// end to go on in the next line, \uXXXX escapes. Bytes that are not UTF-8 are no mistake: Java once read ISO 8859-1.
func Properties(data []byte) ([]Entry, error) {
	s, _, err := newLines(data)
	if err != nil {
		return nil, err
	}
	var out []Entry
	for s.next() {
		line := strings.TrimLeft(s.text, " \t\f")
		if line == "" || line[0] == '#' || line[0] == '!' {
			continue
		}
		at := s.number
		key, value := cutProperty(s.logical(line))
		out = append(out, Entry{Key: unescape(key), Value: unescape(value), Line: at})
	}
	return out, nil
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
			return line[:i], trimEnd(rest)
		}
	}
	return line, ""
}

// trimEnd takes blanks off the end, which editors leave behind; one that is escaped is meant.
func trimEnd(s string) string {
	out := strings.TrimRight(s, " \t")
	if escapes := len(out) - len(strings.TrimRight(out, `\`)); escapes%2 == 1 && len(out) < len(s) {
		out = s[:len(out)+1]
	}
	return out
}

func unescape(s string) string {
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
		if s[i] == 'u' {
			if r, width := unicodeEscape(s[i-1:]); width > 0 {
				b.WriteRune(r)
				i += width - 2
				continue
			}
		}
		b.WriteByte(controlEscape(s[i]))
	}
	return b.String()
}

// controlEscape is the byte a backslash and c stand for; c itself when that is nothing special.
func controlEscape(c byte) byte {
	switch c {
	case 't':
		return '\t'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 'f':
		return '\f'
	}
	return c
}

// unicodeEscape reads \uXXXX, or two of them that are one character in UTF-16, at the start of s. Width is 0 when there is none.
func unicodeEscape(s string) (r rune, width int) {
	r, ok := hexUnit(s)
	if !ok {
		return 0, 0
	}
	if utf16.IsSurrogate(r) {
		if low, ok := hexUnit(s[6:]); ok {
			if whole := utf16.DecodeRune(r, low); whole != '\uFFFD' {
				return whole, 12
			}
		}
		return '\uFFFD', 6
	}
	return r, 6
}

func hexUnit(s string) (rune, bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(s[2:6], 16, 16)
	return rune(n), err == nil
}
