-- +goose Up
-- Each person's yes, for a team, to exactly what a step does.
CREATE TABLE green_lights (
    id        INTEGER NOT NULL PRIMARY KEY,
    expansion TEXT    NOT NULL,
    step      TEXT    NOT NULL,
    digest    TEXT    NOT NULL,  -- of the step, as it was shown
    team      TEXT    NOT NULL,
    person    TEXT    NOT NULL,
    stands_in TEXT    NOT NULL,  -- for whom the person stands in; empty for themselves
    at        INTEGER NOT NULL,  -- microseconds since 1970, UTC
    revoked   INTEGER  -- microseconds since 1970, UTC
) STRICT;

CREATE UNIQUE INDEX green_lights_standing ON green_lights (expansion, step, digest, team, person, stands_in) WHERE revoked IS NULL;

CREATE TABLE vetoes (
    id        INTEGER NOT NULL PRIMARY KEY,
    expansion TEXT    NOT NULL,
    step      TEXT    NOT NULL,  -- empty for every step
    team      TEXT    NOT NULL,
    person    TEXT    NOT NULL,
    reason    TEXT    NOT NULL,
    at        INTEGER NOT NULL,  -- microseconds since 1970, UTC
    withdrawn INTEGER  -- microseconds since 1970, UTC
) STRICT;

CREATE UNIQUE INDEX vetoes_standing ON vetoes (expansion, step, team) WHERE withdrawn IS NULL;

-- When a team was first asked about a step as it is.
CREATE TABLE asked (
    expansion TEXT    NOT NULL,
    step      TEXT    NOT NULL,
    digest    TEXT    NOT NULL,
    team      TEXT    NOT NULL,
    at        INTEGER NOT NULL,  -- microseconds since 1970, UTC
    PRIMARY KEY (expansion, step, digest, team)
) STRICT, WITHOUT ROWID;
