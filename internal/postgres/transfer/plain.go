package transfer

import (
	"context"
	"regexp"
	"strings"

	"example.org/caravan/internal/fault"
)

// Plain is an Instance that nothing keeps but its machine: PostgreSQL's own programs, and whatever starts and stops it there.
type Plain struct {
	Name  string
	Data  string                                                                   // folder of its data
	Bin   string                                                                   // folder of PostgreSQL's programs
	Begin string                                                                   // command that starts it and waits until it answers, such as systemctl start postgresql@15-main
	End   string                                                                   // command that stops it, as pg_ctl stop -m fast does, and waits until it has
	Shell func(ctx context.Context, script, input string) (said string, err error) // runs a script on the machine, as the user PostgreSQL runs as
}

// mark is a file that says what a folder of data was copied for, so that no other is ever removed.
const mark = "caravan_transfer"

// script runs one with what all of them begin with. What is secret comes in as input.
func (p Plain) script(ctx context.Context, text string, input ...string) (string, error) {
	var b strings.Builder
	b.WriteString("set -eu\numask 077\n")
	for name, value := range map[string]string{"DATA": p.Data, "BIN": p.Bin} {
		b.WriteString(name + "=" + shellText(value) + "\n")
	}
	// A script of a program that was killed comes to its end before the next begins.
	b.WriteString("exec 9>\"$DATA.lock\"\nflock 9\n")
	b.WriteString("running() { \"$BIN/pg_ctl\" status -D \"$DATA\" >/dev/null 2>&1; }\nbegin() { running || { " + p.Begin + "; } >/dev/null 2>&1 </dev/null 9>&-; }\nend() { ! running || { " + p.End + "; } >/dev/null 2>&1 </dev/null 9>&-; }\n")
	b.WriteString(text)
	said, err := p.Shell(ctx, b.String(), strings.Join(input, "\n")+"\n")
	if err != nil {
		return "", fault.Newf(fault.Unavailable, "%s: %w; see its log", p.Name, err)
	}
	return said, nil
}

func shellText(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// settingText is a text in a configuration file of PostgreSQL.
func settingText(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", "''").Replace(s) + "'"
}

// Copy takes a base backup, beside its place first, so that half of one is never started.
func (p Plain) Copy(ctx context.Context, from Server, slot string) error {
	at, as := from.peer()
	_, err := p.script(ctx, `
IFS= read -r PGPASSWORD
IFS= read -r conninfo
export PGPASSWORD
if test ! -e "$DATA/`+mark+`"; then
  rmdir "$DATA" 2>/dev/null || test ! -e "$DATA" || { echo "there is something in $DATA already" >&2; exit 1; }
  rm -rf "$DATA.part"
  "$BIN/pg_basebackup" --pgdata "$DATA.part" --dbname "$conninfo" --slot `+slot+` --write-recovery-conf --wal-method stream --checkpoint fast
  touch "$DATA.part/`+mark+`"
  mv "$DATA.part" "$DATA"
fi
begin
`, string(as.Password), conninfo(at, Login{User: as.User}, "", map[string]string{"application_name": slot}))
	return err
}

var state = regexp.MustCompile(`Database cluster state: +(.+)`)

var checkpoint = regexp.MustCompile(`Latest checkpoint location: +([0-9A-F]+/[0-9A-F]+)`)

// Demote writes whom it follows before it stops it.
func (p Plain) Demote(ctx context.Context, to Server, slot string) (string, error) {
	at, as := to.peer()
	said, err := p.script(ctx, `
IFS= read -r conninfo
grep -vE '^(primary_conninfo|primary_slot_name|recovery_target_timeline)' "$DATA/postgresql.auto.conf" > "$DATA/postgresql.auto.conf.new" || true
printf "primary_conninfo = %s\nprimary_slot_name = '`+slot+`'\nrecovery_target_timeline = 'latest'\n" "$conninfo" >> "$DATA/postgresql.auto.conf.new"
mv "$DATA/postgresql.auto.conf.new" "$DATA/postgresql.auto.conf"
touch "$DATA/standby.signal"
sync "$DATA/postgresql.auto.conf" "$DATA" &
end
wait
LC_ALL=C "$BIN/pg_controldata" "$DATA"
`, settingText(conninfo(at, as, "", map[string]string{"application_name": slot})))
	if err != nil {
		return "", err
	}
	var is string
	if found := state.FindStringSubmatch(said); found != nil {
		is = found[1]
	}
	if is != "shut down" && is != "shut down in recovery" {
		return "", fault.Newf(fault.Conflict, "%s was not stopped in order: pg_controldata says that it is %q; see its log, and that End stops it as pg_ctl stop -m fast does", p.Name, is)
	}
	found := checkpoint.FindStringSubmatch(said)
	if found == nil {
		return "", fault.Newf(fault.Unavailable, "%s: pg_controldata does not say where its last checkpoint is", p.Name)
	}
	return found[1], nil
}

// Revive takes back that it is a standby.
func (p Plain) Revive(ctx context.Context) error {
	_, err := p.script(ctx, `
if test -e "$DATA/standby.signal"; then
  end
  rm -f "$DATA/standby.signal"
fi
begin
`)
	return err
}

// Start starts it.
func (p Plain) Start(ctx context.Context) error {
	_, err := p.script(ctx, "begin\n")
	return err
}

// Discard removes what was copied, and nothing else.
func (p Plain) Discard(ctx context.Context) error {
	_, err := p.script(ctx, `
rm -rf "$DATA.part"
if test -e "$DATA/`+mark+`"; then
  end
  rm -rf "$DATA"
fi
`)
	return err
}
