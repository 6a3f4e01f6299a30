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

// Session is that somebody is signed in, until it ends.
type Session struct {
	Hash  string // SHA-256 of its secret
	Via   string // the provider that let them in
	Began time.Time
	Ends  time.Time
}

// Known is somebody who has signed in, as they were then.
type Known struct {
	rights.Person
	Seen     time.Time `json:"seen"` // last sign-in
	Sessions int       `json:"sessions"`
}

// Enter keeps who somebody is now, and that they are signed in, with a line in the audit. The session that was theirs before, if
// any, ends, and so do all that are over: past their end, or not seen since idle.
func (s *Store) Enter(ctx context.Context, in Session, p rights.Person, before string, idle time.Time) error {
	if in.Hash == "" || p.Subject == "" || p.Role == "" || !in.Ends.After(in.Began) {
		return fault.Newf(fault.Internal, "keep a session: it has no secret, no person, no role or no end")
	}
	teams, err := json.Marshal(p.Teams)
	if err != nil {
		return err
	}
	return s.change(ctx, "keep a session in", func(c *changing) error {
		at := in.Began.UnixMicro()
		err := errors.Join(
			c.exec(`DELETE FROM sessions WHERE hash = $1 OR ends <= $2 OR seen <= $3`, before, at, idle.UnixMicro()),
			c.exec(`INSERT INTO people (via, subject, name, mail, role, teams, seen) VALUES ($1, $2, $3, $4, $5, $6, $7)
				ON CONFLICT (via, subject) DO UPDATE SET name = excluded.name, mail = excluded.mail, role = excluded.role, teams = excluded.teams, seen = excluded.seen`,
				text(in.Via), text(p.Subject), text(p.Name), text(p.Mail), string(p.Role), text(string(teams)), at),
			c.exec(`INSERT INTO sessions (hash, via, subject, began, seen, ends) VALUES ($1, $2, $3, $4, $4, $5)`, in.Hash, text(in.Via), text(p.Subject), at, in.Ends.UnixMicro()),
		)
		if err != nil {
			return err
		}
		return c.note(Entry{At: in.Began, By: p.Who(), What: "signed in"})
	})
}

// seenEvery is how exactly it is kept when a session or a token was used last, so that not every request writes.
const seenEvery = time.Minute

// personColumns are those of people, as scanPerson takes them.
const personColumns = `p.subject, p.name, p.mail, p.role, p.teams`

func scanPerson(scan func(...any) error, more ...any) (p rights.Person, err error) {
	var teams string
	if err := scan(append([]any{&p.Subject, &p.Name, &p.Mail, &p.Role, &teams}, more...)...); err != nil {
		return p, err
	}
	return p, json.Unmarshal([]byte(teams), &p.Teams)
}

// InSession is whose a session is. NotFound when there is none of that secret by that provider, or it is over: at its end, or when it was
// not seen since idle.
func (s *Store) InSession(ctx context.Context, hash, via string, now, idle time.Time) (rights.Person, error) {
	var seen int64
	row := s.db.QueryRowContext(ctx, `SELECT `+personColumns+`, s.seen FROM sessions s JOIN people p ON p.via = s.via AND p.subject = s.subject
		WHERE s.hash = $1 AND s.via = $2 AND s.ends > $3 AND s.seen > $4`, hash, text(via), now.UnixMicro(), idle.UnixMicro())
	p, err := scanPerson(row.Scan, &seen)
	if errors.Is(err, sql.ErrNoRows) {
		return p, fault.Newf(fault.NotFound, "that session is over; sign in again")
	}
	if err == nil && now.Sub(time.UnixMicro(seen)) >= seenEvery {
		_, err = s.db.ExecContext(ctx, `UPDATE sessions SET seen = $1 WHERE hash = $2 AND seen < $1`, now.UnixMicro(), hash)
	}
	return p, s.explain("look a session up in", err)
}

// Leave ends a session; one there is none of is left already.
func (s *Store) Leave(ctx context.Context, hash string, by rights.Person, at time.Time) error {
	return s.change(ctx, "end a session in", func(c *changing) error {
		n, err := c.count(`DELETE FROM sessions WHERE hash = $1`, hash)
		if err != nil || n == 0 {
			return err
		}
		return c.note(Entry{At: at, By: by.Who(), What: "signed out"})
	})
}

// People are all who have signed in by a provider, by mail address and name.
func (s *Store) People(ctx context.Context, via string) ([]Known, error) {
	var out []Known
	err := s.each(ctx, `SELECT `+personColumns+`, p.seen, (SELECT count(*) FROM sessions s WHERE s.via = p.via AND s.subject = p.subject)
		FROM people p WHERE p.via = $1 ORDER BY p.mail, p.name, p.subject`, []any{text(via)}, func(row *sql.Rows) error {
		var k Known
		var seen int64
		var err error
		k.Person, err = scanPerson(row.Scan, &seen, &k.Sessions)
		k.Seen = time.UnixMicro(seen).UTC()
		out = append(out, k)
		return err
	})
	return out, s.explain("list people in", err)
}

// Expel ends all sessions of somebody and revokes all their tokens, with a line in the audit; it says how many of both. Who is a mail address or
// what the provider knows them by. NotFound when nobody is known so.
func (s *Store) Expel(ctx context.Context, via, who string, by rights.Person, at time.Time) (sessions, tokens int64, err error) {
	err = s.change(ctx, "end sessions in", func(c *changing) error {
		const them = `(SELECT subject FROM people WHERE via = $1 AND (subject = $2 OR mail = $2 AND mail <> ''))`
		var n int64
		if err := c.tx.QueryRowContext(ctx, `SELECT count(*) FROM `+them+` them`, text(via), text(who)).Scan(&n); err != nil {
			return err
		}
		if n == 0 {
			return fault.Newf(fault.NotFound, "nobody who signed in is known as %q; caravan people lists them", who)
		}
		var err error
		if sessions, err = c.count(`DELETE FROM sessions WHERE via = $1 AND subject IN `+them, text(via), text(who)); err != nil {
			return err
		}
		if tokens, err = c.count(`UPDATE tokens SET revoked = $3 WHERE via = $1 AND revoked IS NULL AND subject IN `+them, text(via), text(who), at.UnixMicro()); err != nil {
			return err
		}
		return c.note(Entry{At: at, By: by.By(), What: "sessions ended and tokens revoked", Subject: who})
	})
	return sessions, tokens, err
}
