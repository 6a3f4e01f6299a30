package store

import (
	"context"
	"database/sql"
	"errors"
	"net/netip"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"example.org/caravan/internal/address"
	"example.org/caravan/internal/fault"
)

// LeaseNote says who changes leases, when and why. It goes into the history with each change.
type LeaseNote struct {
	At     time.Time
	By     string
	Reason string
}

func (n LeaseNote) check() error {
	if n.By == "" || n.At.IsZero() {
		return fault.Newf(fault.Invalid, "change leases: nobody says who does it and when; give both, they go into the history")
	}
	return nil
}

// advisory is the lock under which PostgreSQL lets one program at a time change leases. The number only has to be the same
// in all of them.
const advisory = 0x6361726176616e

// changeLeases does one transaction; on any error nothing is changed. One change is made at a time, over all programs that share
// the database; the tables keep ranges apart even from what does not go through here.
func (s *Store) changeLeases(ctx context.Context, doing string, n LeaseNote, do func(*leasing) error) error {
	if err := n.check(); err != nil {
		return err
	}
	return s.explain(doing, s.inTurn(ctx, n, do))
}

func (s *Store) inTurn(ctx context.Context, n LeaseNote, do func(*leasing) error) error {
	if !s.dialect.shared { // waiting here is fair and short, waiting for the file's lock is neither
		s.queue.Lock()
		defer s.queue.Unlock()
	}
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after Commit there is nothing to roll back
	t := &leasing{ctx: ctx, tx: tx, note: n}
	if s.dialect.shared {
		if err := t.exec(`SELECT pg_advisory_xact_lock($1)`, int64(advisory)); err != nil {
			return err
		}
	}
	if err := do(t); err != nil {
		return taken(err)
	}
	return tx.Commit()
}

// taken says what it means when the tables refuse a range: something that does not go through here took it.
func taken(err error) error {
	var file *sqlite.Error
	var server *pgconn.PgError
	switch {
	case errors.As(err, &file) && file.Code()&0xff == sqlite3.SQLITE_CONSTRAINT,
		errors.As(err, &server) && strings.HasPrefix(server.Code, "23"): // integrity constraint violation
		return fault.Newf(fault.Conflict, "the range or its holder has a lease already, taken a moment ago; look at the list of leases and try again")
	}
	return err
}

// Declare makes pools. One that is there already stays. One of the same name with another range, or with a name that is declared
// no more and in the way of another, goes as long as nothing is taken of it, and is a Conflict after that. Conflict too when
// pools overlap.
func (s *Store) Declare(ctx context.Context, pools []address.Pool, n LeaseNote) error {
	return s.changeLeases(ctx, "declare pools in", n, func(t *leasing) error { return t.declare(pools) })
}

// Allocate gives a holder a range beside those that are used without a lease: of the smallest free block that is large enough the
// lowest part. Asking again gives the same lease; asking for another size, or for a part of something else, is a Conflict,
// as is asking when there is no room. A range that the holder released and that is still in quarantine is given to it
// again. NotFound when what it is to be a part of is not there.
func (s *Store) Allocate(ctx context.Context, w address.Want, n LeaseNote, used ...address.Used) (address.Lease, error) {
	var out address.Lease
	err := s.changeLeases(ctx, "allocate a range in", n, func(t *leasing) (err error) {
		out, err = t.allocate(w, used)
		return err
	})
	return out, err
}

// TakeAll takes exactly these ranges, or none of them: what address.Plan proposed, or what is in use already. Those that
// their holders have are left as they are. Conflict when one was taken meanwhile.
func (s *Store) TakeAll(ctx context.Context, leases []address.Lease, n LeaseNote) error {
	return s.changeLeases(ctx, "take ranges in", n, func(t *leasing) error {
		for _, lease := range parentsFirst(leases) {
			if err := t.take(lease); err != nil {
				return err
			}
		}
		return nil
	})
}

// MakeLive makes reserved leases live. NotFound when a holder has none.
func (s *Store) MakeLive(ctx context.Context, holders []string, n LeaseNote) error {
	return s.changeLeases(ctx, "make leases live in", n, func(t *leasing) error {
		for _, h := range holders {
			if err := t.makeLive(h); err != nil {
				return err
			}
		}
		return nil
	})
}

// Release ends a holder's lease and all that are parts of it. Until the end of their quarantine nobody else is given their
// ranges. The released leases are returned by address. NotFound when the holder has no lease.
func (s *Store) Release(ctx context.Context, holder string, until time.Time, n LeaseNote) ([]address.Lease, error) {
	var out []address.Lease
	err := s.changeLeases(ctx, "release a lease in", n, func(t *leasing) (err error) {
		out, err = t.release(holder, until)
		return err
	})
	return out, err
}

// Reap frees the ranges whose quarantine is over at the time of the note, and returns them, parts before what they are parts of.
func (s *Store) Reap(ctx context.Context, n LeaseNote) ([]address.Lease, error) {
	var out []address.Lease
	err := s.changeLeases(ctx, "free ranges in", n, func(t *leasing) (err error) {
		out, err = t.reap()
		return err
	})
	return out, err
}

// Leases is the leases by address, what holds others before them: all for "", else those of a holder and of the holders
// whose names continue its own with a slash.
func (s *Store) Leases(ctx context.Context, holder string) ([]address.Lease, error) {
	where, args := "r.state <> 'pool'", []any(nil)
	if holder != "" {
		where, args = where+below, []any{text(holder), text(holder) + "/", text(holder) + "0"}
	}
	found, err := s.spans(ctx, where, args...)
	return leasesOf(found), s.explain("list the leases in", err)
}

// below selects a holder, and by the bounds of their names those below it: "0" is the character after "/".
const below = ` AND (r.holder = $1 OR r.holder >= $2 AND r.holder < $3)`

// Parts is the leases that are parts of a pool (address.OfPool) or of a holder's lease, by address.
func (s *Store) Parts(ctx context.Context, parent string) ([]address.Lease, error) {
	p, err := s.parent(ctx, parent)
	if err != nil {
		return nil, err
	}
	found, err := s.spans(ctx, "r.parent = $1", p.id)
	return leasesOf(found), s.explain("list the leases in", err)
}

// Pools is the pools by address.
func (s *Store) Pools(ctx context.Context) ([]address.Pool, error) {
	found, err := s.spans(ctx, "r.state = 'pool'")
	out := make([]address.Pool, len(found))
	for i, f := range found {
		out[i] = address.Pool{Name: f.Holder, Prefix: f.Prefix}
	}
	return out, s.explain("list the pools in", err)
}

func (s *Store) spans(ctx context.Context, where string, args ...any) ([]span, error) {
	var out []span
	err := s.each(ctx, selectSpans+where+bySpan, args, func(row *sql.Rows) error {
		found, err := scanSpan(row)
		out = append(out, found)
		return err
	})
	return out, err
}

// parent is the pool or lease that others are parts of.
func (s *Store) parent(ctx context.Context, name string) (span, error) {
	where, args := parentCalled(name)
	found, err := s.spans(ctx, where, args...)
	if err != nil {
		return span{}, s.explain("look a range up in", err)
	}
	return onlySpan(name, found)
}

func onlySpan(name string, found []span) (span, error) {
	if len(found) == 0 {
		return span{}, fault.Newf(fault.NotFound, "%s has no range; run caravan address to see what has", name)
	}
	return found[0], nil
}

// FreeRanges is what is left of a pool (address.OfPool) or of a holder's lease, as the fewest ranges, by address.
func (s *Store) FreeRanges(ctx context.Context, parent string) ([]netip.Prefix, error) {
	p, err := s.parent(ctx, parent)
	if err != nil {
		return nil, err
	}
	var out []netip.Prefix
	err = s.each(ctx, `SELECT size, first FROM free_blocks WHERE parent = $1 ORDER BY first`, []any{p.id}, func(row *sql.Rows) error {
		b, err := scanBlock(row)
		out = append(out, b.prefix(p.Prefix))
		return err
	})
	if err == nil && len(out) == 0 {
		var parts []address.Lease
		if parts, err = s.Parts(ctx, parent); len(parts) == 0 {
			out = append(out, p.Prefix)
		}
	}
	return out, s.explain("list what is free in", err)
}
