-- +goose Up
CREATE TABLE snapshots (
    digest    TEXT    NOT NULL PRIMARY KEY,  -- of the graph: "sha256:" and 64 hexadecimal digits
    taken_at  INTEGER NOT NULL,  -- first scan that saw it; microseconds since 1970, UTC
    last_seen INTEGER NOT NULL,  -- last scan that saw it; microseconds since 1970, UTC
    took      INTEGER NOT NULL,  -- time the first scan needed; microseconds
    source    TEXT    NOT NULL,  -- what was scanned, in words
    services  INTEGER NOT NULL,
    edges     INTEGER NOT NULL,
    doubts    INTEGER NOT NULL,
    files     INTEGER NOT NULL,
    graph     BLOB    NOT NULL,  -- depmap.Graph, gzip-compressed JSON
    estate    BLOB    NOT NULL   -- estate.Snapshot, gzip-compressed JSON
) STRICT;

CREATE INDEX snapshots_newest ON snapshots (last_seen DESC, taken_at DESC, digest);
