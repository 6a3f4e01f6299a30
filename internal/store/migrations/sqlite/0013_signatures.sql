-- +goose Up
-- Whoever says that a difference between what a service is told and its configuration is meant.
CREATE TABLE signatures (
    service     TEXT NOT NULL,
    environment TEXT NOT NULL,
    file        TEXT NOT NULL,  -- where the process finds the key; empty for a variable
    key         TEXT NOT NULL,
    digest      TEXT NOT NULL,  -- of the difference: it counts for no other
    person      TEXT NOT NULL,
    why         TEXT NOT NULL,
    at          INTEGER NOT NULL,  -- microseconds since 1970, UTC
    PRIMARY KEY (service, environment, file, key, digest)
) STRICT, WITHOUT ROWID;
