package chat

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"example.org/caravan/internal/fault"
)

// Freshness is how old a request of Slack may be, and how far ahead its clock.
const Freshness = 5 * time.Minute

// Verify wants a request to come from Slack: signed with the app's secret over its time and its body (version v0), and not old. The signature is
// returned, which no other request has. Denied when it does not.
func Verify(secret string, header http.Header, body []byte, now time.Time) (signature string, err error) {
	text := header.Get("X-Slack-Request-Timestamp")
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil || secret == "" {
		return "", fault.Newf(fault.Denied, "not a request of Slack: it does not say when it was sent")
	}
	if age := now.Sub(time.Unix(seconds, 0)); age > Freshness || age < -Freshness {
		return "", fault.Newf(fault.Denied, "not a fresh request of Slack: sent more than %s ago or ahead; set the clock right", Freshness)
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte("v0:" + text + ":"))
	mac.Write(body)
	want := "v0=" + hex.EncodeToString(mac.Sum(nil))
	got := header.Get("X-Slack-Signature")
	if !hmac.Equal([]byte(want), []byte(got)) {
		return "", fault.Newf(fault.Denied, "not a request of Slack: its signature is wrong; compare channels.slack.signingSecret with the app's")
	}
	return want, nil
}

// Deed is what somebody did in Slack.
type Deed int

// The deeds.
const (
	Nothing Deed = iota // that concerns us
	Agrees              // pressed the button for a green light
	WantsTo             // pressed the button for a veto, and is to say why
	Vetoes              // said why
)

// Answer is what somebody did in Slack, and where.
type Answer struct {
	Deed    Deed
	Asked   Asked
	User    string  // id
	Team    string  // id of the Slack workspace the user is of
	Trigger string  // lets a form be opened, for three seconds
	At      Receipt // the message it was done at
	Reason  string  // of a veto
}

// payload is what is read of an interaction (Slack's reference of interaction payloads).
type payload struct {
	Type    string              `json:"type"`
	Trigger string              `json:"trigger_id"`
	User    struct{ ID string } `json:"user"`
	Team    struct{ ID string } `json:"team"`
	Channel struct{ ID string } `json:"channel"`
	Message struct{ TS string } `json:"message"`
	Actions []struct {
		ID    string `json:"action_id"`
		Value string `json:"value"`
	} `json:"actions"`
	View struct {
		Callback string `json:"callback_id"`
		Private  string `json:"private_metadata"`
		State    struct {
			Values map[string]map[string]struct{ Value string } `json:"values"`
		} `json:"state"`
	} `json:"view"`
}

// kept is what a form remembers of what it was opened for.
type kept struct {
	Asked Asked   `json:"a"`
	At    Receipt `json:"r"`
}

// Parse reads the body of a request that was verified. What is no answer to a message of ours is Nothing.
func Parse(body []byte) (Answer, error) {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return Answer{}, unreadable()
	}
	var p payload
	if err := json.Unmarshal([]byte(form.Get("payload")), &p); err != nil {
		return Answer{}, unreadable()
	}
	a := Answer{User: p.User.ID, Team: p.Team.ID, Trigger: p.Trigger, At: Receipt{p.Channel.ID, p.Message.TS}}
	switch {
	case p.Type == "view_submission" && p.View.Callback == vetoForm:
		var k kept
		if json.Unmarshal([]byte(p.View.Private), &k) != nil {
			return Answer{}, unreadable()
		}
		a.Deed, a.Asked, a.At = Vetoes, k.Asked, k.At
		a.Reason = strings.TrimSpace(p.View.State.Values[reasonBlock][reasonInput].Value)
	case p.Type == "block_actions" && len(p.Actions) == 1 && (p.Actions[0].ID == actionAgree || p.Actions[0].ID == actionVeto):
		if json.Unmarshal([]byte(p.Actions[0].Value), &a.Asked) != nil {
			return Answer{}, unreadable()
		}
		a.Deed = map[string]Deed{actionAgree: Agrees, actionVeto: WantsTo}[p.Actions[0].ID]
	}
	return a, nil
}

func unreadable() error {
	return fault.Newf(fault.Invalid, "a request of Slack that cannot be read")
}

// mostReason is how long a veto's reason may be.
const mostReason = 2000

// AskWhy opens the form in which somebody writes a veto's reason.
func (s *Slack) AskWhy(ctx context.Context, a Answer) error {
	private, err := json.Marshal(kept{a.Asked, a.At})
	if err != nil {
		return fault.Newf(fault.Internal, "%w", err)
	}
	input := slack.NewPlainTextInputBlockElement(nil, reasonInput)
	input.Multiline, input.MaxLength = true, mostReason
	return s.call(func(c *slack.Client) error {
		_, err := c.OpenViewContext(ctx, a.Trigger, slack.ModalViewRequest{
			Type: slack.VTModal, CallbackID: vetoForm, PrivateMetadata: string(private),
			Title: plain("Veto"), Submit: plain("Veto"), Close: plain("Cancel"),
			Blocks: slack.Blocks{BlockSet: []slack.Block{slack.NewInputBlock(reasonBlock,
				plain(cut("What would have to change for "+string(a.Asked.Team)+" to agree?", 150)), nil, input)}},
		})
		return err
	})
}
