package workspace

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/mail"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"example.org/caravan/internal/consent"
	"example.org/caravan/internal/document"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/message"
	"example.org/caravan/internal/syntax"
)

// Channels are how teams are told what concerns them. Secrets stand elsewhere; only where is written here.
type Channels struct {
	Portal  string          `json:"portal,omitempty" jsonschema:"pattern=^https?://" jsonschema_description:"Address of the portal, for links in messages, such as https://caravan.example.org."`
	Zone    string          `json:"zone,omitempty" jsonschema_description:"Time zone of quiet hours, such as Asia/Jakarta; that of consent when left out."`
	Digest  time.Duration   `json:"digest,omitempty" jsonschema:"type=string" jsonschema_description:"What comes within this time for one recipient goes out as one message, such as 15m; 5m when left out, 0s sends each at once."`
	Quiet   *Quiet          `json:"quiet,omitempty" jsonschema_description:"Hours of each day in which people are told nothing; what is to be told waits until they end."`
	Slack   *SlackChannel   `json:"slack,omitempty" jsonschema_description:"Tells teams in their chat channel."`
	Mail    *MailChannel    `json:"mail,omitempty" jsonschema_description:"Tells teams, and people of escalations, by mail."`
	Webhook *WebhookChannel `json:"webhook,omitempty" jsonschema_description:"Tells a program of yours everything that teams are told, as signed JSON."`
}

// Quiet are hours of a day.
type Quiet struct {
	From  string `json:"from" jsonschema:"pattern=^([01][0-9]|2[0-3]):[0-5][0-9]$" jsonschema_description:"Time of day, such as 20:00."`
	Until string `json:"until" jsonschema:"pattern=^([01][0-9]|2[0-3]):[0-5][0-9]$" jsonschema_description:"Time of day, such as 07:30; earlier than from is on the next morning."`
}

// Secret is where a secret is found. It is read whenever it is needed, so that it can be changed without a restart.
type Secret struct {
	File string `json:"file,omitempty" jsonschema:"oneof_required=file" jsonschema_description:"File that holds it and nothing else; relative to this file, ~ is the home folder."`
	Env  string `json:"env,omitempty" jsonschema:"oneof_required=env,pattern=^[A-Za-z_][A-Za-z0-9_]*$" jsonschema_description:"Environment variable of the program that holds it."`
}

// SlackChannel is a Slack app of yours.
type SlackChannel struct {
	Token         Secret  `json:"token" jsonschema_description:"Bot token of the app."`
	Approvals     bool    `json:"approvals,omitempty" jsonschema_description:"True to let people of a team answer in Slack; off when left out."`
	SigningSecret *Secret `json:"signingSecret,omitempty" jsonschema_description:"Signing secret of the app, by which what people press is known to come from Slack; needed for approvals."`
	API           string  `json:"api,omitempty" jsonschema:"pattern=^https?://" jsonschema_description:"Address of Slack's API where it is another than https://slack.com/api/."`
}

// MailChannel is a server that takes mail.
type MailChannel struct {
	Server   string  `json:"server" jsonschema_description:"Host and port, such as mail.example.org:587."`
	From     string  `json:"from" jsonschema_description:"Sender, such as Caravan <caravan@example.org>."`
	User     string  `json:"user,omitempty" jsonschema_description:"Account to sign in with; none when left out."`
	Password *Secret `json:"password,omitempty" jsonschema_description:"Its password."`
	TLS      string  `json:"tls,omitempty" jsonschema:"enum=starttls,enum=tls,enum=none" jsonschema_description:"starttls when left out; tls from the first byte; none only without an account."`
	CA       string  `json:"ca,omitempty" jsonschema_description:"File with the certificates (PEM) the server is known by, instead of the machine's; relative to this file."`
}

// WebhookChannel is a program of yours that takes JSON.
type WebhookChannel struct {
	URL    string `json:"url" jsonschema:"pattern=^https?://" jsonschema_description:"Where it is sent with POST."`
	Secret Secret `json:"secret" jsonschema_description:"Secret that requests are signed with (HMAC-SHA256)."`
}

const (
	digestUnlessSaid = 5 * time.Minute
	longestDigest    = 24 * time.Hour
	mostSecret       = 4 << 10 // bytes
)

func channels(into *Channels) document.Taker {
	return func(r *document.Reader, n syntax.Node, at string) {
		into.Digest = digestUnlessSaid
		r.Object(n, at, []document.Field{
			document.Optional("portal", document.Text(&into.Portal)),
			document.Optional("zone", document.Text(&into.Zone)),
			document.Optional("digest", document.Duration(&into.Digest)),
			document.Optional("quiet", func(r *document.Reader, n syntax.Node, at string) { into.Quiet = quiet(r, n, at) }),
			document.Optional("slack", func(r *document.Reader, n syntax.Node, at string) { into.Slack = slackChannel(r, n, at) }),
			document.Optional("mail", func(r *document.Reader, n syntax.Node, at string) { into.Mail = mailChannel(r, n, at) }),
			document.Optional("webhook", func(r *document.Reader, n syntax.Node, at string) { into.Webhook = webhookChannel(r, n, at) }),
		})
	}
}

func quiet(r *document.Reader, n syntax.Node, at string) *Quiet {
	var q Quiet
	r.Object(n, at, []document.Field{
		document.Required("from", dayTime(&q.From)),
		document.Required("until", dayTime(&q.Until)),
	})
	if q.From != "" && q.From == q.Until {
		r.At(at, "quiet from %s until %s is never or always; write two times, or leave quiet out", q.From, q.Until)
	}
	return &q
}

var clockForm = regexp.MustCompile(`^([01][0-9]|2[0-3]):[0-5][0-9]$`)

// dayTime takes in a time of day; one without quotes may be a number to YAML.
func dayTime(into *string) document.Taker {
	return func(r *document.Reader, n syntax.Node, at string) {
		if n.Kind != syntax.Scalar || !clockForm.MatchString(n.Value) {
			r.At(at, "%s is no time of day; write it as 07:30", at)
			return
		}
		*into = n.Value
	}
}

func secret(into *Secret) document.Taker {
	return func(r *document.Reader, n syntax.Node, at string) {
		if n.Kind == syntax.Scalar {
			r.At(at, "%s stands here in clear; put it into a file or an environment variable, write {file: PATH} or {env: NAME}, and change the secret", at)
			return
		}
		r.Object(n, at, []document.Field{
			document.Optional("file", document.Text(&into.File)),
			document.Optional("env", document.Text(&into.Env)),
		})
		switch {
		case (into.File == "") == (into.Env == ""):
			r.At(at, "%s is in a file or in an environment variable; write exactly one of file and env", at)
		case into.Env != "" && !variable.MatchString(into.Env):
			r.At(at+".env", "%s.env is no name of an environment variable; write the name and not what it holds", at)
		}
	}
}

// variable is a name that a shell can set.
var variable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

func secretOf(into **Secret) document.Taker {
	return func(r *document.Reader, n syntax.Node, at string) {
		*into = &Secret{}
		secret(*into)(r, n, at)
	}
}

func slackChannel(r *document.Reader, n syntax.Node, at string) *SlackChannel {
	var s SlackChannel
	r.Object(n, at, []document.Field{
		document.Required("token", secret(&s.Token)),
		document.Optional("approvals", document.Boolean(&s.Approvals)),
		document.Optional("signingSecret", secretOf(&s.SigningSecret)),
		document.Optional("api", document.Text(&s.API)),
	})
	return &s
}

func mailChannel(r *document.Reader, n syntax.Node, at string) *MailChannel {
	m := MailChannel{TLS: "starttls"}
	r.Object(n, at, []document.Field{
		document.Required("server", document.Text(&m.Server)),
		document.Required("from", document.Text(&m.From)),
		document.Optional("user", document.Text(&m.User)),
		document.Optional("password", secretOf(&m.Password)),
		document.Optional("tls", document.OneOf(&m.TLS, "starttls", "tls", "none")),
		document.Optional("ca", document.Text(&m.CA)),
	})
	return &m
}

func webhookChannel(r *document.Reader, n syntax.Node, at string) *WebhookChannel {
	var w WebhookChannel
	r.Object(n, at, []document.Field{
		document.Required("url", document.Text(&w.URL)),
		document.Required("secret", secret(&w.Secret)),
	})
	return &w
}

// checkChannels reports what is well-formed and could not tell anybody anything.
func checkChannels(r *document.Reader, c Channels) {
	address(r, "channels.portal", c.Portal)
	if _, err := time.LoadLocation(c.Zone); err != nil || c.Zone == "Local" {
		r.At("channels.zone", "%q is not a time zone; write it as Asia/Jakarta", c.Zone)
	}
	if c.Digest > longestDigest {
		r.At("channels.digest", "%s is longer than a day; people would hear of it too late", c.Digest)
	}
	if s := c.Slack; s != nil {
		address(r, "channels.slack.api", s.API)
		if s.Approvals && s.SigningSecret == nil {
			r.At("channels.slack", "approvals need the app's signingSecret, by which answers are known to come from Slack; add it")
		}
	}
	if m := c.Mail; m != nil {
		checkMail(r, *m)
	}
	if w := c.Webhook; w != nil {
		address(r, "channels.webhook.url", w.URL)
	}
}

func checkMail(r *document.Reader, m MailChannel) {
	host, port, err := net.SplitHostPort(m.Server)
	if strings.Contains(m.Server, "@") {
		r.At("channels.mail.server", "what has a user in it is not a host and port; write user and password as keys of their own")
	} else if n, bad := strconv.Atoi(port); m.Server != "" && (err != nil || host == "" || bad != nil || n < 1 || n > 65535) {
		r.At("channels.mail.server", "%q is not a host and port; write it as mail.example.org:587", m.Server)
	}
	if _, err := mail.ParseAddress(m.From); m.From != "" && err != nil {
		r.At("channels.mail.from", "%q is not a sender; write it as Caravan <caravan@example.org>", m.From)
	}
	switch {
	case (m.User == "") != (m.Password == nil):
		r.At("channels.mail", "an account is a user and a password; give both or neither")
	case m.User != "" && m.TLS == "none":
		r.At("channels.mail.tls", "the password would cross the network in clear; write starttls or tls")
	}
}

// address reports what is no URL, and one that holds a secret.
func address(r *document.Reader, at, text string) {
	if text == "" {
		return
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		r.At(at, "%s is no address; write it as https://caravan.example.org", at)
	case u.User != nil:
		r.At(at, "%s holds a password; leave it out: requests are signed", at)
	}
}

// Timing is when people are told.
func (w Workspace) Timing() message.Timing {
	t := message.Timing{Digest: w.Channels.Digest, Zone: w.Consent.Location()}
	if zone, err := time.LoadLocation(w.Channels.Zone); err == nil && w.Channels.Zone != "" {
		t.Zone = zone
	}
	if q := w.Channels.Quiet; q != nil {
		t.From, t.Until = minutes(q.From), minutes(q.Until)
	}
	return t
}

func minutes(clock string) int {
	at, err := time.Parse("15:04", clock)
	if err != nil {
		return 0
	}
	return at.Hour()*60 + at.Minute()
}

// Reveal reads a secret. Invalid when it is not where it should be.
func (w Workspace) Reveal(s Secret) (string, error) {
	if s.Env != "" {
		text := strings.TrimSpace(os.Getenv(s.Env))
		if text == "" {
			return "", fault.Newf(fault.Invalid, "the environment variable %s is empty; start the program with the secret in it", s.Env)
		}
		return text, nil
	}
	f, err := os.Open(w.Within(s.File))
	if err != nil {
		return "", fault.Newf(fault.Invalid, "%w; put the secret there, readable to the program", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, mostSecret+1))
	if err != nil {
		return "", fault.Newf(fault.Unavailable, "%w; make the file readable", err)
	}
	text := strings.TrimSpace(string(data))
	if text == "" || len(data) > mostSecret || strings.ContainsAny(text, "\r\n") {
		return "", fault.Newf(fault.Invalid, "%s does not hold one line; put the secret there and nothing else", s.File)
	}
	return text, nil
}

// Team is a declared team.
func (w Workspace) Team(name estate.TeamName) (Team, bool) {
	i := slices.IndexFunc(w.Teams, func(t Team) bool { return t.Name == name })
	if i < 0 {
		return Team{}, false
	}
	return w.Teams[i], true
}

// May reports whether a person, known by a verified mail address, may answer for a team: one of those its people lists.
func (w Workspace) May(mail string, team estate.TeamName) bool {
	t, ok := w.Team(team)
	return ok && mail != "" && slices.ContainsFunc(t.People, func(p string) bool { return strings.EqualFold(p, mail) })
}

// messagesFolder is where a workspace keeps how its messages are written down.
const messagesFolder = "messages"

// Templates are how messages are written down: Caravan's own way, but for those the workspace has in messages/NAME.tmpl.
func (w Workspace) Templates() consent.Templates { return w.templates }

// readTemplates reads messages/NAME.tmpl, as far as there are any. Invalid, with a line for each, when one cannot be used.
func readTemplates(dir string) (consent.Templates, error) {
	var t consent.Templates
	entries, err := os.ReadDir(filepath.Join(dir, messagesFolder))
	if errors.Is(err, fs.ErrNotExist) {
		return t, nil
	}
	if err != nil {
		return t, fault.Newf(fault.Unavailable, "%w; make the folder readable", err)
	}
	var problems []string
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".tmpl")
		if !ok {
			continue
		}
		text, err := readFile(filepath.Join(dir, messagesFolder, e.Name()))
		if err != nil {
			return t, err
		}
		if t, err = t.With(name, string(text)); err != nil {
			problems = append(problems, fmt.Sprintf("%s/%s:%s", messagesFolder, e.Name(), err))
		}
	}
	if len(problems) > 0 {
		return t, fault.Newf(fault.Invalid, "%s", strings.Join(problems, "\n"))
	}
	return t, nil
}
