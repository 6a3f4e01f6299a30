-- +goose Up
-- What people of a team practised before it takes a service over.
CREATE TABLE drills (
    expansion TEXT COLLATE "C" NOT NULL,
    service   TEXT COLLATE "C" NOT NULL,
    team      TEXT COLLATE "C" NOT NULL,
    practice  TEXT COLLATE "C" NOT NULL CHECK (practice IN ('runbook', 'restart', 'rollback')),
    person    TEXT COLLATE "C" NOT NULL,
    at        BIGINT NOT NULL,  -- microseconds since 1970, UTC
    PRIMARY KEY (expansion, service, team, practice, at, person)
);
