-- +goose Up
-- Who signed in, as the provider last said.
CREATE TABLE people (
    via     TEXT    NOT NULL,  -- the provider
    subject TEXT    NOT NULL,  -- what it knows them by
    name    TEXT    NOT NULL,
    mail    TEXT    NOT NULL,
    role    TEXT    NOT NULL,
    teams   TEXT    NOT NULL,  -- as JSON
    seen    INTEGER NOT NULL,  -- last sign-in, microseconds since 1970, UTC
    PRIMARY KEY (via, subject)
) STRICT, WITHOUT ROWID;
CREATE INDEX people_mail ON people (mail);

-- Who is signed in. Of a session's secret only the SHA-256 is kept.
CREATE TABLE sessions (
    hash    TEXT    NOT NULL PRIMARY KEY,
    via     TEXT    NOT NULL,
    subject TEXT    NOT NULL,
    began   INTEGER NOT NULL,
    seen    INTEGER NOT NULL,
    ends    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_person ON sessions (via, subject);

-- Tokens of programs. Of a token's secret only the SHA-256 is kept.
CREATE TABLE tokens (
    hash    TEXT    NOT NULL PRIMARY KEY,
    owner   TEXT    NOT NULL,
    name    TEXT    NOT NULL,
    via     TEXT    NOT NULL,  -- '' for whoever runs the program
    subject TEXT    NOT NULL,
    scopes  TEXT    NOT NULL,  -- as JSON
    created INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    used    INTEGER,
    revoked INTEGER
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX tokens_name ON tokens (owner, name) WHERE revoked IS NULL;
