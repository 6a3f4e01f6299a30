-- +goose Up
-- Whoever says that a difference between what a service is told and its configuration is meant.
CREATE TABLE signatures (
    service     TEXT COLLATE "C" NOT NULL,
    environment TEXT COLLATE "C" NOT NULL,
    file        TEXT COLLATE "C" NOT NULL,  -- where the process finds the key; empty for a variable
    key         TEXT COLLATE "C" NOT NULL,
    digest      TEXT COLLATE "C" NOT NULL,  -- of the difference: it counts for no other
    person      TEXT COLLATE "C" NOT NULL,
    why         TEXT COLLATE "C" NOT NULL,
    at          BIGINT NOT NULL,  -- microseconds since 1970, UTC
    PRIMARY KEY (service, environment, file, key, digest)
);
