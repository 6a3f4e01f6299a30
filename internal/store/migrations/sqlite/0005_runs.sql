-- +goose Up
-- What is carried out, whole: it is done as it was agreed to, whatever the workspace says later.
CREATE TABLE courses (
    digest    TEXT NOT NULL PRIMARY KEY,  -- of the journey: "sha256:" and 64 hexadecimal digits
    expansion TEXT NOT NULL,
    course    BLOB NOT NULL  -- gzip-compressed JSON
) STRICT;

CREATE TABLE runs (
    id        TEXT    NOT NULL PRIMARY KEY,
    seq       INTEGER NOT NULL UNIQUE,  -- the later, the higher
    expansion TEXT    NOT NULL,
    way       TEXT    NOT NULL CHECK (way IN ('move', 'undo')),
    course    TEXT    NOT NULL REFERENCES courses (digest),
    state     TEXT    NOT NULL CHECK (state IN ('running', 'paused', 'stopped', 'finished', 'cancelled')),
    author    TEXT    NOT NULL,
    why       TEXT    NOT NULL,
    reason    TEXT    NOT NULL,  -- why it stopped
    kind      TEXT    NOT NULL,  -- of that
    started   INTEGER NOT NULL,  -- microseconds since 1970, UTC
    ended     INTEGER,  -- microseconds since 1970, UTC
    options   TEXT    NOT NULL,  -- JSON
    CHECK ((ended IS NULL) = (state IN ('running', 'paused', 'stopped')))
) STRICT;

CREATE UNIQUE INDEX runs_open ON runs (expansion) WHERE state IN ('running', 'paused', 'stopped');
CREATE INDEX runs_newest ON runs (expansion, seq DESC);

CREATE TABLE run_steps (
    run     TEXT    NOT NULL REFERENCES runs (id),
    place   INTEGER NOT NULL,  -- in the journey, from 0
    step    TEXT    NOT NULL,
    digest  TEXT    NOT NULL,
    wave    INTEGER NOT NULL,
    state   TEXT    NOT NULL CHECK (state IN ('waiting', 'doing', 'done', 'failed')),
    attempt INTEGER NOT NULL,
    worker  TEXT    NOT NULL,  -- program that does it
    began   INTEGER,  -- microseconds since 1970, UTC
    ended   INTEGER,  -- microseconds since 1970, UTC
    error   TEXT    NOT NULL,
    kind    TEXT    NOT NULL,  -- of the error
    changes BLOB,  -- gzip-compressed JSON
    PRIMARY KEY (run, place),
    UNIQUE (run, step),
    CHECK ((state = 'doing') = (worker <> ''))
) STRICT, WITHOUT ROWID;

CREATE INDEX run_steps_by_worker ON run_steps (worker) WHERE state = 'doing';

-- What steps said of themselves.
CREATE TABLE run_lines (
    id   INTEGER NOT NULL PRIMARY KEY,
    run  TEXT    NOT NULL REFERENCES runs (id),
    step TEXT    NOT NULL,
    at   INTEGER NOT NULL,  -- microseconds since 1970, UTC
    line TEXT    NOT NULL
) STRICT;

CREATE INDEX run_lines_by_run ON run_lines (run, id);

-- Programs that do steps, and when each was last seen alive.
CREATE TABLE workers (
    name TEXT    NOT NULL PRIMARY KEY,
    seen INTEGER NOT NULL  -- microseconds since 1970, UTC, by the clock of the database
) STRICT;
