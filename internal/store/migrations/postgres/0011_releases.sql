-- +goose Up
-- A version of a service on its way to its environments, or the way back.
CREATE TABLE releases (
    id      TEXT COLLATE "C" NOT NULL PRIMARY KEY,  -- service and number: "orders-3"
    seq     BIGINT NOT NULL UNIQUE,
    service TEXT COLLATE "C" NOT NULL,
    state   TEXT COLLATE "C" NOT NULL CHECK (state IN ('running', 'finished', 'failed', 'replaced')),
    worker  TEXT COLLATE "C" NOT NULL,  -- program that carries it out; empty when none does
    seen    BIGINT NOT NULL,  -- when that program was last alive; microseconds since 1970, UTC, by the clock of the database
    content BYTEA NOT NULL    -- gzip-compressed JSON
);

CREATE UNIQUE INDEX releases_open ON releases (service) WHERE state = 'running';

CREATE INDEX releases_by_service ON releases (service, seq);

-- What is said while a release is carried out.
CREATE TABLE release_lines (
    id          BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    release     TEXT COLLATE "C" NOT NULL REFERENCES releases (id),
    environment TEXT COLLATE "C" NOT NULL,
    at          BIGINT NOT NULL,  -- microseconds since 1970, UTC
    line        TEXT COLLATE "C" NOT NULL
);

CREATE INDEX release_lines_by_release ON release_lines (release, id);

-- What runs of a service in an environment, as the last release left it.
CREATE TABLE standings (
    service     TEXT COLLATE "C" NOT NULL,
    environment TEXT COLLATE "C" NOT NULL,
    content     BYTEA NOT NULL,  -- gzip-compressed JSON
    PRIMARY KEY (service, environment)
);
