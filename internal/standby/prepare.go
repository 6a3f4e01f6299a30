package standby

import "strings"

// Account is the account that Prepare makes.
const Account = "caravan_standby"

// Prepare is SQL that makes what reading and warming a PostgreSQL server takes: an account without rights but to call four functions that are
// made in this database, and the two modules of contrib that those use. It is run as a superuser on the primary, in each database; run again, it changes nothing.
// Standbys get it as they get everything.
//
// The account cannot read a row of anybody: the functions say which blocks are where, and have blocks read into buffers. It begins with no password.
func Prepare() string { return NewAccount() + Objects() }

// NewAccount makes the account, without a password, where it is not there. It is one statement for any client.
func NewAccount() string { return strings.ReplaceAll(role, "ACCOUNT", Account) }

const role = `DO $role$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'ACCOUNT') THEN
    CREATE ROLE ACCOUNT LOGIN NOINHERIT CONNECTION LIMIT 24;
  END IF;
END
$role$;
`

// Objects is what Prepare makes in one database, for who makes the account another way. It is one statement for any client.
func Objects() string { return strings.ReplaceAll(objects, "ACCOUNT", Account) }

const objects = `DO $prepare$
DECLARE
  buffercache text;
  prewarm text;
BEGIN
  PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true); -- whoever owns the database has functions of theirs run by nobody else
  PERFORM pg_advisory_xact_lock(7305808869231650671);
  IF NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'caravan_standby') THEN
    CREATE SCHEMA caravan_standby;
  END IF;
  IF NOT (SELECT rolsuper FROM pg_namespace JOIN pg_roles r ON r.oid = nspowner WHERE nspname = 'caravan_standby') THEN
    RAISE EXCEPTION 'schema caravan_standby belongs to an account that is no superuser: whoever owns it could have these functions do anything';
  END IF;
  IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_buffercache') THEN
    CREATE EXTENSION pg_buffercache SCHEMA caravan_standby;
  END IF;
  IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_prewarm') THEN
    CREATE EXTENSION pg_prewarm SCHEMA caravan_standby;
  END IF;
  IF EXISTS (SELECT FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace JOIN pg_roles r ON r.oid = n.nspowner
      WHERE extname IN ('pg_buffercache', 'pg_prewarm') AND NOT r.rolsuper
      AND NOT (r.rolname = 'pg_database_owner' AND (SELECT o.rolsuper FROM pg_database d JOIN pg_roles o ON o.oid = d.datdba WHERE d.datname = current_database()))) THEN
    RAISE EXCEPTION 'pg_buffercache or pg_prewarm is in a schema whose owner is no superuser and could put another in its place: ALTER EXTENSION pg_prewarm SET SCHEMA caravan_standby, and the same for pg_buffercache, then run this again';
  END IF;
  SELECT quote_ident(nspname) INTO buffercache FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace WHERE extname = 'pg_buffercache';
  SELECT quote_ident(nspname) INTO prewarm FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace WHERE extname = 'pg_prewarm';

  -- What is in the buffers, a row for each fork of a file; neither array is sorted.
  EXECUTE format($function$
    CREATE OR REPLACE FUNCTION caravan_standby.buffers(used smallint, OUT space oid, OUT database oid, OUT file oid, OUT fork smallint, OUT numbers bigint[], OUT usages smallint[])
    RETURNS SETOF record LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
      SELECT reltablespace, reldatabase, relfilenode, relforknumber, array_agg(relblocknumber), array_agg(usagecount)
      FROM %s.pg_buffercache WHERE relfilenode IS NOT NULL AND usagecount >= used GROUP BY 1, 2, 3, 4
    $body$ $function$, buffercache);

  -- Reads blocks of one fork of a file into the buffers, and says how many there were: -1 when the file is none of this database,
  -- -2 when a standby has nothing to read of it.
  EXECUTE format($function$
    CREATE OR REPLACE FUNCTION caravan_standby.warm(space oid, file oid, fork smallint, firsts bigint[], lasts bigint[])
    RETURNS bigint LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
    DECLARE
      relation regclass := pg_filenode_relation(space, file);
      name text := (ARRAY['main', 'fsm', 'vm', 'init'])[fork + 1];
      size bigint;
      done bigint := 0;
    BEGIN
      IF relation IS NULL THEN
        RETURN -1;
      END IF;
      IF pg_is_in_recovery() AND (SELECT relpersistence FROM pg_class WHERE oid = relation) <> 'p' THEN
        RETURN -2;
      END IF;
      size := pg_relation_size(relation, name) / current_setting('block_size')::bigint;
      FOR i IN 1 .. coalesce(array_length(firsts, 1), 0) LOOP
        IF firsts[i] < size THEN
          done := done + %s.pg_prewarm(relation, 'buffer', name, firsts[i], least(lasts[i], size - 1));
        END IF;
      END LOOP;
      RETURN done;
    END
    $body$ $function$, prewarm);

  -- Who follows this server, and how far each has come.
  CREATE OR REPLACE FUNCTION caravan_standby.followers(OUT name text, OUT address inet, OUT state text, OUT sync text, OUT lag bigint, OUT behind interval)
  RETURNS SETOF record LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
    SELECT application_name, client_addr, state, sync_state,
      CASE WHEN pg_is_in_recovery() THEN NULL ELSE pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)::bigint END, replay_lag
    FROM pg_stat_replication
  $body$;

  -- Whom this server follows.
  CREATE OR REPLACE FUNCTION caravan_standby.following(OUT status text, OUT host text, OUT port integer, OUT timeline integer)
  RETURNS SETOF record LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $body$
    SELECT status, sender_host, sender_port, received_tli FROM pg_stat_wal_receiver
  $body$;

  REVOKE ALL ON SCHEMA caravan_standby FROM PUBLIC;
  REVOKE ALL ON ALL FUNCTIONS IN SCHEMA caravan_standby FROM PUBLIC;
  -- Where not everybody may connect.
  EXECUTE format('GRANT CONNECT ON DATABASE %I TO ACCOUNT', current_database());
  GRANT USAGE ON SCHEMA caravan_standby TO ACCOUNT;
  GRANT EXECUTE ON FUNCTION caravan_standby.buffers, caravan_standby.warm, caravan_standby.followers, caravan_standby.following TO ACCOUNT;
END
$prepare$;
`
