package expansion

import (
	"regexp"
	"strconv"
	"strings"

	"example.org/caravan/internal/fault"
)

var (
	statusForm = regexp.MustCompile(`^[1-5]\d\d$`)
	mediaForm  = regexp.MustCompile(`^[a-z]+/[a-z0-9.+-]+$`)
)

// ParseAnswer reads a canned answer from one line: a path, then as needed a status and a media type, then the body, as in
// `/balance 200 application/json {"points": 0}`. Invalid when it does not begin with a path.
func ParseAnswer(line string) (Answer, error) {
	path, rest := word(line)
	if !strings.HasPrefix(path, "/") {
		return Answer{}, fault.Newf(fault.Invalid, `%q is no answer; write a path and what is answered, as in /balance {"points": 0}`, line)
	}
	a := Answer{Path: path}
	if first, after := word(rest); statusForm.MatchString(first) {
		a.Status, _ = strconv.Atoi(first)
		rest = after
	}
	if first, after := word(rest); mediaForm.MatchString(first) {
		a.Type, rest = first, after
	}
	a.Body = rest
	return a, nil
}

// word is the first word of a text and what follows it.
func word(text string) (first, rest string) {
	first, rest, _ = strings.Cut(strings.TrimSpace(text), " ")
	return first, strings.TrimSpace(rest)
}

// Line is the answer as ParseAnswer reads it; ok is false when no line says it, such as one with line breaks.
func (a Answer) Line() (line string, ok bool) {
	words := []string{a.Path}
	if a.Status != 0 {
		words = append(words, strconv.Itoa(a.Status))
	}
	for _, w := range []string{a.Type, a.Body} {
		if w != "" {
			words = append(words, w)
		}
	}
	line = strings.Join(words, " ")
	again, err := ParseAnswer(line)
	return line, err == nil && again == a && !strings.ContainsAny(line, "\r\n")
}

// KeepAnswers lets a stub that is decided again without answers keep those it had.
func KeepAnswers(d Decision, old []Decision) Decision {
	for _, o := range old {
		if d.Decide == StubOut && len(d.Answers) == 0 && o.SameEdge(d) {
			d.Answers = o.Answers
		}
	}
	return d
}
