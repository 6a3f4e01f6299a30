-- +goose Up
-- What is carried out, whole: it is done as it was agreed to, whatever the workspace says later.
CREATE TABLE courses (
    digest    TEXT COLLATE "C" NOT NULL PRIMARY KEY,  -- of the journey: "sha256:" and 64 hexadecimal digits
    expansion TEXT COLLATE "C" NOT NULL,
    course    BYTEA NOT NULL  -- gzip-compressed JSON
);

CREATE TABLE runs (
    id        TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    seq       BIGINT NOT NULL UNIQUE,  -- the later, the higher
    expansion TEXT COLLATE "C" NOT NULL,
    way       TEXT COLLATE "C" NOT NULL CHECK (way IN ('move', 'undo')),
    course    TEXT COLLATE "C" NOT NULL REFERENCES courses (digest),
    state     TEXT COLLATE "C" NOT NULL CHECK (state IN ('running', 'paused', 'stopped', 'finished', 'cancelled')),
    author    TEXT COLLATE "C" NOT NULL,
    why       TEXT COLLATE "C" NOT NULL,
    reason    TEXT COLLATE "C" NOT NULL,  -- why it stopped
    kind      TEXT COLLATE "C" NOT NULL,  -- of that
    started   BIGINT NOT NULL,  -- microseconds since 1970, UTC
    ended     BIGINT,  -- microseconds since 1970, UTC
    options   TEXT COLLATE "C" NOT NULL,  -- JSON
    CHECK ((ended IS NULL) = (state IN ('running', 'paused', 'stopped')))
);

CREATE UNIQUE INDEX runs_open ON runs (expansion) WHERE state IN ('running', 'paused', 'stopped');
CREATE INDEX runs_newest ON runs (expansion, seq DESC);

CREATE TABLE run_steps (
    run     TEXT COLLATE "C" NOT NULL REFERENCES runs (id),
    place   BIGINT NOT NULL,  -- in the journey, from 0
    step    TEXT COLLATE "C" NOT NULL,
    digest  TEXT COLLATE "C" NOT NULL,
    wave    BIGINT NOT NULL,
    state   TEXT COLLATE "C" NOT NULL CHECK (state IN ('waiting', 'doing', 'done', 'failed')),
    attempt BIGINT NOT NULL,
    worker  TEXT COLLATE "C" NOT NULL,  -- program that does it
    began   BIGINT,  -- microseconds since 1970, UTC
    ended   BIGINT,  -- microseconds since 1970, UTC
    error   TEXT COLLATE "C" NOT NULL,
    kind    TEXT COLLATE "C" NOT NULL,  -- of the error
    changes BYTEA,  -- gzip-compressed JSON
    PRIMARY KEY (run, place),
    UNIQUE (run, step),
    CHECK ((state = 'doing') = (worker <> ''))
);

CREATE INDEX run_steps_by_worker ON run_steps (worker) WHERE state = 'doing';

-- What steps said of themselves.
CREATE TABLE run_lines (
    id   BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run  TEXT COLLATE "C" NOT NULL REFERENCES runs (id),
    step TEXT COLLATE "C" NOT NULL,
    at   BIGINT NOT NULL,  -- microseconds since 1970, UTC
    line TEXT COLLATE "C" NOT NULL
);

CREATE INDEX run_lines_by_run ON run_lines (run, id);

-- Programs that do steps, and when each was last seen alive.
CREATE TABLE workers (
    name TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    seen BIGINT NOT NULL  -- microseconds since 1970, UTC, by the clock of the database
);
