// Package chat tells teams in Slack, and takes in what they answer there. A letter goes in and its receipt comes out; it is tried once, and
// whether trying again makes sense is said by the kind of the error. What Slack sends is verified before it is read (Verify, Parse); what an
// answer means is its callers' business.
package chat

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/slack-go/slack"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/message"
)

// Options of a Slack app. Token and Now are required.
type Options struct {
	API       string                 // address of Slack's API; "" for https://slack.com/api/
	Token     func() (string, error) // bot token, read for every call
	Approvals bool                   // messages that ask have buttons
	Now       func() time.Time
}

// Slack is a Slack app. Its methods may be called from several goroutines.
type Slack struct {
	Options
	http *http.Client

	mu     sync.Mutex
	people map[string]known // by user id
}

const timeout = 20 * time.Second

// New makes a sender.
func New(o Options) *Slack {
	if o.API != "" && !strings.HasSuffix(o.API, "/") {
		o.API += "/"
	}
	return &Slack{Options: o, http: &http.Client{Timeout: timeout}, people: map[string]known{}}
}

// client is one with the token as it is now.
func (s *Slack) client() (*slack.Client, string, error) {
	token, err := s.Token()
	if err != nil {
		return nil, "", err
	}
	options := []slack.Option{slack.OptionHTTPClient(s.http)}
	if s.API != "" {
		options = append(options, slack.OptionAPIURL(s.API))
	}
	return slack.New(token, options...), token, nil
}

// Receipt is where a letter is in Slack: its channel and timestamp.
type Receipt struct{ Channel, TS string }

// String is the receipt as it is kept.
func (r Receipt) String() string { return r.Channel + ":" + r.TS }

// ReceiptOf reads what String wrote; a zero one for anything else.
func ReceiptOf(text string) Receipt {
	channel, ts, _ := strings.Cut(text, ":")
	return Receipt{channel, ts}
}

// letterEvent is the metadata by which programs recognise a letter that came twice.
const letterEvent = "caravan_letter"

// Send posts a letter to its channel, in the thread it answers if there is one; then the channel sees it, too.
func (s *Slack) Send(ctx context.Context, l message.Letter) (string, error) {
	options := append(s.written(l, nil), slack.MsgOptionMetadata(slack.SlackMetadata{EventType: letterEvent, EventPayload: map[string]any{"id": l.ID}}))
	if thread := ReceiptOf(l.Thread); thread.TS != "" {
		options = append(options, slack.MsgOptionTS(thread.TS), slack.MsgOptionBroadcast())
	}
	var receipt Receipt
	err := s.call(func(c *slack.Client) (err error) {
		receipt.Channel, receipt.TS, err = c.PostMessageContext(ctx, l.To, options...)
		return err
	})
	return receipt.String(), err
}

// Update writes a letter anew where it was posted, with a note below each message that has one; buttons are left where more answers are wanted.
func (s *Slack) Update(ctx context.Context, r Receipt, l message.Letter, notes map[string]Note) error {
	return s.call(func(c *slack.Client) error {
		_, _, _, err := c.UpdateMessageContext(ctx, r.Channel, r.TS, s.written(l, notes)...)
		return err
	})
}

// Whisper tells one person something in a channel that nobody else sees.
func (s *Slack) Whisper(ctx context.Context, channel, user, text string) error {
	return s.call(func(c *slack.Client) error {
		_, err := c.PostEphemeralContext(ctx, channel, user, slack.MsgOptionText(text, true), slack.MsgOptionDisableMarkdown())
		return err
	})
}

// call does something with a client, and judges what went wrong.
func (s *Slack) call(do func(*slack.Client) error) error {
	c, token, err := s.client()
	if err != nil {
		return err
	}
	return judge(do(c), token)
}

// passing are Slack's errors that are over after a while.
var passing = map[string]bool{"ratelimited": true, "rate_limited": true, "internal_error": true, "fatal_error": true, "service_unavailable": true, "request_timeout": true, "team_added_to_org": true}

// mends say what to do about Slack's commonest errors.
var mends = map[string]string{
	"channel_not_found": "correct the team's chat in caravan.yaml, or invite the app into it",
	"not_in_channel":    "invite the app into the channel",
	"is_archived":       "name another channel in caravan.yaml",
	"invalid_auth":      "renew the token that channels.slack.token names",
	"not_authed":        "renew the token that channels.slack.token names",
	"account_inactive":  "renew the token that channels.slack.token names",
	"token_revoked":     "renew the token that channels.slack.token names",
	"token_expired":     "renew the token that channels.slack.token names",
	"missing_scope":     "give the app the scopes that the guide to messages lists, and install it again",
}

// judge says whether trying again makes sense, and leaves the token out of what is told.
func judge(err error, token string) error {
	var limited *slack.RateLimitedError
	var status slack.StatusCodeError
	var refused slack.SlackErrorResponse
	switch {
	case err == nil:
		return nil
	case errors.As(err, &limited):
		return &message.Later{After: limited.RetryAfter, Err: fault.Newf(fault.Unavailable, "Slack asks to wait %s", limited.RetryAfter)}
	case errors.As(err, &status) && status.Code < 500 && status.Code != http.StatusTooManyRequests:
		return fault.Newf(fault.Invalid, "Slack answers %s; correct channels.slack", masked(status.Status, token))
	case errors.As(err, &status):
		return fault.Newf(fault.Unavailable, "Slack answers %s", masked(status.Status, token))
	case errors.As(err, &refused) && !passing[refused.Err]:
		mend := mends[refused.Err]
		if mend == "" {
			mend = "look it up in Slack's documentation"
		}
		return fault.Newf(fault.Invalid, "Slack refuses it: %s; %s", masked(refused.Err, token), mend)
	case errors.As(err, &refused):
		return fault.Newf(fault.Unavailable, "Slack is not ready: %s", refused.Err)
	}
	var outer *url.Error
	if errors.As(err, &outer) {
		err = outer.Err
	}
	return fault.Newf(fault.Unavailable, "Slack does not answer: %s", masked(err.Error(), token))
}

func masked(text, token string) string {
	if token == "" {
		return text
	}
	return strings.ReplaceAll(text, token, "•••")
}

// known is a person as Slack said it, for a while.
type known struct {
	mail, team string
	until      time.Time
}

const (
	remembered = 2 * time.Minute // so that somebody who left can answer no longer than that
	mostPeople = 10_000
)

// Person is the mail address of a Slack user, as far as it can be trusted: Slack has confirmed it, and the user is a full member of a workspace, and no
// guest, stranger or bot. Denied when that cannot be said.
func (s *Slack) Person(ctx context.Context, user, team string) (string, error) {
	s.mu.Lock()
	k, ok := s.people[user]
	s.mu.Unlock()
	if ok && k.team == team && s.Now().Before(k.until) {
		return k.mail, nil
	}
	var u *slack.User
	err := s.call(func(c *slack.Client) (err error) {
		u, err = c.GetUserInfoContext(ctx, user)
		return err
	})
	if err != nil {
		return "", err
	}
	if why := doubt(*u, user, team); why != "" {
		return "", fault.Newf(fault.Denied, "Slack does not vouch for you: %s; answer in the portal", why)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.people) >= mostPeople {
		clear(s.people)
	}
	s.people[user] = known{u.Profile.Email, team, s.Now().Add(remembered)}
	return u.Profile.Email, nil
}

// doubt is why a user is not taken for the owner of their mail address; "" when they are.
func doubt(u slack.User, id, team string) string {
	switch {
	case u.ID != id:
		return "it tells of somebody else"
	case u.Deleted || u.IsBot || u.IsAppUser || u.IsWorkflowBot || u.IsConnectorBot:
		return "this is no person's account"
	case u.IsStranger || u.IsRestricted || u.IsUltraRestricted || u.TeamID != team:
		return "you are a guest of this workspace"
	case u.Profile.Email == "":
		return "it does not tell your mail address; the app needs the scope users:read.email"
	case !u.IsEmailConfirmed:
		return "your mail address is not confirmed"
	}
	return ""
}

// counted is an amount of things.
func counted(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}
