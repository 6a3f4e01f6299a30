-- +goose Up
-- What people of a team practised before it takes a service over.
CREATE TABLE drills (
    expansion TEXT    NOT NULL,
    service   TEXT    NOT NULL,
    team      TEXT    NOT NULL,
    practice  TEXT    NOT NULL CHECK (practice IN ('runbook', 'restart', 'rollback')),
    person    TEXT    NOT NULL,
    at        INTEGER NOT NULL,  -- microseconds since 1970, UTC
    PRIMARY KEY (expansion, service, team, practice, at, person)
) STRICT, WITHOUT ROWID;
