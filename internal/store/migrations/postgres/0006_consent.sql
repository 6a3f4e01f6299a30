-- +goose Up
-- Each person's yes, for a team, to exactly what a step does.
CREATE TABLE green_lights (
    id        BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    expansion TEXT COLLATE "C" NOT NULL,
    step      TEXT COLLATE "C" NOT NULL,
    digest    TEXT COLLATE "C" NOT NULL,  -- of the step, as it was shown
    team      TEXT COLLATE "C" NOT NULL,
    person    TEXT COLLATE "C" NOT NULL,
    stands_in TEXT COLLATE "C" NOT NULL,  -- for whom the person stands in; empty for themselves
    at        BIGINT NOT NULL,  -- microseconds since 1970, UTC
    revoked   BIGINT  -- microseconds since 1970, UTC
);

CREATE UNIQUE INDEX green_lights_standing ON green_lights (expansion, step, digest, team, person, stands_in) WHERE revoked IS NULL;

CREATE TABLE vetoes (
    id        BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    expansion TEXT COLLATE "C" NOT NULL,
    step      TEXT COLLATE "C" NOT NULL,  -- empty for every step
    team      TEXT COLLATE "C" NOT NULL,
    person    TEXT COLLATE "C" NOT NULL,
    reason    TEXT COLLATE "C" NOT NULL,
    at        BIGINT NOT NULL,  -- microseconds since 1970, UTC
    withdrawn BIGINT  -- microseconds since 1970, UTC
);

CREATE UNIQUE INDEX vetoes_standing ON vetoes (expansion, step, team) WHERE withdrawn IS NULL;

-- When a team was first asked about a step as it is.
CREATE TABLE asked (
    expansion TEXT COLLATE "C" NOT NULL,
    step      TEXT COLLATE "C" NOT NULL,
    digest    TEXT COLLATE "C" NOT NULL,
    team      TEXT COLLATE "C" NOT NULL,
    at        BIGINT NOT NULL,  -- microseconds since 1970, UTC
    PRIMARY KEY (expansion, step, digest, team)
);
