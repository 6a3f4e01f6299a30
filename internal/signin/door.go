// Package signin lets people and programs in: people by an OpenID Connect provider or, where there is none, by a one-time link for whoever runs
// the program; programs by tokens. A secret goes in, a person comes out. Secrets are 256 random bits; only their hashes are kept.
//
// What somebody may do then is not its business, nor how secrets travel in requests.
package signin

import (
	"context"
	"regexp"
	"slices"
	"time"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/rights"
	"example.org/caravan/internal/store"
)

// Keeper keeps people, sessions and tokens, as store.Store does.
type Keeper interface {
	Enter(ctx context.Context, in store.Session, p rights.Person, before string, idle time.Time) error
	InSession(ctx context.Context, hash, via string, now, idle time.Time) (rights.Person, error)
	Leave(ctx context.Context, hash string, by rights.Person, at time.Time) error
	People(ctx context.Context, via string) ([]store.Known, error)
	KnownAs(ctx context.Context, via, subject string) (rights.Person, error)
	Expel(ctx context.Context, via, who string, by rights.Person, at time.Time) (sessions, tokens int64, err error)
	KeepToken(ctx context.Context, t store.Token) error
	UseToken(ctx context.Context, hash string, now time.Time) (store.Token, error)
	Tokens(ctx context.Context, owner string) ([]store.Token, error)
	RevokeToken(ctx context.Context, owner, name string, by rights.Person, at time.Time) error
}

// Options of a door. Now and Runner are required; Keeper is, with a provider.
type Options struct {
	Keeper   Keeper        // nil: nothing is kept, and there are no tokens
	Provider *Provider     // nil: nobody signs in but whoever runs the program
	Groups   rights.Groups // what the provider's groups mean
	Session  time.Duration // longest
	Idle     time.Duration // without being seen
	Runner   rights.Person // whoever runs the program
	Now      func() time.Time
}

// Door knows who may come in.
type Door struct {
	o    Options
	link link
}

// New is a door.
func New(o Options) *Door { return &Door{o: o, link: link{sessions: map[string]stay{}}} }

// Runner is whoever runs the program.
func (d *Door) Runner() rights.Person { return d.o.Runner }

// Provided reports whether people sign in with a provider.
func (d *Door) Provided() bool { return d.o.Provider != nil }

// Issuer is the provider's name for itself; "" when there is none.
func (d *Door) Issuer() string {
	if d.o.Provider == nil {
		return ""
	}
	return d.o.Provider.o.Issuer
}

// URL is where people open the portal; "" when that is not said.
func (d *Door) URL() string {
	if d.o.Provider == nil {
		return ""
	}
	return d.o.Provider.o.URL
}

var errNobody = fault.Newf(fault.Internal, "nobody signs in here: no provider is configured")

// Begin begins a sign-in, as Provider.Begin does.
func (d *Door) Begin(ctx context.Context, back string) (Attempt, string, error) {
	if d.o.Provider == nil {
		return Attempt{}, "", errNobody
	}
	return d.o.Provider.Begin(ctx, back)
}

// Finish ends a sign-in: the provider's answer becomes a session, whose secret is returned. The session before, if any, ends with it. Denied for somebody
// whose groups give no role; other errors are those of Provider.Finish.
func (d *Door) Finish(ctx context.Context, a Attempt, answer map[string][]string, before string) (secret string, p rights.Person, err error) {
	if d.o.Provider == nil {
		return "", p, errNobody
	}
	c, err := d.o.Provider.Finish(ctx, a, answer)
	if err != nil {
		return "", p, err
	}
	p = rights.Person{Name: c.Name, Mail: c.Mail, Subject: c.Subject}
	if p.Role, p.Teams = d.o.Groups.Of(c.Groups); p.Role == "" {
		return "", p, fault.Newf(fault.Denied, "%s is known to %s, and none of their groups has business here; ask an admin to put them into one that caravan.yaml names", p.Who(), d.Issuer())
	}
	secret, now := newSecret(), d.o.Now()
	in := store.Session{Hash: hashOf(secret), Via: d.Issuer(), Began: now, Ends: now.Add(d.o.Session)}
	return secret, p, d.o.Keeper.Enter(ctx, in, p, hashOf(before), now.Add(-d.o.Idle))
}

// InSession is whose session a secret is. NotFound when it is none, or over.
func (d *Door) InSession(ctx context.Context, secret string) (rights.Person, error) {
	switch {
	case !isSecret(secret):
		return rights.Person{}, fault.Newf(fault.NotFound, "that session is over; sign in again")
	case d.o.Provider == nil:
		return d.stays(secret)
	}
	now := d.o.Now()
	return d.o.Keeper.InSession(ctx, hashOf(secret), d.Issuer(), now, now.Add(-d.o.Idle))
}

// Leave ends a session.
func (d *Door) Leave(ctx context.Context, secret string) error {
	if d.o.Provider == nil {
		d.leaves(secret)
		return nil
	}
	p, err := d.InSession(ctx, secret)
	if err != nil {
		if fault.KindOf(err) == fault.NotFound {
			return nil
		}
		return err
	}
	return d.o.Keeper.Leave(ctx, hashOf(secret), p, d.o.Now())
}

// WithToken is whose token a secret is, with what it is limited to. NotFound when it is none, was revoked or has expired.
func (d *Door) WithToken(ctx context.Context, secret string) (rights.Person, error) {
	if !isToken(secret) || d.o.Keeper == nil {
		return rights.Person{}, fault.Newf(fault.NotFound, "that is no token of this Caravan; make one with caravan token create")
	}
	t, err := d.o.Keeper.UseToken(ctx, hashOf(secret), d.o.Now())
	if err != nil {
		return rights.Person{}, err
	}
	p := d.o.Runner
	switch {
	case t.Via == "":
		p.Name = t.Owner
	case t.Via != d.Issuer():
		return rights.Person{}, fault.Newf(fault.NotFound, "the token %s is of somebody whom another provider let in; make another with caravan token create", t.Name)
	default:
		if p, err = d.o.Keeper.KnownAs(ctx, t.Via, t.Subject); err != nil {
			return rights.Person{}, err
		}
	}
	p.Token, p.Scopes = t.Name, t.Scopes
	return p, nil
}

// TokenRequest says which token is wanted.
type TokenRequest struct {
	Name    string         `json:"name" minLength:"1" maxLength:"64" pattern:"^[a-z0-9][a-z0-9._-]*$" doc:"Name, to find it again by."`
	Scopes  []rights.Scope `json:"scopes,omitempty" maxItems:"50" doc:"What it is for beside reading: agree, drill, decide and deploy, each maybe with :TEAM, scan, plan, operate."`
	Expires time.Duration  `json:"expires,omitempty" doc:"How long it is good for, in nanoseconds; 720 hours when left out, 8784 at most."`
}

// Made is a token that was made, with the secret that is shown this once.
type Made struct {
	store.Token
	Secret string `json:"secret"`
}

const (
	tokenLife      = 30 * 24 * time.Hour
	longestToken   = 366 * 24 * time.Hour
	shortestToken  = time.Minute
	tokensOfPerson = 50
)

var tokenName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

// MakeToken makes a token that reaches no further than who makes it. Denied when they may not do what it is for, Conflict when they have one of
// that name, or too many.
func (d *Door) MakeToken(ctx context.Context, by rights.Person, req TokenRequest) (Made, error) {
	if req.Expires == 0 {
		req.Expires = tokenLife
	}
	switch {
	case d.o.Keeper == nil:
		return Made{}, errKept
	case !tokenName.MatchString(req.Name):
		return Made{}, fault.Newf(fault.Usage, "%q is no name of a token; take small letters, digits, dots and dashes, such as deploy-bot", req.Name)
	case req.Expires < shortestToken || req.Expires > longestToken:
		return Made{}, fault.Newf(fault.Usage, "a token is good for a minute to 8784h, not %s", req.Expires)
	}
	if err := rights.MayGrant(by, req.Scopes); err != nil {
		return Made{}, err
	}
	now, secret := d.o.Now(), TokenPrefix+newSecret()
	has, err := d.o.Keeper.Tokens(ctx, by.Who())
	if err != nil {
		return Made{}, err
	}
	if alive := slices.DeleteFunc(has, func(t store.Token) bool { return !t.Revoked.IsZero() || !now.Before(t.Expires) }); len(alive) >= tokensOfPerson {
		return Made{}, fault.Newf(fault.Conflict, "%s has %d tokens, and nobody needs more; revoke one first", by.Who(), tokensOfPerson)
	}
	t := store.Token{Hash: hashOf(secret), Name: req.Name, Owner: by.Who(), Scopes: req.Scopes, Created: now, Expires: now.Add(req.Expires), Subject: by.Subject}
	if by.Subject != "" {
		t.Via = d.Issuer()
	}
	return Made{t, secret}, d.o.Keeper.KeepToken(ctx, t)
}

var errKept = fault.Newf(fault.Conflict, "nothing keeps tokens or people here; begin a workspace with caravan init")

// Tokens are a person's tokens, or those of all for whoever looks after them.
func (d *Door) Tokens(ctx context.Context, by rights.Person, all bool) ([]store.Token, error) {
	if err := rights.May(by, rights.Tokens, ""); err != nil || !all {
		if err != nil {
			return nil, err
		}
		return d.tokens(ctx, by.Who())
	}
	if err := rights.May(by, rights.Administer, ""); err != nil {
		return nil, err
	}
	return d.tokens(ctx, "")
}

func (d *Door) tokens(ctx context.Context, owner string) ([]store.Token, error) {
	if d.o.Keeper == nil {
		return nil, errKept
	}
	return d.o.Keeper.Tokens(ctx, owner)
}

// RevokeToken ends a token: one's own, or anybody's for whoever looks after them. Owner is the person themselves for "".
func (d *Door) RevokeToken(ctx context.Context, by rights.Person, owner, name string) error {
	need := rights.Administer
	if owner == "" || owner == by.Who() {
		owner, need = by.Who(), rights.Tokens
	}
	if err := rights.May(by, need, ""); err != nil {
		return err
	}
	if d.o.Keeper == nil {
		return errKept
	}
	return d.o.Keeper.RevokeToken(ctx, owner, name, by, d.o.Now())
}

// People are all who have signed in.
func (d *Door) People(ctx context.Context) ([]store.Known, error) {
	if d.o.Keeper == nil {
		return nil, errKept
	}
	return d.o.Keeper.People(ctx, d.Issuer())
}

// Expel ends all sessions and tokens of somebody, and says how many.
func (d *Door) Expel(ctx context.Context, by rights.Person, who string) (sessions, tokens int64, err error) {
	if err := rights.May(by, rights.Administer, ""); err != nil {
		return 0, 0, err
	}
	if d.o.Keeper == nil {
		return 0, 0, errKept
	}
	return d.o.Keeper.Expel(ctx, d.Issuer(), who, by, d.o.Now())
}

// stillKnown is how long what a provider said of somebody is good for where they cannot be asked to sign in.
const stillKnown = 30 * 24 * time.Hour

// OfMail is the person of a mail address that something else has verified, such as a chat: with the role and the teams the provider gave them when
// they signed in last. Denied for somebody who has not within 30 days, or of whom there are two.
func (d *Door) OfMail(ctx context.Context, mail string) (rights.Person, error) {
	if d.o.Provider == nil {
		return rights.Person{}, fault.Newf(fault.Denied, "nobody signs in here, so nobody knows which team %s is of; configure signin in caravan.yaml", mail)
	}
	people, err := d.People(ctx)
	if err != nil {
		return rights.Person{}, err
	}
	old := d.o.Now().Add(-stillKnown)
	people = slices.DeleteFunc(people, func(k store.Known) bool { return mail == "" || k.Mail != lower(mail) || k.Seen.Before(old) })
	switch len(people) {
	case 1:
		return people[0].Person, nil
	case 0:
		return rights.Person{}, fault.Newf(fault.Denied, "%s has not signed in within 30 days, so nobody knows which team they are of; sign in at %s first", mail, d.URL())
	}
	return rights.Person{}, fault.Newf(fault.Denied, "%d people have signed in as %s; answer at %s", len(people), mail, d.URL())
}
