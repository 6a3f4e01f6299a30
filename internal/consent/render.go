package consent

import (
	"embed"
	"fmt"
	"strings"
	"text/template"
	"time"

	"example.org/caravan/internal/fault"
)

// Style is how a message is written down.
type Style int

// The styles.
const (
	Plain  Style = iota // mail, terminals
	Mrkdwn              // Slack's, with what it gives a meaning to escaped
)

//go:embed templates
var templates embed.FS

// Render writes an announcement down. Long lists are cut short; the value itself is whole.
func (a Announcement) Render(s Style) (string, error) {
	return fill("announcement.tmpl", s.marks(), a)
}

// Render writes a nudge down, with times in the policy's zone. Long lists are cut short.
func (n Nudge) Render(s Style, p Policy) (string, error) {
	marks := s.marks()
	marks["day"] = func(at time.Time) string { return said(at, p.location()) }
	return fill("nudge.tmpl", marks, n)
}

// mentions are the characters Slack gives a meaning to, as in <!channel>, and what its documentation says to write for them.
var mentions = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// marks are the functions of a style's templates: what others wrote goes through say, heading or name.
func (s Style) marks() template.FuncMap {
	say := func(v any) string { return oneLine(fmt.Sprint(v)) }
	marks := template.FuncMap{
		"say": say, "heading": say, "name": say, "bullet": func() string { return "-" },
		"amount": amount, "least": func(n, most int) int { return min(n, most) }, "beyond": func(n, most int) int { return max(n-most, 0) },
	}
	if s == Mrkdwn {
		say := func(v any) string { return mentions.Replace(oneLine(fmt.Sprint(v))) }
		marks["say"] = say
		marks["heading"] = func(v any) string { return "*" + strings.ReplaceAll(say(v), "*", "") + "*" }
		marks["name"] = func(v any) string { return "`" + strings.ReplaceAll(say(v), "`", "'") + "`" }
		marks["bullet"] = func() string { return "•" }
	}
	return marks
}

func fill(file string, marks template.FuncMap, v any) (string, error) {
	t, err := template.New(file).Funcs(marks).ParseFS(templates, "templates/"+file)
	if err != nil {
		return "", fault.Newf(fault.Internal, "%w", err)
	}
	var out strings.Builder
	if err := t.Execute(&out, v); err != nil {
		return "", fault.Newf(fault.Internal, "%w", err)
	}
	return out.String(), nil
}
