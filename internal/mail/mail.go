// Package mail sends letters as mail: one text with a simple page beside it, over SMTP. It tries once; whether trying again makes sense is said by the
// kind of its error. A letter has the same Message-ID whenever it is sent, so that a second copy can be recognised.
package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/mail"
	"net/textproto"
	"os"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/message"
)

// Options of a mail server.
type Options struct {
	Server       string // host:port
	From         string // sender, as RFC 5322 has it
	Organisation string // whose list it is
	User         string // "" to send without signing in
	Password     func() (string, error)
	TLS          string // starttls, tls or none
	CA           string // file with certificates (PEM); "" for the machine's
	Now          func() time.Time
}

// Server sends letters. Its methods may be called from several goroutines.
type Server struct{ Options }

// New makes a sender.
func New(o Options) *Server { return &Server{o} }

const timeout = 30 * time.Second

// Send mails a letter. The receipt is its Message-ID.
func (s *Server) Send(ctx context.Context, l message.Letter) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*timeout)
	defer cancel()
	m, err := s.write(l)
	if err != nil {
		return "", err
	}
	client, secret, err := s.client()
	if err != nil {
		return "", err
	}
	conn, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return "", s.judge(err, secret)
	}
	defer client.CloseWithSMTPClient(conn) //nolint:errcheck // what was taken is taken
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	if err := client.SendWithSMTPClient(conn, m); err != nil && !m.IsDelivered() {
		return "", s.judge(err, secret)
	}
	return m.GetMessageID(), nil
}

// write makes a mail of a letter.
func (s *Server) write(l message.Letter) (*gomail.Msg, error) {
	from, err := mail.ParseAddress(s.From)
	if err != nil {
		return nil, fault.Newf(fault.Invalid, "the sender is no mail address; correct channels.mail.from")
	}
	to, err := mail.ParseAddress(l.To)
	if err != nil {
		return nil, fault.Newf(fault.Invalid, "%q is no mail address; correct it in caravan.yaml", l.To)
	}
	_, domain, _ := strings.Cut(from.Address, "@")
	m := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	m.FromMailAddress(from)
	m.ToMailAddress(&mail.Address{Address: to.Address})
	m.Subject(l.Subject())
	m.SetDateWithValue(s.Now())
	m.SetMessageIDWithValue(l.ID + "@" + domain)
	m.SetGenHeader("List-Id", "Caravan of "+word(s.Organisation)+" <caravan."+domain+">") // RFC 2919
	m.SetGenHeader("Auto-Submitted", "auto-generated")                                    // RFC 3834
	m.SetGenHeader("X-Auto-Response-Suppress", "All")
	m.SetBodyString(gomail.TypeTextPlain, l.Text())
	m.AddAlternativeString(gomail.TypeTextHTML, l.HTML())
	return m, nil
}

// word is a name as far as it can stand before a list's address.
func word(name string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || strings.ContainsRune(`<>()[]"\,;:@`, r) {
			return -1
		}
		return r
	}, name)
}

// client is one that has not dialled yet, and the password it would sign in with.
func (s *Server) client() (*gomail.Client, string, error) {
	host, text, err := net.SplitHostPort(s.Server)
	port, bad := strconv.Atoi(text)
	if err != nil || bad != nil {
		return nil, "", fault.Newf(fault.Invalid, "the mail server is no host and port; correct channels.mail.server")
	}
	encrypted := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	if s.CA != "" {
		pem, err := os.ReadFile(s.CA)
		if err != nil {
			return nil, "", fault.Newf(fault.Invalid, "%w; correct channels.mail.ca", err)
		}
		encrypted.RootCAs = x509.NewCertPool()
		if !encrypted.RootCAs.AppendCertsFromPEM(pem) {
			return nil, "", fault.Newf(fault.Invalid, "%s holds no certificate in PEM; correct channels.mail.ca", s.CA)
		}
	}
	options := []gomail.Option{gomail.WithPort(port), gomail.WithTimeout(timeout), gomail.WithTLSConfig(encrypted)}
	switch s.TLS {
	case "tls":
		options = append(options, gomail.WithSSL())
	case "none":
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	default:
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	}
	secret := ""
	if s.User != "" {
		if secret, err = s.Password(); err != nil {
			return nil, "", err
		}
		options = append(options, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover), gomail.WithUsername(s.User), gomail.WithPassword(secret))
	}
	c, err := gomail.NewClient(host, options...)
	if err != nil {
		return nil, "", fault.Newf(fault.Invalid, "the mail server cannot be used: %w; correct channels.mail", err)
	}
	return c, secret, nil
}

// judge says whether trying again makes sense: not when the server refused for good (5xx, RFC 5321), else it does.
func (s *Server) judge(err error, secret string) error {
	text := err.Error()
	if secret != "" {
		text = strings.ReplaceAll(text, secret, "•••")
	}
	if code(err) >= 500 {
		return fault.Newf(fault.Invalid, "%s refuses it: %s; mend that, then run caravan announce", s.Server, text)
	}
	return fault.Newf(fault.Unavailable, "%s did not take it: %s", s.Server, text)
}

// code is what a server answered; 0 when it did not.
func code(err error) int {
	var sending *gomail.SendError
	if errors.As(err, &sending) {
		return sending.ErrorCode()
	}
	var answer *textproto.Error
	if errors.As(err, &answer) {
		return answer.Code
	}
	return 0
}
