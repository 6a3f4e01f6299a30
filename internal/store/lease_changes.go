package store

import (
	"context"
	"database/sql"
	"fmt"
	"net/netip"
	"time"

	"example.org/caravan/internal/address"
)

// LeaseChange is one line of the history of leases. Lines are added and never changed.
type LeaseChange struct {
	At      time.Time       `json:"at"`
	By      string          `json:"by"`
	What    string          `json:"what" enum:"declared,reserved,live,released,revived,freed"`
	Holder  string          `json:"holder"`
	Parent  string          `json:"parent,omitempty"`
	Prefix  netip.Prefix    `json:"prefix"`
	Purpose address.Purpose `json:"purpose,omitempty"`
	Reason  string          `json:"reason,omitempty"`
}

// write adds a line to the history.
func (t *leasing) write(what string, l address.Lease) error {
	return t.exec(`
		INSERT INTO lease_changes (at, author, what, holder, parent, prefix, purpose, reason)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		t.note.At.UnixMicro(), text(t.note.By), what, text(l.Holder), text(l.Parent), l.Prefix.String(), text(string(l.Purpose)), text(t.note.Reason))
}

const selectChanges = `SELECT at, author, what, holder, parent, prefix, purpose, reason FROM lease_changes r`

func scanChange(row *sql.Rows) (LeaseChange, error) {
	var c LeaseChange
	var at int64
	var prefix string
	if err := row.Scan(&at, &c.By, &c.What, &c.Holder, &c.Parent, &prefix, &c.Purpose, &c.Reason); err != nil {
		return c, err
	}
	c.At = time.UnixMicro(at).UTC()
	var err error
	c.Prefix, err = netip.ParsePrefix(prefix)
	return c, err
}

// LeaseChanges is what happened to leases, last first: to all for "", else to those of a holder and of the holders whose
// names continue its own with a slash. A limit of 0 means 100.
func (s *Store) LeaseChanges(ctx context.Context, holder string, limit int) ([]LeaseChange, error) {
	query, args := selectChanges+` WHERE true`, []any(nil)
	if holder != "" {
		query, args = query+below, []any{text(holder), text(holder) + "/", text(holder) + "0"}
	}
	args = append(args, atMost(limit))
	var out []LeaseChange
	err := s.each(ctx, query+fmt.Sprintf(` ORDER BY id DESC LIMIT $%d`, len(args)), args, func(row *sql.Rows) error {
		c, err := scanChange(row)
		out = append(out, c)
		return err
	})
	return out, s.explain("list the changes of leases in", err)
}

// LeaseChangeCount is how often leases were changed: as long as it is the same, all leases are.
func (s *Store) LeaseChangeCount(ctx context.Context) (n int64, err error) {
	err = s.db.QueryRowContext(ctx, `SELECT coalesce(max(id), 0) FROM lease_changes`).Scan(&n)
	return n, s.explain("count the changes of leases in", err)
}

// LeaseHistory is how many addresses of a pool (address.OfPool) or of a holder's lease were taken after each change, by time; quarantined ranges
// count until they are freed. Changes at the same time are one point.
func (s *Store) LeaseHistory(ctx context.Context, parent string) ([]address.Point, error) {
	var changes []LeaseChange
	err := s.each(ctx, selectChanges+` WHERE parent = $1 AND what IN ('reserved', 'freed') ORDER BY id`, []any{text(parent)}, func(row *sql.Rows) error {
		c, err := scanChange(row)
		changes = append(changes, c)
		return err
	})
	return pointsOf(changes), s.explain("read the history of leases in", err)
}

// pointsOf adds up what was reserved and freed.
func pointsOf(changes []LeaseChange) []address.Point {
	var out []address.Point
	var taken float64
	for _, c := range changes {
		switch c.What {
		case "reserved":
			taken += address.Count(c.Prefix)
		case "freed":
			taken -= address.Count(c.Prefix)
		default:
			continue
		}
		if last := len(out) - 1; last >= 0 && out[last].At.Equal(c.At) {
			out[last].Taken = taken
			continue
		}
		out = append(out, address.Point{At: c.At, Taken: taken})
	}
	return out
}
