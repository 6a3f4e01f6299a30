-- +goose Up
-- Who is who among the instances of datastores, as it was last read.
CREATE TABLE topologies (
    datastore   TEXT COLLATE "C" NOT NULL,
    environment TEXT COLLATE "C" NOT NULL,
    at          BIGINT NOT NULL,  -- microseconds since 1970, UTC
    topology    BYTEA  NOT NULL,  -- JSON, gzip
    PRIMARY KEY (datastore, environment)
);

-- How warm and how far behind standbys were.
CREATE TABLE warmth (
    datastore   TEXT COLLATE "C" NOT NULL,
    environment TEXT COLLATE "C" NOT NULL,
    member      TEXT COLLATE "C" NOT NULL,
    at          BIGINT NOT NULL,  -- microseconds since 1970, UTC
    share       DOUBLE PRECISION NOT NULL,  -- of the primary's hot blocks, 0 to 1
    lag         BIGINT,           -- bytes
    PRIMARY KEY (datastore, environment, at, member)
);

CREATE INDEX warmth_at ON warmth (at);

-- How far moves of datastores are, and what they made where: what carries one on reads it here.
CREATE TABLE transfers (
    name  TEXT COLLATE "C" NOT NULL PRIMARY KEY,  -- of its journey
    at    BIGINT NOT NULL,                        -- microseconds since 1970, UTC
    state BYTEA  NOT NULL                         -- JSON, gzip
);

-- Backups of datastores that were restored elsewhere and checked.
CREATE TABLE backup_drills (
    datastore   TEXT COLLATE "C" NOT NULL,
    environment TEXT COLLATE "C" NOT NULL,
    at          BIGINT  NOT NULL,  -- microseconds since 1970, UTC
    good        BOOLEAN NOT NULL,
    drill       BYTEA   NOT NULL,  -- JSON, gzip
    PRIMARY KEY (datastore, environment, at)
);

-- What was last seen of datastores, which later looks are compared to.
CREATE TABLE last_seen (
    datastore   TEXT COLLATE "C" NOT NULL,
    environment TEXT COLLATE "C" NOT NULL,
    seen        BYTEA NOT NULL,  -- JSON, gzip
    PRIMARY KEY (datastore, environment)
);

-- How instances stood when they were looked at, added up by the hour.
CREATE TABLE looks (
    datastore   TEXT COLLATE "C" NOT NULL,
    environment TEXT COLLATE "C" NOT NULL,
    member      TEXT COLLATE "C" NOT NULL,
    hour        BIGINT NOT NULL,  -- microseconds since 1970, UTC
    looks       BIGINT NOT NULL,
    followed    BIGINT NOT NULL,  -- of them as a standby whose lag is known
    late        BIGINT NOT NULL,  -- of these lagging more than is usual
    blocks      BIGINT NOT NULL,  -- read from disk
    took        BIGINT NOT NULL,  -- nanoseconds for all of them
    cached      BIGINT NOT NULL,  -- blocks that came at once
    PRIMARY KEY (datastore, environment, hour, member)
);

CREATE INDEX looks_hour ON looks (hour);

-- What befell instances.
CREATE TABLE incidents (
    datastore   TEXT COLLATE "C" NOT NULL,
    environment TEXT COLLATE "C" NOT NULL,
    what        TEXT COLLATE "C" NOT NULL,
    id          TEXT COLLATE "C" NOT NULL,  -- of its kind, the same whoever sees it
    member      TEXT COLLATE "C" NOT NULL,
    at          BIGINT NOT NULL,  -- microseconds since 1970, UTC
    PRIMARY KEY (datastore, environment, what, member, id)
);

CREATE INDEX incidents_at ON incidents (at);
