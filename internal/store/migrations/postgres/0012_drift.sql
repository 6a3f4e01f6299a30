-- +goose Up
-- Differences between what runs and what is declared, as they were last seen.
CREATE TABLE drift (
    id     TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    last   BIGINT NOT NULL,  -- seen; microseconds since 1970, UTC
    mended BIGINT,           -- a later look did not find it
    told   BIGINT,           -- its team was told of it
    record BYTEA  NOT NULL   -- JSON, gzip
);

CREATE INDEX drift_mended ON drift (mended);

-- When environments were last looked at, and what ran there.
CREATE TABLE drift_looks (
    environment TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    at          BIGINT NOT NULL,  -- microseconds since 1970, UTC
    look        BYTEA  NOT NULL   -- JSON, gzip
);

-- Differences that somebody accepts until a date.
CREATE TABLE drift_exceptions (
    id      TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    content TEXT COLLATE "C" NOT NULL,  -- digest of what was accepted: it counts for nothing else
    person  TEXT COLLATE "C" NOT NULL,
    why     TEXT COLLATE "C" NOT NULL,
    at      BIGINT NOT NULL,  -- microseconds since 1970, UTC
    until   BIGINT NOT NULL   -- microseconds since 1970, UTC
);
