-- +goose Up
-- Pools, and leases: the parts of them that somebody has, and the parts of those.
CREATE TABLE ranges (
    id      BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    parent  BIGINT,  -- the range it is a part of; NULL for a pool
    within  TEXT COLLATE "C",  -- prefix of that
    holder  TEXT COLLATE "C" NOT NULL,  -- name of a pool
    prefix  TEXT COLLATE "C" NOT NULL,
    first   BYTEA NOT NULL CHECK (length(first) = 16),  -- lowest address, IPv4 in ::ffff:0:0/96
    last    BYTEA NOT NULL CHECK (length(last) = 16),  -- highest address
    purpose TEXT NOT NULL,
    state   TEXT NOT NULL CHECK (state IN ('pool', 'reserved', 'live', 'quarantined')),
    since   BIGINT NOT NULL,  -- it is in this state; microseconds since 1970, UTC
    until   BIGINT,  -- end of quarantine
    UNIQUE (id, prefix),
    FOREIGN KEY (parent, within) REFERENCES ranges (id, prefix),
    CHECK ((state = 'pool') = (parent IS NULL)),
    CHECK ((state = 'quarantined') = (until IS NOT NULL)),
    CONSTRAINT ranges_stay_inside CHECK (prefix::inet <<= within::inet),
    -- Parts of one range never overlap, and pools do not.
    CONSTRAINT ranges_never_overlap EXCLUDE USING gist (int8range(coalesce(parent, 0), coalesce(parent, 0), '[]') WITH &&, (prefix::inet) inet_ops WITH &&)
);

CREATE UNIQUE INDEX ranges_by_address ON ranges (parent, first);
CREATE UNIQUE INDEX ranges_by_pool ON ranges (holder) WHERE state = 'pool';
CREATE UNIQUE INDEX ranges_by_lease ON ranges (holder) WHERE state IN ('reserved', 'live');
CREATE INDEX ranges_by_holder ON ranges (holder);
CREATE INDEX ranges_by_until ON ranges (until) WHERE state = 'quarantined';

-- What is free of a range with parts, as the fewest blocks. One without parts has no rows here: it is free as a whole.
CREATE TABLE free_blocks (
    parent BIGINT NOT NULL REFERENCES ranges (id),
    size   INTEGER NOT NULL,  -- number of addresses, as a power of two
    first  BYTEA NOT NULL,  -- lowest address
    PRIMARY KEY (parent, size, first)
);

CREATE UNIQUE INDEX free_blocks_by_address ON free_blocks (parent, first);

-- Every change of a range. Lines are added and never changed.
CREATE TABLE lease_changes (
    id      BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at      BIGINT NOT NULL,  -- microseconds since 1970, UTC
    author  TEXT NOT NULL,
    what    TEXT NOT NULL CHECK (what IN ('declared', 'reserved', 'live', 'released', 'revived', 'freed')),
    holder  TEXT COLLATE "C" NOT NULL,
    parent  TEXT COLLATE "C" NOT NULL,  -- name of what it is a part of
    prefix  TEXT NOT NULL,
    purpose TEXT NOT NULL,
    reason  TEXT NOT NULL
);

CREATE INDEX lease_changes_by_holder ON lease_changes (holder, id);
CREATE INDEX lease_changes_by_parent ON lease_changes (parent, id);

-- +goose StatementBegin
CREATE FUNCTION refuse_lease_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what happened to leases is not changed';
END
$$;
-- +goose StatementEnd

CREATE TRIGGER lease_changes_are_not_changed BEFORE UPDATE OR DELETE ON lease_changes
    FOR EACH ROW EXECUTE FUNCTION refuse_lease_change();

CREATE TRIGGER lease_changes_are_not_removed BEFORE TRUNCATE ON lease_changes
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_lease_change();
