package store

import (
	"context"
	"database/sql"
	"errors"
	"regexp"
	"strings"
	"time"

	"example.org/caravan/internal/depmap"
	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/fault"
)

// Record is the outcome of a scan that is done.
type Record struct {
	Graph    depmap.Graph    // kept under its Digest
	Snapshot estate.Snapshot // what the graph was built from
	Scan     string          // its ID
	Started  time.Time
	TakenAt  time.Time // when it ended
	Source   string    // what was scanned, in words
}

func (r Record) scan() Scan {
	return Scan{ID: r.Scan, Started: r.Started, Ended: r.TakenAt, State: Done, Source: r.Source, Digest: r.Graph.Digest}
}

func summaryOf(r Record) Summary {
	return Summary{Digest: r.Graph.Digest, TakenAt: stamp(r.TakenAt), LastSeen: stamp(r.TakenAt), Source: text(r.Source),
		Services: len(r.Graph.Services), Edges: len(r.Graph.Edges), Doubts: len(r.Graph.Doubts), Files: r.Graph.Files,
		Took: r.TakenAt.Sub(r.Started).Truncate(time.Microsecond)}
}

// Summary is one line of the history. Times are UTC, to the microsecond.
type Summary struct {
	Digest   estate.Digest `json:"digest"`
	TakenAt  time.Time     `json:"takenAt"`  // first scan that saw exactly this
	LastSeen time.Time     `json:"lastSeen"` // last scan that did
	Source   string        `json:"source"`
	Services int           `json:"services"`
	Edges    int           `json:"edges"`
	Doubts   int           `json:"doubts"`
	Files    int           `json:"files"`
	Took     time.Duration `json:"took"` // nanoseconds
}

// digestForm is a whole digest, reference what people may write for one.
var (
	digestForm = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
	reference  = regexp.MustCompile(`^[0-9a-f]{6,64}$`)
)

// Save keeps a scan and its outcome. A graph that is kept already, by its digest, has its LastSeen moved on, and what it was
// built from is what was seen last: settings may change and no edge with them.
// Invalid when the graph has no digest or the scan no ID. On any error nothing is kept.
func (s *Store) Save(ctx context.Context, r Record) error {
	if err := checkRecord(r); err != nil {
		return err
	}
	return s.explain("save a snapshot in", s.save(ctx, r))
}

func checkRecord(r Record) error {
	switch {
	case !digestForm.MatchString(string(r.Graph.Digest)):
		return fault.Newf(fault.Invalid, "save snapshot: the graph has no digest; build it with depmap.Build")
	case r.Scan == "":
		return fault.Newf(fault.Invalid, "save snapshot: the scan that made it has no ID; give it one")
	}
	return nil
}

func (s *Store) save(ctx context.Context, r Record) error {
	tx, err := s.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after Commit there is nothing to roll back
	snapshot, err := pack(r.Snapshot)
	if err != nil {
		return err
	}
	seen, err := seeAgain(ctx, tx, r, snapshot)
	if err != nil {
		return err
	}
	if !seen {
		if err := insert(ctx, tx, r, snapshot); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, insertScan, scanRow(r.scan())...); err != nil {
		return err
	}
	return tx.Commit()
}

// seeAgain moves a kept snapshot's last_seen on and reports whether there was one.
func seeAgain(ctx context.Context, tx *sql.Tx, r Record, snapshot []byte) (bool, error) {
	result, err := tx.ExecContext(ctx, `
		UPDATE snapshots
		SET estate = CASE WHEN last_seen <= $1 THEN $3 ELSE estate END,
			last_seen = CASE WHEN last_seen < $1 THEN $1 ELSE last_seen END
		WHERE digest = $2`, r.TakenAt.UnixMicro(), string(r.Graph.Digest), snapshot)
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n > 0, err
}

// insert may meet a row that another program added a moment ago; then it sees that again.
func insert(ctx context.Context, tx *sql.Tx, r Record, snapshot []byte) error {
	graph, err := pack(r.Graph)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `
		INSERT INTO snapshots (digest, taken_at, last_seen, took, source, services, edges, doubts, files, graph, estate)
		VALUES ($1, $2, $2, $3, $4, $5, $6, $7, $8, $9, $10)
		ON CONFLICT (digest) DO UPDATE
		SET estate = CASE WHEN snapshots.last_seen <= excluded.last_seen THEN excluded.estate ELSE snapshots.estate END,
			last_seen = CASE WHEN snapshots.last_seen < excluded.last_seen THEN excluded.last_seen ELSE snapshots.last_seen END`,
		string(r.Graph.Digest), r.TakenAt.UnixMicro(), r.TakenAt.Sub(r.Started).Microseconds(), text(r.Source),
		len(r.Graph.Services), len(r.Graph.Edges), len(r.Graph.Doubts), r.Graph.Files, graph, snapshot)
	return err
}

// Graph is the kept graph that ref means: the newest for "" or "latest", else the one whose digest ref is or begins,
// with at least six digits, with or without "sha256:". NotFound when there is none, Conflict when there are several,
// Invalid when ref is no reference.
func (s *Store) Graph(ctx context.Context, ref string) (depmap.Graph, Summary, error) {
	var g depmap.Graph
	sum, err := s.kept(ctx, ref, "graph", &g)
	return g, sum, err
}

// Snapshot is the snapshot from which the graph was built that ref means; see Graph.
func (s *Store) Snapshot(ctx context.Context, ref string) (estate.Snapshot, Summary, error) {
	var snapshot estate.Snapshot
	sum, err := s.kept(ctx, ref, "estate", &snapshot)
	return snapshot, sum, err
}

// kept reads one packed column of the snapshot that ref means.
func (s *Store) kept(ctx context.Context, ref, column string, into any) (Summary, error) {
	sum, err := s.find(ctx, ref)
	if err != nil {
		return Summary{}, s.explain("look a snapshot up in", err)
	}
	var packed []byte
	err = s.db.QueryRowContext(ctx, `SELECT `+column+` FROM snapshots WHERE digest = $1`, string(sum.Digest)).Scan(&packed)
	if errors.Is(err, sql.ErrNoRows) {
		return Summary{}, noSnapshot(ref)
	}
	if err != nil {
		return Summary{}, s.explain("read a snapshot from", err)
	}
	if err := unpack(packed, into); err != nil {
		return Summary{}, fault.Newf(fault.Invalid, "store %s: snapshot %s is damaged; scan again, or restore the database", s.where, sum.Digest)
	}
	return sum, nil
}

const summaryColumns = `digest, taken_at, last_seen, took, source, services, edges, doubts, files`

// maxAmbiguous is how many digests a message lists.
const maxAmbiguous = 5

func (s *Store) find(ctx context.Context, ref string) (Summary, error) {
	if isLatest(ref) {
		return s.newest(ctx)
	}
	from, err := beginning(ref)
	if err != nil {
		return Summary{}, err
	}
	// "g" sorts after every hexadecimal digit.
	found, err := s.summaries(ctx, `SELECT `+summaryColumns+` FROM snapshots WHERE digest >= $1 AND digest < $2 ORDER BY digest LIMIT $3`,
		from, from+"g", maxAmbiguous)
	if err != nil {
		return Summary{}, err
	}
	return only(ref, found)
}

func (s *Store) newest(ctx context.Context) (Summary, error) {
	found, err := s.List(ctx, 1)
	if err != nil {
		return Summary{}, err
	}
	if len(found) == 0 {
		return Summary{}, noneYet()
	}
	return found[0], nil
}

func isLatest(ref string) bool { return ref == "" || ref == "latest" }

// beginning is how the digest that ref means begins, "sha256:" included.
func beginning(ref string) (string, error) {
	digits := strings.TrimPrefix(strings.ToLower(ref), "sha256:")
	if !reference.MatchString(digits) {
		return "", fault.Newf(fault.Invalid, "%q names no snapshot; write latest, or six or more digits of a digest", ref)
	}
	return "sha256:" + digits, nil
}

// only is the one snapshot that was found for ref.
func only(ref string, found []Summary) (Summary, error) {
	switch len(found) {
	case 0:
		return Summary{}, noSnapshot(ref)
	case 1:
		return found[0], nil
	}
	digests := make([]string, len(found))
	for i, f := range found {
		digests[i] = string(f.Digest)
	}
	return Summary{}, fault.Newf(fault.Conflict, "%q begins several snapshots: %s; write more digits", ref, strings.Join(digests, ", "))
}

func noneYet() error { return fault.Newf(fault.NotFound, "no snapshot yet; run caravan scan first") }

func noSnapshot(ref string) error {
	return fault.Newf(fault.NotFound, "no snapshot %q is kept; run caravan snapshots to see those that are", ref)
}

// List is the history, newest first: by when each snapshot was last seen, then first taken. A limit of 0 means 100.
func (s *Store) List(ctx context.Context, limit int) ([]Summary, error) {
	found, err := s.summaries(ctx, `SELECT `+summaryColumns+` FROM snapshots ORDER BY last_seen DESC, taken_at DESC, digest LIMIT $1`, atMost(limit))
	return found, s.explain("list the snapshots in", err)
}

func (s *Store) summaries(ctx context.Context, query string, args ...any) ([]Summary, error) {
	var out []Summary
	err := s.each(ctx, query, args, func(row *sql.Rows) error {
		var sum Summary
		var taken, seen, took int64
		err := row.Scan(&sum.Digest, &taken, &seen, &took, &sum.Source, &sum.Services, &sum.Edges, &sum.Doubts, &sum.Files)
		sum.TakenAt, sum.LastSeen = time.UnixMicro(taken).UTC(), time.UnixMicro(seen).UTC()
		sum.Took = time.Duration(took) * time.Microsecond
		out = append(out, sum)
		return err
	})
	return out, err
}
