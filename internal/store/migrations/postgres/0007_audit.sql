-- +goose Up
-- Everything that was done, in a chain: each line has the digest of the one before it.
CREATE TABLE audit (
    id        BIGINT NOT NULL PRIMARY KEY,  -- from 1, without gaps
    at        BIGINT NOT NULL,  -- microseconds since 1970, UTC
    person    TEXT COLLATE "C" NOT NULL,
    what      TEXT COLLATE "C" NOT NULL,
    expansion TEXT COLLATE "C" NOT NULL,
    subject   TEXT COLLATE "C" NOT NULL,  -- a step, a team, a range; empty for the expansion as a whole
    why       TEXT COLLATE "C" NOT NULL,
    digest    TEXT COLLATE "C" NOT NULL,  -- of what was done
    hash      TEXT COLLATE "C" NOT NULL   -- of this line and the hash of the one before
);

CREATE INDEX audit_by_expansion ON audit (expansion, id);

-- The end of the chain, so that lines that were cut off are missed.
CREATE TABLE audit_end (
    one  BIGINT NOT NULL PRIMARY KEY CHECK (one = 1),
    id   BIGINT NOT NULL,
    hash TEXT COLLATE "C" NOT NULL
);

-- +goose StatementBegin
CREATE FUNCTION refuse_audit_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what was done is not changed';
END
$$;
-- +goose StatementEnd

CREATE TRIGGER audit_is_not_changed BEFORE UPDATE OR DELETE ON audit
    FOR EACH ROW EXECUTE FUNCTION refuse_audit_change();

CREATE TRIGGER audit_is_not_removed BEFORE TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_audit_change();
