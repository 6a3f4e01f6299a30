-- +goose Up
-- A version of a service on its way to its environments, or the way back.
CREATE TABLE releases (
    id      TEXT    NOT NULL PRIMARY KEY,  -- service and number: "orders-3"
    seq     INTEGER NOT NULL UNIQUE,
    service TEXT    NOT NULL,
    state   TEXT    NOT NULL CHECK (state IN ('running', 'finished', 'failed', 'replaced')),
    worker  TEXT    NOT NULL,  -- program that carries it out; empty when none does
    seen    INTEGER NOT NULL,  -- when that program was last alive; microseconds since 1970, UTC, by the clock of the database
    content BLOB    NOT NULL   -- gzip-compressed JSON
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX releases_open ON releases (service) WHERE state = 'running';

CREATE INDEX releases_by_service ON releases (service, seq);

-- What is said while a release is carried out.
CREATE TABLE release_lines (
    id          INTEGER NOT NULL PRIMARY KEY,
    release     TEXT    NOT NULL REFERENCES releases (id),
    environment TEXT    NOT NULL,
    at          INTEGER NOT NULL,  -- microseconds since 1970, UTC
    line        TEXT    NOT NULL
) STRICT;

CREATE INDEX release_lines_by_release ON release_lines (release, id);

-- What runs of a service in an environment, as the last release left it.
CREATE TABLE standings (
    service     TEXT NOT NULL,
    environment TEXT NOT NULL,
    content     BLOB NOT NULL,  -- gzip-compressed JSON
    PRIMARY KEY (service, environment)
) STRICT, WITHOUT ROWID;
