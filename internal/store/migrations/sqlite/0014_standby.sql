-- +goose Up
-- Who is who among the instances of datastores, as it was last read.
CREATE TABLE topologies (
    datastore   TEXT    NOT NULL,
    environment TEXT    NOT NULL,
    at          INTEGER NOT NULL,  -- microseconds since 1970, UTC
    topology    BLOB    NOT NULL,  -- JSON, gzip
    PRIMARY KEY (datastore, environment)
) STRICT, WITHOUT ROWID;

-- How warm and how far behind standbys were.
CREATE TABLE warmth (
    datastore   TEXT    NOT NULL,
    environment TEXT    NOT NULL,
    member      TEXT    NOT NULL,
    at          INTEGER NOT NULL,  -- microseconds since 1970, UTC
    share       REAL    NOT NULL,  -- of the primary's hot blocks, 0 to 1
    lag         INTEGER,           -- bytes
    PRIMARY KEY (datastore, environment, at, member)
) STRICT, WITHOUT ROWID;

CREATE INDEX warmth_at ON warmth (at);

-- How far moves of datastores are, and what they made where: what carries one on reads it here.
CREATE TABLE transfers (
    name  TEXT    NOT NULL PRIMARY KEY,  -- of its journey
    at    INTEGER NOT NULL,              -- microseconds since 1970, UTC
    state BLOB    NOT NULL               -- JSON, gzip
) STRICT, WITHOUT ROWID;

-- Backups of datastores that were restored elsewhere and checked.
CREATE TABLE backup_drills (
    datastore   TEXT    NOT NULL,
    environment TEXT    NOT NULL,
    at          INTEGER NOT NULL,  -- microseconds since 1970, UTC
    good        INTEGER NOT NULL,
    drill       BLOB    NOT NULL,  -- JSON, gzip
    PRIMARY KEY (datastore, environment, at)
) STRICT, WITHOUT ROWID;

-- What was last seen of datastores, which later looks are compared to.
CREATE TABLE last_seen (
    datastore   TEXT NOT NULL,
    environment TEXT NOT NULL,
    seen        BLOB NOT NULL,  -- JSON, gzip
    PRIMARY KEY (datastore, environment)
) STRICT, WITHOUT ROWID;

-- How instances stood when they were looked at, added up by the hour.
CREATE TABLE looks (
    datastore   TEXT NOT NULL,
    environment TEXT NOT NULL,
    member      TEXT NOT NULL,
    hour        INTEGER NOT NULL,  -- microseconds since 1970, UTC
    looks       INTEGER NOT NULL,
    followed    INTEGER NOT NULL,  -- of them as a standby whose lag is known
    late        INTEGER NOT NULL,  -- of these lagging more than is usual
    blocks      INTEGER NOT NULL,  -- read from disk
    took        INTEGER NOT NULL,  -- nanoseconds for all of them
    cached      INTEGER NOT NULL,  -- blocks that came at once
    PRIMARY KEY (datastore, environment, hour, member)
) STRICT, WITHOUT ROWID;

CREATE INDEX looks_hour ON looks (hour);

-- What befell instances.
CREATE TABLE incidents (
    datastore   TEXT NOT NULL,
    environment TEXT NOT NULL,
    what        TEXT NOT NULL,
    id          TEXT NOT NULL,  -- of its kind, the same whoever sees it
    member      TEXT NOT NULL,
    at          INTEGER NOT NULL,  -- microseconds since 1970, UTC
    PRIMARY KEY (datastore, environment, what, member, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX incidents_at ON incidents (at);
