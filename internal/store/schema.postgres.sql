-- What the migrations make. Written by: go test ./internal/store -run Schema -update

CREATE TABLE free_blocks (
    parent BIGINT NOT NULL,
    size INTEGER NOT NULL,
    first BYTEA NOT NULL,
    CONSTRAINT free_blocks_parent_fkey FOREIGN KEY (parent) REFERENCES ranges(id),
    CONSTRAINT free_blocks_pkey PRIMARY KEY (parent, size, first)
);

CREATE UNIQUE INDEX free_blocks_by_address ON public.free_blocks USING btree (parent, first);

CREATE TABLE lease_changes (
    id BIGINT NOT NULL,
    at BIGINT NOT NULL,
    author TEXT NOT NULL,
    what TEXT NOT NULL,
    holder TEXT COLLATE "C" NOT NULL,
    parent TEXT COLLATE "C" NOT NULL,
    prefix TEXT NOT NULL,
    purpose TEXT NOT NULL,
    reason TEXT NOT NULL,
    CONSTRAINT lease_changes_pkey PRIMARY KEY (id),
    CONSTRAINT lease_changes_what_check CHECK ((what = ANY (ARRAY['declared'::text, 'reserved'::text, 'live'::text, 'released'::text, 'revived'::text, 'freed'::text])))
);

CREATE INDEX lease_changes_by_holder ON public.lease_changes USING btree (holder, id);

CREATE INDEX lease_changes_by_parent ON public.lease_changes USING btree (parent, id);

CREATE TABLE proposals (
    digest TEXT COLLATE "C" NOT NULL,
    expansion TEXT COLLATE "C" NOT NULL,
    first BIGINT NOT NULL,
    last BIGINT NOT NULL,
    map TEXT COLLATE "C" NOT NULL,
    members BIGINT NOT NULL,
    undecided BIGINT NOT NULL,
    proposal BYTEA NOT NULL,
    CONSTRAINT proposals_pkey PRIMARY KEY (digest)
);

CREATE INDEX proposals_newest ON public.proposals USING btree (expansion, last DESC, digest);

CREATE TABLE ranges (
    id BIGINT NOT NULL,
    parent BIGINT,
    within TEXT COLLATE "C",
    holder TEXT COLLATE "C" NOT NULL,
    prefix TEXT COLLATE "C" NOT NULL,
    first BYTEA NOT NULL,
    last BYTEA NOT NULL,
    purpose TEXT NOT NULL,
    state TEXT NOT NULL,
    since BIGINT NOT NULL,
    until BIGINT,
    CONSTRAINT ranges_check CHECK (((state = 'pool'::text) = (parent IS NULL))),
    CONSTRAINT ranges_check1 CHECK (((state = 'quarantined'::text) = (until IS NOT NULL))),
    CONSTRAINT ranges_first_check CHECK ((length(first) = 16)),
    CONSTRAINT ranges_id_prefix_key UNIQUE (id, prefix),
    CONSTRAINT ranges_last_check CHECK ((length(last) = 16)),
    CONSTRAINT ranges_never_overlap EXCLUDE USING gist (int8range(COALESCE(parent, (0)::bigint), COALESCE(parent, (0)::bigint), '[]'::text) WITH &&, ((prefix)::inet) inet_ops WITH &&),
    CONSTRAINT ranges_parent_within_fkey FOREIGN KEY (parent, within) REFERENCES ranges(id, prefix),
    CONSTRAINT ranges_pkey PRIMARY KEY (id),
    CONSTRAINT ranges_state_check CHECK ((state = ANY (ARRAY['pool'::text, 'reserved'::text, 'live'::text, 'quarantined'::text]))),
    CONSTRAINT ranges_stay_inside CHECK (((prefix)::inet <<= (within)::inet))
);

CREATE INDEX ranges_by_holder ON public.ranges USING btree (holder);

CREATE INDEX ranges_by_until ON public.ranges USING btree (until) WHERE (state = 'quarantined'::text);

CREATE INDEX ranges_never_overlap ON public.ranges USING gist (int8range(COALESCE(parent, (0)::bigint), COALESCE(parent, (0)::bigint), '[]'::text), ((prefix)::inet) inet_ops);

CREATE UNIQUE INDEX ranges_by_address ON public.ranges USING btree (parent, first);

CREATE UNIQUE INDEX ranges_by_lease ON public.ranges USING btree (holder) WHERE (state = ANY (ARRAY['reserved'::text, 'live'::text]));

CREATE UNIQUE INDEX ranges_by_pool ON public.ranges USING btree (holder) WHERE (state = 'pool'::text);

CREATE UNIQUE INDEX ranges_id_prefix_key ON public.ranges USING btree (id, prefix);

CREATE TABLE scans (
    id TEXT COLLATE "C" NOT NULL,
    started BIGINT NOT NULL,
    ended BIGINT NOT NULL,
    state TEXT NOT NULL,
    source TEXT NOT NULL,
    kind TEXT NOT NULL,
    error TEXT NOT NULL,
    digest TEXT COLLATE "C",
    CONSTRAINT scans_check CHECK (((state = 'done'::text) = (digest IS NOT NULL))),
    CONSTRAINT scans_digest_fkey FOREIGN KEY (digest) REFERENCES snapshots(digest),
    CONSTRAINT scans_pkey PRIMARY KEY (id),
    CONSTRAINT scans_state_check CHECK ((state = ANY (ARRAY['done'::text, 'failed'::text, 'cancelled'::text])))
);

CREATE INDEX scans_newest ON public.scans USING btree (ended DESC, id);

CREATE TABLE snapshots (
    digest TEXT COLLATE "C" NOT NULL,
    taken_at BIGINT NOT NULL,
    last_seen BIGINT NOT NULL,
    took BIGINT NOT NULL,
    source TEXT NOT NULL,
    services INTEGER NOT NULL,
    edges INTEGER NOT NULL,
    doubts INTEGER NOT NULL,
    files INTEGER NOT NULL,
    graph BYTEA NOT NULL,
    estate BYTEA NOT NULL,
    CONSTRAINT snapshots_pkey PRIMARY KEY (digest)
);

CREATE INDEX snapshots_newest ON public.snapshots USING btree (last_seen DESC, taken_at DESC, digest);
