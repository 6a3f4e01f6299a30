package app

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"example.org/caravan/internal/chat/chattest"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/journey"
	"example.org/caravan/internal/message"
	"example.org/caravan/internal/store"
)

const (
	tokenCanary   = "xoxb-token-canary"
	signingCanary = "signing-canary"
	hookCanary    = "hook-canary"
)

// clockwork is a clock that a test turns.
type clockwork struct {
	mu sync.Mutex
	at time.Time
}

func (c *clockwork) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clockwork) forward(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// company is the sample company with a cluster that is carried out for real, channels, and a clock that is turned.
type company struct {
	*App
	*clockwork
	dir   string
	slack *chattest.Server
	hooks chan string
}

func telling(t *testing.T) *company {
	t.Helper()
	first, dir := kopi(t)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	c := &company{clockwork: &clockwork{at: time.Date(2026, 5, 4, 3, 0, 0, 0, time.UTC)}, dir: dir, slack: chattest.Serve(t, tokenCanary), hooks: make(chan string, 1000)}
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var body struct {
			Messages []struct{ Kind, Title, Team string }
		}
		_ = json.NewDecoder(r.Body).Decode(&body)
		c.hooks <- body.Messages[0].Kind + " " + body.Messages[0].Team + ": " + body.Messages[0].Title
	}))
	t.Cleanup(hook.Close)
	t.Setenv("CARAVAN_TEST_TOKEN", tokenCanary)
	t.Setenv("CARAVAN_TEST_SIGNING", signingCanary)
	t.Setenv("CARAVAN_TEST_HOOK", hookCanary)
	c.append(t, fmt.Sprintf(`targets:
  - {environment: indonesia, folder: %s}
consent:
  unowned: platform
  rules:
    - name: silence
      remind: 24h
      escalate: [{after: 48h, to: [platform, cto@kopi.example.com]}]
      delegates: [{team: payments, for: dewi@kopi.example.com, by: budi@kopi.example.com}]
channels:
  portal: https://caravan.kopi.example
  slack: {token: {env: CARAVAN_TEST_TOKEN}, approvals: true, signingSecret: {env: CARAVAN_TEST_SIGNING}, api: %q}
  webhook: {url: %q, secret: {env: CARAVAN_TEST_HOOK}}
`, filepath.Join(t.TempDir(), "fleet"), c.slack.URL, hook.URL))
	c.replace(t, `    chat: "#orders"`, "    chat: \"#orders\"\n    people: [ani@kopi.example.com]")
	c.reopen(t)
	scanned(t, c.App)
	return c
}

func (c *company) append(t *testing.T, text string) {
	t.Helper()
	c.edit(t, func(old string) string { return old + text })
}

func (c *company) replace(t *testing.T, old, new string) {
	t.Helper()
	c.edit(t, func(text string) string {
		if !strings.Contains(text, old) {
			t.Fatalf("%q is not in caravan.yaml", old)
		}
		return strings.Replace(text, old, new, 1)
	})
}

func (c *company) edit(t *testing.T, change func(string) string) {
	t.Helper()
	file := filepath.Join(c.dir, "caravan.yaml")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(change(string(text))), 0o644); err != nil {
		t.Fatal(err)
	}
}

// reopen starts the program anew.
func (c *company) reopen(t *testing.T) {
	t.Helper()
	if c.App != nil {
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	a, err := New(t.Context(), Options{Workspace: c.dir, Now: c.clockwork.now})
	if err != nil {
		t.Fatal(err)
	}
	c.App = a
	t.Cleanup(func() { _ = a.Close() })
}

// post collects and sends what is due now, as the loop of caravan serve does.
func (c *company) post(t *testing.T) {
	t.Helper()
	if err := c.newOutbox().RunOnce(t.Context(), c.clockwork.now()); err != nil {
		t.Fatal(err)
	}
}

// move begins, and waits until it stands. What is told of it waits for post.
func (c *company) move(t *testing.T) journey.Run {
	t.Helper()
	if _, err := c.conduct(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.outbox.Close()
	r, err := c.StartMove(t.Context(), "indonesia", MoveRequest{}, false, ayu)
	if err != nil {
		t.Fatal(err)
	}
	for {
		if r, _, err = c.store.Run(t.Context(), r.ID); err != nil {
			t.Fatal(err)
		}
		if r.State != journey.Running {
			return r
		}
	}
}

// kinds counts what was told, by team and kind.
func (c *company) kinds(t *testing.T, over message.Channel) map[string]int {
	t.Helper()
	all, err := c.Messages(t.Context(), "indonesia", 10000)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]int{}
	for _, d := range all {
		if d.Channel == over {
			out[string(d.Team)+" "+string(d.Kind)]++
		}
	}
	return out
}

func TestTeamsAreToldOfWavesOnceAndInOneMessage(t *testing.T) {
	c := telling(t)
	if r := c.move(t); r.State != journey.Stopped {
		t.Fatalf("%s: %s", r.State, r.Reason)
	}
	c.post(t)
	if n := len(c.slack.Calls("chat.postMessage")); n != 0 {
		t.Errorf("%d messages before the digest is full", n)
	}
	c.forward(6 * time.Minute)
	c.post(t)
	byChannel := map[string]int{}
	for _, call := range c.slack.Calls("chat.postMessage") {
		byChannel[call.Form.Get("channel")]++
	}
	if byChannel["#orders"] != 1 || byChannel["#payments"] != 1 || byChannel["#storefront"] != 1 || byChannel["#platform-help"] != 1 {
		t.Errorf("%v", byChannel)
	}
	kinds := c.kinds(t, message.Slack)
	if kinds["orders announcement"] < 2 || kinds["orders news"] != 0 {
		t.Errorf("%v", kinds)
	}
	if n := c.kinds(t, message.Webhook)["orders announcement"]; n != kinds["orders announcement"] {
		t.Errorf("the webhook was told %d times", n)
	}
	before := len(c.slack.Calls("chat.postMessage"))
	c.reopen(t)
	c.move(t)
	c.forward(time.Hour)
	c.post(t)
	if n := len(c.slack.Calls("chat.postMessage")); n != before {
		t.Errorf("told again: %d messages, not %d", n, before)
	}
}

func TestSilenceIsToldOnTheClock(t *testing.T) {
	c := telling(t)
	c.move(t)
	c.forward(6 * time.Minute)
	c.post(t)
	if n := c.kinds(t, message.Slack)["orders reminder"]; n != 0 {
		t.Errorf("reminded %d times at once", n)
	}
	c.forward(24 * time.Hour)
	c.post(t)
	c.post(t)
	c.forward(6 * time.Minute)
	c.post(t)
	kinds := c.kinds(t, message.Slack)
	if kinds["orders reminder"] != 1 || kinds["payments reminder"] != 1 || kinds["platform escalation"] != 0 {
		t.Errorf("after a day: %v", kinds)
	}
	calls := c.slack.Calls("chat.postMessage")
	last := calls[slices.IndexFunc(calls, func(call chattest.Call) bool {
		return call.Form.Get("channel") == "#orders" && call.Form.Get("thread_ts") != ""
	})]
	if !strings.Contains(last.Blocks(), "without an answer") || !strings.Contains(last.Blocks(), "caravan.kopi.example/expansions/indonesia/journey?team=orders") {
		t.Errorf("%s", last.Blocks())
	}
	c.forward(24 * time.Hour)
	c.post(t)
	if kinds := c.kinds(t, message.Slack); kinds["orders reminder"] != 2 || kinds["platform escalation"]+kinds["platform reminder"] == 0 {
		t.Errorf("after two days: %v", kinds)
	}
	all, err := c.Messages(t.Context(), "", 10000)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(all, func(d store.Delivery) bool {
		return d.Kind == message.Escalation && d.State == store.Undone && strings.Contains(d.Error, "cto@kopi.example.com cannot be reached")
	}) {
		t.Error("that nobody mails the cto is not shown")
	}
}

// button is the value of the first button for a team's answer about one of its waves, and where it was posted.
func (c *company) button(t *testing.T, channel string) (value, at string) {
	t.Helper()
	for _, call := range c.slack.Calls("chat.postMessage") {
		if call.Form.Get("channel") != channel {
			continue
		}
		var blocks []struct {
			Elements []struct {
				ID    string `json:"action_id"`
				Value string `json:"value"`
			}
		}
		if err := json.Unmarshal([]byte(call.Blocks()), &blocks); err != nil {
			t.Fatal(err)
		}
		for _, b := range blocks {
			for _, e := range b.Elements {
				if e.ID == "caravan_agree" {
					all, err := c.Messages(t.Context(), "", 10000)
					if err != nil {
						t.Fatal(err)
					}
					i := slices.IndexFunc(all, func(d store.Delivery) bool {
						return d.To == channel && d.Receipt != "" && d.Kind == message.Announcement
					})
					return e.Value, all[i].Receipt
				}
			}
		}
	}
	t.Fatalf("no button in %s", channel)
	return "", ""
}

func (c *company) press(t *testing.T, user, action, value, at string) error {
	t.Helper()
	channel, ts, _ := strings.Cut(at, ":")
	body := chattest.Press(user, "trigger", channel, ts, action, value)
	return c.TakeSlack(t.Context(), chattest.Sign(signingCanary, body, c.clockwork.now()), []byte(body))
}

func TestAPersonOfTheTeamAgreesInSlackToExactlyWhatWasShown(t *testing.T) {
	c := telling(t)
	c.slack.User("UANI", "Ani@kopi.example.com", "")
	c.slack.User("UEVE", "eve@kopi.example.com", "")
	c.move(t)
	c.forward(6 * time.Minute)
	c.post(t)
	value, at := c.button(t, "#orders")

	if err := c.press(t, "UEVE", "caravan_agree", value, at); err != nil {
		t.Fatal(err)
	}
	if said := c.slack.Wait(t, "chat.postEphemeral", 1)[0]; said.Form.Get("user") != "UEVE" || !strings.Contains(said.Form.Get("text"), "you may not answer for orders") {
		t.Errorf("%v", said.Form)
	}
	old := strings.Replace(value, `"d":"sha256:`, `"d":"sha256:0`, 1)
	if err := c.press(t, "UANI", "caravan_agree", old, at); err != nil {
		t.Fatal(err)
	}
	if said := c.slack.Wait(t, "chat.postEphemeral", 2)[1]; !strings.Contains(said.Form.Get("text"), "has changed since this was shown") {
		t.Errorf("%v", said.Form)
	}
	if lights, err := c.store.Lights(t.Context(), "indonesia"); err != nil || len(lights) != 0 {
		t.Fatalf("%v, %v", lights, err)
	}
	if err := c.press(t, "UANI", "caravan_agree", value, at); err != nil {
		t.Fatal(err)
	}
	if update := c.slack.Wait(t, "chat.update", 1)[0]; !strings.Contains(update.Blocks(), "ani@kopi.example.com agreed") || update.Form.Get("channel")+":"+update.Form.Get("ts") != at {
		t.Errorf("%v", update.Form)
	}
	lights, err := c.store.Lights(t.Context(), "indonesia")
	if err != nil || len(lights) == 0 || lights[0].Team != "orders" || lights[0].By != "Ani@kopi.example.com" {
		t.Fatalf("%+v, %v", lights, err)
	}
	audit, err := c.Audit(t.Context(), "indonesia", 1)
	if err != nil || audit[0].Why != viaSlack || audit[0].By != "Ani@kopi.example.com" {
		t.Errorf("%+v, %v", audit, err)
	}
}

func TestAVetoInSlackNeedsItsReasonAndADelegateMayAgree(t *testing.T) {
	c := telling(t)
	c.slack.User("UANI", "ani@kopi.example.com", "")
	c.slack.User("UBUDI", "budi@kopi.example.com", "")
	c.move(t)
	c.forward(6 * time.Minute)
	c.post(t)
	value, at := c.button(t, "#orders")
	if err := c.press(t, "UANI", "caravan_veto", value, at); err != nil {
		t.Fatal(err)
	}
	form := c.slack.Wait(t, "views.open", 1)[0]
	var view struct {
		Private  string `json:"private_metadata"`
		Callback string `json:"callback_id"`
	}
	if err := json.Unmarshal([]byte(form.Form.Get("view")), &view); err != nil {
		t.Fatal(err)
	}
	submit := func(reason string) {
		t.Helper()
		body := chattest.Submit("UANI", view.Callback, view.Private, reason)
		if err := c.TakeSlack(t.Context(), chattest.Sign(signingCanary, body, c.clockwork.now()), []byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	submit("  ")
	if said := c.slack.Wait(t, "chat.postEphemeral", 1)[0]; !strings.Contains(said.Form.Get("text"), "a veto without a reason") {
		t.Errorf("%v", said.Form)
	}
	submit("no contract yet")
	if update := c.slack.Wait(t, "chat.update", 1)[0]; !strings.Contains(update.Blocks(), "no contract yet") {
		t.Errorf("%s", update.Blocks())
	}
	vetoes, err := c.store.Vetoes(t.Context(), "indonesia")
	if err != nil || len(vetoes) == 0 || vetoes[0].Reason != "no contract yet" || vetoes[0].By != "ani@kopi.example.com" || vetoes[0].Step == "" {
		t.Fatalf("%+v, %v", vetoes, err)
	}
	value, at = c.button(t, "#payments")
	if err := c.press(t, "UBUDI", "caravan_agree", value, at); err != nil {
		t.Fatal(err)
	}
	c.slack.Wait(t, "chat.update", 2)
	lights, err := c.store.Lights(t.Context(), "indonesia")
	if err != nil || len(lights) == 0 || lights[0].Team != "payments" || lights[0].For != "dewi@kopi.example.com" || lights[0].By != "budi@kopi.example.com" {
		t.Errorf("%+v, %v", lights, err)
	}
}

func TestForgedOldAndRepeatedRequestsChangeNothing(t *testing.T) {
	c := telling(t)
	c.slack.User("UANI", "ani@kopi.example.com", "")
	body := chattest.Press("UANI", "t", "C1", "1.2", "caravan_agree", `{"e":"indonesia","w":2,"t":"orders","d":"x"}`)
	good := chattest.Sign(signingCanary, body, c.clockwork.now())
	for name, header := range map[string]http.Header{
		"unsigned": {}, "another's": chattest.Sign("other", body, c.clockwork.now()),
		"old": chattest.Sign(signingCanary, body, c.clockwork.now().Add(-6*time.Minute)), "early": chattest.Sign(signingCanary, body, c.clockwork.now().Add(6*time.Minute)),
	} {
		if err := c.TakeSlack(t.Context(), header, []byte(body)); fault.KindOf(err) != fault.Denied {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := c.TakeSlack(t.Context(), good, []byte(body)); err != nil {
		t.Fatal(err)
	}
	if err := c.TakeSlack(t.Context(), good, []byte(body)); fault.KindOf(err) != fault.Denied {
		t.Errorf("sent again: %v", err)
	}
	c.replace(t, "approvals: true, ", "")
	c.reopen(t)
	if err := c.TakeSlack(t.Context(), good, []byte(body)); fault.KindOf(err) != fault.NotFound {
		t.Errorf("approvals are off: %v", err)
	}
}

func TestTheNewsOfWavesAreTold(t *testing.T) {
	long(t)
	c := telling(t)
	c.move(t)
	all, err := c.Consents(t.Context(), "indonesia")
	if err != nil {
		t.Fatal(err)
	}
	teams := map[estate.TeamName]bool{}
	for _, s := range all.Steps {
		for _, team := range s.Verdict.Teams() {
			teams[team] = true
		}
	}
	for team := range teams {
		if _, err := c.Approve(t.Context(), "indonesia", ApproveRequest{Team: team}, of(team)); err != nil {
			t.Fatal(err)
		}
	}
	if r := c.move(t); r.State != journey.Finished {
		t.Fatalf("%s: %s", r.State, r.Reason)
	}
	c.post(t)
	began, ended := map[string]int{}, map[string]int{}
	for len(began) < 2 || len(began) != len(ended) || len(c.hooks) > 0 {
		var told string
		select {
		case told = <-c.hooks:
		case <-time.After(time.Minute): // the first try was not answered in time
			c.forward(2 * time.Minute)
			c.post(t)
			continue
		}
		if strings.HasPrefix(told, "news orders: ") && strings.HasSuffix(told, "has begun") {
			began[told]++
		}
		if strings.HasPrefix(told, "news orders: ") && strings.HasSuffix(told, "has finished") {
			ended[told]++
		}
	}
	for told, n := range began {
		if n != 1 {
			t.Errorf("%s: %d times", told, n)
		}
	}
}

func TestAnnouncingShowsFirstAndSendsThen(t *testing.T) {
	c := telling(t)
	dry, err := c.Announce(t.Context(), "indonesia", AnnounceRequest{Dry: true})
	if err != nil || len(dry.Told) == 0 || len(c.kinds(t, message.Slack)) != 0 {
		t.Fatalf("%d told, %v, %v", len(dry.Told), c.kinds(t, message.Slack), err)
	}
	if !strings.Contains(dry.Told[0].Text, "What changes for you") || len(dry.Told[0].Over) == 0 {
		t.Errorf("%+v", dry.Told[0])
	}
	c.slack.Refuse(chattest.Refusal{Error: "channel_not_found"})
	first, err := c.Announce(t.Context(), "indonesia", AnnounceRequest{Wave: dry.Told[0].Wave})
	if err != nil {
		t.Fatal(err)
	}
	failed := slices.ContainsFunc(first.Deliveries, func(d store.Delivery) bool {
		return d.State == store.Undone && strings.Contains(d.Error, "channel_not_found")
	})
	if !failed {
		t.Errorf("%+v", first.Deliveries)
	}
	again, err := c.Announce(t.Context(), "indonesia", AnnounceRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range again.Deliveries {
		if d.State != store.Sent {
			t.Errorf("%+v", d)
		}
	}
	c.forward(25 * time.Hour)
	c.post(t)
	if n := c.kinds(t, message.Slack)["orders reminder"]; n != 1 {
		t.Errorf("reminded of what was announced ahead %d times", n)
	}
	if strings.Contains(c.everything(t), "canary") {
		t.Error("a secret is kept or listed")
	}
}

// everything is all that the program keeps, and what it lists of messages.
func (c *company) everything(t *testing.T) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(c.dir, ".caravan", "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%v, %v", files, err)
	}
	var all strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	list, err := c.Messages(t.Context(), "", 10000)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	return all.String() + string(text)
}

func TestALinkLeadsToATeamsPartOfTheJourney(t *testing.T) {
	c := &App{}
	if got := c.linkOf("indonesia", "orders"); got != "" {
		t.Errorf("%q", got)
	}
	c.declared.Channels.Portal = "https://caravan.example.org/"
	got := c.linkOf("a b", "x&y=<z>")
	if u, err := url.Parse(got); err != nil || u.Query().Get("team") != "x&y=<z>" || u.Path != "/expansions/a b/journey" || strings.ContainsAny(got, "<>") {
		t.Errorf("%q, %v", got, err)
	}
}
