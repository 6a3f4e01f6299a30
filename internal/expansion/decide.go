package expansion

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.org/caravan/internal/document"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/syntax"
)

// Decide writes decisions into the text of an expansion's file and leaves everything else as it is, comments included. A
// decision about an edge that is decided already takes the old one's place. Invalid when a decision makes no sense or the
// text does not parse, Conflict when the file is laid out in a way that cannot be added to.
func Decide(data []byte, name, file string, decisions ...Decision) ([]byte, error) {
	before, err := Parse(data, name, file)
	if err != nil {
		return nil, err
	}
	text := data
	for _, d := range decisions {
		if text, err = write(text, d); err != nil {
			return nil, fault.Newf(fault.Conflict, "%s: %w; write the decision yourself", file, err)
		}
	}
	if _, err := syntax.YAML(text); err != nil { // such as an alias to what was replaced
		return nil, fault.Newf(fault.Conflict, "%s: the decision cannot be written without breaking what refers to it; write it yourself", file)
	}
	after, err := Parse(text, name, file)
	if err != nil {
		return nil, err
	}
	if want := decided(before.Decisions, decisions); !cmp.Equal(want, after.Decisions) {
		return nil, fault.Newf(fault.Conflict, "%s: the list of decisions is laid out in a way that cannot be added to; write them one item after another, each after a dash", file)
	}
	return text, nil
}

// decided is a list of decisions with more of them: new ones at the end, others in the place of the old.
func decided(old, more []Decision) []Decision {
	out := slices.Clone(old)
	for _, d := range more {
		d.At = d.At.UTC().Truncate(time.Second)
		if i := slices.IndexFunc(out, d.SameEdge); i >= 0 {
			out[i] = d
		} else {
			out = append(out, d)
		}
	}
	return out
}

// SameEdge reports whether two decisions are about the same edge.
func (d Decision) SameEdge(o Decision) bool { return d.From == o.From && d.To == o.To }

// Notes says what whoever decides may not have meant: a name that is almost a team's, a stub without answers.
func Notes(decisions []Decision, teams []estate.TeamName) []string {
	var out []string
	for _, d := range decisions {
		if near, ok := document.Nearest(d.By, texts(teams)); ok && !slices.Contains(teams, estate.TeamName(d.By)) {
			out = append(out, fmt.Sprintf("%q is no team of the workspace, so it is taken for a person; if you meant %s, decide again", d.By, near))
		}
		if d.Decide == StubOut && len(d.Answers) == 0 {
			out = append(out, fmt.Sprintf("the stub of %s answers {} to everything, until answers are written with the decision", d.To))
		}
	}
	return out
}

// write puts one decision into the text: over the item about the same edge, else after the last one.
func write(data []byte, d Decision) ([]byte, error) {
	docs, err := syntax.YAML(data)
	if err != nil || len(docs) != 1 {
		return nil, fmt.Errorf("the file is not one YAML document")
	}
	lines := document.Lines(data)
	i := slices.IndexFunc(docs[0].Pairs, func(p syntax.Pair) bool { return p.Key == "decisions" })
	if i < 0 {
		if len(lines) > 0 && strings.TrimSpace(lines[len(lines)-1]) != "" {
			lines = append(lines, "")
		}
		return document.Joined(append(append(lines, "decisions:"), d.lines("  ")...), data), nil
	}
	key := docs[0].Pairs[i]
	items := key.Value.Items
	if len(items) == 0 {
		head := "decisions:"
		if _, comment, ok := strings.Cut(lines[key.Line-1], " #"); ok {
			head += " #" + comment
		}
		return document.Joined(slices.Replace(lines, key.Line-1, key.Line, append([]string{head}, d.lines("  ")...)...), data), nil
	}
	first := lines[items[0].Line-1]
	indent := first[:len(first)-len(strings.TrimLeft(first, " "))]
	if !strings.HasPrefix(strings.TrimSpace(first), "-") {
		return nil, fmt.Errorf("line %d: the decisions are not items after dashes", items[0].Line)
	}
	for n, item := range items {
		if d.From == estate.ServiceName(item.Get("from").Value) && d.To == estate.ServiceName(item.Get("to").Value) {
			return document.Joined(slices.Replace(lines, item.Line-1, document.LastLine(item), d.lines(indent)...), data), nil
		}
		if n == len(items)-1 {
			return document.Joined(slices.Insert(lines, document.LastLine(item), d.lines(indent)...), data), nil
		}
	}
	return nil, fmt.Errorf("line %d: no decision found", key.Line)
}

// lines is a decision as an item of a YAML list.
func (d Decision) lines(indent string) []string {
	var out []string
	add := func(key, value string) {
		if value == "" {
			return
		}
		lead := indent + "  "
		if len(out) == 0 {
			lead = indent + "- "
		}
		out = append(out, lead+key+": "+document.Scalar(value))
	}
	add("from", string(d.From))
	add("to", string(d.To))
	add("decide", string(d.Decide))
	add("through", d.Through)
	add("with", d.With)
	add("country", d.Country)
	out = append(out, d.answerLines(indent+"  ")...)
	add("by", d.By)
	out = append(out, indent+"  at: "+d.At.UTC().Format(time.RFC3339))
	add("why", d.Why)
	return out
}

func (d Decision) answerLines(indent string) []string {
	if len(d.Answers) == 0 {
		return nil
	}
	out := []string{indent + "answers:"}
	for _, a := range d.Answers {
		out = append(out, indent+"  - path: "+document.Scalar(a.Path))
		if a.Status != 0 {
			out = append(out, indent+"    status: "+strconv.Itoa(a.Status))
		}
		if a.Type != "" {
			out = append(out, indent+"    type: "+document.Scalar(a.Type))
		}
		if a.Body != "" {
			out = append(out, indent+"    body: "+strconv.Quote(a.Body))
		}
	}
	return out
}
