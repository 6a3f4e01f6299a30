package postgres

import (
	"cmp"
	"context"
	"time"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/standby"
)

// Standing is what a server says of itself.
type Standing struct {
	Role      standby.Role
	Timeline  int
	Position  int64          // of the log: written by a primary, replayed by a standby; bytes
	Behind    time.Duration  // of a standby: since when it has replayed nothing, though there was something
	Following string         // of a standby: host:port of whom it follows; "" when it follows nobody
	Started   time.Time      // when the server began; to the microsecond, so that it tells one start from the next
	Reads     *standby.Reads // all it has read since it counts; nothing unless track_io_timing is on
}

// Standing asks a server what it is. Its timeline is the one that it writes or receives.
func (s *Server) Standing(ctx context.Context) (Standing, error) {
	var out Standing
	var recovering bool
	var behind, waited float64
	var timed bool
	var blocks int64
	err := s.conn.QueryRow(ctx, `SELECT pg_is_in_recovery(),
		coalesce((SELECT timeline FROM caravan_standby.following()), (SELECT timeline_id FROM pg_control_checkpoint())),
		coalesce((SELECT host || ':' || port FROM caravan_standby.following() WHERE status = 'streaming'), ''),
		pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END, '0/0')::bigint,
		coalesce(CASE WHEN pg_is_in_recovery() AND pg_last_wal_receive_lsn() IS DISTINCT FROM pg_last_wal_replay_lsn()
			THEN extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) END, 0)::float8,
		pg_postmaster_start_time(), current_setting('track_io_timing')::boolean,
		(SELECT sum(blks_read)::bigint FROM pg_stat_database), (SELECT sum(blk_read_time) FROM pg_stat_database)`).
		Scan(&recovering, &out.Timeline, &out.Following, &out.Position, &behind, &out.Started, &timed, &blocks, &waited)
	if err != nil {
		return out, s.said(err)
	}
	if out.Started = out.Started.UTC(); timed {
		out.Reads = &standby.Reads{Blocks: blocks, Took: time.Duration(waited * float64(time.Millisecond))}
	}
	out.Role, out.Behind = standby.Primary, max(time.Duration(behind*float64(time.Second)), 0)
	if recovering {
		out.Role = standby.Standby
	}
	return out, nil
}

// Follower is a server that follows another, as that one sees it.
type Follower struct {
	Name        string // application_name
	Synchronous bool
}

// Followers lists who follows a server.
func (s *Server) Followers(ctx context.Context) ([]Follower, error) {
	rows, err := s.conn.Query(ctx, `SELECT coalesce(name, ''), coalesce(sync IN ('sync', 'quorum'), false) FROM caravan_standby.followers() ORDER BY 1`)
	if err != nil {
		return nil, s.said(err)
	}
	defer rows.Close()
	var out []Follower
	for rows.Next() {
		var f Follower
		if err := rows.Scan(&f.Name, &f.Synchronous); err != nil {
			return nil, s.said(err)
		}
		out = append(out, f)
	}
	return out, s.said(rows.Err())
}

// Size is how many bytes the databases of a server take on disk, those left out that the account may not connect to. The server looks at each of their files.
func (s *Server) Size(ctx context.Context) (int64, error) {
	var bytes int64
	err := s.conn.QueryRow(ctx, `SELECT coalesce(sum(CASE WHEN has_database_privilege(oid, 'CONNECT') THEN pg_database_size(oid) END), 0)::bigint FROM pg_database`).Scan(&bytes)
	return bytes, s.said(err)
}

// Prepared says why no block of the database that is connected to can be read into the buffers: NotFound when it was not prepared, Denied when the account may
// not. Nil when one can be.
func (s *Server) Prepared(ctx context.Context) error {
	var may bool
	if err := s.conn.QueryRow(ctx, `SELECT has_function_privilege('caravan_standby.warm(oid, oid, smallint, bigint[], bigint[])', 'EXECUTE')`).Scan(&may); err != nil {
		return s.said(err)
	}
	if !may {
		return fault.Newf(fault.Denied, "database %s of %s lets the account not warm it; run caravan standby prepare", cmp.Or(s.where.Database, "postgres"), s.where.Name)
	}
	return nil
}

// Databases are those that people use, by OID: neither templates nor those that nobody may connect to.
func (s *Server) Databases(ctx context.Context) (map[uint32]string, error) {
	rows, err := s.conn.Query(ctx, `SELECT oid, datname FROM pg_database WHERE datallowconn AND NOT datistemplate`)
	if err != nil {
		return nil, s.said(err)
	}
	defer rows.Close()
	out := map[uint32]string{}
	for rows.Next() {
		var oid uint32
		var name string
		if err := rows.Scan(&oid, &name); err != nil {
			return nil, s.said(err)
		}
		out[oid] = name
	}
	return out, s.said(rows.Err())
}
