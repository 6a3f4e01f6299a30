-- What the migrations make. Written by: go test ./internal/store -run Schema -update

CREATE TABLE asked (
    expansion TEXT    NOT NULL,
    step      TEXT    NOT NULL,
    digest    TEXT    NOT NULL,
    team      TEXT    NOT NULL,
    at        INTEGER NOT NULL, reminded INTEGER, escalated INTEGER,  -- microseconds since 1970, UTC
    PRIMARY KEY (expansion, step, digest, team)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'what was done is not changed');
END;

CREATE TRIGGER audit_is_not_removed BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'what was done is not removed');
END;

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

CREATE TABLE audit_end (
    one  INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    id   INTEGER NOT NULL,
    hash TEXT    NOT NULL
) STRICT;

CREATE TABLE backup_drills (
    datastore   TEXT    NOT NULL,
    environment TEXT    NOT NULL,
    at          INTEGER NOT NULL,  -- microseconds since 1970, UTC
    good        INTEGER NOT NULL,
    drill       BLOB    NOT NULL,  -- JSON, gzip
    PRIMARY KEY (datastore, environment, at)
) STRICT, WITHOUT ROWID;

CREATE TABLE courses (
    digest    TEXT NOT NULL PRIMARY KEY,  -- of the journey: "sha256:" and 64 hexadecimal digits
    expansion TEXT NOT NULL,
    course    BLOB NOT NULL  -- gzip-compressed JSON
) STRICT;

CREATE TABLE drift (
    id     TEXT    NOT NULL PRIMARY KEY,
    last   INTEGER NOT NULL,  -- seen; microseconds since 1970, UTC
    mended INTEGER,           -- a later look did not find it
    told   INTEGER,           -- its team was told of it
    record BLOB    NOT NULL   -- JSON, gzip
) STRICT, WITHOUT ROWID;

CREATE INDEX drift_mended ON drift (mended);

CREATE TABLE drift_exceptions (
    id      TEXT    NOT NULL PRIMARY KEY,
    content TEXT    NOT NULL,  -- digest of what was accepted: it counts for nothing else
    person  TEXT    NOT NULL,
    why     TEXT    NOT NULL,
    at      INTEGER NOT NULL,  -- microseconds since 1970, UTC
    until   INTEGER NOT NULL   -- microseconds since 1970, UTC
) STRICT, WITHOUT ROWID;

CREATE TABLE drift_looks (
    environment TEXT    NOT NULL PRIMARY KEY,
    at          INTEGER NOT NULL,  -- microseconds since 1970, UTC
    look        BLOB    NOT NULL   -- JSON, gzip
) STRICT, WITHOUT ROWID;

CREATE TABLE drills (
    expansion TEXT    NOT NULL,
    service   TEXT    NOT NULL,
    team      TEXT    NOT NULL,
    practice  TEXT    NOT NULL CHECK (practice IN ('runbook', 'restart', 'rollback')),
    person    TEXT    NOT NULL,
    at        INTEGER NOT NULL,  -- microseconds since 1970, UTC
    PRIMARY KEY (expansion, service, team, practice, at, person)
) STRICT, WITHOUT ROWID;

CREATE TABLE free_blocks (
    parent INTEGER NOT NULL REFERENCES ranges (id),
    size   INTEGER NOT NULL,  -- number of addresses, as a power of two
    first  BLOB NOT NULL,  -- lowest address
    PRIMARY KEY (parent, size, first)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX free_blocks_by_address ON free_blocks (parent, first);

CREATE TABLE green_lights (
    id        INTEGER NOT NULL PRIMARY KEY,
    expansion TEXT    NOT NULL,
    step      TEXT    NOT NULL,
    digest    TEXT    NOT NULL,  -- of the step, as it was shown
    team      TEXT    NOT NULL,
    person    TEXT    NOT NULL,
    stands_in TEXT    NOT NULL,  -- for whom the person stands in; empty for themselves
    at        INTEGER NOT NULL,  -- microseconds since 1970, UTC
    revoked   INTEGER  -- microseconds since 1970, UTC
) STRICT;

CREATE UNIQUE INDEX green_lights_standing ON green_lights (expansion, step, digest, team, person, stands_in) WHERE revoked IS NULL;

CREATE TABLE heard (
    one  INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    line INTEGER NOT NULL
) STRICT;

CREATE TABLE incidents (
    datastore   TEXT NOT NULL,
    environment TEXT NOT NULL,
    what        TEXT NOT NULL,
    id          TEXT NOT NULL,  -- of its kind, the same whoever sees it
    member      TEXT NOT NULL,
    at          INTEGER NOT NULL,  -- microseconds since 1970, UTC
    PRIMARY KEY (datastore, environment, what, member, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX incidents_at ON incidents (at);

CREATE TABLE last_seen (
    datastore   TEXT NOT NULL,
    environment TEXT NOT NULL,
    seen        BLOB NOT NULL,  -- JSON, gzip
    PRIMARY KEY (datastore, environment)
) STRICT, WITHOUT ROWID;

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

CREATE TABLE looks (
    datastore   TEXT NOT NULL,
    environment TEXT NOT NULL,
    member      TEXT NOT NULL,
    hour        INTEGER NOT NULL,  -- microseconds since 1970, UTC
    looks       INTEGER NOT NULL,
    followed    INTEGER NOT NULL,  -- of them as a standby whose lag is known
    late        INTEGER NOT NULL,  -- of these lagging more than is usual
    blocks      INTEGER NOT NULL,  -- read from disk
    took        INTEGER NOT NULL,  -- nanoseconds for all of them
    cached      INTEGER NOT NULL,  -- blocks that came at once
    PRIMARY KEY (datastore, environment, hour, member)
) STRICT, WITHOUT ROWID;

CREATE INDEX looks_hour ON looks (hour);

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

CREATE TABLE release_lines (
    id          INTEGER NOT NULL PRIMARY KEY,
    release     TEXT    NOT NULL REFERENCES releases (id),
    environment TEXT    NOT NULL,
    at          INTEGER NOT NULL,  -- microseconds since 1970, UTC
    line        TEXT    NOT NULL
) STRICT;

CREATE INDEX release_lines_by_release ON release_lines (release, id);

CREATE TABLE releases (
    id      TEXT    NOT NULL PRIMARY KEY,  -- service and number: "orders-3"
    seq     INTEGER NOT NULL UNIQUE,
    service TEXT    NOT NULL,
    state   TEXT    NOT NULL CHECK (state IN ('running', 'finished', 'failed', 'replaced')),
    worker  TEXT    NOT NULL,  -- program that carries it out; empty when none does
    seen    INTEGER NOT NULL,  -- when that program was last alive; microseconds since 1970, UTC, by the clock of the database
    content BLOB    NOT NULL   -- gzip-compressed JSON
) STRICT, WITHOUT ROWID;

CREATE INDEX releases_by_service ON releases (service, seq);

CREATE UNIQUE INDEX releases_open ON releases (service) WHERE state = 'running';

CREATE TABLE run_lines (
    id   INTEGER NOT NULL PRIMARY KEY,
    run  TEXT    NOT NULL REFERENCES runs (id),
    step TEXT    NOT NULL,
    at   INTEGER NOT NULL,  -- microseconds since 1970, UTC
    line TEXT    NOT NULL
) STRICT;

CREATE INDEX run_lines_by_run ON run_lines (run, id);

CREATE TABLE run_steps (
    run     TEXT    NOT NULL REFERENCES runs (id),
    place   INTEGER NOT NULL,  -- in the journey, from 0
    step    TEXT    NOT NULL,
    digest  TEXT    NOT NULL,
    wave    INTEGER NOT NULL,
    state   TEXT    NOT NULL CHECK (state IN ('waiting', 'doing', 'done', 'failed')),
    attempt INTEGER NOT NULL,
    worker  TEXT    NOT NULL,  -- program that does it
    began   INTEGER,  -- microseconds since 1970, UTC
    ended   INTEGER,  -- microseconds since 1970, UTC
    error   TEXT    NOT NULL,
    kind    TEXT    NOT NULL,  -- of the error
    changes BLOB,  -- gzip-compressed JSON
    PRIMARY KEY (run, place),
    UNIQUE (run, step),
    CHECK ((state = 'doing') = (worker <> ''))
) STRICT, WITHOUT ROWID;

CREATE INDEX run_steps_by_worker ON run_steps (worker) WHERE state = 'doing';

CREATE TABLE runs (
    id        TEXT    NOT NULL PRIMARY KEY,
    seq       INTEGER NOT NULL UNIQUE,  -- the later, the higher
    expansion TEXT    NOT NULL,
    way       TEXT    NOT NULL CHECK (way IN ('move', 'undo')),
    course    TEXT    NOT NULL REFERENCES courses (digest),
    state     TEXT    NOT NULL CHECK (state IN ('running', 'paused', 'stopped', 'finished', 'cancelled')),
    author    TEXT    NOT NULL,
    why       TEXT    NOT NULL,
    reason    TEXT    NOT NULL,  -- why it stopped
    kind      TEXT    NOT NULL,  -- of that
    started   INTEGER NOT NULL,  -- microseconds since 1970, UTC
    ended     INTEGER,  -- microseconds since 1970, UTC
    options   TEXT    NOT NULL,  -- JSON
    CHECK ((ended IS NULL) = (state IN ('running', 'paused', 'stopped')))
) STRICT;

CREATE INDEX runs_newest ON runs (expansion, seq DESC);

CREATE UNIQUE INDEX runs_open ON runs (expansion) WHERE state IN ('running', 'paused', 'stopped');

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

CREATE TABLE sessions (
    hash    TEXT    NOT NULL PRIMARY KEY,
    via     TEXT    NOT NULL,
    subject TEXT    NOT NULL,
    began   INTEGER NOT NULL,
    seen    INTEGER NOT NULL,
    ends    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX sessions_person ON sessions (via, subject);

CREATE TABLE signatures (
    service     TEXT NOT NULL,
    environment TEXT NOT NULL,
    file        TEXT NOT NULL,  -- where the process finds the key; empty for a variable
    key         TEXT NOT NULL,
    digest      TEXT NOT NULL,  -- of the difference: it counts for no other
    person      TEXT NOT NULL,
    why         TEXT NOT NULL,
    at          INTEGER NOT NULL,  -- microseconds since 1970, UTC
    PRIMARY KEY (service, environment, file, key, digest)
) STRICT, WITHOUT ROWID;

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

CREATE TABLE standings (
    service     TEXT NOT NULL,
    environment TEXT NOT NULL,
    content     BLOB NOT NULL,  -- gzip-compressed JSON
    PRIMARY KEY (service, environment)
) STRICT, WITHOUT ROWID;

CREATE TABLE taken (
    key   TEXT    NOT NULL PRIMARY KEY,
    until INTEGER NOT NULL  -- microseconds since 1970, UTC
) STRICT, WITHOUT ROWID;

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

CREATE TABLE topologies (
    datastore   TEXT    NOT NULL,
    environment TEXT    NOT NULL,
    at          INTEGER NOT NULL,  -- microseconds since 1970, UTC
    topology    BLOB    NOT NULL,  -- JSON, gzip
    PRIMARY KEY (datastore, environment)
) STRICT, WITHOUT ROWID;

CREATE TABLE transfers (
    name  TEXT    NOT NULL PRIMARY KEY,  -- of its journey
    at    INTEGER NOT NULL,              -- microseconds since 1970, UTC
    state BLOB    NOT NULL               -- JSON, gzip
) STRICT, WITHOUT ROWID;

CREATE TABLE vetoes (
    id        INTEGER NOT NULL PRIMARY KEY,
    expansion TEXT    NOT NULL,
    step      TEXT    NOT NULL,  -- empty for every step
    team      TEXT    NOT NULL,
    person    TEXT    NOT NULL,
    reason    TEXT    NOT NULL,
    at        INTEGER NOT NULL,  -- microseconds since 1970, UTC
    withdrawn INTEGER  -- microseconds since 1970, UTC
) STRICT;

CREATE UNIQUE INDEX vetoes_standing ON vetoes (expansion, step, team) WHERE withdrawn IS NULL;

CREATE TABLE warmth (
    datastore   TEXT    NOT NULL,
    environment TEXT    NOT NULL,
    member      TEXT    NOT NULL,
    at          INTEGER NOT NULL,  -- microseconds since 1970, UTC
    share       REAL    NOT NULL,  -- of the primary's hot blocks, 0 to 1
    lag         INTEGER,           -- bytes
    PRIMARY KEY (datastore, environment, at, member)
) STRICT, WITHOUT ROWID;

CREATE INDEX warmth_at ON warmth (at);

CREATE TABLE workers (
    name TEXT    NOT NULL PRIMARY KEY,
    seen INTEGER NOT NULL  -- microseconds since 1970, UTC, by the clock of the database
) STRICT;
