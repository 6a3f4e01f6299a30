-- What the migrations make. Written by: go test ./internal/store -run Schema -update

CREATE TABLE scans (
    id      TEXT    NOT NULL PRIMARY KEY,
    started INTEGER NOT NULL,  -- microseconds since 1970, UTC
    ended   INTEGER NOT NULL,  -- microseconds since 1970, UTC; a scan is written down when it ends
    state   TEXT    NOT NULL CHECK (state IN ('done', 'failed', 'cancelled')),
    source  TEXT    NOT NULL,  -- what was scanned, in words
    kind    TEXT    NOT NULL,  -- kind of fault that ended it; empty when it is done
    error   TEXT    NOT NULL,  -- why it is not done; empty when it is done
    digest  TEXT    REFERENCES snapshots (digest),  -- of the graph it made; null when it made none
    CHECK ((state = 'done') = (digest IS NOT NULL))
) STRICT;

CREATE INDEX scans_newest ON scans (ended DESC, id);

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
