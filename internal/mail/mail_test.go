package mail

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"mime"
	"mime/multipart"
	"net"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/message"
)

const canary = "mail-password-canary"

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// post is a mail server: it signs in with a password, and answers each mail as it is told to.
type post struct {
	mu      sync.Mutex
	answers []error // to the next mails' end; nil when there are none left
	cut     int     // connections to cut in the middle of a mail
	mails   []string
	tos     []string
}

func (p *post) NewSession(c *smtp.Conn) (smtp.Session, error) { return &visit{post: p, conn: c}, nil }

type visit struct {
	post   *post
	conn   *smtp.Conn
	signed bool
}

func (v *visit) AuthMechanisms() []string { return []string{sasl.Plain} }

func (v *visit) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != "caravan" || password != canary {
			return &smtp.SMTPError{Code: 535, EnhancedCode: smtp.EnhancedCode{5, 7, 8}, Message: "bad credentials " + password}
		}
		v.signed = true
		return nil
	}), nil
}

func (v *visit) Mail(string, *smtp.MailOptions) error {
	if !v.signed {
		return smtp.ErrAuthRequired
	}
	return nil
}

func (v *visit) Rcpt(to string, _ *smtp.RcptOptions) error {
	if strings.HasPrefix(to, "nobody@") {
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such user"}
	}
	v.post.mu.Lock()
	defer v.post.mu.Unlock()
	v.post.tos = append(v.post.tos, to)
	return nil
}

func (v *visit) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	v.post.mu.Lock()
	defer v.post.mu.Unlock()
	if v.post.cut > 0 {
		v.post.cut--
		return v.conn.Close()
	}
	if len(v.post.answers) > 0 {
		err, v.post.answers = v.post.answers[0], v.post.answers[1:]
		if err != nil {
			return err
		}
	}
	v.post.mails = append(v.post.mails, string(text))
	return nil
}

func (v *visit) Reset()        {}
func (v *visit) Logout() error { return nil }

// serve runs a mail server on loopback with a certificate of its own, from the first byte or after STARTTLS, and gives a sender to it.
func serve(t *testing.T, p *post, mode string) *Server {
	t.Helper()
	cert, ca := certificate(t)
	srv := smtp.NewServer(p)
	srv.Domain, srv.TLSConfig = "localhost", &tls.Config{Certificates: []tls.Certificate{cert}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	if mode == "tls" {
		l = tls.NewListener(l, srv.TLSConfig)
	}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	t.Cleanup(func() { _, _ = srv.Close(), l.Close(); <-done }) // the server may not have begun to listen yet
	return New(Options{Server: addr, From: "Caravan <caravan@kopi.example>", Organisation: "Kopi", User: "caravan",
		Password: func() (string, error) { return canary, nil }, TLS: mode, CA: ca, Now: func() time.Time { return noon }})
}

func certificate(t *testing.T) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, IPAddresses: []net.IP{net.ParseIP("127.0.0.1")}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, file
}

func letter(title string) message.Letter {
	m := message.Message{Kind: message.Announcement, Expansion: "indonesia", Team: "orders", Title: title, Text: "Wave 2\n- orders starts\n", HTML: "<b>Wave 2</b>\n• orders starts\n"}
	return message.Letter{ID: "0123456789abcdef0123456789abcdef", Messages: []message.Message{m}, Address: message.Address{Channel: message.Mail, To: "orders@kopi.example"}}
}

func TestALetterArrivesAsTextAndPage(t *testing.T) {
	for _, mode := range []string{"starttls", "tls"} {
		t.Run(mode, func(t *testing.T) {
			p := &post{}
			receipt, err := serve(t, p, mode).Send(t.Context(), letter("Wave 2 of indonesia"))
			if err != nil || receipt != "<0123456789abcdef0123456789abcdef@kopi.example>" {
				t.Fatalf("%q, %v", receipt, err)
			}
			m, err := mail.ReadMessage(strings.NewReader(p.mails[0]))
			if err != nil {
				t.Fatal(err)
			}
			for name, want := range map[string]string{
				"Message-ID": receipt, "Subject": "Wave 2 of indonesia", "To": "<orders@kopi.example>", "From": `"Caravan" <caravan@kopi.example>`,
				"List-Id": "Caravan of Kopi <caravan.kopi.example>", "Auto-Submitted": "auto-generated",
			} {
				if got := m.Header.Get(name); got != want {
					t.Errorf("%s: %q, not %q", name, got, want)
				}
			}
			_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
			if err != nil {
				t.Fatal(err)
			}
			parts := multipart.NewReader(m.Body, params["boundary"])
			for _, want := range []string{"- orders starts", "<b>Wave 2</b><br>"} {
				part, err := parts.NextPart()
				if err != nil {
					t.Fatal(err)
				}
				if text, _ := io.ReadAll(part); !strings.Contains(string(text), want) {
					t.Errorf("%q is not in\n%s", want, text)
				}
			}
		})
	}
}

func TestATitleCannotAddHeadersOrRecipients(t *testing.T) {
	p := &post{}
	l := letter("Wave 2\r\nBcc: eve@evil.example\r\n\r\nall is agreed")
	if _, err := serve(t, p, "starttls").Send(t.Context(), l); err != nil {
		t.Fatal(err)
	}
	m, err := mail.ReadMessage(strings.NewReader(p.mails[0]))
	if err != nil || m.Header.Get("Bcc") != "" || len(p.tos) != 1 {
		t.Errorf("%v to %v, %v", m.Header, p.tos, err)
	}
	for _, to := range []string{"a@kopi.example\r\nRCPT TO:<eve@evil.example>", "a@kopi.example, eve@evil.example", "no address", "a@kopi.example>\r\nDATA"} {
		l := letter("Wave 2")
		l.To = to
		if _, err := serve(t, p, "starttls").Send(t.Context(), l); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%q: %v", to, err)
		}
	}
	if len(p.mails) != 1 {
		t.Errorf("%d mails", len(p.mails))
	}
}

func TestWhatTheServerSaysDecidesWhetherItIsTriedAgain(t *testing.T) {
	p := &post{answers: []error{&smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 7, 1}, Message: "greylisted"}, nil}}
	s := serve(t, p, "starttls")
	if _, err := s.Send(t.Context(), letter("a")); fault.KindOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "greylisted") {
		t.Errorf("4xx: %v", err)
	}
	if _, err := s.Send(t.Context(), letter("a")); err != nil || len(p.mails) != 1 {
		t.Errorf("the same again: %d mails, %v", len(p.mails), err)
	}
	p.answers = []error{&smtp.SMTPError{Code: 554, EnhancedCode: smtp.EnhancedCode{5, 7, 1}, Message: "spam"}}
	if _, err := s.Send(t.Context(), letter("a")); fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "spam") {
		t.Errorf("5xx: %v", err)
	}
	l := letter("a")
	l.To = "nobody@kopi.example"
	if _, err := s.Send(t.Context(), l); fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "no such user") {
		t.Errorf("unknown recipient: %v", err)
	}
	p.cut = 1
	if _, err := s.Send(t.Context(), letter("a")); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("a connection that is cut: %v", err)
	}
	s.Server = "127.0.0.1:1"
	if _, err := s.Send(t.Context(), letter("a")); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("nobody there: %v", err)
	}
}

func TestAWrongPasswordOrCertificateIsSaidWithoutThePassword(t *testing.T) {
	s := serve(t, &post{}, "starttls")
	s.Password = func() (string, error) { return canary + "-wrong", nil }
	_, err := s.Send(t.Context(), letter("a"))
	if fault.KindOf(err) != fault.Invalid || strings.Contains(err.Error(), "canary") {
		t.Errorf("%v", err)
	}
	s = serve(t, &post{}, "starttls")
	s.CA = ""
	if _, err = s.Send(t.Context(), letter("a")); fault.KindOf(err) != fault.Unavailable || strings.Contains(err.Error(), "canary") {
		t.Errorf("a certificate nobody knows: %v", err)
	}
	s.Password = func() (string, error) { return "", fault.Newf(fault.Invalid, "no password there") }
	if _, err = s.Send(t.Context(), letter("a")); err == nil || !strings.Contains(err.Error(), "no password there") {
		t.Errorf("%v", err)
	}
}

func TestWithoutTLSNothingIsSentWhereItIsAskedFor(t *testing.T) {
	p := &post{}
	srv := smtp.NewServer(p)
	srv.Domain = "localhost"
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	defer func() { _, _ = srv.Close(), l.Close(); <-done }()
	s := New(Options{Server: l.Addr().String(), From: "caravan@kopi.example", TLS: "starttls", Now: time.Now})
	if _, err := s.Send(t.Context(), letter("a")); err == nil || len(p.mails) > 0 {
		t.Errorf("%d mails, %v", len(p.mails), errors.Unwrap(err))
	}
}
