// Package message knows what is told to people: one thing to one recipient over one channel (Message), what goes out together (Letter), and
// when (Timing). Announcements, nudges and news go in; messages come out, each with a key that is the same for what is the same, so that
// nothing is told twice. It sends nothing: couriers do.
package message

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"example.org/caravan/internal/consent"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/journey"
)

// Channel is a way to reach people or programs.
type Channel string

// The channels.
const (
	Slack   Channel = "slack"
	Mail    Channel = "mail"
	Webhook Channel = "webhook"
)

// Address is where a recipient is reached.
type Address struct {
	Channel Channel `json:"channel"`
	To      string  `json:"to,omitempty"` // a Slack channel, a mail address; a webhook has but one
}

// Kind is the sort of a message.
type Kind string

// The kinds.
const (
	Announcement Kind = "announcement" // what a wave means for a team
	Reminder     Kind = "reminder"     // a team, or who stands in for it, has not answered
	Escalation   Kind = "escalation"   // others are told that a team has not answered
	News         Kind = "news"         // a wave began, stopped, is finished
	Drift        Kind = "drift"        // something of a team differs from what is declared
)

// Message is one thing told to one recipient over one channel.
type Message struct {
	Key       estate.Digest   `json:"key"` // of what is told to whom; what has the same key is told once
	Kind      Kind            `json:"kind"`
	Expansion string          `json:"expansion"`
	Wave      int             `json:"wave,omitempty"`
	Team      estate.TeamName `json:"team,omitempty"` // "" when a mail address is told that is no team's
	Address
	At     time.Time       `json:"at"`
	Due    time.Time       `json:"due"` // not sent before
	Title  string          `json:"title"`
	Text   string          `json:"text"`             // as the channel has it: Slack's mrkdwn, else plain
	HTML   string          `json:"html,omitempty"`   // for mail: the same text, marked
	Value  json.RawMessage `json:"value,omitempty"`  // for webhooks: what the text was written from
	Link   string          `json:"link,omitempty"`   // where more of it is seen
	Ask    *Question       `json:"ask,omitempty"`    // what can be answered where it is read
	Lacks  string          `json:"lacks,omitempty"`  // why it cannot be sent to anybody
	Bundle string          `json:"bundle,omitempty"` // what may go out together with it, at its address, has the same
}

// Question is what a team is asked by an announcement.
type Question struct {
	Digest estate.Digest    `json:"digest"` // of what the announcement tells of, exactly
	Steps  []journey.StepID `json:"steps"`  // that want a green light
}

// Telling is what is to be told to a recipient, before it is known over which channels.
type Telling struct {
	Kind      Kind
	Expansion string
	Wave      int
	Team      estate.TeamName
	To        string // whom it is for, as people say it
	Title     string
	Link      string

	about    any // what it is about: the same is told once
	value    any
	question *Question
	write    func(consent.Style) (string, error)
}

// OfAnnouncement is what an announcement tells a team.
func OfAnnouncement(a consent.Announcement, t consent.Templates) Telling {
	out := Telling{
		Kind: Announcement, Expansion: a.Expansion, Wave: a.Wave, Team: a.Team, To: string(a.Team),
		Title: fmt.Sprintf("Wave %d of %s (%s): what it means for %s", a.Wave, a.Expansion, a.Country, a.Team),
		Link:  a.Link, about: a.Digest, value: a, write: func(s consent.Style) (string, error) { return t.Announcement(a, s) },
	}
	if len(a.Todo) > 0 {
		out.question = &Question{Digest: a.Digest}
		for _, todo := range a.Todo {
			out.question.Steps = append(out.question.Steps, todo.Step)
		}
	}
	return out
}

// OfNudge is what a nudge tells. Before is when those it tells of were asked and told last: each round is told once.
func OfNudge(n consent.Nudge, before map[consent.Ask]consent.Asked, p consent.Policy, t consent.Templates) Telling {
	out := Telling{
		Kind: Reminder, Expansion: n.Expansion, To: n.To, Link: n.Link, value: n,
		Title: fmt.Sprintf("%s: %s without an answer", n.Expansion, counted(len(n.Open), "question")),
		write: func(s consent.Style) (string, error) { return t.Nudge(n, s, p) },
	}
	if !strings.Contains(n.To, "@") {
		out.Team = estate.TeamName(n.To)
	}
	type round struct {
		consent.Open
		Before consent.Asked
	}
	var rounds []round
	for _, o := range n.Open {
		if o.Kind == consent.Escalating {
			out.Kind = Escalation
		}
		rounds = append(rounds, round{o, before[o.Ask]})
	}
	out.about = rounds
	return out
}

// OfNews is what news tell a team. Occasion tells apart what happened more than once.
func OfNews(n consent.News, occasion string, t consent.Templates) Telling {
	title := fmt.Sprintf("Wave %d of %s (%s) has %s", n.Wave, n.Expansion, n.Country, n.What)
	switch {
	case n.Back:
		title = fmt.Sprintf("Taking %s back has %s", n.Expansion, n.What)
	case n.Wave == 0:
		title = fmt.Sprintf("The move to %s (%s) has %s", n.Expansion, n.Country, n.What)
	}
	return Telling{
		Kind: News, Expansion: n.Expansion, Wave: n.Wave, Team: n.Team, To: string(n.Team), Title: title, Link: n.Link,
		about: []any{occasion, n.Back, n.What}, value: n, write: func(s consent.Style) (string, error) { return t.News(n, s) },
	}
}

// OfDrift is what a team is told of new differences, all of a look in one message.
func OfDrift(d consent.Drifted, t consent.Templates) Telling {
	return Telling{
		Kind: Drift, Team: d.Team, To: string(d.Team), Link: d.Link, about: d.Found, value: d,
		Title: fmt.Sprintf("%s of %s: what runs is not what is declared", counted(len(d.Found), "difference"), d.Team), write: func(s consent.Style) (string, error) { return t.Drifted(d, s) },
	}
}

// Over writes what is told for each of a recipient's addresses. Without any, one message says what is lacking.
func (t Telling) Over(addresses []Address, at time.Time, when Timing) ([]Message, error) {
	if len(addresses) == 0 {
		m, err := t.message(Address{}, at)
		m.Due, m.Lacks = at, fmt.Sprintf("%s cannot be reached: give it a chat or mail in caravan.yaml that one of its channels serves, then run caravan announce %s", t.To, t.Expansion)
		return []Message{m}, err
	}
	out := make([]Message, 0, len(addresses))
	for _, to := range addresses {
		m, err := t.message(to, at)
		if err != nil {
			return nil, err
		}
		m.Due = when.Due(to.Channel, at)
		out = append(out, m)
	}
	return out, nil
}

func (t Telling) message(to Address, at time.Time) (Message, error) {
	m := Message{Kind: t.Kind, Expansion: t.Expansion, Wave: t.Wave, Team: t.Team, Address: to, At: at, Title: line(t.Title), Link: t.Link}
	m.Key = estate.DigestOf([]any{t.Kind, t.Expansion, t.Wave, t.To, to.Channel, to.To, t.about})
	var err error
	style := consent.Plain
	switch to.Channel {
	case Slack:
		style, m.Ask = consent.Mrkdwn, t.question
		if t.Kind == Reminder || t.Kind == Escalation { // they answer the announcement
			m.Bundle = t.Expansion
		}
	case Mail:
		if m.HTML, err = t.write(consent.HTML); err != nil {
			return m, err
		}
	case Webhook:
		m.Bundle = string(m.Key) // programs are told one thing at a time
		if m.Value, err = json.Marshal(t.value); err != nil {
			return m, fault.Newf(fault.Internal, "%w", err)
		}
	}
	m.Text, err = t.write(style)
	return m, err
}

// Later is an error of a courier that may be gone when it is tried again, and not before a while is over.
type Later struct {
	After time.Duration
	Err   error
}

func (l *Later) Error() string { return l.Err.Error() }

// Unwrap gives the cause.
func (l *Later) Unwrap() error { return l.Err }

// counted is an amount of things: "1 question", "2 questions".
func counted(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// line is a text as one line, for where a line's end means something.
func line(text string) string {
	return strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)), " ")
}

// called is whom a message is for, as lists show it.
func (m Message) called() string { return cmp.Or(string(m.Team), m.To) }
