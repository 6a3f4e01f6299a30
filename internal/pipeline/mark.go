package pipeline

import (
	"slices"
	"strings"
)

// Every line that was added ends in the mark "# +caravan", every line that was taken out stays as a comment behind "# -caravan: ".
// Both are lines of their own, so that taking them back needs neither a parser nor anything kept elsewhere, and works whatever
// else was edited since. In a Jenkinsfile the comment begins with "//".
const (
	addedMark = "+caravan"
	goneMark  = "-caravan: "
)

// edit is lines that are put behind line After (counted from 1; 0 is the top), and lines From to To that become comments.
type edit struct {
	after    int
	add      []string
	from, to int
}

// apply makes edits in a text. Comment is "#" or "//". Lines outside the edits stay byte for byte.
func apply(text, comment string, edits []edit) string {
	lines := strings.SplitAfter(text, "\n")
	if lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	eol := ending(lines)
	var b strings.Builder
	for i, line := range lines {
		for _, e := range edits {
			if e.from <= i+1 && i+1 <= e.to {
				body := strings.TrimLeft(line, " \t")
				line = line[:len(line)-len(body)] + comment + " " + goneMark + body
			}
		}
		b.WriteString(line)
		b.WriteString(added(line, comment, eol, i+1, edits))
	}
	return b.String()
}

// added is what is put behind a line. A last line without an ending gets one, and what then stands last has none.
func added(line, comment, eol string, number int, edits []edit) string {
	var b strings.Builder
	for _, e := range edits {
		if e.after != number {
			continue
		}
		for _, add := range e.add {
			b.WriteString(add + " " + comment + " " + addedMark + eol)
		}
	}
	if b.Len() > 0 && !strings.HasSuffix(line, "\n") {
		return eol + strings.TrimSuffix(b.String(), eol)
	}
	return b.String()
}

// ending is how the lines of a file end: as the first does.
func ending(lines []string) string {
	if len(lines) > 0 && strings.HasSuffix(lines[0], "\r\n") {
		return "\r\n"
	}
	return "\n"
}

// Undo takes back what Adopt did to a text, whatever else was edited since; ok is false when there was nothing to take back.
func Undo(text string) (before string, ok bool) {
	lines := strings.SplitAfter(text, "\n")
	var out []string
	for _, line := range lines {
		switch {
		case isAdded(line):
			ok = true
			if !strings.HasSuffix(line, "\n") && len(out) > 0 {
				last := len(out) - 1
				out[last] = strings.TrimSuffix(strings.TrimSuffix(out[last], "\n"), "\r")
			}
		default:
			was, gone := unmarked(line)
			ok = ok || gone
			out = append(out, was)
		}
	}
	return strings.Join(out, ""), ok
}

func isAdded(line string) bool {
	line = strings.TrimRight(line, " \t\r\n")
	return strings.HasSuffix(line, " # "+addedMark) || strings.HasSuffix(line, " // "+addedMark)
}

// unmarked is a line that was made a comment, as it was before.
func unmarked(line string) (string, bool) {
	body := strings.TrimLeft(line, " \t")
	indent := line[:len(line)-len(body)]
	for _, comment := range []string{"# ", "// "} {
		if was, ok := strings.CutPrefix(body, comment+goneMark); ok {
			return indent + was, true
		}
		if bare := comment + strings.TrimSpace(goneMark); strings.TrimRight(body, "\r\n") == bare { // an editor took the blank
			return indent + strings.TrimPrefix(body, bare), true
		}
	}
	return line, false
}

// Replaced reports whether a text has a deployment that was made a comment.
func Replaced(text string) bool {
	return slices.ContainsFunc(strings.Split(text, "\n"), func(line string) bool {
		_, gone := unmarked(line)
		return gone
	})
}

// Adopted reports whether a text carries marks.
func Adopted(text string) bool {
	return slices.ContainsFunc(strings.Split(text, "\n"), func(line string) bool {
		_, gone := unmarked(line)
		return gone || isAdded(line)
	})
}
