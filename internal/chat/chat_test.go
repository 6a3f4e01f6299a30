package chat

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"example.org/caravan/internal/chat/chattest"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/message"
)

const canary = "xoxb-canary"

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

func open(t *testing.T) (*Slack, *chattest.Server) {
	t.Helper()
	srv := chattest.Serve(t, canary)
	return New(Options{API: strings.TrimSuffix(srv.URL, "/"), Token: func() (string, error) { return canary, nil }, Approvals: true, Now: func() time.Time { return noon }}), srv
}

func announcement(team, text string) message.Message {
	return message.Message{Key: "sha256:1", Kind: message.Announcement, Expansion: "indonesia", Wave: 2, Team: "orders", Title: "Wave 2 for " + team, Text: text,
		Link: "https://caravan.kopi.example/x", Ask: &message.Question{Digest: "sha256:d", Steps: []journey.StepID{"a", "b"}}}
}

func letter(all ...message.Message) message.Letter {
	return message.Letter{ID: "0123456789abcdef0123456789abcdef", Messages: all, Address: message.Address{Channel: message.Slack, To: "#orders"}}
}

func TestALetterIsPostedWithItsButtons(t *testing.T) {
	s, srv := open(t)
	receipt, err := s.Send(t.Context(), letter(announcement("orders", "*Wave 2*\n• orders starts\n")))
	if err != nil || !strings.HasPrefix(receipt, "Corders:17.") {
		t.Fatalf("%q, %v", receipt, err)
	}
	call := srv.Calls("chat.postMessage")[0]
	if call.Form.Get("channel") != "#orders" || call.Form.Get("thread_ts") != "" || !strings.Contains(call.Form.Get("metadata"), letter().ID) {
		t.Errorf("%v", call.Form)
	}
	for _, want := range []string{"orders starts", actionAgree, actionVeto, `\"d\":\"sha256:d\"`, "2 steps of wave 2 of indonesia", "https://caravan.kopi.example/x|Open in Caravan"} {
		if !strings.Contains(decoded(t, call.Blocks()), want) {
			t.Errorf("%q is not in\n%s", want, decoded(t, call.Blocks()))
		}
	}
	s.Approvals = false
	if _, err := s.Send(t.Context(), letter(announcement("orders", "x"))); err != nil || strings.Contains(srv.Calls("chat.postMessage")[1].Blocks(), "caravan_agree") {
		t.Errorf("approvals are off: %v", err)
	}
}

// decoded is JSON without the escapes of < and >.
func decoded(t *testing.T, text string) string {
	t.Helper()
	return strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(text)
}

func TestAReminderAnswersInItsThread(t *testing.T) {
	s, srv := open(t)
	l := letter(announcement("orders", "x"))
	l.Thread = "Corders:17.000001"
	if _, err := s.Send(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	if form := srv.Calls("chat.postMessage")[0].Form; form.Get("thread_ts") != "17.000001" || form.Get("reply_broadcast") != "true" {
		t.Errorf("%v", form)
	}
}

func TestNobodyIsMentionedByANameInAMessage(t *testing.T) {
	s, srv := open(t)
	m := announcement("<!channel> @here", "text that was escaped where it was written")
	m.Link = "https://x.example/<!here>|y"
	m.Team = "<!everyone>"
	if _, err := s.Send(t.Context(), letter(m)); err != nil {
		t.Fatal(err)
	}
	form := srv.Calls("chat.postMessage")[0].Form
	if strings.Contains(form.Get("text"), "<!") {
		t.Errorf("in the notification: %s", form.Get("text"))
	}
	var blocks []struct {
		Text *struct {
			Type, Text string
			Verbatim   bool
		}
		Elements []json.RawMessage
	}
	if err := json.Unmarshal([]byte(form.Get("blocks")), &blocks); err != nil {
		t.Fatal(err)
	}
	for _, b := range blocks {
		if b.Text != nil && (!b.Text.Verbatim || strings.Contains(b.Text.Text, "<!")) {
			t.Errorf("Slack would look for names in %+v", b.Text)
		}
		for _, e := range b.Elements {
			if strings.Contains(decoded(t, string(e)), `"mrkdwn"`) && strings.Contains(decoded(t, string(e)), "<!") {
				t.Errorf("a mention in %s", e)
			}
		}
	}
}

func TestLongLettersStayWithinSlacksBounds(t *testing.T) {
	s, _ := open(t)
	var all []message.Message
	for range 12 {
		all = append(all, announcement("orders", strings.Repeat(strings.Repeat("w", 100)+"\n", 200)+strings.Repeat("z", 9000)))
	}
	blocks := s.blocks(letter(all...), nil)
	if len(blocks) > mostBlocks {
		t.Errorf("%d blocks", len(blocks))
	}
	text, err := json.Marshal(blocks)
	if err != nil {
		t.Fatal(err)
	}
	var read []struct{ Text *struct{ Text string } }
	if err := json.Unmarshal(text, &read); err != nil {
		t.Fatal(err)
	}
	for _, b := range read {
		if b.Text != nil && len([]rune(b.Text.Text)) > 3000 {
			t.Errorf("a section of %d letters", len([]rune(b.Text.Text)))
		}
	}
	if !strings.Contains(string(text), "the rest is in the portal") {
		t.Error("what is left out is not said")
	}
}

func TestSlacksErrorsSayWhetherTryingAgainMakesSense(t *testing.T) {
	for _, tt := range []struct {
		refusal chattest.Refusal
		again   bool
		want    string
	}{
		{chattest.Refusal{Status: 429, After: 42 * time.Second}, true, "asks to wait 42s"},
		{chattest.Refusal{Status: 429}, true, "429"},
		{chattest.Refusal{Status: 503}, true, "503"},
		{chattest.Refusal{Status: 403}, false, "403"},
		{chattest.Refusal{Error: "internal_error"}, true, "internal_error"},
		{chattest.Refusal{Error: "channel_not_found"}, false, "correct the team's chat"},
		{chattest.Refusal{Error: "not_in_channel"}, false, "invite the app"},
		{chattest.Refusal{Error: "token_revoked"}, false, "renew the token"},
		{chattest.Refusal{Error: "odd " + canary}, false, "odd •••"},
	} {
		s, srv := open(t)
		srv.Refuse(tt.refusal)
		_, err := s.Send(t.Context(), letter(announcement("orders", "x")))
		if err == nil || (fault.KindOf(err) == fault.Unavailable) != tt.again || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), canary) {
			t.Errorf("%+v: %v", tt.refusal, err)
		}
		var later *message.Later
		if tt.refusal.After > 0 && (!errors.As(err, &later) || later.After != tt.refusal.After) {
			t.Errorf("%+v: %+v", tt.refusal, later)
		}
	}
	s := New(Options{API: "http://127.0.0.1:1/", Token: func() (string, error) { return canary, nil }, Now: time.Now})
	if _, err := s.Send(t.Context(), letter(announcement("orders", "x"))); fault.KindOf(err) != fault.Unavailable || strings.Contains(err.Error(), "canary") {
		t.Errorf("%v", err)
	}
}

// The example of Slack's documentation, "Verifying requests from Slack".
const (
	docSecret    = "8f742231b10e8888abcd99yyyzzz85a5"
	docTime      = 1531420618
	docBody      = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
	docSignature = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
)

func TestOnlyWhatSlackSignedNowIsTakenIn(t *testing.T) {
	header := func(ts, signature string) http.Header {
		h := http.Header{}
		h.Set("X-Slack-Request-Timestamp", ts)
		h.Set("X-Slack-Signature", signature)
		return h
	}
	at := time.Unix(docTime, 0)
	good := header(fmt.Sprint(docTime), docSignature)
	if got, err := Verify(docSecret, good, []byte(docBody), at); err != nil || got != docSignature {
		t.Fatalf("Slack's own example: %q, %v", got, err)
	}
	for _, tt := range []struct {
		name, secret string
		header       http.Header
		body         string
		now          time.Time
	}{
		{"another secret", "other", good, docBody, at},
		{"no secret", "", good, docBody, at},
		{"another body", docSecret, good, docBody + "&x=1", at},
		{"another time", docSecret, header(fmt.Sprint(docTime+1), docSignature), docBody, at},
		{"no time", docSecret, header("", docSignature), docBody, at},
		{"no signature", docSecret, header(fmt.Sprint(docTime), ""), docBody, at},
		{"a signature of another version", docSecret, header(fmt.Sprint(docTime), strings.Replace(docSignature, "v0", "v1", 1)), docBody, at},
		{"half a signature", docSecret, header(fmt.Sprint(docTime), docSignature[:20]), docBody, at},
		{"too old", docSecret, good, docBody, at.Add(Freshness + time.Second)},
		{"from the future", docSecret, good, docBody, at.Add(-Freshness - time.Second)},
	} {
		if _, err := Verify(tt.secret, tt.header, []byte(tt.body), tt.now); fault.KindOf(err) != fault.Denied {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	if _, err := Verify(docSecret, good, []byte(docBody), at.Add(Freshness)); err != nil {
		t.Errorf("in time: %v", err)
	}
}

func TestAnswersAreRead(t *testing.T) {
	value, _ := json.Marshal(Asked{"indonesia", 2, "orders", "sha256:d"})
	private, _ := json.Marshal(kept{Asked{"indonesia", 2, "orders", "sha256:d"}, Receipt{"C1", "1.2"}})
	for _, tt := range []struct {
		body string
		want Deed
	}{
		{chattest.Press("U1", "t", "C1", "1.2", actionAgree, string(value)), Agrees},
		{chattest.Press("U1", "t", "C1", "1.2", actionVeto, string(value)), WantsTo},
		{chattest.Submit("U1", vetoForm, string(private), " no contract "), Vetoes},
		{chattest.Press("U1", "t", "C1", "1.2", "another_button", "x"), Nothing},
		{chattest.Submit("U1", "another_form", "", ""), Nothing},
		{"payload=%7B%7D", Nothing},
	} {
		a, err := Parse([]byte(tt.body))
		if err != nil || a.Deed != tt.want {
			t.Errorf("%s: %+v, %v", tt.body, a, err)
		}
		if tt.want != Nothing && (a.Asked != Asked{"indonesia", 2, "orders", "sha256:d"} || a.At != Receipt{"C1", "1.2"} || a.User != "U1" || a.Team != chattest.Workspace) {
			t.Errorf("%+v", a)
		}
		if tt.want == Vetoes && a.Reason != "no contract" {
			t.Errorf("%q", a.Reason)
		}
	}
	for _, body := range []string{"", "payload=x", "%zz", "payload=[]", chattest.Press("U1", "t", "C1", "1.2", actionAgree, "x"), chattest.Submit("U1", vetoForm, "x", "y")} {
		if a, err := Parse([]byte(body)); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%q: %+v, %v", body, a, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(chattest.Press("U1", "t", "C1", "1.2", actionAgree, `{"e":"x"}`))
	f.Add(chattest.Submit("U1", vetoForm, `{}`, "y"))
	f.Fuzz(func(t *testing.T, body string) {
		if a, err := Parse([]byte(body)); err != nil && a.Deed != Nothing {
			t.Errorf("%+v, %v", a, err)
		}
	})
}

func TestOnlyFullMembersWithAConfirmedAddressAreKnown(t *testing.T) {
	s, srv := open(t)
	srv.User("U1", "ani@kopi.example", "")
	for id, more := range map[string]string{"U2": `,"is_bot":true`, "U3": `,"deleted":true`, "U4": `,"is_restricted":true`, "U5": `,"is_ultra_restricted":true`, "U6": `,"is_stranger":true`,
		"U7": `,"team_id":"T2"`, "U8": `,"is_email_confirmed":false`, "U9": `,"profile":{}`, "U10": `,"id":"U1"`} {
		srv.User(id, "ani@kopi.example", more)
	}
	if mail, err := s.Person(t.Context(), "U1", chattest.Workspace); err != nil || mail != "ani@kopi.example" {
		t.Errorf("%q, %v", mail, err)
	}
	for _, id := range []string{"U2", "U3", "U4", "U5", "U6", "U7", "U8", "U10"} {
		if mail, err := s.Person(t.Context(), id, chattest.Workspace); fault.KindOf(err) != fault.Denied {
			t.Errorf("%s: %q, %v", id, mail, err)
		}
	}
	if mail, err := s.Person(t.Context(), "U11", chattest.Workspace); err == nil {
		t.Errorf("%q", mail)
	}
	before := len(srv.Calls("users.info"))
	if _, err := s.Person(t.Context(), "U1", chattest.Workspace); err != nil || len(srv.Calls("users.info")) != before {
		t.Errorf("asked again at once: %v", err)
	}
	later := noon.Add(remembered)
	s.Now = func() time.Time { return later }
	if _, err := s.Person(t.Context(), "U1", chattest.Workspace); err != nil || len(srv.Calls("users.info")) != before+1 {
		t.Errorf("not asked again in time: %v", err)
	}
}

func TestAMessageIsRewrittenWithWhoAgreed(t *testing.T) {
	s, srv := open(t)
	l := letter(announcement("orders", "text"))
	for _, tt := range []struct {
		note    Note
		buttons bool
	}{{Note{"✓ ani <agreed>", true}, true}, {Note{"✓ ani agreed", false}, false}} {
		if err := s.Update(t.Context(), Receipt{"C1", "1.2"}, l, map[string]Note{"sha256:1": tt.note}); err != nil {
			t.Fatal(err)
		}
		calls := srv.Calls("chat.update")
		got := calls[len(calls)-1]
		if got.Form.Get("ts") != "1.2" || !strings.Contains(got.Blocks(), "✓ ani") || strings.Contains(decoded(t, got.Blocks()), "<agreed>") || strings.Contains(got.Blocks(), actionAgree) != tt.buttons {
			t.Errorf("%s", got.Blocks())
		}
	}
}
