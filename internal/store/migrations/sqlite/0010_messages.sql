-- +goose Up
-- When somebody was last told that a team is silent.
ALTER TABLE asked ADD COLUMN reminded INTEGER;
ALTER TABLE asked ADD COLUMN escalated INTEGER;

-- What goes out at once: all that waited for one address.
CREATE TABLE letters (
    id       TEXT    NOT NULL PRIMARY KEY,  -- 32 hexadecimal digits, of what is in it
    channel  TEXT    NOT NULL,
    address  TEXT    NOT NULL,
    thread   TEXT    NOT NULL,  -- receipt of what it answers
    state    TEXT    NOT NULL CHECK (state IN ('waiting', 'sending', 'sent', 'failed')),
    attempts INTEGER NOT NULL,
    due      INTEGER NOT NULL,  -- not tried before; microseconds since 1970, UTC
    worker   TEXT    NOT NULL,  -- program that sends it
    until    INTEGER,  -- after which others may; microseconds since 1970, UTC
    error    TEXT    NOT NULL,  -- of the last attempt
    receipt  TEXT    NOT NULL,  -- what the channel gave for it
    ended    INTEGER,  -- sent, or failed for good; microseconds since 1970, UTC
    CHECK ((state = 'sending') = (worker <> '')),
    CHECK ((state IN ('sent', 'failed')) = (ended IS NOT NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX letters_open ON letters (due) WHERE state IN ('waiting', 'sending');

-- What is told to whom; each once.
CREATE TABLE messages (
    id        INTEGER NOT NULL PRIMARY KEY,
    key       TEXT    NOT NULL UNIQUE,  -- of what is told to whom: "sha256:" and 64 hexadecimal digits
    kind      TEXT    NOT NULL,
    expansion TEXT    NOT NULL,
    wave      INTEGER NOT NULL,
    team      TEXT    NOT NULL,
    channel   TEXT    NOT NULL,  -- empty when nobody can be reached
    address   TEXT    NOT NULL,
    bundle    TEXT    NOT NULL,  -- what may go out together has the same
    title     TEXT    NOT NULL,
    at        INTEGER NOT NULL,  -- microseconds since 1970, UTC
    due       INTEGER NOT NULL,  -- not sent before; microseconds since 1970, UTC
    lacks     TEXT    NOT NULL,  -- why nobody can be reached
    letter    TEXT    REFERENCES letters (id),
    content   BLOB    NOT NULL  -- gzip-compressed JSON
) STRICT;

CREATE INDEX messages_by_expansion ON messages (expansion, id);

CREATE INDEX messages_by_letter ON messages (letter);

CREATE INDEX messages_waiting ON messages (channel, address, bundle, due) WHERE letter IS NULL AND lacks = '';

-- Up to which line of the audit teams were told what happened; what is older is nobody's news.
CREATE TABLE heard (
    one  INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    line INTEGER NOT NULL
) STRICT;

INSERT INTO heard (one, line) SELECT 1, coalesce(max(id), 0) FROM audit;

-- Requests of others that were taken in, as long as they could be sent again.
CREATE TABLE taken (
    key   TEXT    NOT NULL PRIMARY KEY,
    until INTEGER NOT NULL  -- microseconds since 1970, UTC
) STRICT, WITHOUT ROWID;
