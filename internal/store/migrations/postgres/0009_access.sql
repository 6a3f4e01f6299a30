-- +goose Up
-- Who signed in, as the provider last said.
CREATE TABLE people (
    via     TEXT COLLATE "C" NOT NULL,  -- the provider
    subject TEXT COLLATE "C" NOT NULL,  -- what it knows them by
    name    TEXT COLLATE "C" NOT NULL,
    mail    TEXT COLLATE "C" NOT NULL,
    role    TEXT COLLATE "C" NOT NULL,
    teams   TEXT COLLATE "C" NOT NULL,  -- as JSON
    seen    BIGINT NOT NULL,  -- last sign-in, microseconds since 1970, UTC
    PRIMARY KEY (via, subject)
);
CREATE INDEX people_mail ON people (mail);

-- Who is signed in. Of a session's secret only the SHA-256 is kept.
CREATE TABLE sessions (
    hash    TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    via     TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    began   BIGINT NOT NULL,
    seen    BIGINT NOT NULL,
    ends    BIGINT NOT NULL
);
CREATE INDEX sessions_person ON sessions (via, subject);

-- Tokens of programs. Of a token's secret only the SHA-256 is kept.
CREATE TABLE tokens (
    hash    TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    owner   TEXT COLLATE "C" NOT NULL,
    name    TEXT COLLATE "C" NOT NULL,
    via     TEXT COLLATE "C" NOT NULL,  -- '' for whoever runs the program
    subject TEXT COLLATE "C" NOT NULL,
    scopes  TEXT COLLATE "C" NOT NULL,  -- as JSON
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    used    BIGINT,
    revoked BIGINT
);
CREATE UNIQUE INDEX tokens_name ON tokens (owner, name) WHERE revoked IS NULL;
