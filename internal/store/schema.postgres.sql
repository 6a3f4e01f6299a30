-- What the migrations make. Written by: go test ./internal/store -run Schema -update

CREATE TABLE asked (
    expansion TEXT COLLATE "C" NOT NULL,
    step TEXT COLLATE "C" NOT NULL,
    digest TEXT COLLATE "C" NOT NULL,
    team TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    reminded BIGINT,
    escalated BIGINT,
    CONSTRAINT asked_pkey PRIMARY KEY (expansion, step, digest, team)
);

CREATE TABLE audit (
    id BIGINT NOT NULL,
    at BIGINT NOT NULL,
    person TEXT COLLATE "C" NOT NULL,
    what TEXT COLLATE "C" NOT NULL,
    expansion TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    why TEXT COLLATE "C" NOT NULL,
    digest TEXT COLLATE "C" NOT NULL,
    hash TEXT COLLATE "C" NOT NULL,
    CONSTRAINT audit_pkey PRIMARY KEY (id)
);

CREATE INDEX audit_by_expansion ON public.audit USING btree (expansion, id);

CREATE TABLE audit_end (
    one BIGINT NOT NULL,
    id BIGINT NOT NULL,
    hash TEXT COLLATE "C" NOT NULL,
    CONSTRAINT audit_end_one_check CHECK ((one = 1)),
    CONSTRAINT audit_end_pkey PRIMARY KEY (one)
);

CREATE TABLE backup_drills (
    datastore TEXT COLLATE "C" NOT NULL,
    environment TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    good BOOLEAN NOT NULL,
    drill BYTEA NOT NULL,
    CONSTRAINT backup_drills_pkey PRIMARY KEY (datastore, environment, at)
);

CREATE TABLE courses (
    digest TEXT COLLATE "C" NOT NULL,
    expansion TEXT COLLATE "C" NOT NULL,
    course BYTEA NOT NULL,
    CONSTRAINT courses_pkey PRIMARY KEY (digest)
);

CREATE TABLE drift (
    id TEXT COLLATE "C" NOT NULL,
    last BIGINT NOT NULL,
    mended BIGINT,
    told BIGINT,
    record BYTEA NOT NULL,
    CONSTRAINT drift_pkey PRIMARY KEY (id)
);

CREATE INDEX drift_mended ON public.drift USING btree (mended);

CREATE TABLE drift_exceptions (
    id TEXT COLLATE "C" NOT NULL,
    content TEXT COLLATE "C" NOT NULL,
    person TEXT COLLATE "C" NOT NULL,
    why TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    until BIGINT NOT NULL,
    CONSTRAINT drift_exceptions_pkey PRIMARY KEY (id)
);

CREATE TABLE drift_looks (
    environment TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    look BYTEA NOT NULL,
    CONSTRAINT drift_looks_pkey PRIMARY KEY (environment)
);

CREATE TABLE drills (
    expansion TEXT COLLATE "C" NOT NULL,
    service TEXT COLLATE "C" NOT NULL,
    team TEXT COLLATE "C" NOT NULL,
    practice TEXT COLLATE "C" NOT NULL,
    person TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    CONSTRAINT drills_pkey PRIMARY KEY (expansion, service, team, practice, at, person),
    CONSTRAINT drills_practice_check CHECK ((practice = ANY (ARRAY['runbook'::text, 'restart'::text, 'rollback'::text])))
);

CREATE TABLE free_blocks (
    parent BIGINT NOT NULL,
    size INTEGER NOT NULL,
    first BYTEA NOT NULL,
    CONSTRAINT free_blocks_parent_fkey FOREIGN KEY (parent) REFERENCES ranges(id),
    CONSTRAINT free_blocks_pkey PRIMARY KEY (parent, size, first)
);

CREATE UNIQUE INDEX free_blocks_by_address ON public.free_blocks USING btree (parent, first);

CREATE TABLE green_lights (
    id BIGINT NOT NULL,
    expansion TEXT COLLATE "C" NOT NULL,
    step TEXT COLLATE "C" NOT NULL,
    digest TEXT COLLATE "C" NOT NULL,
    team TEXT COLLATE "C" NOT NULL,
    person TEXT COLLATE "C" NOT NULL,
    stands_in TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    revoked BIGINT,
    CONSTRAINT green_lights_pkey PRIMARY KEY (id)
);

CREATE UNIQUE INDEX green_lights_standing ON public.green_lights USING btree (expansion, step, digest, team, person, stands_in) WHERE (revoked IS NULL);

CREATE TABLE heard (
    one BIGINT NOT NULL,
    line BIGINT NOT NULL,
    CONSTRAINT heard_one_check CHECK ((one = 1)),
    CONSTRAINT heard_pkey PRIMARY KEY (one)
);

CREATE TABLE incidents (
    datastore TEXT COLLATE "C" NOT NULL,
    environment TEXT COLLATE "C" NOT NULL,
    what TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    member TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    CONSTRAINT incidents_pkey PRIMARY KEY (datastore, environment, what, member, id)
);

CREATE INDEX incidents_at ON public.incidents USING btree (at);

CREATE TABLE last_seen (
    datastore TEXT COLLATE "C" NOT NULL,
    environment TEXT COLLATE "C" NOT NULL,
    seen BYTEA NOT NULL,
    CONSTRAINT last_seen_pkey PRIMARY KEY (datastore, environment)
);

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

CREATE TABLE letters (
    id TEXT COLLATE "C" NOT NULL,
    channel TEXT COLLATE "C" NOT NULL,
    address TEXT COLLATE "C" NOT NULL,
    thread TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    attempts BIGINT NOT NULL,
    due BIGINT NOT NULL,
    worker TEXT COLLATE "C" NOT NULL,
    until BIGINT,
    error TEXT COLLATE "C" NOT NULL,
    receipt TEXT COLLATE "C" NOT NULL,
    ended BIGINT,
    CONSTRAINT letters_check CHECK (((state = 'sending'::text) = (worker <> ''::text))),
    CONSTRAINT letters_check1 CHECK (((state = ANY (ARRAY['sent'::text, 'failed'::text])) = (ended IS NOT NULL))),
    CONSTRAINT letters_pkey PRIMARY KEY (id),
    CONSTRAINT letters_state_check CHECK ((state = ANY (ARRAY['waiting'::text, 'sending'::text, 'sent'::text, 'failed'::text])))
);

CREATE INDEX letters_open ON public.letters USING btree (due) WHERE (state = ANY (ARRAY['waiting'::text, 'sending'::text]));

CREATE TABLE looks (
    datastore TEXT COLLATE "C" NOT NULL,
    environment TEXT COLLATE "C" NOT NULL,
    member TEXT COLLATE "C" NOT NULL,
    hour BIGINT NOT NULL,
    looks BIGINT NOT NULL,
    followed BIGINT NOT NULL,
    late BIGINT NOT NULL,
    blocks BIGINT NOT NULL,
    took BIGINT NOT NULL,
    cached BIGINT NOT NULL,
    CONSTRAINT looks_pkey PRIMARY KEY (datastore, environment, hour, member)
);

CREATE INDEX looks_hour ON public.looks USING btree (hour);

CREATE TABLE messages (
    id BIGINT NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    expansion TEXT COLLATE "C" NOT NULL,
    wave BIGINT NOT NULL,
    team TEXT COLLATE "C" NOT NULL,
    channel TEXT COLLATE "C" NOT NULL,
    address TEXT COLLATE "C" NOT NULL,
    bundle TEXT COLLATE "C" NOT NULL,
    title TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    due BIGINT NOT NULL,
    lacks TEXT COLLATE "C" NOT NULL,
    letter TEXT COLLATE "C",
    content BYTEA NOT NULL,
    CONSTRAINT messages_key_key UNIQUE (key),
    CONSTRAINT messages_letter_fkey FOREIGN KEY (letter) REFERENCES letters(id),
    CONSTRAINT messages_pkey PRIMARY KEY (id)
);

CREATE INDEX messages_by_expansion ON public.messages USING btree (expansion, id);

CREATE INDEX messages_by_letter ON public.messages USING btree (letter);

CREATE INDEX messages_waiting ON public.messages USING btree (channel, address, bundle, due) WHERE ((letter IS NULL) AND (lacks = ''::text));

CREATE UNIQUE INDEX messages_key_key ON public.messages USING btree (key);

CREATE TABLE people (
    via TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    mail TEXT COLLATE "C" NOT NULL,
    role TEXT COLLATE "C" NOT NULL,
    teams TEXT COLLATE "C" NOT NULL,
    seen BIGINT NOT NULL,
    CONSTRAINT people_pkey PRIMARY KEY (via, subject)
);

CREATE INDEX people_mail ON public.people USING btree (mail);

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

CREATE TABLE release_lines (
    id BIGINT NOT NULL,
    release TEXT COLLATE "C" NOT NULL,
    environment TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    line TEXT COLLATE "C" NOT NULL,
    CONSTRAINT release_lines_pkey PRIMARY KEY (id),
    CONSTRAINT release_lines_release_fkey FOREIGN KEY (release) REFERENCES releases(id)
);

CREATE INDEX release_lines_by_release ON public.release_lines USING btree (release, id);

CREATE TABLE releases (
    id TEXT COLLATE "C" NOT NULL,
    seq BIGINT NOT NULL,
    service TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    worker TEXT COLLATE "C" NOT NULL,
    seen BIGINT NOT NULL,
    content BYTEA NOT NULL,
    CONSTRAINT releases_pkey PRIMARY KEY (id),
    CONSTRAINT releases_seq_key UNIQUE (seq),
    CONSTRAINT releases_state_check CHECK ((state = ANY (ARRAY['running'::text, 'finished'::text, 'failed'::text, 'replaced'::text])))
);

CREATE INDEX releases_by_service ON public.releases USING btree (service, seq);

CREATE UNIQUE INDEX releases_open ON public.releases USING btree (service) WHERE (state = 'running'::text);

CREATE UNIQUE INDEX releases_seq_key ON public.releases USING btree (seq);

CREATE TABLE run_lines (
    id BIGINT NOT NULL,
    run TEXT COLLATE "C" NOT NULL,
    step TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    line TEXT COLLATE "C" NOT NULL,
    CONSTRAINT run_lines_pkey PRIMARY KEY (id),
    CONSTRAINT run_lines_run_fkey FOREIGN KEY (run) REFERENCES runs(id)
);

CREATE INDEX run_lines_by_run ON public.run_lines USING btree (run, id);

CREATE TABLE run_steps (
    run TEXT COLLATE "C" NOT NULL,
    place BIGINT NOT NULL,
    step TEXT COLLATE "C" NOT NULL,
    digest TEXT COLLATE "C" NOT NULL,
    wave BIGINT NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    attempt BIGINT NOT NULL,
    worker TEXT COLLATE "C" NOT NULL,
    began BIGINT,
    ended BIGINT,
    error TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    changes BYTEA,
    CONSTRAINT run_steps_check CHECK (((state = 'doing'::text) = (worker <> ''::text))),
    CONSTRAINT run_steps_pkey PRIMARY KEY (run, place),
    CONSTRAINT run_steps_run_fkey FOREIGN KEY (run) REFERENCES runs(id),
    CONSTRAINT run_steps_run_step_key UNIQUE (run, step),
    CONSTRAINT run_steps_state_check CHECK ((state = ANY (ARRAY['waiting'::text, 'doing'::text, 'done'::text, 'failed'::text])))
);

CREATE INDEX run_steps_by_worker ON public.run_steps USING btree (worker) WHERE (state = 'doing'::text);

CREATE UNIQUE INDEX run_steps_run_step_key ON public.run_steps USING btree (run, step);

CREATE TABLE runs (
    id TEXT COLLATE "C" NOT NULL,
    seq BIGINT NOT NULL,
    expansion TEXT COLLATE "C" NOT NULL,
    way TEXT COLLATE "C" NOT NULL,
    course TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,
    author TEXT COLLATE "C" NOT NULL,
    why TEXT COLLATE "C" NOT NULL,
    reason TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    started BIGINT NOT NULL,
    ended BIGINT,
    options TEXT COLLATE "C" NOT NULL,
    CONSTRAINT runs_check CHECK (((ended IS NULL) = (state = ANY (ARRAY['running'::text, 'paused'::text, 'stopped'::text])))),
    CONSTRAINT runs_course_fkey FOREIGN KEY (course) REFERENCES courses(digest),
    CONSTRAINT runs_pkey PRIMARY KEY (id),
    CONSTRAINT runs_seq_key UNIQUE (seq),
    CONSTRAINT runs_state_check CHECK ((state = ANY (ARRAY['running'::text, 'paused'::text, 'stopped'::text, 'finished'::text, 'cancelled'::text]))),
    CONSTRAINT runs_way_check CHECK ((way = ANY (ARRAY['move'::text, 'undo'::text])))
);

CREATE INDEX runs_newest ON public.runs USING btree (expansion, seq DESC);

CREATE UNIQUE INDEX runs_open ON public.runs USING btree (expansion) WHERE (state = ANY (ARRAY['running'::text, 'paused'::text, 'stopped'::text]));

CREATE UNIQUE INDEX runs_seq_key ON public.runs USING btree (seq);

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

CREATE TABLE sessions (
    hash TEXT COLLATE "C" NOT NULL,
    via TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    began BIGINT NOT NULL,
    seen BIGINT NOT NULL,
    ends BIGINT NOT NULL,
    CONSTRAINT sessions_pkey PRIMARY KEY (hash)
);

CREATE INDEX sessions_person ON public.sessions USING btree (via, subject);

CREATE TABLE signatures (
    service TEXT COLLATE "C" NOT NULL,
    environment TEXT COLLATE "C" NOT NULL,
    file TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    digest TEXT COLLATE "C" NOT NULL,
    person TEXT COLLATE "C" NOT NULL,
    why TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    CONSTRAINT signatures_pkey PRIMARY KEY (service, environment, file, key, digest)
);

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

CREATE TABLE standings (
    service TEXT COLLATE "C" NOT NULL,
    environment TEXT COLLATE "C" NOT NULL,
    content BYTEA NOT NULL,
    CONSTRAINT standings_pkey PRIMARY KEY (service, environment)
);

CREATE TABLE taken (
    key TEXT COLLATE "C" NOT NULL,
    until BIGINT NOT NULL,
    CONSTRAINT taken_pkey PRIMARY KEY (key)
);

CREATE TABLE tokens (
    hash TEXT COLLATE "C" NOT NULL,
    owner TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    via TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    scopes TEXT COLLATE "C" NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    used BIGINT,
    revoked BIGINT,
    CONSTRAINT tokens_pkey PRIMARY KEY (hash)
);

CREATE UNIQUE INDEX tokens_name ON public.tokens USING btree (owner, name) WHERE (revoked IS NULL);

CREATE TABLE topologies (
    datastore TEXT COLLATE "C" NOT NULL,
    environment TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    topology BYTEA NOT NULL,
    CONSTRAINT topologies_pkey PRIMARY KEY (datastore, environment)
);

CREATE TABLE transfers (
    name TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    state BYTEA NOT NULL,
    CONSTRAINT transfers_pkey PRIMARY KEY (name)
);

CREATE TABLE vetoes (
    id BIGINT NOT NULL,
    expansion TEXT COLLATE "C" NOT NULL,
    step TEXT COLLATE "C" NOT NULL,
    team TEXT COLLATE "C" NOT NULL,
    person TEXT COLLATE "C" NOT NULL,
    reason TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    withdrawn BIGINT,
    CONSTRAINT vetoes_pkey PRIMARY KEY (id)
);

CREATE UNIQUE INDEX vetoes_standing ON public.vetoes USING btree (expansion, step, team) WHERE (withdrawn IS NULL);

CREATE TABLE warmth (
    datastore TEXT COLLATE "C" NOT NULL,
    environment TEXT COLLATE "C" NOT NULL,
    member TEXT COLLATE "C" NOT NULL,
    at BIGINT NOT NULL,
    share DOUBLE PRECISION NOT NULL,
    lag BIGINT,
    CONSTRAINT warmth_pkey PRIMARY KEY (datastore, environment, at, member)
);

CREATE INDEX warmth_at ON public.warmth USING btree (at);

CREATE TABLE workers (
    name TEXT COLLATE "C" NOT NULL,
    seen BIGINT NOT NULL,
    CONSTRAINT workers_pkey PRIMARY KEY (name)
);
