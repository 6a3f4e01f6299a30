package signin

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/redact"
)

// ProviderOptions say who lets people in. Issuer, ClientID, URL and Now are required.
type ProviderOptions struct {
	Issuer   string // as its discovery document says it
	ClientID string
	Secret   func() (string, error) // of the client, asked for with each sign-in; nil for a public one
	URL      string                 // of the portal
	Groups   string                 // claim that lists groups
	Scopes   []string               // beyond openid, profile, email and, where the provider has it, groups
	AnyMail  bool                   // take mail addresses of which the provider does not say whether they are verified
	Now      func() time.Time
	HTTP     http.RoundTripper // http.DefaultTransport when nil
}

// Provider is an OpenID Connect provider. It is asked for its addresses and keys with the first sign-in, so that the program starts while it is away.
type Provider struct {
	o    ProviderOptions
	http *http.Client

	mu     sync.Mutex
	found  *oidc.Provider
	failed error
	tried  time.Time
}

const (
	providerTimeout = 10 * time.Second
	maxProvider     = 1 << 20         // bytes of one of its answers
	askAgain        = 5 * time.Second // after a provider did not answer
	skew            = time.Minute     // by which its clock may be behind or ahead
	attemptLength   = 10 * time.Minute
)

// NewProvider is a provider that nobody was asked about yet.
func NewProvider(o ProviderOptions) *Provider {
	if o.HTTP == nil {
		o.HTTP = http.DefaultTransport
	}
	return &Provider{o: o, http: &http.Client{Transport: bounded{o.HTTP}, Timeout: providerTimeout}}
}

// bounded cuts answers off that are longer than any sensible one.
type bounded struct{ http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		res.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(res.Body, maxProvider), res.Body}
	}
	return res, err
}

// discovered asks the provider for its addresses once. One that does not answer is left alone for a moment, so that those who wait do not add up.
func (p *Provider) discovered(ctx context.Context) (*oidc.Provider, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.o.Now()
	if p.found != nil || p.failed != nil && now.Sub(p.tried) < askAgain {
		return p.found, p.failed
	}
	found, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), p.http), p.o.Issuer)
	p.tried, p.failed = now, nil
	if err != nil {
		p.failed = fault.Newf(fault.Unavailable, "%s, with which people sign in, does not answer as an OpenID Connect provider should; try again in a moment, or ask whoever runs it. Those who are signed in are not affected", p.o.Issuer)
		return nil, p.failed
	}
	p.found = found
	return found, nil
}

// Attempt is a sign-in that was begun in a browser, which keeps it until the provider answers.
type Attempt struct {
	State    string    `json:"state"`
	Nonce    string    `json:"nonce"`
	Verifier string    `json:"verifier"`
	Back     string    `json:"back"` // where to go afterwards
	Begun    time.Time `json:"begun"`
}

// Begin is a new attempt, and the provider's address to send the browser to. Unavailable while the provider does not answer.
func (p *Provider) Begin(ctx context.Context, back string) (Attempt, string, error) {
	found, err := p.discovered(ctx)
	if err != nil {
		return Attempt{}, "", err
	}
	a := Attempt{State: newSecret(), Nonce: newSecret(), Verifier: oauth2.GenerateVerifier(), Back: SafePath(back), Begun: p.o.Now()}
	return a, p.client(found, "").AuthCodeURL(a.State, oidc.Nonce(a.Nonce), oauth2.S256ChallengeOption(a.Verifier)), nil
}

// CallbackPath is where the provider sends browsers back to.
const CallbackPath = "/signin/callback"

func (p *Provider) client(found *oidc.Provider, secret string) *oauth2.Config {
	scopes := append([]string{oidc.ScopeOpenID, "profile", "email"}, p.o.Scopes...)
	var has struct {
		Scopes []string `json:"scopes_supported"`
	}
	if found.Claims(&has) == nil && slices.Contains(has.Scopes, "groups") && !slices.Contains(scopes, "groups") {
		scopes = append(scopes, "groups")
	}
	return &oauth2.Config{ClientID: p.o.ClientID, ClientSecret: secret, Endpoint: found.Endpoint(), RedirectURL: p.o.URL + CallbackPath, Scopes: scopes}
}

// Claims are what a provider says of somebody.
type Claims struct {
	Subject string
	Name    string
	Mail    string // in small letters; "" unless the provider says that it is verified
	Groups  []string
}

// code is an error of OAuth 2.0; what else the address says is nobody's word (RFC 6749, 4.1.2.1).
var code = regexp.MustCompile(`^[a-z_]{1,40}$`)

// Finish takes the provider's answer to an attempt: it exchanges the code, verifies the ID token and asks for what that leaves out. Invalid when the
// answer is not to this attempt, Denied when the provider lets the person not in or what it says cannot be trusted, Unavailable when it does not answer.
func (p *Provider) Finish(ctx context.Context, a Attempt, answer url.Values) (Claims, error) {
	age := p.o.Now().Sub(a.Begun)
	switch iss := answer.Get("iss"); {
	case a.State == "" || subtle.ConstantTimeCompare([]byte(a.State), []byte(answer.Get("state"))) != 1 || age > attemptLength || age < -skew:
		return Claims{}, fault.Newf(fault.Invalid, "that sign-in was not begun in this browser, or too long ago; begin again")
	case iss != "" && iss != p.o.Issuer:
		return Claims{}, fault.Newf(fault.Denied, "the answer is another provider's; begin again")
	case code.MatchString(answer.Get("error")):
		return Claims{}, fault.Newf(fault.Denied, "%s did not let you in (%s); begin again, or ask whoever runs it", p.o.Issuer, answer.Get("error"))
	case answer.Get("code") == "":
		return Claims{}, fault.Newf(fault.Invalid, "the provider's answer says nothing; begin again")
	}
	found, err := p.discovered(ctx)
	if err != nil {
		return Claims{}, err
	}
	secret := ""
	if p.o.Secret != nil {
		if secret, err = p.o.Secret(); err != nil {
			return Claims{}, err
		}
	}
	ctx = oidc.ClientContext(ctx, p.http)
	tokens, err := p.client(found, secret).Exchange(ctx, answer.Get("code"), oauth2.VerifierOption(a.Verifier))
	if err != nil {
		return Claims{}, p.refused(err)
	}
	return p.claims(ctx, found, tokens, a.Nonce)
}

// refused says why a code was not taken. What the provider writes beside the error's name may repeat what was sent.
func (p *Provider) refused(err error) error {
	var said *oauth2.RetrieveError
	switch {
	case !errors.As(err, &said):
		return fault.Newf(fault.Unavailable, "%s does not answer; try again in a moment", p.o.Issuer)
	case said.ErrorCode == "invalid_client" || said.ErrorCode == "unauthorized_client":
		return fault.Newf(fault.Denied, "%s does not accept the client %s (%s); whoever runs Caravan must correct clientID or the client's secret", p.o.Issuer, p.o.ClientID, said.ErrorCode)
	case code.MatchString(said.ErrorCode):
		return fault.Newf(fault.Denied, "%s did not let you in (%s); begin again", p.o.Issuer, said.ErrorCode)
	}
	return fault.Newf(fault.Unavailable, "%s answers with %s; try again in a moment", p.o.Issuer, said.Response.Status)
}

// claims verifies the ID token: signature, issuer, audience, expiry, nonce. What it does not say is asked for with the access token.
func (p *Provider) claims(ctx context.Context, found *oidc.Provider, tokens *oauth2.Token, nonce string) (Claims, error) {
	distrust := func(why string) (Claims, error) {
		return Claims{}, fault.Newf(fault.Denied, "what %s says of you cannot be trusted: %s; begin again, or ask whoever runs it", p.o.Issuer, redact.Text(why))
	}
	raw, _ := tokens.Extra("id_token").(string)
	late := func() time.Time { return p.o.Now().Add(-skew) }
	id, err := found.VerifierContext(ctx, &oidc.Config{ClientID: p.o.ClientID, Now: late}).Verify(ctx, raw)
	if err != nil {
		return distrust(err.Error())
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(nonce)) != 1 {
		return distrust("its ID token answers another sign-in")
	}
	if id.AccessTokenHash != "" {
		if err := id.VerifyAccessToken(tokens.AccessToken); err != nil {
			return distrust("its access token belongs to another ID token")
		}
	}
	said := map[string]json.RawMessage{}
	if err := id.Claims(&said); err != nil {
		return distrust("its ID token cannot be read")
	}
	if !told(said, "email", p.o.Groups) && found.UserInfoEndpoint() != "" {
		info, err := found.UserInfo(ctx, oauth2.StaticTokenSource(tokens))
		if err != nil {
			return Claims{}, fault.Newf(fault.Unavailable, "%s does not say who you are and in which groups; try again in a moment", p.o.Issuer)
		}
		if info.Subject != id.Subject {
			return distrust("it speaks of somebody else")
		}
		more := map[string]json.RawMessage{}
		if err := info.Claims(&more); err != nil {
			return distrust("what it says cannot be read")
		}
		for key, value := range more {
			if _, ok := said[key]; !ok {
				said[key] = value
			}
		}
	}
	return p.read(id.Subject, said)
}

func told(said map[string]json.RawMessage, keys ...string) bool {
	return !slices.ContainsFunc(keys, func(key string) bool { return said[key] == nil })
}

// Bounds of what a provider may say of one person.
const (
	maxGroups = 2000
	maxClaim  = 255 // bytes
)

// read takes the claims that matter.
func (p *Provider) read(subject string, said map[string]json.RawMessage) (Claims, error) {
	c := Claims{Subject: subject, Name: textOf(said["name"]), Mail: strings.ToLower(textOf(said["email"]))}
	verified := strings.Trim(string(said["email_verified"]), `"`)
	if verified != "true" && (verified != "" || !p.o.AnyMail) || !strings.Contains(c.Mail, "@") {
		c.Mail = "" // providers leave the claim out for false, too
	}
	if c.Name == "" {
		c.Name = textOf(said["preferred_username"])
	}
	var one string
	if err := json.Unmarshal(said[p.o.Groups], &c.Groups); err != nil && json.Unmarshal(said[p.o.Groups], &one) == nil {
		c.Groups = []string{one}
	}
	if !plain(subject) || len(c.Groups) > maxGroups {
		return c, fault.Newf(fault.Denied, "what %s says of you cannot be taken: its name for you is odd, or it puts you into more than %d groups; ask whoever runs it", p.o.Issuer, maxGroups)
	}
	return c, nil
}

// textOf is a claim of one line; "" for any other.
func textOf(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) != nil || !plain(text) {
		return ""
	}
	return text
}

func plain(text string) bool {
	return text != "" && len(text) <= maxClaim && !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
}

// SafePath is a path of the portal to go to after a sign-in; the map for what could lead anywhere else.
func SafePath(path string) string {
	u, err := url.Parse(path)
	const longest = 2000
	if err != nil || len(path) > longest || u.Scheme != "" || u.Host != "" || u.User != nil || !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") ||
		strings.Contains(path, `\`) || strings.ContainsFunc(path, unicode.IsControl) || strings.HasPrefix(u.Path, "//") || strings.HasPrefix(u.Path, "/signin") {
		return "/"
	}
	return path
}
