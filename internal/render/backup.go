package render

import (
	"cmp"
	"fmt"
	"net"
	"path"
	"strconv"
	"strings"
)

// Backups is where the backups of an environment's PostgreSQL go, which pgBackRest makes; on Kubernetes with CloudNativePG that operator does.
// Exactly one of Folder and S3 is said.
type Backups struct {
	Folder string       `json:"folder,omitempty" jsonschema:"oneof_required=folder" jsonschema_description:"VM: whole path of a folder on each machine of a database, on a disk that is mounted from elsewhere, and the same on all."`
	S3     *ObjectStore `json:"s3,omitempty" jsonschema:"oneof_required=s3" jsonschema_description:"A bucket of an S3-compatible store: Amazon, MinIO, Ceph."`
	Hour   *int         `json:"hour,omitempty" jsonschema:"minimum=0,maximum=23" jsonschema_description:"Hour of the day, in UTC, at which they are made; 1 when left out."`
}

// ObjectStore is a bucket of an S3-compatible store.
type ObjectStore struct {
	Endpoint string `json:"endpoint" jsonschema_description:"Host, or host:port, that answers over HTTPS."`
	Region   string `json:"region" jsonschema_description:"Region as the store calls it."`
	Bucket   string `json:"bucket" jsonschema_description:"Bucket; it has to be there."`
	Path     string `json:"path,omitempty" jsonschema_description:"Where in the bucket; its top when left out."`
	Style    string `json:"style,omitempty" jsonschema:"enum=host,enum=path" jsonschema_description:"Whether the bucket is named in the host or in the path of addresses; host when left out."`
	CA       string `json:"ca,omitempty" jsonschema_description:"Whole path, on machines and in the image of PostgreSQL, of the certificates to check the store's by; those of the system when left out. CloudNativePG: name of a Secret in the namespace of each database that has them under ca.crt."`
}

// RetainedDays is back to when a database can be restored.
const RetainedDays = 14

// Port is where the store of objects answers.
func (o ObjectStore) Port() int {
	if _, port, err := net.SplitHostPort(o.Endpoint); err == nil {
		if n, err := strconv.Atoi(port); err == nil {
			return n
		}
	}
	return https
}

const https = 443

// At is the hour of the day, in UTC, at which backups are made.
func (b Backups) At() int {
	if b.Hour == nil {
		return 1
	}
	return *b.Hour
}

// Repository is where in the folder or the bucket the backups of one database are: no two share keys or files.
func (b Backups) Repository(environment, store string) string {
	if b.S3 != nil {
		return path.Join("/", b.S3.Path, environment, store)
	}
	return path.Join(b.Folder, environment, store)
}

// BackupSecrets are what pgBackRest has to know and is in no file, by the name of its option.
func (b Backups) BackupSecrets() []string {
	if b.S3 == nil {
		return nil
	}
	return []string{"repo1-s3-key", "repo1-s3-key-secret", "repo1-cipher-pass"}
}

// SecretMeaning says what a secret of pgBackRest is.
func SecretMeaning(option string) string {
	switch option {
	case "repo1-s3-key":
		return "access key of the bucket"
	case "repo1-s3-key-secret":
		return "secret key of the bucket"
	}
	return "pass phrase of the backups"
}

// Instance is a PostgreSQL as pgBackRest finds it where it runs.
type Instance struct {
	Stanza string // what pgBackRest calls it
	Data   string // folder
	Socket string // folder
	Port   int
	Locks  string // folder; pgBackRest's usual one for ""
}

// Config is the configuration of pgBackRest, without what is secret.
func (b Backups) Config(i Instance, environment, store string) string {
	var out strings.Builder
	put := func(key, value string) { fmt.Fprintf(&out, "%s=%s\n", key, value) }
	fmt.Fprintf(&out, "[%s]\n", i.Stanza)
	put("pg1-path", i.Data)
	put("pg1-port", strconv.Itoa(i.Port))
	put("pg1-socket-path", i.Socket)
	put("pg1-user", "postgres")
	if s := b.S3; s != nil {
		put("repo1-type", "s3")
		put("repo1-s3-endpoint", s.Endpoint)
		put("repo1-s3-region", s.Region)
		put("repo1-s3-bucket", s.Bucket)
		put("repo1-s3-uri-style", cmp.Or(s.Style, "host"))
		if s.CA != "" {
			put("repo1-storage-ca-file", s.CA)
		}
		put("repo1-cipher-type", "aes-256-cbc")
	} else {
		put("repo1-type", "posix")
	}
	put("repo1-path", b.Repository(environment, store))
	put("repo1-retention-full-type", "time")
	put("repo1-retention-full", strconv.Itoa(RetainedDays))
	put("compress-type", "zst")
	put("process-max", "2")
	put("start-fast", "y")
	put("log-level-file", "off")
	if i.Locks != "" {
		put("lock-path", i.Locks)
	}
	return out.String()
}

// ArchiveParameters are settings of PostgreSQL that hand its log to pgBackRest, which is run as a command, as they stand in Patroni's configuration below
// postgresql: parameters. A quiet database hands over what it has each minute.
func ArchiveParameters(command string) string {
	return fmt.Sprintf("    archive_mode: \"on\"\n    archive_command: %s archive-push %%p\n    archive_timeout: 60\n", command)
}

// BackupScript makes a backup where the database is primary and one is due, and else nothing; pgBackRest is run as a command.
// It may be run as often as one likes.
func (b Backups) BackupScript(i Instance, command string) string {
	return fmt.Sprintf(backupScript, i.Stanza, b.At(), i.Socket, i.Port, command)
}

// A repository that cannot be read is not one without backups: then nothing is made. A new timeline is backed up at once, for a primary that was lost may have
// taken with it a part of the log.
const backupScript = `#!/bin/sh
# Backs up %[1]s where it is primary: all of it on Sundays, what changed since on the other days, from %02[2]d:00 UTC on; at once while there is no backup, and after a failover.
set -eu
export LC_ALL=C
tool() { %[5]s --log-level-console=off --log-level-stderr=warn "$@"; }
is=$(psql -XAtq -h %[3]s -p %[4]d -U postgres -d postgres -c "SELECT pg_is_in_recovery(), upper(lpad(to_hex(timeline_id), 8, '0')) FROM pg_control_checkpoint()") || exit 0
[ "${is%%|*}" = f ] || exit 0
said=$(tool --output=json info)
kind=$(printf %%s "$said" | python3 -c '
import json, sys, time
day, week, hour, now = 86400, 604800, %[2]d * 3600, time.time()
made, none = [], (1, 2, 3)  # codes of a stanza that is not there yet, or has no backup
for stanza in json.load(sys.stdin):
    if stanza["status"]["code"] not in (0, *none):
        sys.exit("the repository cannot be read: " + json.dumps(stanza["status"]))
    made += [(b["timestamp"]["start"], b["type"], (b["archive"]["stop"] or "")[:8]) for b in stanza.get("backup", [])]
night = now - (now - hour) %% day
sunday = now - (now - hour - 3 * day) %% week  # the first day of 1970 was a Thursday
if not made:
    print("first")
elif max([0] + [at for at, kind, _ in made if kind == "full"]) < sunday:
    print("full")
elif max(made)[0] < night:
    print("diff")
elif max(made)[2] != sys.argv[1]:
    print("incr")
' "${is#*|}")
[ -n "$kind" ] || exit 0
if [ "$kind" = first ]; then
  tool stanza-create
  kind=full
fi
tool --type="$kind" backup
echo "backed up %[1]s: $kind"
`
