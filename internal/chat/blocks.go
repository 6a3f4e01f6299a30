package chat

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/slack-go/slack"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/message"
)

// Slack's bounds (Block Kit reference): characters of a section's text, and of a whole message in blocks.
const (
	mostSection  = 2900
	mostSections = 3 // of one message; the portal has the rest
	mostBlocks   = 50
)

// Note is what became of a message's question.
type Note struct {
	Text string // who agreed, or why not
	Open bool   // more answers are wanted
}

// Asked is what a button answers: a team's question about a wave exactly as it was shown.
type Asked struct {
	Expansion string          `json:"e"`
	Wave      int             `json:"w"`
	Team      estate.TeamName `json:"t"`
	Digest    estate.Digest   `json:"d"`
}

// askedBy is what a message asks.
func askedBy(m message.Message) Asked { return Asked{m.Expansion, m.Wave, m.Team, m.Ask.Digest} }

// The buttons, and the form a veto's reason is written in.
const (
	actionAgree = "caravan_agree"
	actionVeto  = "caravan_veto"
	vetoForm    = "caravan_veto_form"
	reasonBlock = "reason"
	reasonInput = "text"
)

// written is a letter as Slack takes it: a line for notifications, and blocks.
func (s *Slack) written(l message.Letter, notes map[string]Note) []slack.MsgOption {
	return []slack.MsgOption{slack.MsgOptionText(l.Subject(), true), slack.MsgOptionBlocks(s.blocks(l, notes)...), slack.MsgOptionDisableLinkUnfurl(), slack.MsgOptionDisableMediaUnfurl()}
}

// blocks lays a letter out. Notes are by the keys of messages.
func (s *Slack) blocks(l message.Letter, notes map[string]Note) []slack.Block {
	var out []slack.Block
	for i, m := range l.Messages {
		if i > 0 {
			out = append(out, slack.NewDividerBlock())
		}
		for _, text := range sections(m.Text) {
			out = append(out, slack.NewSectionBlock(markdown(text), nil, nil))
		}
		note, noted := notes[string(m.Key)]
		if noted {
			out = append(out, slack.NewContextBlock("", markdown(escaped(note.Text))))
		}
		if s.Approvals && m.Ask != nil && (!noted || note.Open) {
			out = append(out, buttons(m))
		}
	}
	foot := slack.NewContextBlock("", markdown(foot(l)))
	return append(out[:min(len(out), mostBlocks-1)], foot)
}

// foot says where more of it is, and which letter it is: a copy has the same.
func foot(l message.Letter) string {
	text := "letter " + l.ID[:min(len(l.ID), 8)]
	if link := l.Messages[0].Link; link != "" && !strings.ContainsAny(link, "<>|& ") {
		text = "<" + link + "|Open in Caravan> · " + text
	}
	return text
}

// markdown is text in Slack's markup; what is written in it is left as it is, so that no name becomes a mention or a link.
func markdown(text string) *slack.TextBlockObject {
	return &slack.TextBlockObject{Type: slack.MarkdownType, Text: text, Verbatim: true}
}

func plain(text string) *slack.TextBlockObject {
	return slack.NewTextBlockObject(slack.PlainTextType, text, false, false)
}

var mentions = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

func escaped(text string) string { return mentions.Replace(text) }

// sections cuts a text at ends of lines into what Slack shows at once.
func sections(text string) []string {
	var out []string
	var part strings.Builder
	flush := func() {
		if strings.TrimSpace(part.String()) != "" {
			out = append(out, strings.TrimRight(part.String(), "\n"))
		}
		part.Reset()
	}
	for line := range strings.Lines(text) {
		if size(part.String())+size(line) > mostSection {
			flush()
		}
		if letters := []rune(line); len(letters) > mostSection {
			line = string(letters[:mostSection]) + "…\n"
		}
		part.WriteString(line)
	}
	flush()
	if len(out) > mostSections {
		out = append(out[:mostSections-1], "… the rest is in the portal")
	}
	return out
}

func size(text string) int { return len([]rune(text)) }

// buttons let a team answer a message.
func buttons(m message.Message) slack.Block {
	value, err := json.Marshal(askedBy(m))
	if err != nil {
		return slack.NewDividerBlock()
	}
	agree := slack.NewButtonBlockElement(actionAgree, string(value), plain("Give the green light"))
	agree.Style = slack.StylePrimary
	agree.Confirm = slack.NewConfirmationBlockObject(plain("Green light"),
		plain(cut(fmt.Sprintf("For %s: %s of wave %d of %s, exactly as shown here. It can be taken back until a step begins.", m.Team, counted(len(m.Ask.Steps), "step"), m.Wave, m.Expansion), 300)),
		plain("Agree"), plain("Not yet"))
	return slack.NewActionBlock("", agree, slack.NewButtonBlockElement(actionVeto, string(value), plain("Veto…")))
}

func cut(text string, most int) string {
	letters := []rune(text)
	if len(letters) <= most {
		return text
	}
	return string(letters[:most-1]) + "…"
}
