package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/rights"
)

// Token is what a program shows in the place of a person.
type Token struct {
	Hash    string         `json:"-"` // SHA-256 of its secret
	Name    string         `json:"name"`
	Owner   string         `json:"owner"`
	Scopes  []rights.Scope `json:"scopes"`
	Created time.Time      `json:"created"`
	Expires time.Time      `json:"expires"`
	Used    time.Time      `json:"used,omitzero"` // last, to the minute
	Revoked time.Time      `json:"revoked,omitzero"`

	Via     string `json:"-"` // the provider that knows its owner; "" for whoever runs the program
	Subject string `json:"-"`
}

// tokensKept is how long tokens are listed after they have expired.
const tokensKept = 90 * 24 * time.Hour

// KeepToken keeps a token, with a line in the audit. Conflict when its owner has one of that name.
func (s *Store) KeepToken(ctx context.Context, t Token) error {
	scopes, err := json.Marshal(t.Scopes)
	if err != nil {
		return err
	}
	return s.change(ctx, "keep a token in", func(c *changing) error {
		if err := errors.Join(
			c.exec(`DELETE FROM tokens WHERE expires < $1`, t.Created.Add(-tokensKept).UnixMicro()),
			c.exec(`UPDATE tokens SET revoked = expires WHERE owner = $1 AND name = $2 AND revoked IS NULL AND expires <= $3`, text(t.Owner), text(t.Name), t.Created.UnixMicro()),
		); err != nil {
			return err
		}
		n, err := c.count(`INSERT INTO tokens (hash, owner, name, via, subject, scopes, created, expires) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
			ON CONFLICT (owner, name) WHERE revoked IS NULL DO NOTHING`,
			t.Hash, text(t.Owner), text(t.Name), text(t.Via), text(t.Subject), text(string(scopes)), t.Created.UnixMicro(), t.Expires.UnixMicro())
		if err != nil {
			return err
		}
		if n == 0 {
			return fault.Newf(fault.Conflict, "%s has a token %s already; revoke it first, or take another name", t.Owner, t.Name)
		}
		return c.note(Entry{At: t.Created, By: t.Owner, What: "token made", Subject: t.Name, Why: string(scopes)})
	})
}

const tokenColumns = `hash, owner, name, via, subject, scopes, created, expires, used, revoked`

func scanToken(scan func(...any) error) (t Token, err error) {
	var scopes string
	var created, expires int64
	var used, revoked sql.NullInt64
	if err := scan(&t.Hash, &t.Owner, &t.Name, &t.Via, &t.Subject, &scopes, &created, &expires, &used, &revoked); err != nil {
		return t, err
	}
	t.Created, t.Expires, t.Used, t.Revoked = time.UnixMicro(created).UTC(), time.UnixMicro(expires).UTC(), moment(used), moment(revoked)
	return t, json.Unmarshal([]byte(scopes), &t.Scopes)
}

// UseToken is the token of a secret, and that it was used is kept. NotFound when there is none of it, it was revoked or has expired.
func (s *Store) UseToken(ctx context.Context, hash string, now time.Time) (Token, error) {
	t, err := scanToken(s.db.QueryRowContext(ctx, `SELECT `+tokenColumns+` FROM tokens WHERE hash = $1`, hash).Scan)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return t, fault.Newf(fault.NotFound, "there is no such token; make one with caravan token create")
	case err != nil:
		return t, s.explain("look a token up in", err)
	case !t.Revoked.IsZero():
		return t, fault.Newf(fault.NotFound, "the token %s was revoked; make another with caravan token create", t.Name)
	case !now.Before(t.Expires):
		return t, fault.Newf(fault.NotFound, "the token %s expired on %s; make another with caravan token create", t.Name, t.Expires.Format(time.DateOnly))
	}
	if now.Sub(t.Used) >= seenEvery {
		_, err = s.db.ExecContext(ctx, `UPDATE tokens SET used = $1 WHERE hash = $2`, now.UnixMicro(), hash)
	}
	return t, s.explain("use a token of", err)
}

// KnownAs is somebody who has signed in by a provider, as they were then. NotFound when nobody has.
func (s *Store) KnownAs(ctx context.Context, via, subject string) (rights.Person, error) {
	p, err := scanPerson(s.db.QueryRowContext(ctx, `SELECT `+personColumns+` FROM people p WHERE p.via = $1 AND p.subject = $2`, text(via), text(subject)).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return p, fault.Newf(fault.NotFound, "whose token it is has not signed in by this provider")
	}
	return p, s.explain("look somebody up in", err)
}

// Tokens are the tokens of an owner, or all for "", by owner and name; those revoked last within a name.
func (s *Store) Tokens(ctx context.Context, owner string) ([]Token, error) {
	var out []Token
	err := s.each(ctx, `SELECT `+tokenColumns+` FROM tokens WHERE owner = $1 OR $1 = '' ORDER BY owner, name, revoked IS NOT NULL, created DESC`, []any{text(owner)}, func(row *sql.Rows) error {
		t, err := scanToken(row.Scan)
		out = append(out, t)
		return err
	})
	return out, s.explain("list the tokens in", err)
}

// RevokeToken ends a token, with a line in the audit. NotFound when its owner has none of that name.
func (s *Store) RevokeToken(ctx context.Context, owner, name string, by rights.Person, at time.Time) error {
	return s.change(ctx, "revoke a token in", func(c *changing) error {
		n, err := c.count(`UPDATE tokens SET revoked = $1 WHERE owner = $2 AND name = $3 AND revoked IS NULL`, at.UnixMicro(), text(owner), text(name))
		if err != nil {
			return err
		}
		if n == 0 {
			return fault.Newf(fault.NotFound, "%s has no token %s; caravan token list shows those there are", owner, name)
		}
		return c.note(Entry{At: at, By: by.By(), What: "token revoked", Subject: name + " of " + owner})
	})
}
