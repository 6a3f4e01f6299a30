package vm

import (
	"cmp"
	"fmt"
	"net"
	"path"
	"slices"
	"strconv"
	"strings"

	"example.org/caravan/internal/render"
	"example.org/caravan/internal/standby"
)

// Ports of Patroni and of etcd, their documentation's defaults.
const (
	patroniPort  = 8008
	etcdClients  = 2379
	etcdPeers    = 2380
	replicaShift = 10000 // from a primary's port to the one at which its standbys are read
)

// debianPostgres is Debian 12's PostgreSQL.
const debianPostgres = "15"

// postgres is PostgreSQL kept by Patroni, with an etcd member beside each instance. Invalid when PgBouncer has no machine to be on.
func (e environment) postgres(t *thing, s store) error {
	major, _, _ := strings.Cut(cmp.Or(s.Version, debianPostgres), ".")
	t.packages = []string{"etcd-server", "patroni", "postgresql-" + major, "ssl-cert"}
	t.claims = append(t.claims, claim{"TCP", patroniPort}, claim{"TCP", etcdClients}, claim{"TCP", etcdPeers})
	unit := "patroni-" + s.label + ".service"
	config := path.Join("/etc/patroni", s.label+".yml")
	t.content = []file{
		e.part(s, unit, e.patroniUnit(s, config), "/etc/systemd/system/"+unit, "").read(unit),
		e.part(s, s.label+".sql", e.roles(s), path.Join("/etc", e.org, s.label+".sql"), ""),
		e.part(s, "createcluster.conf", "# Patroni makes the cluster; Debian's package shall make none.\ncreate_main_cluster = false\n", "/etc/postgresql-common/createcluster.conf", ""),
		e.part(s, "secrets.md", e.postgresSecrets(s, unit), "", ""),
		e.part(s, "standby.md", render.DeclaredPage(string(s.Name), []render.Declared{e.postgresDeclared(s)}), "", ""),
	}
	for _, host := range s.Hosts {
		t.content = append(t.content,
			e.part(s, "patroni-"+host+".yml", e.patroni(s, host, major), config, host).read(unit),
			e.part(s, "etcd-"+host+".env", e.etcd(s, host), "/etc/default/etcd", host).read("etcd.service"))
	}
	t.start, t.reloads = []string{"etcd.service", unit}, true
	t.health = []string{"pg_isready", "--quiet", "--host", "/var/run/postgresql", "--port", strconv.Itoa(s.Port)}
	t.keeps = []string{path.Join("/var/lib/postgresql", major, s.label), path.Join("/var/lib/etcd", s.label)}
	t.secrets = []string{e.secretsAtStore(s, ".env")}
	e.backedUp(t, s, major)
	primary := []string{"option httpchk", "http-check send meth GET uri /primary", "http-check expect status 200"}
	e.behindOne(t, s, spot{checks: primary, server: kept(patroniPort)})
	if t.behind != nil && len(s.Hosts) > 1 && s.Port+replicaShift <= 65535 {
		standbys := t.behind.listens[0]
		standbys.name += "-standbys"
		standbys.about = "standbys, to read from"
		standbys.port += replicaShift
		standbys.checks = []string{"option httpchk", "http-check send meth GET uri /replica", "http-check expect status 200"}
		t.behind.listens = append(t.behind.listens, standbys)
	}
	return e.pooled(t, s)
}

// kept says of a server that its role is asked at another port, and that those connected to one that has lost the role are cut off.
func kept(port int) string {
	return fmt.Sprintf(" port %d inter 2s on-marked-down shutdown-sessions", port)
}

func (e environment) peers(s store, port int) []string {
	out := make([]string, len(s.Hosts))
	for i, h := range s.Hosts {
		out[i] = net.JoinHostPort(e.addresses[h], strconv.Itoa(port))
	}
	return out
}

// patroni is Patroni's configuration on one machine. Passwords come from its environment (PATRONI_SUPERUSER_PASSWORD …).
func (e environment) patroni(s store, host, major string) string {
	var b strings.Builder
	at := func(port int) string { return net.JoinHostPort(e.addresses[host], strconv.Itoa(port)) }
	fmt.Fprintf(&b, `# %s on %s
# %s
scope: %s
namespace: /%s/
name: %s

restapi:
  listen: %s
  connect_address: %s
  # Anybody may ask it; from these alone it may be told something.
  allowlist: [%s]

etcd3:
  hosts:
`, unitComment(string(s.Name)), host, e.origin(), s.label, e.org, host, at(patroniPort), at(patroniPort), strings.Join(quotedEach(e.at(s.Hosts)), ", "))
	for _, p := range e.peers(s, etcdClients) {
		fmt.Fprintf(&b, "    - %s\n", yamlQuoted(p))
	}
	fmt.Fprintf(&b, `
# Written to etcd once, when the cluster is made. Afterwards: patronictl edit-config.
bootstrap:
  dcs:
    ttl: 30
    loop_wait: 10
    retry_timeout: 10
    maximum_lag_on_failover: 1048576
    synchronous_mode: %t
    # A primary whom all others still answer stays primary while etcd does not answer.
    failsafe_mode: true
    # Slots by which others follow changes stay while nobody follows. Patroni itself makes none of these.
    ignore_slots:
      - type: logical
        plugin: pgoutput
    postgresql:
      use_pg_rewind: true
      use_slots: true
      parameters:
%s  initdb:
    - encoding: UTF8
    - locale: C.UTF-8
    - data-checksums

postgresql:
  listen: %s
  connect_address: %s
  data_dir: /var/lib/postgresql/%s/%s
  bin_dir: /usr/lib/postgresql/%s/bin
  pgpass: /run/%s/%s/pgpass
  # A new standby begins at once, and not after the primary's next checkpoint.
  basebackup:
    - checkpoint: fast
  authentication:
    superuser:
      username: postgres
    replication:
      username: replicator
    rewind:
      username: rewinder
`, len(s.Hosts) >= 3, s.Bootstrap(), at(s.Port), at(s.Port), major, s.label, major, e.org, s.label)
	b.WriteString(`  parameters:
    password_encryption: scram-sha-256
    unix_socket_directories: /var/run/postgresql
    # The machine's own certificate, made when its packages are installed. Callers that check names need one of yours in its place.
    ssl: "on"
    ssl_cert_file: /etc/ssl/certs/ssl-cert-snakeoil.pem
    ssl_key_file: /etc/ssl/private/ssl-cert-snakeoil.key
`)
	if e.Backups != nil {
		b.WriteString("    # Its log goes where its backups are.\n" + render.ArchiveParameters(e.backupCommand(s)))
	}
	if s.memory > 0 {
		fmt.Fprintf(&b, "    # A quarter and a half of %s.\n    shared_buffers: %dMB\n    effective_cache_size: %dMB\n", s.Memory, max(s.memory/4>>20, 1), max(s.memory/2>>20, 1))
	}
	b.WriteString("  pg_hba:\n")
	for _, line := range e.hostAccess(s, host) {
		fmt.Fprintf(&b, "    - %s\n", line)
	}
	b.WriteString("\nwatchdog:\n  mode: automatic\n  device: /dev/watchdog\n  safety_margin: 5\n")
	return b.String()
}

func quotedEach(hosts []render.Host) []string {
	out := make([]string, len(hosts))
	for i, h := range hosts {
		out[i] = yamlQuoted(h.Address)
	}
	return out
}

// postgresDeclared is how Caravan reaches it, from each of its machines itself.
func (e environment) postgresDeclared(s store) render.Declared {
	d := render.Declared{Name: s.Name, Team: s.Team, Environment: e.Environment}
	d.Texts("patroni", e.peers(s, patroniPort))
	d.Put("through", "machines")
	d.Password("password", standby.Account, "`"+standby.Account+"`")
	d.Login("admin", "postgres", "`postgres`, which moves its databases,")
	s.DeclareFollower(&d)
	d.Put("preference", "{file: "+path.Join(e.patroniFolder(s), "2-preference.yml")+"}")
	e.backupDeclared(&d, s)
	if names := s.PooledNames(); s.Pooled == render.PoolTransactions && len(names) > 0 {
		for _, h := range e.balancers {
			d.PgBouncer(h.Address, s.Port+poolShift, e.poolFile(s), names)
		}
	}
	return d
}

// hostAccess lists who may connect to the instance on a machine: Caravan from the machine itself, which it comes to over SSH, the machines of the cluster
// among themselves, then each service to its database.
func (e environment) hostAccess(s store, host string) []string {
	out := []string{"local all all peer", fmt.Sprintf("host all %s %s scram-sha-256", standby.Account, single(e.addresses[host]))}
	for _, h := range s.Hosts {
		one := single(e.addresses[h]).String()
		out = append(out,
			"host replication replicator "+one+" scram-sha-256",
			"host all postgres,rewinder "+one+" scram-sha-256")
	}
	for _, d := range s.Databases {
		others := func(p render.Peer) bool { return p.Service != d.For }
		if s.Pooled != "" {
			for _, h := range e.balancers {
				if line := fmt.Sprintf("host %s %s %s scram-sha-256", render.AccessName(d.Name), render.Pooler, single(h.Address)); !slices.Contains(out, line) {
					out = append(out, line)
				}
			}
		}
		for _, from := range e.sources(slices.DeleteFunc(slices.Clone(s.Callers), others)) {
			for _, login := range s.LoginsOf(d.Owner) {
				out = append(out, fmt.Sprintf("host %s %s %s scram-sha-256", render.AccessName(d.Name), render.AccessName(login), from))
			}
		}
	}
	out = append(out, s.FollowerAccess()...)
	for i, line := range out {
		if strings.Contains(line, `"`) {
			out[i] = yamlQuoted(line)
		}
	}
	return out
}

// patroniFolder is what Patroni is started with: its configuration, and beside it what it is told while it runs.
func (e environment) patroniFolder(s store) string {
	return path.Join(e.runFolder(s), "patroni")
}

func (e environment) patroniUnit(s store, config string) string {
	return fmt.Sprintf(`# %[1]s: PostgreSQL, kept by Patroni
# %[2]s

[Unit]
Description=%[1]s (PostgreSQL kept by Patroni)
Wants=network-online.target
After=network-online.target etcd.service

[Service]
Type=simple
User=postgres
Group=postgres
# Without its secrets it does not start.
EnvironmentFile=%[3]s
ExecStartPre=-+/sbin/modprobe softdog
ExecStartPre=-+/bin/chown postgres /dev/watchdog
ExecStartPre=/bin/sh -ec 'rm -rf %[6]s; mkdir %[6]s; ln -s %[4]s %[6]s/1-instance.yml'
ExecStart=/usr/bin/patroni %[6]s
ExecReload=/bin/kill -HUP $MAINPID
# Patroni stops PostgreSQL itself; nothing else may.
KillMode=process
TimeoutStopSec=120
Restart=on-failure
RestartSec=5
LimitNOFILE=65536

# Folders. It may write to these and to its own /tmp.
RuntimeDirectory=%[5]s postgresql
RuntimeDirectoryPreserve=yes
ReadWritePaths=/var/lib/postgresql%[7]s
UMask=0077

# Hardening. It needs the watchdog's device.
%[8]s
[Install]
WantedBy=multi-user.target
`, unitText(unitComment(string(s.Name))), e.origin(), e.secretsAtStore(s, ".env"), config, path.Join(e.org, s.label), e.patroniFolder(s), e.backupFolder(), strings.Replace(confined, "PrivateDevices=yes\n", "", 1))
}

// etcd is the environment of Debian's etcd.service on one machine.
func (e environment) etcd(s store, host string) string {
	url := func(host string, port int) string {
		return "http://" + net.JoinHostPort(e.addresses[host], strconv.Itoa(port))
	}
	members := make([]string, len(s.Hosts))
	for i, h := range s.Hosts {
		members[i] = h + "=" + url(h, etcdPeers)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# etcd of %s on %s: it knows which instance is the primary.\n# %s\n", unitComment(string(s.Name)), host, e.origin())
	for _, v := range []struct{ name, value string }{
		{"ETCD_NAME", host},
		{"ETCD_DATA_DIR", "/var/lib/etcd/" + s.label},
		{"ETCD_LISTEN_PEER_URLS", url(host, etcdPeers)},
		{"ETCD_LISTEN_CLIENT_URLS", url(host, etcdClients)},
		{"ETCD_INITIAL_ADVERTISE_PEER_URLS", url(host, etcdPeers)},
		{"ETCD_ADVERTISE_CLIENT_URLS", url(host, etcdClients)},
		{"ETCD_INITIAL_CLUSTER", strings.Join(members, ",")},
		{"ETCD_INITIAL_CLUSTER_TOKEN", e.org + "-" + s.label},
		{"ETCD_INITIAL_CLUSTER_STATE", "new"},
	} {
		b.WriteString(assignment(v.name, v.value))
	}
	return b.String()
}

// roles makes the accounts and databases of the services. Passwords are set by hand.
func (e environment) roles(s store) string {
	return fmt.Sprintf("-- Accounts and databases of %s. On the primary, as postgres: psql --file %s\n-- Running it again changes nothing. Passwords are not here: secrets.md says how they are set.\n%s",
		unitComment(string(s.Name)), path.Join("/etc", e.org, s.label+".sql"), s.Datastore.Accounts())
}

// caravans are the accounts that Caravan uses.
func (s store) caravans() []string {
	if len(s.Followers) > 0 {
		return []string{standby.Account, render.Follower}
	}
	return []string{standby.Account}
}

func (e environment) postgresSecrets(s store, unit string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `# Secrets of %[1]s

%[2]s

Put a file %[3]s (owner root, mode 0600) on %[4]s, the same on each:

%[5]s
PATRONI_SUPERUSER_PASSWORD=<password of postgres>
PATRONI_REPLICATION_PASSWORD=<password of replicator>
PATRONI_REWIND_PASSWORD=<password of rewinder>
%[5]s

%[7]sThen start %[6]s on each machine, and on the primary run %[1]s.sql and set the accounts' passwords:

| account | password is in the secret | how |
| --- | --- | --- |
`, s.label, starting(s.Content), "`"+e.secretsAtStore(s, ".env")+"`", hostList(s.Hosts), "```", "`"+unit+"`", e.poolSecret(s)+e.backupSecret(s))
	for _, d := range s.owners() {
		fmt.Fprintf(&b, "| `%s` | `%s` | `psql -c '\\password %s'` |\n", d.name, d.secret, d.name)
	}
	if s.Pooled != "" {
		fmt.Fprintf(&b, "| `%[1]s` | the one before | `psql -c '\\password %[1]s'` |\n", render.Pooler)
	}
	for _, account := range s.caravans() {
		fmt.Fprintf(&b, "| `%[1]s` | of Caravan, as standby.md says | `psql -c '\\password %[1]s'` |\n", account)
	}
	b.WriteString(s.ungiven())
	b.WriteString(e.rotation(s, unit))
	if len(s.Hosts) == 2 {
		b.WriteString("\nWith two machines, losing either leaves etcd without a majority: nothing is failed over. Give it a third.\n")
	}
	return b.String()
}
