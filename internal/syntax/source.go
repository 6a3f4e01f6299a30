package syntax

import (
	"bytes"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// source is a file's content as UTF-8 without a byte order mark. UTF-16 is recognised by its mark. Other bytes that are
// not UTF-8 are read as ISO 8859-1, so that one stray accent does not hide a file, and told by the second result.
func source(data []byte) ([]byte, *Error, error) {
	if len(data) > MaxBytes {
		return nil, nil, &Error{Text: "larger than " + strconv.Itoa(MaxBytes>>20) + " MiB; exclude it, or split it if it is configuration"}
	}
	switch {
	case bytes.HasPrefix(data, []byte{0xEF, 0xBB, 0xBF}):
		data = data[3:]
	case bytes.HasPrefix(data, []byte{0xFF, 0xFE}):
		return fromUTF16(data[2:], 0, 1), nil, nil
	case bytes.HasPrefix(data, []byte{0xFE, 0xFF}):
		return fromUTF16(data[2:], 1, 0), nil, nil
	}
	if utf8.Valid(data) {
		return data, nil, nil
	}
	out := make([]byte, 0, len(data)+len(data)/8)
	for _, c := range data {
		out = utf8.AppendRune(out, rune(c))
	}
	return out, &Error{Line: firstBadLine(data), Text: "not UTF-8, so read as ISO 8859-1; save it as UTF-8"}, nil
}

func firstBadLine(data []byte) int {
	line := 1
	for len(data) > 0 {
		r, size := utf8.DecodeRune(data)
		if r == utf8.RuneError && size == 1 {
			return line
		}
		if r == '\n' {
			line++
		}
		data = data[size:]
	}
	return line
}

// first is the error a parser returns: its own before the one about the bytes it was given.
func first(errs ...*Error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func fromUTF16(data []byte, low, high int) []byte {
	units := make([]uint16, 0, len(data)/2)
	for ; len(data) >= 2; data = data[2:] {
		units = append(units, uint16(data[low])|uint16(data[high])<<8)
	}
	return []byte(string(utf16.Decode(units)))
}

// lines reads a file line by line, without the ends of lines.
type lines struct {
	rest   string
	text   string
	number int
}

func newLines(data []byte) (*lines, *Error, error) {
	data, odd, err := source(data)
	return &lines{rest: string(data)}, odd, err
}

func (l *lines) next() bool {
	if l.rest == "" {
		return false
	}
	l.text, l.rest, _ = strings.Cut(l.rest, "\n")
	l.text = strings.TrimSuffix(l.text, "\r")
	l.number++
	return true
}

// logical joins a line that ends in a backslash with those that continue it, their indentation dropped.
func (l *lines) logical(first string) string {
	if !continues(first) {
		return first
	}
	var b strings.Builder
	line := first
	for continues(line) {
		b.WriteString(line[:len(line)-1])
		if !l.next() {
			return b.String()
		}
		line = strings.TrimLeft(l.text, " \t\f")
	}
	b.WriteString(line)
	return b.String()
}

// continues reports whether a line ends in an odd number of backslashes.
func continues(line string) bool {
	n := 0
	for i := len(line) - 1; i >= 0 && line[i] == '\\'; i-- {
		n++
	}
	return n%2 == 1
}

// tooDeep finds the line where brackets nest deeper than any configuration, before a parser that recurses sees them.
// Brackets inside quotes count too: a generous bound, not a grammar.
func tooDeep(data []byte) *Error {
	depth, line := 0, 1
	for _, c := range data {
		switch c {
		case '\n':
			line++
		case '[', '{':
			if depth++; depth > 8*MaxDepth {
				return deeper(line)
			}
		case ']', '}':
			depth = max(depth-1, 0)
		}
	}
	return nil
}

func deeper(line int) *Error {
	return &Error{Line: line, Text: "nested deeper than " + strconv.Itoa(MaxDepth) + " levels"}
}
