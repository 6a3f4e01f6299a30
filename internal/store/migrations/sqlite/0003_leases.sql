-- +goose Up
-- Pools, and leases: the parts of them that somebody has, and the parts of those.
CREATE TABLE ranges (
    id      INTEGER NOT NULL PRIMARY KEY,
    parent  INTEGER,  -- the range it is a part of; NULL for a pool
    within  TEXT,  -- prefix of that
    holder  TEXT NOT NULL,  -- name of a pool
    prefix  TEXT NOT NULL,
    first   BLOB NOT NULL CHECK (length(first) = 16),  -- lowest address, IPv4 in ::ffff:0:0/96
    last    BLOB NOT NULL CHECK (length(last) = 16),  -- highest address
    purpose TEXT NOT NULL,
    state   TEXT NOT NULL CHECK (state IN ('pool', 'reserved', 'live', 'quarantined')),
    since   INTEGER NOT NULL,  -- it is in this state; microseconds since 1970, UTC
    until   INTEGER,  -- end of quarantine
    UNIQUE (id, prefix),
    FOREIGN KEY (parent, within) REFERENCES ranges (id, prefix),
    CHECK ((state = 'pool') = (parent IS NULL)),
    CHECK ((state = 'quarantined') = (until IS NOT NULL))
) STRICT;

CREATE UNIQUE INDEX ranges_by_address ON ranges (parent, first);
CREATE UNIQUE INDEX ranges_by_pool ON ranges (holder) WHERE state = 'pool';
CREATE UNIQUE INDEX ranges_by_lease ON ranges (holder) WHERE state IN ('reserved', 'live');
CREATE INDEX ranges_by_holder ON ranges (holder);
CREATE INDEX ranges_by_until ON ranges (until) WHERE state = 'quarantined';

-- Parts of one range never overlap, and pools do not. They are apart already, so only the one that begins last at or before
-- the end of a new one can reach into it.
-- +goose StatementBegin
CREATE TRIGGER ranges_never_overlap BEFORE INSERT ON ranges
WHEN (SELECT last FROM ranges WHERE parent IS NEW.parent AND first <= NEW.last ORDER BY first DESC LIMIT 1) >= NEW.first
BEGIN
    SELECT RAISE(ABORT, 'ranges_never_overlap');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER ranges_stay_inside BEFORE INSERT ON ranges
WHEN EXISTS (SELECT 1 FROM ranges WHERE id = NEW.parent AND (first > NEW.first OR last < NEW.last))
BEGIN
    SELECT RAISE(ABORT, 'ranges_stay_inside');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER ranges_stay_in_place BEFORE UPDATE OF parent, within, prefix, first, last ON ranges
BEGIN
    SELECT RAISE(ABORT, 'ranges_stay_in_place');
END;
-- +goose StatementEnd

-- What is free of a range with parts, as the fewest blocks. One without parts has no rows here: it is free as a whole.
CREATE TABLE free_blocks (
    parent INTEGER NOT NULL REFERENCES ranges (id),
    size   INTEGER NOT NULL,  -- number of addresses, as a power of two
    first  BLOB NOT NULL,  -- lowest address
    PRIMARY KEY (parent, size, first)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX free_blocks_by_address ON free_blocks (parent, first);

-- Every change of a range. Lines are added and never changed.
CREATE TABLE lease_changes (
    id      INTEGER NOT NULL PRIMARY KEY,
    at      INTEGER NOT NULL,  -- microseconds since 1970, UTC
    author  TEXT NOT NULL,
    what    TEXT NOT NULL CHECK (what IN ('declared', 'reserved', 'live', 'released', 'revived', 'freed')),
    holder  TEXT NOT NULL,
    parent  TEXT NOT NULL,  -- name of what it is a part of
    prefix  TEXT NOT NULL,
    purpose TEXT NOT NULL,
    reason  TEXT NOT NULL
) STRICT;

CREATE INDEX lease_changes_by_holder ON lease_changes (holder, id);
CREATE INDEX lease_changes_by_parent ON lease_changes (parent, id);

-- +goose StatementBegin
CREATE TRIGGER lease_changes_are_not_changed BEFORE UPDATE ON lease_changes
BEGIN
    SELECT RAISE(ABORT, 'what happened to leases is not changed');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER lease_changes_are_not_removed BEFORE DELETE ON lease_changes
BEGIN
    SELECT RAISE(ABORT, 'what happened to leases is not removed');
END;
-- +goose StatementEnd
