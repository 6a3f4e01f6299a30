package document

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"example.org/caravan/internal/syntax"
)

// Lines are those of a file, without what ends them.
func Lines(data []byte) []string {
	text := strings.TrimSuffix(string(bytes.ReplaceAll(data, []byte("\r\n"), []byte("\n"))), "\n")
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

// Joined ends lines as the file they are of does.
func Joined(lines []string, like []byte) []byte {
	end := "\n"
	if bytes.Contains(like, []byte("\r\n")) {
		end = "\r\n"
	}
	return []byte(strings.Join(lines, end) + end)
}

// LastLine is the last line a value takes, as far as its parts tell. A text over several lines ends in its first.
func LastLine(n syntax.Node) int {
	last := n.Line
	for _, p := range n.Pairs {
		last = max(last, p.Line, LastLine(p.Value))
	}
	for _, v := range n.Items {
		last = max(last, LastLine(v))
	}
	return last
}

// Scalar is a text as YAML: plain where that reads back as the same text, else in double quotes.
func Scalar(s string) string {
	docs, err := syntax.YAML([]byte("k: " + s + "\n"))
	if err == nil && len(docs) == 1 {
		if v := docs[0].Get("k"); v.Kind == syntax.Scalar && v.Tag == "str" && v.Value == s {
			return s
		}
	}
	return strconv.Quote(s)
}

// Added is a file, already read as a document, with one more entry, written as lines that are indented from nothing, at the end of the list or table of a
// key at its top; everything else stays as it is, comments included. A key that is not there or empty is written. False when the list or table is laid
// out in a way that cannot be added to.
func Added(data []byte, doc syntax.Node, key string, entry []string) ([]byte, bool) {
	lines := Lines(data)
	i := slices.IndexFunc(doc.Pairs, func(p syntax.Pair) bool { return p.Key == key })
	if i < 0 {
		return Joined(slices.Concat(lines, []string{key + ":"}, indented(entry, "  ")), data), true
	}
	pair := doc.Pairs[i]
	var first int
	switch {
	case len(pair.Value.Pairs) > 0:
		first = pair.Value.Pairs[0].Line
	case len(pair.Value.Items) > 0:
		first = pair.Value.Items[0].Line
	default:
		_, comment, commented := strings.Cut(lines[pair.Line-1], " #")
		if commented {
			comment = " #" + comment
		}
		return Joined(slices.Replace(lines, pair.Line-1, pair.Line, append([]string{key + ":" + comment}, indented(entry, "  ")...)...), data), true
	}
	if first == pair.Line {
		return nil, false
	}
	line := lines[first-1]
	indent := line[:len(line)-len(strings.TrimLeft(line, " "))]
	return Joined(slices.Insert(lines, LastLine(pair.Value), indented(entry, indent)...), data), true
}

func indented(lines []string, by string) []string {
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = by + l
	}
	return out
}
