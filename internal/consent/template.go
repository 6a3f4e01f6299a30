package consent

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"text/template/parse"
	"time"

	"example.org/caravan/internal/fault"
)

// Templates are how messages are written down. The zero value is Caravan's own way; With gives one of a company's own. The language
// is that of Go's text/template. Every value a template puts out is made harmless for where it is read: it stays in its line, and nobody
// can be mentioned and no markup added by what a team or a step is called.
type Templates struct {
	own map[string]string // by name
}

// TemplateNames are the messages that have a template: announcement (an Announcement), nudge (a Nudge), news (a News), drift (a Drifted).
func TemplateNames() []string { return []string{"announcement", "nudge", "news", "drift"} }

// mostMessage bounds a message, whatever its template repeats.
const mostMessage = 64 << 10 // bytes

// With is the templates with one of them replaced. Invalid, with the line of the template, when it cannot be read or asks for what
// its message does not have.
func (t Templates) With(name, text string) (Templates, error) {
	if !slices.Contains(TemplateNames(), name) {
		return t, fault.Newf(fault.Invalid, "1: there is no message %q; the templates are %s", name, strings.Join(TemplateNames(), ", "))
	}
	out := Templates{own: map[string]string{name: text}}
	for other, text := range t.own {
		if other != name {
			out.own[other] = text
		}
	}
	for _, s := range []Style{Plain, Mrkdwn, HTML} {
		for _, v := range samples(name) {
			if _, err := out.fill(name, s, time.UTC, v); err != nil {
				return t, fault.Newf(fault.Invalid, "%s", placed(err))
			}
		}
	}
	return out, nil
}

// Announcement writes an announcement down.
func (t Templates) Announcement(a Announcement, s Style) (string, error) {
	return t.fill("announcement", s, time.UTC, a)
}

// Nudge writes a nudge down, with times in the policy's zone.
func (t Templates) Nudge(n Nudge, s Style, p Policy) (string, error) {
	return t.fill("nudge", s, p.location(), n)
}

// News writes news down.
func (t Templates) News(n News, s Style) (string, error) { return t.fill("news", s, time.UTC, n) }

func (t Templates) fill(name string, s Style, zone *time.Location, v any) (string, error) {
	text, ok := t.own[name]
	if !ok {
		data, err := templates.ReadFile("templates/" + name + ".tmpl")
		if err != nil {
			return "", fault.Newf(fault.Internal, "%w", err)
		}
		text = string(data)
	}
	parsed, err := template.New(name).Funcs(s.marks(zone)).Parse(text)
	if err != nil {
		return "", fault.Newf(fault.Internal, "%w", err)
	}
	for _, part := range parsed.Templates() {
		harmless(part.Tree, part.Root)
	}
	var out bounded
	if err := parsed.Execute(&out, v); err != nil {
		return "", fault.Newf(fault.Internal, "%w", err)
	}
	return out.String(), nil
}

// bounded is a text that cannot grow beyond mostMessage.
type bounded struct{ bytes.Buffer }

func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > mostMessage {
		return 0, fmt.Errorf("the message becomes longer than %d KiB", mostMessage>>10)
	}
	return b.Buffer.Write(p)
}

// harmlessMarks are the functions whose results need not be made harmless once more.
var harmlessMarks = []string{"say", "heading", "name", "bullet", "amount", "day", "link"}

// harmless lets every value that a template puts out go through say, unless it went through such a function last.
func harmless(tree *parse.Tree, n parse.Node) {
	switch n := n.(type) {
	case *parse.ListNode:
		if n == nil {
			return
		}
		for _, part := range n.Nodes {
			harmless(tree, part)
		}
	case *parse.ActionNode:
		last := n.Pipe.Cmds[len(n.Pipe.Cmds)-1].Args[0]
		if id, ok := last.(*parse.IdentifierNode); len(n.Pipe.Decl) > 0 || ok && slices.Contains(harmlessMarks, id.Ident) {
			return
		}
		say := parse.NewIdentifier("say").SetTree(tree).SetPos(n.Pos)
		n.Pipe.Cmds = append(n.Pipe.Cmds, &parse.CommandNode{NodeType: parse.NodeCommand, Pos: n.Pos, Args: []parse.Node{say}})
	case *parse.IfNode:
		harmless(tree, n.List)
		harmless(tree, n.ElseList)
	case *parse.RangeNode:
		harmless(tree, n.List)
		harmless(tree, n.ElseList)
	case *parse.WithNode:
		harmless(tree, n.List)
		harmless(tree, n.ElseList)
	}
}

// templatePlace is how text/template begins its errors: with the template's name and a line.
var templatePlace = regexp.MustCompile(`^template: [a-z]+:(\d+)(?::\d+)?: (?:executing "[^"]*" at )?`)

// placed is a template's error as line: what; how to mend.
func placed(err error) string {
	text := oneLine(err.Error())
	line := 1
	if m := templatePlace.FindStringSubmatch(text); m != nil {
		line, _ = strconv.Atoi(m[1])
		text = text[len(m[0]):]
	}
	return fmt.Sprintf("%d: %s; caravan's guide to messages lists what a template may say", line, text)
}

// samples are messages with something, and with nothing, in everything that can be said.
func samples(name string) []any {
	at := time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC)
	changes := []Change{{Step: "id/service/orders", Text: "orders starts in id", Detail: []string{"2 replicas"}}}
	switch name {
	case "announcement":
		return []any{Announcement{}, Announcement{
			Team: "orders", Expansion: "indonesia", Country: "ID", Source: "production", Wave: 2, Changes: changes, When: "soon", Waits: []string{"frozen"},
			Todo: []Todo{{Step: "id/service/orders", Text: "orders starts in id", Want: 1}}, Back: "caravan undo", Contact: "platform", Link: "https://caravan.example.org"}}
	case "drift":
		return []any{Drifted{}, Drifted{Team: "orders", Found: []DriftedThing{{ID: "0123456789ab", Service: "orders", Environment: "id", What: "scaled", Since: at}}, All: 7, Most: 5, Over: true, Contact: "platform", Link: "https://caravan.example.org"}}
	case "nudge":
		open := func(k NudgeKind) Open {
			return Open{Ask: Ask{Team: "orders", Step: "id/service/orders"}, Kind: k, Since: at, Want: 1}
		}
		return []any{Nudge{}, Nudge{To: "orders", Expansion: "indonesia", Link: "https://caravan.example.org", Open: []Open{open(Reminding), open(Escalating), open(StandingIn)}}}
	}
	out := []any{News{}}
	for _, h := range []Happened{Began, Halted, Ended, Abandoned} {
		out = append(out, News{Team: "orders", Expansion: "indonesia", Country: "ID", Wave: 2, What: h, Changes: changes, Why: "no room", Contact: "platform", Link: "https://caravan.example.org"},
			News{Team: "orders", Expansion: "indonesia", Back: true, What: h})
	}
	return out
}
