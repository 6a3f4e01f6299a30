-- +goose Up
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
