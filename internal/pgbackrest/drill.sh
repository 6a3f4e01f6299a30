#!/bin/sh
# Restores a backup into a folder of its own, reads all of it, tells what was there, and leaves nothing behind.
#
#   drill.sh STANZA LABEL KIB SCRATCH CONFIG SUPERUSER SECONDS
#
# It works as long as somebody touches SCRATCH/beat, and ends within seconds when that is gone. Facts go to standard output, a key, a tab and a value a line; what is wrong goes to standard error.
# It ends with 65 when the folder is not its own, with 75 when another drill is in it, with 69 when something is missing here, with 74 when it was told to end, with 10 when the
# backup is no good.
set -eu
stanza=$1 label=$2 size=$3 scratch=$4 config=$5 superuser=$6 seconds=$7
mark=caravan-drill
work=$scratch/work
data=$work/data
child=
watcher=

fact() { printf '%s\t%s\n' "$1" "$2"; }

end() {
  code=$1
  shift
  printf '%s\n' "$*" >&2
  exit "$code"
}

# ours says whether a process that runs was begun by a drill in this folder: its number may be another's by now.
ours() { [ -n "$1" ] && [ -r "/proc/$1/cmdline" ] && tr '\0' ' ' 2>/dev/null <"/proc/$1/cmdline" | grep -qF -- "$data"; }

stop() {
  pid=$(head -n 1 "$1" 2>/dev/null || :)
  ours "$pid" || return 0
  kill -"$2" "$pid" 2>/dev/null || return 0
  left=300
  while ours "$pid"; do
    [ "$left" -gt 0 ] || kill -KILL "$pid" 2>/dev/null || return 0
    left=$((left - 1))
    sleep 0.2
  done
}

clean() {
  stop "$work/restore.pid" TERM
  stop "$data/postmaster.pid" QUIT
  rm -rf "$work"
}

# during runs a program so that a signal to the drill ends it too.
during() {
  "$@" 9>&- &
  child=$!
  wait "$child"
}

admit() {
  [ ! -L "$scratch" ] || end 65 "$scratch is a link; name a folder of its own"
  above=$(readlink -m "$scratch")
  while [ "$above" != / ] && [ -n "$above" ]; do
    if [ -e "$above/PG_VERSION" ] || [ -e "$above/postmaster.pid" ]; then
      end 65 "$above holds a database; nothing is restored into it or below it"
    fi
    above=$(dirname "$above")
  done
  [ ! -d "$scratch" ] || [ -e "$scratch/$mark" ] || [ -z "$(ls -A "$scratch")" ] || end 65 "$scratch is not empty and no drill made it; name another folder, or empty it"
  why=$(mkdir -p "$scratch" 2>&1) || end 69 "$scratch cannot be made by $(id -un) (${why##*: }); as root: install -d -o $(id -un) -m 700 $scratch"
  (: >>"$scratch/$mark") 2>/dev/null || end 69 "$scratch cannot be written by $(id -un); as root: install -d -o $(id -un) -m 700 $scratch"
}

alone() {
  exec 9>>"$scratch/$mark"
  flock -n 9 || end 75 "another drill is at work in $scratch; wait for it"
}

# room keeps a tenth of a disk free that a database may be on, too.
room() {
  free=$(df -Pk "$scratch" | awk 'NR == 2 { print $4 }')
  if [ "$(stat -c %d "$scratch")" = "$(stat -c %d /var/lib/postgresql 2>/dev/null)" ]; then
    free=$((free - $(df -Pk "$scratch" | awk 'NR == 2 { print int($2 / 10) }')))
  fi
  [ "$free" -gt "$size" ] || end 69 "$scratch has room for $free KiB and the restored database needs $size; name a folder on a larger disk"
}

restore() {
  set -- --stanza="$stanza" --set="$label" --type=default --archive-mode=off --pg1-path="$data" --reset-pg1-host --tablespace-map-all="$work/tablespaces" \
    --lock-path="$work/lock" --log-level-file=off --log-level-console=off --log-level-stderr=warn restore
  [ -z "$config" ] || set -- --config="$config" "$@"
  # shellcheck disable=SC2016 # the inner shell expands them
  during sh -c 'echo $$ >"$1"; shift; exec pgbackrest "$@" 2>&1' sh "$work/restore.pid" "$@" >"$work/restore.log" ||
    end 10 "restore of $label: $(grep -m 1 ERROR "$work/restore.log" || tail -n 1 "$work/restore.log")"
}

# program is a program of the PostgreSQL that wrote the data; nothing where it is not installed.
program() {
  version=$(cat "$data/PG_VERSION")
  for bin in "/usr/lib/postgresql/$version/bin" "/usr/pgsql-$version/bin" /usr/local/bin /usr/bin; do
    if [ -x "$bin/$1" ]; then
      case $("$bin/$1" --version) in *" $version."* | *" $version"[a-z\ ]* | *" $version") echo "$bin/$1" && return ;; esac
    fi
  done
}

needed() {
  found=$(program "$1")
  [ -n "$found" ] || end 69 "$1 of PostgreSQL $(cat "$data/PG_VERSION") is not installed here; a drill needs it"
  echo "$found"
}

control() { "$controldata" "$data" | sed -n "s/^$1 setting: *//p"; }

# start begins a server that nobody but this account reaches, that runs no code of extensions unasked, and that calls nobody.
start() {
  postgres=$(needed postgres)
  controldata=$(needed pg_controldata)
  psql=$(needed psql)
  echo 'local all all trust' >"$work/hba.conf"
  : >"$work/ident.conf"
  : >"$work/postgresql.conf"
  set --
  for setting in listen_addresses= "unix_socket_directories=$work" port=5432 "hba_file=$work/hba.conf" "ident_file=$work/ident.conf" ssl=off external_pid_file= \
    archive_mode=off archive_command= shared_buffers=64MB huge_pages=try max_connections=20 max_wal_senders=0 hot_standby=off autovacuum=off fsync=off full_page_writes=off \
    max_logical_replication_workers=0 shared_preload_libraries= session_preload_libraries= local_preload_libraries= synchronous_standby_names= primary_conninfo= primary_slot_name= recovery_end_command= archive_cleanup_command= \
    statement_timeout=0 logging_collector=off log_destination=stderr log_min_messages=warning log_line_prefix= lc_messages=C jit=off default_transaction_read_only=off \
    "max_prepared_transactions=$(control max_prepared_xacts)" "max_locks_per_transaction=$(control max_locks_per_xact)"; do
    set -- "$@" -c "$setting"
  done
  chmod 700 "$data"
  "$postgres" -D "$data" -c "config_file=$work/postgresql.conf" -c "data_directory=$data" "$@" >"$work/server.log" 2>&1 9>&- &
  server=$!
}

ask() { "$psql" -X -A -t -q -w -h "$work" -p 5432 -U "$superuser" -d "$1" -c "$2"; }

complaint() { grep -E 'PANIC|FATAL' "$work/server.log" | grep -v 'starting up' | head -n 1 | grep . || grep -m 1 -E 'ERROR' "$work/server.log" || tail -n 1 "$work/server.log"; }

# learn tells what the server answers; one that cannot answer came back broken.
learn() {
  value=$(ask "$2" "$3" 2>"$work/ask.log") || end 10 "look into $label: $(head -n 1 "$work/ask.log")"
  fact "$1" "$value"
}

await() {
  while :; do
    [ "$(ask postgres 'SELECT pg_is_in_recovery()' 2>"$work/ask.log")" != f ] || return 0
    kill -0 "$server" 2>/dev/null || end 10 "recovery of $label: $(complaint)"
    if grep -q 'role ".*" does not exist' "$work/ask.log"; then end 69 "the restored database has no account $superuser; name its superuser under admin"; fi
    during sleep 0.3
  done
}

# replayed says up to where the log was, and refuses what pgBackRest could not give back: PostgreSQL takes that for the end of the log.
replayed() {
  bad=$(grep -m 1 -A 1 -E 'ERROR: \[[0-9]+\]' "$work/server.log" | tr -s '\n ' ' ')
  [ -z "$bad" ] || end 10 "log after $label: $bad"
  learn replayed postgres "SELECT coalesce(extract(epoch FROM pg_last_xact_replay_timestamp())::bigint::text, '')"
  learn lsn postgres "SELECT pg_current_wal_lsn() - '0/0'::pg_lsn"
  learn segment postgres "SELECT setting FROM pg_settings WHERE name = 'wal_segment_size'"
}

count() {
  ask postgres 'SELECT datname FROM pg_database WHERE datallowconn ORDER BY 1' >"$work/databases" 2>"$work/ask.log" || end 10 "look into $label: $(head -n 1 "$work/ask.log")"
  tables=0 indexes=0 own=0
  while IFS= read -r db; do
    row=$(ask "dbname='$(printf %s "$db" | sed "s/[\\\\']/\\\\&/g")'" "SELECT count(*) FILTER (WHERE c.relkind IN ('r', 'm', 't')) || ' ' || count(*) FILTER (WHERE c.relkind = 'i')
      || ' ' || count(*) FILTER (WHERE c.relkind IN ('r', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema'))
      FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace" </dev/null 2>"$work/ask.log") || end 10 "look into $label: $(head -n 1 "$work/ask.log")"
    # shellcheck disable=SC2086 # three numbers
    set -- $row
    tables=$((tables + $1)) indexes=$((indexes + $2)) own=$((own + $3))
  done <"$work/databases"
  fact databases "$(grep -c . "$work/databases")"
  fact tables "$tables"
  fact indexes "$indexes"
  fact own "$own"
  learn size postgres 'SELECT sum(pg_database_size(oid))::bigint FROM pg_database'
  learn version postgres 'SHOW server_version'
}

# check reads every page of tables and B-trees and compares them with each other; before PostgreSQL 14 it reads every row.
check() {
  amcheck=$(program pg_amcheck)
  if [ -n "$amcheck" ]; then
    fact by pg_amcheck
    while IFS= read -r db; do # which may forbid that anything is made
      ask "dbname='$(printf %s "$db" | sed "s/[\\\\']/\\\\&/g")'" "DO \$\$ DECLARE name text; BEGIN
        FOR name IN SELECT evtname FROM pg_event_trigger LOOP EXECUTE format('ALTER EVENT TRIGGER %I DISABLE', name); END LOOP; END \$\$" </dev/null 2>"$work/ask.log" ||
        end 10 "event triggers of $label: $(head -n 1 "$work/ask.log")"
    done <"$work/databases"
    during "$amcheck" --all --install-missing --heapallindexed --parent-check --jobs=2 --no-password -h "$work" -p 5432 -U "$superuser" >"$work/check.log" 2>&1 ||
      end 10 "check of $label: $(grep -v '^$' "$work/check.log" | head -n 2 | tr '\n' ' ')"
    return
  fi
  dump=$(needed pg_dump)
  fact by pg_dump
  while IFS= read -r db; do
    during "$dump" --no-password -h "$work" -p 5432 -U "$superuser" -f /dev/null -d "dbname='$(printf %s "$db" | sed "s/[\\\\']/\\\\&/g")'" 2>"$work/check.log" </dev/null ||
      end 10 "read of $label: $(head -n 1 "$work/check.log")"
  done <"$work/databases"
}

# watch ends the drill when whoever asked for it is gone, or the time is up.
watch() {
  trap - EXIT HUP INT TERM
  over=$(($(date +%s) + seconds))
  while kill -0 "$1" 2>/dev/null; do
    now=$(date +%s)
    beaten=$(stat -c %Y "$scratch/beat" || echo 0)
    if [ "$now" -ge "$over" ] || [ $((now - beaten)) -gt 120 ]; then kill -TERM "$1" && return; fi
    sleep 0.5
  done
}

umask 077
export LC_ALL=C
# Settings of a database and its roles count for less than these: nothing is found by a name that its owner put there, and nothing ends before its time.
export PGOPTIONS='-c search_path=pg_catalog,pg_temp -c statement_timeout=0 -c lock_timeout=0 -c default_transaction_read_only=off -c local_preload_libraries= -c session_preload_libraries='
exec </dev/null
admit
alone
cd "$scratch"
: >"$scratch/beat"
clean
trap 'clean; rm -f "$scratch/beat"; kill "$watcher" 2>/dev/null || :' EXIT
trap 'kill "$child" 2>/dev/null || :; exit 74' HUP INT TERM
(exec 9>&- && watch $$) >/dev/null 2>&1 &
watcher=$!
mkdir "$work"
room
restore
start
await
replayed
count
check
fact whole yes
