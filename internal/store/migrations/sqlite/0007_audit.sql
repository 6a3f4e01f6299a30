-- +goose Up
-- Everything that was done, in a chain: each line has the digest of the one before it.
CREATE TABLE audit (
    id        INTEGER NOT NULL PRIMARY KEY,  -- from 1, without gaps
    at        INTEGER NOT NULL,  -- microseconds since 1970, UTC
    person    TEXT    NOT NULL,
    what      TEXT    NOT NULL,
    expansion TEXT    NOT NULL,
    subject   TEXT    NOT NULL,  -- a step, a team, a range; empty for the expansion as a whole
    why       TEXT    NOT NULL,
    digest    TEXT    NOT NULL,  -- of what was done
    hash      TEXT    NOT NULL   -- of this line and the hash of the one before
) STRICT;

CREATE INDEX audit_by_expansion ON audit (expansion, id);

-- The end of the chain, so that lines that were cut off are missed.
CREATE TABLE audit_end (
    one  INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    id   INTEGER NOT NULL,
    hash TEXT    NOT NULL
) STRICT;

-- +goose StatementBegin
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'what was done is not changed');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER audit_is_not_removed BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'what was done is not removed');
END;
-- +goose StatementEnd
