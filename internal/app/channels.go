package app

import (
	"context"
	"net/url"
	"strings"
	"sync"

	"example.org/caravan/internal/chat"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/mail"
	"example.org/caravan/internal/message"
	"example.org/caravan/internal/outbox"
	"example.org/caravan/internal/webhook"
	"example.org/caravan/internal/workspace"
)

// speaks reports whether there is any channel to tell people over.
func (a *App) speaks() bool {
	c := a.declared.Channels
	return c.Slack != nil || c.Mail != nil || c.Webhook != nil
}

// reveal reads a secret whenever it is needed.
func (a *App) reveal(s workspace.Secret) func() (string, error) {
	return func() (string, error) { return a.declared.Reveal(s) }
}

func (a *App) newSlack() *chat.Slack {
	c := a.declared.Channels.Slack
	if c == nil {
		return nil
	}
	return chat.New(chat.Options{API: c.API, Token: a.reveal(c.Token), Approvals: c.Approvals, Now: a.now})
}

// newOutbox sends over the channels that the workspace declares.
func (a *App) newOutbox() *outbox.Outbox {
	couriers := map[message.Channel]outbox.Courier{}
	if a.slack != nil {
		couriers[message.Slack] = a.slack
	}
	if m := a.declared.Channels.Mail; m != nil {
		o := mail.Options{Server: m.Server, From: m.From, Organisation: a.declared.Organisation, User: m.User, TLS: m.TLS, Now: a.now}
		if m.Password != nil {
			o.Password = a.reveal(*m.Password)
		}
		if m.CA != "" {
			o.CA = a.declared.Within(m.CA)
		}
		couriers[message.Mail] = mail.New(o)
	}
	if w := a.declared.Channels.Webhook; w != nil {
		couriers[message.Webhook] = webhook.New(webhook.Options{URL: w.URL, Secret: a.reveal(w.Secret), Now: a.now})
	}
	return outbox.New(outbox.Options{Store: a.store, Couriers: couriers, Timing: a.declared.Timing(), Now: a.now, Collect: a.collect})
}

// reach says where a recipient is told: a team, or a mail address.
type reach func(to string) []message.Address

// reach finds teams in the workspace, then among those of the newest map, whose catalogs may say how they are reached.
func (a *App) reach(ctx context.Context) reach {
	mapped := sync.OnceValue(func() map[estate.TeamName][]string {
		out := map[estate.TeamName][]string{}
		if g, _, err := a.Graph(ctx, ""); err == nil {
			for _, t := range g.Teams {
				out[t.Name] = t.Contacts
			}
		}
		return out
	})
	return func(to string) []message.Address {
		if strings.Contains(to, "@") {
			return a.over("", to)
		}
		t, _ := a.declared.Team(estate.TeamName(to))
		if t.Mail == "" || t.Chat == "" {
			for _, contact := range mapped()[estate.TeamName(to)] {
				kind, where, _ := strings.Cut(contact, ":")
				switch {
				case kind == "mail" && t.Mail == "":
					t.Mail = where
				case kind == "chat" && t.Chat == "":
					t.Chat = where
				}
			}
		}
		return a.over(t.Chat, t.Mail)
	}
}

// over are the addresses of a recipient that channels are declared for.
func (a *App) over(chat, mail string) []message.Address {
	var out []message.Address
	c := a.declared.Channels
	if c.Slack != nil && chat != "" {
		out = append(out, message.Address{Channel: message.Slack, To: chat})
	}
	if c.Mail != nil && mail != "" {
		out = append(out, message.Address{Channel: message.Mail, To: mail})
	}
	if c.Webhook != nil && (len(out) > 0 || c.Slack == nil && c.Mail == nil) { // a program's knowing is not the team's
		out = append(out, message.Address{Channel: message.Webhook})
	}
	return out
}

// linkOf is where a journey is seen in the portal, a team's part of it unless the team is ""; "" without a portal.
func (a *App) linkOf(expansion string, team estate.TeamName) string {
	portal := strings.TrimRight(a.declared.Channels.Portal, "/")
	if portal == "" {
		return ""
	}
	link := portal + "/expansions/" + url.PathEscape(expansion) + "/journey"
	if team != "" {
		link += "?team=" + url.QueryEscape(string(team))
	}
	return link
}
