// Package document takes in the YAML files people write: caravan.yaml, expansions, workloads. Text goes in; a Go value
// comes out, or every problem of the file at once, each with its line and how to mend it. What a key means is its
// callers' business. It looks at no file: names only appear in messages.
package document

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/syntax"
)

// Reader takes in one document and remembers where each value stands.
type Reader struct {
	file     string
	what     string
	lines    map[string]int // path of a value ("teams[0].owns[1]") → its line
	problems []problem
}

type problem struct {
	line int
	text string
}

// NewReader is a Reader of a file that holds what: "the workspace", "the expansion".
func NewReader(file, what string) *Reader {
	return &Reader{file: file, what: what, lines: map[string]int{}}
}

// Parse gives the one document of a file; false, with the problem noted, when there is none or more than one. Empty says
// what to do about a file with nothing in it.
func (r *Reader) Parse(data []byte, empty string) (syntax.Node, bool) {
	docs, err := syntax.YAML(data)
	var broken *syntax.Error
	switch {
	case errors.As(err, &broken):
		r.Problem(max(broken.Line, 1), "%s; mend the syntax, an editor with the schema shows where", broken.Text)
	case len(docs) > 1:
		r.Problem(docs[1].Line, "a second document; keep one, without --- lines")
	case len(docs) == 0 || docs[0].Kind == syntax.Null:
		r.Problem(1, "nothing in it; %s", empty)
	default:
		return docs[0], true
	}
	return syntax.Node{}, false
}

// Problem notes what is wrong in a line.
func (r *Reader) Problem(line int, format string, args ...any) {
	r.problems = append(r.problems, problem{line, fmt.Sprintf(format, args...)})
}

// At notes what is wrong with the value at a path.
func (r *Reader) At(path, format string, args ...any) {
	r.Problem(r.lines[path], format, args...)
}

// Line is where the value at a path stands; 0 when the file does not give it.
func (r *Reader) Line(path string) int { return r.lines[path] }

// Lines is where each value stands, by path.
func (r *Reader) Lines() map[string]int { return r.lines }

// maxProblems is how many lines of problems a person can use at once.
const maxProblems = 100

// Err is all problems in the order of their lines as one Invalid error, or nil.
func (r *Reader) Err() error {
	if len(r.problems) == 0 {
		return nil
	}
	slices.SortStableFunc(r.problems, func(a, b problem) int { return a.line - b.line })
	var text strings.Builder
	for i, p := range r.problems {
		if i > 0 {
			text.WriteByte('\n')
		}
		if i == maxProblems {
			fmt.Fprintf(&text, "%s: %d more problems; mend these first", r.file, len(r.problems)-i)
			break
		}
		fmt.Fprintf(&text, "%s:%d: %s", r.file, p.line, p.text)
	}
	return fault.Newf(fault.Invalid, "%s", text.String())
}

// Unique notes names that are given twice; all[i] stands at path[i].name.
func (r *Reader) Unique(what, path string, all []string) {
	seen := map[string]int{} // name → line
	for i, name := range all {
		at := fmt.Sprintf("%s[%d].name", path, i)
		if first, twice := seen[name]; twice && name != "" {
			r.At(at, "%s %q is declared in line %d already; rename or remove one", what, name, first)
			continue
		}
		seen[name] = r.lines[at]
	}
}

// called is a value's path as people say it.
func (r *Reader) called(path string) string {
	if path == "" {
		return r.what
	}
	return path
}
