package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/expansion"
	"example.org/caravan/internal/fault"
)

// ProposalSummary is one line of the history of an expansion. Times are UTC, to the microsecond.
type ProposalSummary struct {
	Digest    estate.Digest `json:"digest"`
	Expansion string        `json:"expansion"`
	First     time.Time     `json:"first"` // time exactly this was planned
	Last      time.Time     `json:"last"`
	Map       estate.Digest `json:"map"` // it was planned from
	Members   int           `json:"members"`
	Undecided int           `json:"undecided"`
}

// KeepProposal keeps a proposal by its digest, and says when exactly this was first planned. One that is kept already
// has its last time moved on, and is mended should it be damaged.
func (s *Store) KeepProposal(ctx context.Context, p expansion.Proposal, at time.Time) (first time.Time, err error) {
	if !digestForm.MatchString(string(p.Digest)) {
		return time.Time{}, fault.Newf(fault.Invalid, "keep proposal: it has no digest; make it with expansion.Plan")
	}
	packed, err := pack(p)
	if err != nil {
		return time.Time{}, err
	}
	var micro int64
	err = s.db.QueryRowContext(ctx, `
		INSERT INTO proposals (digest, expansion, first, last, map, members, undecided, proposal)
		VALUES ($1, $2, $3, $3, $4, $5, $6, $7)
		ON CONFLICT (digest) DO UPDATE
		SET proposal = excluded.proposal, last = CASE WHEN proposals.last < excluded.last THEN excluded.last ELSE proposals.last END
		RETURNING first`,
		string(p.Digest), p.Expansion, at.UnixMicro(), string(p.Map), len(p.Members), len(p.Undecided()), packed).Scan(&micro)
	return time.UnixMicro(micro).UTC(), s.explain("keep a proposal in", err)
}

// Proposal is a kept proposal of an expansion, and when it was first planned: the last for "" or "latest", else the one
// whose digest ref is or begins, with at least six digits. NotFound when there is none, Conflict when there are several.
func (s *Store) Proposal(ctx context.Context, name, ref string) (expansion.Proposal, time.Time, error) {
	found, err := s.findProposals(ctx, name, ref)
	if err != nil {
		return expansion.Proposal{}, time.Time{}, s.explain("look a proposal up in", err)
	}
	switch len(found) {
	case 0:
		return expansion.Proposal{}, time.Time{}, fault.Newf(fault.NotFound, "no proposal %q of %s is kept; run caravan plan %s to make one", ref, name, name)
	case 1:
	default:
		return expansion.Proposal{}, time.Time{}, fault.Newf(fault.Conflict, "%q begins several proposals of %s; write more digits", ref, name)
	}
	var packed []byte
	err = s.db.QueryRowContext(ctx, `SELECT proposal FROM proposals WHERE digest = $1`, string(found[0].Digest)).Scan(&packed)
	if errors.Is(err, sql.ErrNoRows) {
		return expansion.Proposal{}, time.Time{}, fault.Newf(fault.NotFound, "no proposal %q of %s is kept; run caravan plan %s to make one", ref, name, name)
	}
	if err != nil {
		return expansion.Proposal{}, time.Time{}, s.explain("read a proposal from", err)
	}
	var p expansion.Proposal
	if err := unpack(packed, &p); err != nil {
		return p, time.Time{}, fault.Newf(fault.Invalid, "store %s: proposal %s is damaged; plan again, or restore the database", s.where, found[0].Digest)
	}
	return p, found[0].First, nil
}

func (s *Store) findProposals(ctx context.Context, name, ref string) ([]ProposalSummary, error) {
	if isLatest(ref) {
		return s.Proposals(ctx, name, 1)
	}
	from, err := beginning(ref)
	if err != nil {
		return nil, err
	}
	return s.proposals(ctx, `SELECT `+proposalColumns+` FROM proposals WHERE expansion = $1 AND digest >= $2 AND digest < $3 ORDER BY digest LIMIT 2`, name, from, from+"g")
}

const proposalColumns = `digest, expansion, first, last, map, members, undecided`

// Proposals is the history of an expansion, by when each proposal was last planned, newest first. A limit of 0 means 100.
func (s *Store) Proposals(ctx context.Context, name string, limit int) ([]ProposalSummary, error) {
	found, err := s.proposals(ctx, `SELECT `+proposalColumns+` FROM proposals WHERE expansion = $1 ORDER BY last DESC, digest LIMIT $2`, name, atMost(limit))
	return found, s.explain("list the proposals in", err)
}

func (s *Store) proposals(ctx context.Context, query string, args ...any) ([]ProposalSummary, error) {
	var out []ProposalSummary
	err := s.each(ctx, query, args, func(row *sql.Rows) error {
		var p ProposalSummary
		var first, last int64
		err := row.Scan(&p.Digest, &p.Expansion, &first, &last, &p.Map, &p.Members, &p.Undecided)
		p.First, p.Last = time.UnixMicro(first).UTC(), time.UnixMicro(last).UTC()
		out = append(out, p)
		return err
	})
	return out, err
}
