package consent

import (
	"embed"
	"fmt"
	"html"
	"regexp"
	"strings"
	"text/template"
	"time"
)

// Style is how a message is written down.
type Style int

// The styles.
const (
	Plain  Style = iota // mail, terminals
	Mrkdwn              // Slack's, with what it gives a meaning to escaped
	HTML                // the same text with headings and names marked, for mail; lines end as in Plain
)

//go:embed templates
var templates embed.FS

// Render writes an announcement down. Long lists are cut short; the value itself is whole.
func (a Announcement) Render(s Style) (string, error) { return Templates{}.Announcement(a, s) }

// Render writes a nudge down, with times in the policy's zone. Long lists are cut short.
func (n Nudge) Render(s Style, p Policy) (string, error) { return Templates{}.Nudge(n, s, p) }

// Render writes news down. Long lists are cut short.
func (n News) Render(s Style) (string, error) { return Templates{}.News(n, s) }

// mentions are the characters Slack gives a meaning to, as in <!channel>, and what its documentation says to write for them.
var mentions = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// marks are the functions of a style's templates: what others wrote goes through say, heading or name.
func (s Style) marks(in *time.Location) template.FuncMap {
	say := func(v any) string { return oneLine(fmt.Sprint(v)) }
	marks := template.FuncMap{
		"say": say, "heading": say, "name": say, "bullet": func() string { return "-" },
		"amount": amount, "least": func(n, most int) int { return min(n, most) }, "beyond": func(n, most int) int { return max(n-most, 0) },
		"day": func(at time.Time) string { return said(at, in) }, "link": say,
	}
	switch s {
	case Mrkdwn:
		say := func(v any) string { return mentions.Replace(oneLine(fmt.Sprint(v))) }
		marks["say"] = say
		marks["heading"] = func(v any) string { return "*" + strings.ReplaceAll(say(v), "*", "") + "*" }
		marks["name"] = func(v any) string { return "`" + strings.ReplaceAll(say(v), "`", "'") + "`" }
		marks["bullet"] = func() string { return "•" }
		marks["link"] = linked(say, "<%[1]s>")
	case HTML:
		say := func(v any) string { return html.EscapeString(oneLine(fmt.Sprint(v))) }
		marks["say"] = say
		marks["heading"] = func(v any) string { return "<b>" + say(v) + "</b>" }
		marks["name"] = func(v any) string { return "<code>" + say(v) + "</code>" }
		marks["bullet"] = func() string { return "•" }
		marks["link"] = linked(say, `<a href="%[1]s">%[1]s</a>`)
	}
	return marks
}

// linkForm is what may become a link: nothing in it means anything to who reads it.
var linkForm = regexp.MustCompile(`^https?://[A-Za-z0-9._~:/?#@!$&()*+,;=%-]+$`)

// linked writes an address so that it can be followed, and anything else as text.
func linked(say func(any) string, form string) func(any) string {
	return func(v any) string {
		if text := say(v); linkForm.MatchString(text) {
			return fmt.Sprintf(form, text)
		}
		return say(v)
	}
}
