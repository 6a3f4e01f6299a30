package vm

import (
	"fmt"
	"path"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/render"
	"example.org/caravan/internal/standby"
)

// From a datastore's port to those that PgBouncer and the way to its primary have on the load balancers' machines, for nobody but each other.
const (
	poolShift    = 20000
	primaryShift = 30000
)

// pool is a PgBouncer on the machines of the load balancers.
type pool struct {
	unit   string
	secret string // file with the password that it asks for verifiers with
	files  []file
	port   int // at which it listens there, for HAProxy alone
}

// pooled leads callers through PgBouncer on the load balancer they reach: it is there that they can be held while the primary changes or
// is moved. Who may call is still said before it, and which machine is the primary after it.
func (e environment) pooled(t *thing, s store) error {
	switch {
	case s.Pooled == "":
		return nil
	case t.behind == nil:
		return fault.Newf(fault.Invalid, "%s is pooled, and %s has no load balancer for PgBouncer to be on; give it a machine on which nothing else runs, or take pooled out", s.Name, e.Environment)
	case s.Port+primaryShift > 65535:
		return fault.Newf(fault.Invalid, "%s is pooled, and its port %d leaves none for PgBouncer; give it one up to %d", s.Name, s.Port, 65535-primaryShift)
	}
	front := &t.behind.listens[0]
	primary := *front
	primary.name, primary.about, primary.at, primary.port = front.name+"-primary", "the primary, for PgBouncer", "127.0.0.1", s.Port+primaryShift
	primary.callers = []render.Peer{{Service: "pgbouncer", Ranges: []string{"127.0.0.1/32"}}}
	front.here, front.target, front.checks = "pgbouncer", s.Port+poolShift, []string{"option tcp-check"}
	t.behind.listens = append(t.behind.listens, primary)
	name := "pgbouncer-" + s.label
	config := e.poolFile(s)
	t.pool = &pool{unit: name + ".service", secret: e.secretsAtStore(s, ".pool"), port: s.Port + poolShift, files: []file{
		{File: render.File{Path: e.in("haproxy", name+".ini"), Text: "; PgBouncer before " + unitComment(string(s.Name)) + "\n; " + e.origin() + "\n" + e.poolConfig(s), Mode: 0o644}, at: config, units: []string{name + ".service"}},
		{File: render.File{Path: e.in("haproxy", name+".service"), Text: e.poolUnit(s, config), Mode: 0o644}, at: path.Join("/etc/systemd/system", name+".service"), units: []string{name + ".service"}},
	}}
	return nil
}

// take puts a PgBouncer on the load balancers' machines.
func (t *thing) take(p pool) {
	if t.quiet == nil {
		t.packages = append(t.packages, "pgbouncer", "ssl-cert")
	}
	t.quiet = []string{"pgbouncer.service"}
	t.content = append(t.content, p.files...)
	t.start = append(t.start, p.unit)
	t.secrets = append(t.secrets, p.secret)
}

// poolFile is its configuration on each load balancer.
func (e environment) poolFile(s store) string { return path.Join("/etc/pgbouncer", s.label+".ini") }

// poolFolder is where it has its socket, and its password while it runs.
func (e environment) poolFolder(s store) string { return path.Join("/run", e.org, s.label+"-pool") }

func (e environment) poolConfig(s store) string {
	return s.Bouncer(render.Pool{
		Host: "127.0.0.1", Port: s.Port + primaryShift, Listen: "127.0.0.1", ListenPort: s.Port + poolShift, Socket: e.poolFolder(s), Users: path.Join(e.poolFolder(s), "users"), Admin: render.PoolAdmin,
		Key: "/etc/ssl/private/ssl-cert-snakeoil.key", Cert: "/etc/ssl/certs/ssl-cert-snakeoil.pem", ServerTLS: "require", Instances: len(e.balancers),
	})
}

// confined are the settings of a unit that needs no more of its machine than files and the network.
const confined = `NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
RestrictSUIDSGID=yes
RestrictNamespaces=yes
LockPersonality=yes
`

func (e environment) poolUnit(s store, config string) string {
	return fmt.Sprintf(`# PgBouncer before %[1]s
# %[2]s

[Unit]
Description=%[3]s
Wants=network-online.target
After=network-online.target

[Service]
Type=notify
User=postgres
Group=postgres
# The key of the machine's own certificate.
SupplementaryGroups=ssl-cert
# Without its password it does not start. It is taken in anew when the unit is reloaded.
ExecStartPre=+/usr/bin/install -o postgres -g postgres -m 0400 %[4]s %[5]s/users
ExecStart=/usr/sbin/pgbouncer %[6]s
ExecReload=+/usr/bin/install -o postgres -g postgres -m 0400 %[4]s %[5]s/users
ExecReload=/bin/kill -HUP $MAINPID
# It lets callers end what they do.
KillSignal=SIGINT
TimeoutStopSec=60
Restart=on-failure
RestartSec=2
LimitNOFILE=65536

RuntimeDirectory=%[7]s
UMask=0077
%[8]s
[Install]
WantedBy=multi-user.target
`, unitComment(string(s.Name)), e.origin(), unitText("PgBouncer before "+unitComment(string(s.Name))), e.secretsAtStore(s, ".pool"), e.poolFolder(s), config, path.Join(e.org, s.label+"-pool"), confined)
}

// poolSecret says what PgBouncer is to be given.
func (e environment) poolSecret(s store) string {
	if s.Pooled == "" {
		return ""
	}
	hosts := make([]string, len(e.balancers))
	for i, h := range e.balancers {
		hosts[i] = h.Name
	}
	what := "Caravan holds callers there while their database moves"
	if s.Pooled == render.PoolSessions {
		what = "it is administered; callers of sessions cannot be held there while their database moves, `pooled: transaction` lets them"
	}
	return fmt.Sprintf("Put a file `%s` (owner root, mode 0600) on %s, the same on each; by the second account %s:\n\n```\n\"%[4]s\" \"<password of %[4]s>\"\n\"%[5]s\" \"<password of %[5]s>\"\n```\n\n",
		e.secretsAtStore(s, ".pool"), hostList(hosts), what, render.Pooler, render.PoolAdmin)
}

// rotation says how passwords are changed while all goes on.
func (e environment) rotation(s store, unit string) string {
	out := "\n## Changing a password\n\nA password that changes ends no session; who logs in anew needs the new one.\n\n"
	if s.Logins == 2 {
		out += "- Of a service: set it for the one of its two accounts that is not in use, write account and password into its secret, start the service\n  anew instance by instance. No login is refused.\n"
	} else {
		out += "- Of a service: set it, write it into its secret at once, start the service anew instance by instance. Until then its instances can open no\n  further sessions; `logins: 2` in the expansion gives each service a second account, with which none is refused.\n"
	}
	if s.Pooled != "" {
		out += fmt.Sprintf("- Of `%s`: set it, write it into the file of PgBouncer, and `systemctl reload pgbouncer-%s.service`.\n", render.Pooler, s.label)
		out += fmt.Sprintf("- Of `%s` at PgBouncer: write it into the same file, and reload the same unit.\n", render.PoolAdmin)
	}
	out += fmt.Sprintf("- Of `%s`: set it, and write it where Caravan runs.\n", standby.Account)
	return out + fmt.Sprintf("- Of `postgres`, `replicator` and `rewinder`: `patronictl pause`, set it, write it into the file above on each machine, `systemctl restart\n  %s` on each, which lets PostgreSQL run on while it is paused, `patronictl resume`.\n", unit)
}
