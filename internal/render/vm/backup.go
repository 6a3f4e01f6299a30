package vm

import (
	"fmt"
	"path"
	"strings"

	"example.org/caravan/internal/render"
)

// backedUp has pgBackRest beside each instance: the primary hands over its log, and a timer has whoever is primary make backups.
func (e environment) backedUp(t *thing, s store, major string) {
	if e.Backups == nil {
		return
	}
	t.packages = append(t.packages, "pgbackrest")
	k := render.Instance{
		Stanza: s.label, Data: path.Join("/var/lib/postgresql", major, s.label), Socket: "/var/run/postgresql", Port: s.Port, Locks: path.Join(e.runFolder(s), "pgbackrest"),
	}
	name := "backup-" + s.label
	script := path.Join("/etc", e.org, name)
	about := "# Backups of " + unitComment(string(s.Name)) + "\n# " + e.origin() + "\n"
	program := e.part(s, name, e.Backups.BackupScript(k, e.backupCommand(s)), script, "")
	program.Mode = 0o755
	t.content = append(t.content,
		e.part(s, "pgbackrest.conf", about+e.Backups.Config(k, string(e.Environment), s.label), path.Join(backupConfigs, s.label+".conf"), ""),
		program,
		e.part(s, name+".service", e.backupUnit(s, script), path.Join("/etc/systemd/system", name+".service"), "").read(name+".timer"),
		e.part(s, name+".timer", about+backupTimer, path.Join("/etc/systemd/system", name+".timer"), "").read(name+".timer"))
	t.start = append(t.start, name+".timer")
	if len(e.Backups.BackupSecrets()) > 0 {
		t.secrets = append(t.secrets, backupSecrets(s))
	}
	if at := e.Backups.Folder; at != "" {
		onlyMounted := e.part(s, "pgbackrest", fmt.Sprintf(`#!/bin/sh
# pgBackRest for %[1]s, where the disk for backups is mounted: else it would fill that of the system.
if [ "$(stat -c %%d %[2]s)" = "$(stat -c %%d /)" ]; then
  echo "%[2]s is not mounted" >&2
  exit 1
fi
exec pgbackrest --stanza=%[3]s "$@"
`, unitComment(string(s.Name)), at, s.label), e.backupCommand(s), "")
		onlyMounted.Mode = 0o755
		t.content = append(t.content, onlyMounted)
	}
}

// backupConfigs is the folder from which pgBackRest reads all files that end in .conf.
const backupConfigs = "/etc/pgbackrest/conf.d"

// backupSecrets is where pgBackRest finds the rest of its configuration.
func backupSecrets(s store) string { return path.Join(backupConfigs, s.label+"-secrets.conf") }

// backupCommand is pgBackRest with what it has to know.
func (e environment) backupCommand(s store) string {
	if e.Backups.Folder != "" {
		return path.Join("/etc", e.org, "pgbackrest-"+s.label)
	}
	return "pgbackrest --stanza=" + s.label
}

// backupFolder is what instances have to be allowed to write, as it stands in a unit behind another folder.
func (e environment) backupFolder() string {
	if e.Backups == nil || e.Backups.Folder == "" {
		return ""
	}
	return " -" + e.Backups.Folder
}

// runFolder is what the instance has below /run.
func (e environment) runFolder(s store) string { return path.Join("/run", e.org, s.label) }

const backupTimer = `
[Unit]
Description=Looks whether a backup is due

[Timer]
OnActiveSec=1min
OnUnitInactiveSec=1min
AccuracySec=10s

[Install]
WantedBy=timers.target
`

func (e environment) backupUnit(s store, script string) string {
	return fmt.Sprintf(`# Backups of %[1]s
# %[2]s

[Unit]
Description=%[3]s
Wants=network-online.target
After=network-online.target patroni-%[4]s.service

[Service]
Type=oneshot
User=postgres
Group=postgres
ExecStart=%[5]s
TimeoutStartSec=infinity
# What is done is said, and not each look.
SyslogLevel=notice
LogLevelMax=notice
# What the database does comes first.
Nice=10
IOSchedulingClass=idle

ReadWritePaths=-%[6]s%[7]s
UMask=0077
%[8]s`, unitComment(string(s.Name)), e.origin(), unitText("Backup of "+unitComment(string(s.Name))+" where it is primary"), s.label, script, e.runFolder(s), e.backupFolder(), confined)
}

// backupSecret says what pgBackRest is to be given.
func (e environment) backupSecret(s store) string {
	if e.Backups == nil {
		return ""
	}
	names := e.Backups.BackupSecrets()
	if len(names) == 0 {
		return fmt.Sprintf("Mount the disk for backups at `%[1]s` on %[2]s, the same on each, and then let `postgres` write there, who must have the same number on all:\n`install -d -o postgres -g postgres -m 0750 %[1]s`.%[3]s\n\n",
			e.Backups.Folder, hostList(s.Hosts), laterArchive(s))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Put a file `%s` (owner postgres, mode 0400) on %s, the same on each, for pgBackRest:\n\n```\n[%s]\n", backupSecrets(s), hostList(s.Hosts), s.label)
	for _, name := range names {
		fmt.Fprintf(&b, "%s=<%s>\n", name, render.SecretMeaning(name))
	}
	b.WriteString("```\n\nThe pass phrase encrypts the backups. Keep it elsewhere, too: without it nothing comes back. It stays as it is." + laterArchive(s) + "\n\n")
	return b.String()
}

// laterArchive says what a database needs that was there before it was backed up.
func laterArchive(s store) string {
	return fmt.Sprintf(" A database that ran before\nthis was rendered hands over its log from its next restart on: `patronictl -c /etc/patroni/%[1]s.yml restart %[1]s`, standbys first.", s.label)
}

// backupDeclared tells Caravan where it sees how backups stand, and restores one each week: on the last machine, which is seldom the primary.
func (e environment) backupDeclared(d *render.Declared, s store) {
	if e.Backups != nil {
		d.Put("backup", fmt.Sprintf("{stanza: %s, machine: %q, scratch: /var/lib/postgresql/drill, drill: 168h}", s.label, e.addresses[s.Hosts[len(s.Hosts)-1]]))
	}
}
