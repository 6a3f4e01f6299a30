-- +goose Up
CREATE TABLE proposals (
    digest    TEXT NOT NULL PRIMARY KEY,  -- of the proposal: "sha256:" and 64 hexadecimal digits
    expansion TEXT NOT NULL,
    first     INTEGER NOT NULL,  -- first time exactly this was planned; microseconds since 1970, UTC
    last      INTEGER NOT NULL,  -- last time; microseconds since 1970, UTC
    map       TEXT NOT NULL,  -- digest of the graph it was planned from
    members   INTEGER NOT NULL,
    undecided INTEGER NOT NULL,
    proposal  BLOB NOT NULL  -- expansion.Proposal, gzip-compressed JSON
) STRICT;

CREATE INDEX proposals_newest ON proposals (expansion, last DESC, digest);
