-- +goose Up
CREATE TABLE proposals (
    digest    TEXT COLLATE "C" NOT NULL PRIMARY KEY,  -- of the proposal: "sha256:" and 64 hexadecimal digits
    expansion TEXT COLLATE "C" NOT NULL,
    first     BIGINT NOT NULL,  -- first time exactly this was planned; microseconds since 1970, UTC
    last      BIGINT NOT NULL,  -- last time; microseconds since 1970, UTC
    map       TEXT COLLATE "C" NOT NULL,  -- digest of the graph it was planned from
    members   BIGINT NOT NULL,
    undecided BIGINT NOT NULL,
    proposal  BYTEA NOT NULL  -- expansion.Proposal, gzip-compressed JSON
);

CREATE INDEX proposals_newest ON proposals (expansion, last DESC, digest);
