-- +goose Up
-- Differences between what runs and what is declared, as they were last seen.
CREATE TABLE drift (
    id     TEXT    NOT NULL PRIMARY KEY,
    last   INTEGER NOT NULL,  -- seen; microseconds since 1970, UTC
    mended INTEGER,           -- a later look did not find it
    told   INTEGER,           -- its team was told of it
    record BLOB    NOT NULL   -- JSON, gzip
) STRICT, WITHOUT ROWID;

CREATE INDEX drift_mended ON drift (mended);

-- When environments were last looked at, and what ran there.
CREATE TABLE drift_looks (
    environment TEXT    NOT NULL PRIMARY KEY,
    at          INTEGER NOT NULL,  -- microseconds since 1970, UTC
    look        BLOB    NOT NULL   -- JSON, gzip
) STRICT, WITHOUT ROWID;

-- Differences that somebody accepts until a date.
CREATE TABLE drift_exceptions (
    id      TEXT    NOT NULL PRIMARY KEY,
    content TEXT    NOT NULL,  -- digest of what was accepted: it counts for nothing else
    person  TEXT    NOT NULL,
    why     TEXT    NOT NULL,
    at      INTEGER NOT NULL,  -- microseconds since 1970, UTC
    until   INTEGER NOT NULL   -- microseconds since 1970, UTC
) STRICT, WITHOUT ROWID;
