package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
)

// Entry is one line of the audit: who did what, when, and why. Lines are added in the transaction that does what they say, and
// never changed.
type Entry struct {
	ID        int64         `json:"id"` // from 1, without gaps
	At        time.Time     `json:"at"`
	By        string        `json:"by"`
	What      string        `json:"what"`
	Expansion string        `json:"expansion,omitempty"`
	Subject   string        `json:"subject,omitempty"` // a step, a team
	Why       string        `json:"why,omitempty"`
	Digest    estate.Digest `json:"digest,omitempty"` // of what was done
	Hash      string        `json:"hash"`             // SHA-256, in hexadecimal, of the hash of the line before and this line as JSON without its hash
}

// seal is the hash of a line that follows one with the hash before. Times count to the microsecond, as they are kept.
func (e Entry) seal(before string) string {
	e.Hash, e.At = "", e.At.UTC().Truncate(time.Microsecond)
	text, err := json.Marshal(e)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(append([]byte(before+"\n"), text...))
	return hex.EncodeToString(sum[:])
}

// note adds a line to the audit.
func (c *changing) note(e Entry) error {
	if e.By == "" || e.At.IsZero() || e.What == "" {
		return fault.Newf(fault.Invalid, "audit: nobody says who did what and when; give all three")
	}
	var before string
	err := c.tx.QueryRowContext(c.ctx, `SELECT id, hash FROM audit_end WHERE one = 1`).Scan(&e.ID, &before)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	e.ID++
	e.By, e.What, e.Expansion, e.Subject, e.Why = text(e.By), text(e.What), text(e.Expansion), text(e.Subject), text(e.Why)
	e.Hash = e.seal(before)
	err = c.exec(`INSERT INTO audit (id, at, person, what, expansion, subject, why, digest, hash) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		e.ID, e.At.UnixMicro(), e.By, e.What, e.Expansion, e.Subject, e.Why, string(e.Digest), e.Hash)
	if err != nil {
		return err
	}
	return c.exec(`INSERT INTO audit_end (one, id, hash) VALUES (1, $1, $2) ON CONFLICT (one) DO UPDATE SET id = excluded.id, hash = excluded.hash`, e.ID, e.Hash)
}

// AddEntry adds a line to the audit for what changes nothing else in the store. Its id and hash are given to it.
func (s *Store) AddEntry(ctx context.Context, e Entry) error {
	return s.change(ctx, "add to the audit of", func(c *changing) error { return c.note(e) })
}

const entryColumns = `id, at, person, what, expansion, subject, why, digest, hash`

func scanEntry(row *sql.Rows) (e Entry, err error) {
	var at int64
	err = row.Scan(&e.ID, &at, &e.By, &e.What, &e.Expansion, &e.Subject, &e.Why, &e.Digest, &e.Hash)
	e.At = time.UnixMicro(at).UTC()
	return e, err
}

// Audit is what was done, last first: to all for "", else to one expansion. A limit of 0 means 100.
func (s *Store) Audit(ctx context.Context, expansion string, limit int) ([]Entry, error) {
	query, args := `SELECT `+entryColumns+` FROM audit ORDER BY id DESC LIMIT $1`, []any{atMost(limit)}
	if expansion != "" {
		query, args = `SELECT `+entryColumns+` FROM audit WHERE expansion = $2 ORDER BY id DESC LIMIT $1`, append(args, text(expansion))
	}
	var out []Entry
	err := s.each(ctx, query, args, func(row *sql.Rows) error {
		e, err := scanEntry(row)
		out = append(out, e)
		return err
	})
	return out, s.explain("read the audit of", err)
}

// Proof is what a look through the whole audit found.
type Proof struct {
	Lines int64  `json:"lines"`
	Hash  string `json:"hash,omitempty"` // of the last line: write it down elsewhere, and even an audit written anew is found out
	Wrong string `json:"wrong,omitempty"`
}

// VerifyAudit looks through the whole audit: every line must have the hash that follows from it and the one before, none may
// be missing, and the last must be the one that was written last. What it expects, an id and a hash somebody wrote
// down, must be there too; none for an id of 0.
func (s *Store) VerifyAudit(ctx context.Context, id int64, hash string) (Proof, error) {
	var p Proof
	met := id == 0
	err := s.change(ctx, "verify the audit of", func(c *changing) error { // nobody adds a line meanwhile
		err := c.each(`SELECT `+entryColumns+` FROM audit ORDER BY id`, nil, func(row *sql.Rows) error {
			e, err := scanEntry(row)
			if err != nil || p.Wrong != "" {
				return err
			}
			p.Wrong = p.next(e)
			met = met || e.ID == id && e.Hash == hash
			return nil
		})
		if err != nil || p.Wrong != "" {
			return err
		}
		p.Wrong, err = c.ending(p)
		return err
	})
	if p.Wrong == "" && !met {
		p.Wrong = fmt.Sprintf("line %d does not have the hash that was written down", id)
	}
	return p, err
}

// next takes one more line in, or says what is wrong with it.
func (p *Proof) next(e Entry) string {
	switch {
	case e.ID != p.Lines+1:
		return fmt.Sprintf("line %d is missing", p.Lines+1)
	case e.seal(p.Hash) != e.Hash:
		return fmt.Sprintf("line %d, or the one before it, is not as it was written", e.ID)
	}
	p.Lines, p.Hash = e.ID, e.Hash
	return ""
}

// ending compares where the lines end with where they are to end.
func (c *changing) ending(p Proof) (string, error) {
	var end Proof
	err := c.tx.QueryRowContext(c.ctx, `SELECT id, hash FROM audit_end WHERE one = 1`).Scan(&end.Lines, &end.Hash)
	switch {
	case errors.Is(err, sql.ErrNoRows) && p.Lines == 0:
		return "", nil
	case errors.Is(err, sql.ErrNoRows):
		return "where the lines end is not written down any more", nil
	case err != nil:
		return "", err
	case end != p:
		return fmt.Sprintf("lines after %d are missing: there were %d", p.Lines, end.Lines), nil
	}
	return "", nil
}
