-- +goose Up
-- When somebody was last told that a team is silent.
ALTER TABLE asked ADD COLUMN reminded BIGINT;
ALTER TABLE asked ADD COLUMN escalated BIGINT;

-- What goes out at once: all that waited for one address.
CREATE TABLE letters (
    id       TEXT COLLATE "C" NOT NULL PRIMARY KEY,  -- 32 hexadecimal digits, of what is in it
    channel  TEXT COLLATE "C" NOT NULL,
    address  TEXT COLLATE "C" NOT NULL,
    thread   TEXT COLLATE "C" NOT NULL,  -- receipt of what it answers
    state    TEXT COLLATE "C" NOT NULL CHECK (state IN ('waiting', 'sending', 'sent', 'failed')),
    attempts BIGINT NOT NULL,
    due      BIGINT NOT NULL,  -- not tried before; microseconds since 1970, UTC
    worker   TEXT COLLATE "C" NOT NULL,  -- program that sends it
    until    BIGINT,  -- after which others may; microseconds since 1970, UTC
    error    TEXT COLLATE "C" NOT NULL,  -- of the last attempt
    receipt  TEXT COLLATE "C" NOT NULL,  -- what the channel gave for it
    ended    BIGINT,  -- sent, or failed for good; microseconds since 1970, UTC
    CHECK ((state = 'sending') = (worker <> '')),
    CHECK ((state IN ('sent', 'failed')) = (ended IS NOT NULL))
);

CREATE INDEX letters_open ON letters (due) WHERE state IN ('waiting', 'sending');

-- What is told to whom; each once.
CREATE TABLE messages (
    id        BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key       TEXT COLLATE "C" NOT NULL UNIQUE,  -- of what is told to whom: "sha256:" and 64 hexadecimal digits
    kind      TEXT COLLATE "C" NOT NULL,
    expansion TEXT COLLATE "C" NOT NULL,
    wave      BIGINT NOT NULL,
    team      TEXT COLLATE "C" NOT NULL,
    channel   TEXT COLLATE "C" NOT NULL,  -- empty when nobody can be reached
    address   TEXT COLLATE "C" NOT NULL,
    bundle    TEXT COLLATE "C" NOT NULL,  -- what may go out together has the same
    title     TEXT COLLATE "C" NOT NULL,
    at        BIGINT NOT NULL,  -- microseconds since 1970, UTC
    due       BIGINT NOT NULL,  -- not sent before; microseconds since 1970, UTC
    lacks     TEXT COLLATE "C" NOT NULL,  -- why nobody can be reached
    letter    TEXT COLLATE "C" REFERENCES letters (id),
    content   BYTEA NOT NULL  -- gzip-compressed JSON
);

CREATE INDEX messages_by_expansion ON messages (expansion, id);

CREATE INDEX messages_by_letter ON messages (letter);

CREATE INDEX messages_waiting ON messages (channel, address, bundle, due) WHERE letter IS NULL AND lacks = '';

-- Up to which line of the audit teams were told what happened; what is older is nobody's news.
CREATE TABLE heard (
    one  BIGINT NOT NULL PRIMARY KEY CHECK (one = 1),
    line BIGINT NOT NULL
);

INSERT INTO heard (one, line) SELECT 1, coalesce(max(id), 0) FROM audit;

-- Requests of others that were taken in, as long as they could be sent again.
CREATE TABLE taken (
    key   TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    until BIGINT NOT NULL  -- microseconds since 1970, UTC
);
