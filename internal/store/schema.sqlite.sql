-- What the migrations make. Written by: go test ./internal/store -run Schema -update

CREATE TABLE free_blocks (
    parent INTEGER NOT NULL REFERENCES ranges (id),
    size   INTEGER NOT NULL,  -- number of addresses, as a power of two
    first  BLOB NOT NULL,  -- lowest address
    PRIMARY KEY (parent, size, first)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX free_blocks_by_address ON free_blocks (parent, first);

CREATE TRIGGER lease_changes_are_not_changed BEFORE UPDATE ON lease_changes
BEGIN
    SELECT RAISE(ABORT, 'what happened to leases is not changed');
END;

CREATE TRIGGER lease_changes_are_not_removed BEFORE DELETE ON lease_changes
BEGIN
    SELECT RAISE(ABORT, 'what happened to leases is not removed');
END;

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

CREATE TABLE proposals (
    digest    TEXT NOT NULL PRIMARY KEY,  -- of the proposal: "sha256:" and 64 hexadecimal digits
    expansion TEXT NOT NULL,
    first     INTEGER NOT NULL,  -- first time exactly this was planned; microseconds since 1970, UTC
    last      INTEGER NOT NULL,  -- last time; microseconds since 1970, UTC
    map       TEXT NOT NULL,  -- digest of the graph it was planned from
    members   INTEGER NOT NULL,
    undecided INTEGER NOT NULL,
    proposal  BLOB NOT NULL  -- expansion.Proposal, gzip-compressed JSON
) STRICT;

CREATE INDEX proposals_newest ON proposals (expansion, last DESC, digest);

CREATE TRIGGER ranges_never_overlap BEFORE INSERT ON ranges
WHEN (SELECT last FROM ranges WHERE parent IS NEW.parent AND first <= NEW.last ORDER BY first DESC LIMIT 1) >= NEW.first
BEGIN
    SELECT RAISE(ABORT, 'ranges_never_overlap');
END;

CREATE TRIGGER ranges_stay_in_place BEFORE UPDATE OF parent, within, prefix, first, last ON ranges
BEGIN
    SELECT RAISE(ABORT, 'ranges_stay_in_place');
END;

CREATE TRIGGER ranges_stay_inside BEFORE INSERT ON ranges
WHEN EXISTS (SELECT 1 FROM ranges WHERE id = NEW.parent AND (first > NEW.first OR last < NEW.last))
BEGIN
    SELECT RAISE(ABORT, 'ranges_stay_inside');
END;

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

CREATE INDEX ranges_by_holder ON ranges (holder);

CREATE UNIQUE INDEX ranges_by_lease ON ranges (holder) WHERE state IN ('reserved', 'live');

CREATE UNIQUE INDEX ranges_by_pool ON ranges (holder) WHERE state = 'pool';

CREATE INDEX ranges_by_until ON ranges (until) WHERE state = 'quarantined';

CREATE TABLE scans (
    id      TEXT    NOT NULL PRIMARY KEY,
    started INTEGER NOT NULL,  -- microseconds since 1970, UTC
    ended   INTEGER NOT NULL,  -- microseconds since 1970, UTC; a scan is written down when it ends
    state   TEXT    NOT NULL CHECK (state IN ('done', 'failed', 'cancelled')),
    source  TEXT    NOT NULL,  -- what was scanned, in words
    kind    TEXT    NOT NULL,  -- kind of fault that ended it; empty when it is done
    error   TEXT    NOT NULL,  -- why it is not done; empty when it is done
    digest  TEXT    REFERENCES snapshots (digest),  -- of the graph it made; null when it made none
    CHECK ((state = 'done') = (digest IS NOT NULL))
) STRICT;

CREATE INDEX scans_newest ON scans (ended DESC, id);

CREATE TABLE snapshots (
    digest    TEXT    NOT NULL PRIMARY KEY,  -- of the graph: "sha256:" and 64 hexadecimal digits
    taken_at  INTEGER NOT NULL,  -- first scan that saw it; microseconds since 1970, UTC
    last_seen INTEGER NOT NULL,  -- last scan that saw it; microseconds since 1970, UTC
    took      INTEGER NOT NULL,  -- time the first scan needed; microseconds
    source    TEXT    NOT NULL,  -- what was scanned, in words
    services  INTEGER NOT NULL,
    edges     INTEGER NOT NULL,
    doubts    INTEGER NOT NULL,
    files     INTEGER NOT NULL,
    graph     BLOB    NOT NULL,  -- depmap.Graph, gzip-compressed JSON
    estate    BLOB    NOT NULL   -- estate.Snapshot, gzip-compressed JSON
) STRICT;

CREATE INDEX snapshots_newest ON snapshots (last_seen DESC, taken_at DESC, digest);
