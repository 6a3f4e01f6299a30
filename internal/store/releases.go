package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"example.org/caravan/internal/delivery"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
)

// Gone reports whether a program does nothing any more, which was silent for a while.
type Gone func(worker string, silent time.Duration) bool

// StartRelease begins a release that a worker carries out, and gives it its id and number. One of the same service that is open already and does
// the same is given instead, for the worker when whoever carried it out is gone; another one of which that is so is replaced. Conflict while
// another one is being carried out.
func (s *Store) StartRelease(ctx context.Context, r delivery.Release, worker string, gone Gone) (out delivery.Release, mine bool, err error) {
	err = s.change(ctx, "start a release in", func(c *changing) error {
		open, holder, silent, err := c.openRelease(r.Service)
		if err != nil {
			return err
		}
		free := holder == "" || holder == worker || gone(holder, silent)
		switch {
		case open.ID == "":
		case open.Same(r) && free:
			out, mine = open, true
			return c.hold(open.ID, worker)
		case open.Same(r):
			out = open
			return nil
		case !free:
			return fault.Newf(fault.Conflict, "%s of %s is under way (%s by %s); wait for it, caravan releases %s says how far it is", open.Way, cmp.Or(open.Version, string(open.Service)), open.ID, open.By, r.Service)
		default:
			open.State, open.Reason, open.Ended = delivery.Replaced, "the program that carried it out was gone, and another release took its place", r.Started
			if err := c.keepRelease(open); err != nil {
				return err
			}
		}
		var seq, number int64
		err = c.tx.QueryRowContext(ctx, `SELECT coalesce(max(seq), 0), coalesce(sum(CASE WHEN service = $1 THEN 1 ELSE 0 END), 0) FROM releases`, text(string(r.Service))).Scan(&seq, &number)
		if err != nil {
			return err
		}
		r.Number = int(number) + 1
		r.ID = delivery.ID(fmt.Sprintf("%s-%d", r.Service, r.Number))
		r.State = delivery.Running
		for i := range r.Deliveries {
			if r.Way == delivery.Forth && r.Deliveries[i].To.Number == 0 {
				r.Deliveries[i].To.Number = r.Number
			}
		}
		packed, err := pack(r)
		if err != nil {
			return err
		}
		out, mine = r, true
		if err := c.exec(`INSERT INTO releases (id, seq, service, state, worker, seen, content) VALUES ($1, $2, $3, $4, $5, `+s.dialect.now+`, $6)`,
			text(string(r.ID)), seq+1, text(string(r.Service)), string(r.State), worker, packed); err != nil {
			return err
		}
		return c.note(Entry{At: r.Started, By: r.By, What: string(r.Way) + " started", Subject: string(r.ID), Why: r.Why, Digest: estate.DigestOf(r.Deliveries)})
	})
	return out, mine, err
}

// openRelease is the release of a service that is being carried out, by whom, and since when they are silent; one of no id when there is none.
func (c *changing) openRelease(service estate.ServiceName) (r delivery.Release, worker string, silent time.Duration, err error) {
	var packed []byte
	var micros int64
	err = c.tx.QueryRowContext(c.ctx, `SELECT content, worker, `+c.s.dialect.now+` - seen FROM releases WHERE service = $1 AND state = 'running'`, text(string(service))).Scan(&packed, &worker, &micros)
	if errors.Is(err, sql.ErrNoRows) {
		return r, "", 0, nil
	}
	if err == nil {
		err = unpack(packed, &r)
	}
	return r, worker, time.Duration(micros) * time.Microsecond, err
}

func (c *changing) hold(id delivery.ID, worker string) error {
	return c.exec(`UPDATE releases SET worker = $1, seen = `+c.s.dialect.now+` WHERE id = $2`, worker, string(id))
}

func (c *changing) keepRelease(r delivery.Release) error {
	packed, err := pack(r)
	if err != nil {
		return err
	}
	return c.exec(`UPDATE releases SET state = $1, content = $2, seen = `+c.s.dialect.now+` WHERE id = $3`, string(r.State), packed, string(r.ID))
}

// TakeRelease lets a worker carry an open release on whose own worker is gone. False when it is not open, or somebody carries it out.
func (s *Store) TakeRelease(ctx context.Context, id delivery.ID, worker string, gone Gone) (r delivery.Release, mine bool, err error) {
	err = s.change(ctx, "take a release over in", func(c *changing) error {
		known, err := s.release(ctx, c.tx, id)
		if err != nil {
			return err
		}
		open, holder, silent, err := c.openRelease(known.Service)
		if err != nil || open.ID != id || holder != "" && holder != worker && !gone(holder, silent) {
			return err
		}
		r, mine = open, true
		return c.hold(id, worker)
	})
	return r, mine, err
}

// errNotMine is that somebody else carries a release out by now.
func errNotMine(id delivery.ID) error {
	return fault.Newf(fault.Conflict, "release %s is carried out by another program by now; look at it with caravan releases", id)
}

// KeepRelease keeps how a release that a worker carries out stands, what runs where after it, and lines of the audit, all or nothing. Conflict
// when another worker has it by now.
func (s *Store) KeepRelease(ctx context.Context, r delivery.Release, worker string, standings []delivery.Standing, entries ...Entry) error {
	return s.change(ctx, "keep a release in", func(c *changing) error {
		if err := c.mine(r.ID, worker); err != nil {
			return err
		}
		if err := c.keepRelease(r); err != nil {
			return err
		}
		return c.keepStandings(standings, entries)
	})
}

// mine is Conflict unless a worker carries a release out.
func (c *changing) mine(id delivery.ID, worker string) error {
	n, err := c.count(`UPDATE releases SET seen = `+c.s.dialect.now+` WHERE id = $1 AND worker = $2 AND state = 'running'`, string(id), worker)
	if err == nil && n == 0 {
		err = errNotMine(id)
	}
	return err
}

// BeatRelease says that a worker still carries a release out. Conflict when another one does by now.
func (s *Store) BeatRelease(ctx context.Context, id delivery.ID, worker string) error {
	return s.change(ctx, "keep a release in", func(c *changing) error { return c.mine(id, worker) })
}

// LeaveRelease lets others carry a release on.
func (s *Store) LeaveRelease(ctx context.Context, id delivery.ID, worker string) error {
	return s.change(ctx, "leave a release in", func(c *changing) error {
		return c.exec(`UPDATE releases SET worker = '' WHERE id = $1 AND worker = $2`, string(id), worker)
	})
}

// ReleaseOf is the release of an id. NotFound when there is none.
func (s *Store) ReleaseOf(ctx context.Context, id delivery.ID) (delivery.Release, error) {
	r, err := s.release(ctx, s.db, id)
	return r, s.explain("read a release from", err)
}

func (s *Store) release(ctx context.Context, in querier, id delivery.ID) (delivery.Release, error) {
	all, err := releases(ctx, in, `WHERE id = $1`, text(string(id)))
	if err == nil && len(all) == 0 {
		return delivery.Release{}, fault.Newf(fault.NotFound, "no release %q; caravan releases SERVICE lists those there are", id)
	}
	if err != nil {
		return delivery.Release{}, err
	}
	return all[0], nil
}

// Releases are those of a service, the last first. A limit of 0 means 100.
func (s *Store) Releases(ctx context.Context, service estate.ServiceName, limit int) ([]delivery.Release, error) {
	all, err := releases(ctx, s.db, `WHERE service = $1 ORDER BY seq DESC LIMIT $2`, text(string(service)), atMost(limit))
	return all, s.explain("list the releases in", err)
}

// OpenReleases are those that are to be carried out, in the order they began.
func (s *Store) OpenReleases(ctx context.Context) ([]delivery.Release, error) {
	all, err := releases(ctx, s.db, `WHERE state = 'running' ORDER BY seq`)
	return all, s.explain("list the releases in", err)
}

func releases(ctx context.Context, in querier, where string, args ...any) ([]delivery.Release, error) {
	var out []delivery.Release
	err := eachOf(ctx, in, `SELECT content FROM releases `+where, args, func(row *sql.Rows) error {
		var packed []byte
		var r delivery.Release
		if err := row.Scan(&packed); err != nil {
			return err
		}
		err := unpack(packed, &r)
		out = append(out, r)
		return err
	})
	return out, err
}

// ReleaseLine is one thing that was said while a release was carried out.
type ReleaseLine struct {
	ID          int64                  `json:"id"`
	Environment estate.EnvironmentName `json:"environment"`
	At          time.Time              `json:"at"`
	Text        string                 `json:"text"`
}

// SayRelease keeps lines of a release. Their ids are given to them.
func (s *Store) SayRelease(ctx context.Context, id delivery.ID, lines []ReleaseLine) error {
	return s.change(ctx, "keep lines in", func(c *changing) error {
		for _, l := range lines {
			if err := c.exec(`INSERT INTO release_lines (release, environment, at, line) VALUES ($1, $2, $3, $4)`, string(id), text(string(l.Environment)), l.At.UnixMicro(), text(l.Text)); err != nil {
				return err
			}
		}
		return nil
	})
}

// ReleaseLines are those of a release that come after the one with an id, in their order. A limit of 0 means 100.
func (s *Store) ReleaseLines(ctx context.Context, id delivery.ID, after int64, limit int) ([]ReleaseLine, error) {
	var out []ReleaseLine
	err := s.each(ctx, `SELECT id, environment, at, line FROM release_lines WHERE release = $1 AND id > $2 ORDER BY id LIMIT $3`, []any{string(id), after, atMost(limit)}, func(row *sql.Rows) error {
		var l ReleaseLine
		var at sql.NullInt64
		err := row.Scan(&l.ID, &l.Environment, &at, &l.Text)
		l.At = moment(at)
		out = append(out, l)
		return err
	})
	return out, s.explain("read the lines of", err)
}

// Standings are what runs of a service, by environment; of all services for "".
func (s *Store) Standings(ctx context.Context, service estate.ServiceName) ([]delivery.Standing, error) {
	all, err := standings(ctx, s.db, service)
	return all, s.explain("read what runs from", err)
}

func standings(ctx context.Context, in querier, service estate.ServiceName) ([]delivery.Standing, error) {
	query, args := `SELECT content FROM standings`, []any(nil)
	if service != "" {
		query, args = query+` WHERE service = $1`, []any{text(string(service))}
	}
	var out []delivery.Standing
	err := eachOf(ctx, in, query+` ORDER BY service, environment`, args, func(row *sql.Rows) error {
		var packed []byte
		var st delivery.Standing
		if err := row.Scan(&packed); err != nil {
			return err
		}
		err := unpack(packed, &st)
		out = append(out, st)
		return err
	})
	return out, err
}

func (c *changing) keepStanding(st delivery.Standing) error {
	packed, err := pack(st)
	if err != nil {
		return err
	}
	return c.exec(`INSERT INTO standings (service, environment, content) VALUES ($1, $2, $3) ON CONFLICT (service, environment) DO UPDATE SET content = excluded.content`,
		text(string(st.Service)), text(string(st.Environment)), packed)
}

// ChangeStandings changes what is kept of a service's environments, with lines of the audit. Change gets them as they are and gives back those
// that are to be kept anew.
func (s *Store) ChangeStandings(ctx context.Context, service estate.ServiceName, change func([]delivery.Standing) ([]delivery.Standing, []Entry, error)) error {
	return s.change(ctx, "keep what runs in", func(c *changing) error {
		all, err := standings(ctx, c.tx, service)
		if err != nil {
			return err
		}
		kept, entries, err := change(all)
		if err != nil {
			return err
		}
		return c.keepStandings(kept, entries)
	})
}

// keepStandings keeps what runs where, with lines of the audit.
func (c *changing) keepStandings(all []delivery.Standing, entries []Entry) error {
	for _, st := range all {
		if err := c.keepStanding(st); err != nil {
			return err
		}
	}
	for _, e := range entries {
		if err := c.note(e); err != nil {
			return err
		}
	}
	return nil
}
