-- What the migrations make. Written by: go test ./internal/store -run Schema -update

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
