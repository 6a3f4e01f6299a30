-- What the migrations make. Written by: go test ./internal/store -run Schema -update

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
