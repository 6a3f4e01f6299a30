package kube

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"example.org/caravan/internal/fault"
	"example.org/caravan/internal/render"
	"example.org/caravan/internal/standby"
	"example.org/caravan/internal/workload"
)

// patroniImage is an image of the company's own: PostgreSQL, Patroni, pgBackRest and PgBouncer, as the Containerfile beside the StatefulSet makes it.
const patroniImage = "postgres-patroni"

// Ports of PostgreSQL, and of Patroni's REST API: their documentations' defaults.
const (
	postgresPort = 5432
	patroniPort  = 8008
)

// debianPostgres is the PostgreSQL of Debian 12, taken where nobody says which.
const debianPostgres = "15"

// Where PostgreSQL keeps its data, and its socket; and the folder of Patroni's configuration.
const (
	postgresHome  = "/var/lib/postgresql"
	socketFolder  = "/var/run/postgresql"
	patroniFolder = "/run/patroni/config"
)

// preferenceFile is where an instance is told its place among those who take over. It is gone when the container starts anew: so are its buffers.
const preferenceFile = patroniFolder + "/3-preference.yml"

const executable = 0o755 // files of the configuration, some of which are programs

const labelRole = "role" // of an instance, which Patroni writes on its pod: its default

func isPostgres(d render.Datastore) bool {
	return d.Technology == "postgres" || d.Technology == "postgresql"
}

func (c *cluster) hasOperator() bool { return slices.Contains(c.Operators, render.CloudNativePG) }

// patroni is PostgreSQL kept by Patroni, the same as on machines, with the Kubernetes API as its store: who is primary is written on the
// Endpoints behind the datastore's own name. Invalid when an account cannot be a key of a Secret.
func (c *cluster) patroni(f *folder, s store) error {
	nodes := workload.NameOf(s.name + "-nodes")
	if err := c.patroniSecrets(s); err != nil {
		return err
	}
	files := map[string]string{"patroni.yml": c.patroniConfig(s), "start": s.patroniStart(), "passwords": patroniPasswords, "keep-accounts": keepAccounts}
	c.backedUp(s, files)
	config := f.config("configmap.yaml", s.name, files)
	f.put("accounts-configmap.yaml", "Databases and accounts. It keeps its name, so that no instance is started anew for another account: the container\ncalled accounts sees what changes.",
		m("apiVersion", "v1", "kind", "ConfigMap", "metadata", meta(s.accounts()), "data", map[string]string{"accounts.sql": s.Accounts(), "passwords.sql": s.passwords()}))
	about := fmt.Sprintf("PostgreSQL with automatic failover, kept by Patroni. Its image is built of the Containerfile beside this file, pushed to where\nthe cluster pulls from, and named in the expansion under images: postgres.\n%s", s.starting())
	f.put("statefulset.yaml", strings.TrimSpace(about), s.stateful(nodes, c.patroniPod(s, config), true))
	f.write("Containerfile", c.containerfile(s))
	c.patroniServices(f, s, nodes)
	c.patroniRights(f, s)
	if s.Instances > 1 {
		f.put("poddisruptionbudget.yaml", "", budget(s.name, of(s.name)))
	}
	c.patroniNetwork(f, s)
	c.patroniDeclared(s, nodes)
	c.space(s.namespace, s.team).hold(s.Instances, s.share)
	c.space(s.namespace, s.team).reckon(s.Instances, helperShare())
	if c.Backups != nil {
		c.space(s.namespace, s.team).reckon(s.Instances, backupShare())
	}
	return nil
}

// patroniDeclared notes how Caravan reaches it: through the API server, which leads into each pod.
func (c *cluster) patroniDeclared(s store, nodes string) {
	d := render.Declared{Name: s.Name, Team: s.Team, Environment: c.Environment}
	d.Texts("patroni", s.podAddresses(nodes, patroniPort))
	d.Put("through", "cluster")
	d.Password("password", standby.Account, "`"+standby.Account+"`")
	d.Login("admin", "postgres", "`postgres`, which moves its databases,")
	s.DeclareFollower(&d)
	d.Put("preference", "{file: "+preferenceFile+"}")
	if c.Backups != nil {
		d.Put("backup", fmt.Sprintf("{stanza: %s, container: %s}", s.name, backupContainer))
	}
	c.declared = append(c.declared, d)
}

// podAddresses are those of its pods, as the API server is asked for them.
func (s store) podAddresses(nodes string, port int) []string {
	out := make([]string, s.Instances)
	for i := range out {
		out[i] = fmt.Sprintf("%s-%d.%s.%s.svc:%d", s.name, i, nodes, s.namespace, port)
	}
	return out
}

func helperShare() render.Share { return render.Share{Memory: 64 * mebi, CPU: 250, LeastCPU: 50} }

func (s store) accounts() string { return workload.NameOf(s.name + "-accounts") }
func (s store) major() string {
	major, _, _ := strings.Cut(cmp.Or(s.Version, debianPostgres), ".")
	return major
}

// databaseImage is what instances run: the company's own image, with the version of PostgreSQL unless it has a tag or a digest.
func (c *cluster) databaseImage(s store) string {
	image := cmp.Or(c.Images[workload.Postgres], patroniImage)
	if _, tag := splitImage(image); tag != "" || strings.Contains(image, "@") {
		return image
	}
	return image + ":" + s.major()
}

// patroniServices leads callers to the primary, whose address Patroni keeps; readers to standbys; and keeps Kubernetes from taking away
// what Patroni writes down, which it does with Endpoints that have no Service.
func (c *cluster) patroniServices(f *folder, s store, nodes string) {
	postgres := render.Listen{Name: "postgres", Protocol: "TCP", Port: s.Port, Target: postgresPort}
	f.put("service.yaml", "Leads to the primary. It chooses no pods: Patroni writes the address of the primary into its Endpoints, together with the lock that makes\nit the primary, so that no pod of a node that is lost is led to.",
		m("apiVersion", "v1", "kind", "Service", "metadata", meta(s.name), "spec", m("ports", []*yaml.Node{m("name", "postgres", "port", s.Port, "targetPort", postgresPort)})))
	for _, what := range []string{"config", "failover", "sync"} {
		f.put("service-"+what+".yaml", "For what Patroni writes down: Endpoints without a Service are taken away.",
			m("apiVersion", "v1", "kind", "Service", "metadata", meta(s.name+"-"+what), "spec", m("clusterIP", "None")))
	}
	f.nodes(nodes, s.name, []render.Listen{{Name: "postgres", Protocol: "TCP", Port: postgresPort, Target: postgresPort}, {Name: "patroni", Protocol: "TCP", Port: patroniPort, Target: patroniPort}})
	if s.Instances > 1 {
		standbys := serviceObject(workload.NameOf(s.name+"-standbys"), s.name, "", []render.Listen{postgres})
		spec := standbys.Content[len(standbys.Content)-1]
		spec.Content = append(m("selector", map[string]string{labelName: s.name, labelRole: "replica"}).Content, withoutKey(spec, "selector")...)
		f.put("service-standbys.yaml", "Leads to standbys, to read from.", standbys)
	}
}

// patroniRights are what Patroni needs in its namespace: to write on its own Endpoints and pods, and to see those of its name. Kinds cannot
// be listed by name.
func (c *cluster) patroniRights(f *folder, s store) {
	pods := make([]string, s.Instances)
	for i := range pods {
		pods[i] = fmt.Sprintf("%s-%d", s.name, i)
	}
	rule := func(resource string, verbs, only []string) *yaml.Node {
		return m("apiGroups", []string{""}, "resources", []string{resource}, "resourceNames", only, "verbs", verbs)
	}
	own := []string{s.name, s.name + "-config", s.name + "-failover", s.name + "-sync"}
	f.put("serviceaccount.yaml", "", m("apiVersion", "v1", "kind", "ServiceAccount", "metadata", meta(s.name), "automountServiceAccountToken", false))
	f.put("role.yaml", "What Patroni needs, and no more.", m("apiVersion", "rbac.authorization.k8s.io/v1", "kind", "Role", "metadata", meta(s.name), "rules", []*yaml.Node{
		rule("endpoints", []string{"create", "list", "watch"}, nil),
		rule("endpoints", []string{"get", "patch", "update"}, own),
		rule("pods", []string{"list", "watch"}, nil),
		rule("pods", []string{"get", "patch"}, pods),
	}))
	f.put("rolebinding.yaml", "", m("apiVersion", "rbac.authorization.k8s.io/v1", "kind", "RoleBinding", "metadata", meta(s.name),
		"roleRef", m("apiGroup", "rbac.authorization.k8s.io", "kind", "Role", "name", s.name),
		"subjects", []*yaml.Node{m("kind", "ServiceAccount", "name", s.name, "namespace", s.namespace)}))
}

func (c *cluster) patroniNetwork(f *folder, s store) {
	own := alike(s.name, postgresPort, patroniPort)
	server := rule{who: "to the API server, which says who is primary", ports: []rulePort{{https, "TCP"}, {6443, "TCP"}}}
	in := callers(s.Callers, []rulePort{{postgresPort, "TCP"}})
	if s.Pooled != "" {
		in = []rule{{"from PgBouncer", []*yaml.Node{m("podSelector", m("matchLabels", of(render.PoolName(s.Name))))}, []rulePort{{postgresPort, "TCP"}}}}
		c.pool(f, s)
	}
	otherEnd, toOtherEnd := s.otherEnd(postgresPort)
	in = append(in, otherEnd...)
	out := append([]rule{own, server}, toOtherEnd...)
	f.put("networkpolicy.yaml", "", c.policy(s.named, of(s.name), append(in, own), append(out, c.toBackups()...)))
}

// otherEnd lets the other end of a move follow at a port, and be followed.
func (s store) otherEnd(port int) (in, out []rule) {
	if len(s.Followers) == 0 {
		return nil, nil
	}
	return []rule{{"from the other end of a move", blocks(s.Followers), []rulePort{{port, "TCP"}}}},
		[]rule{{who: "to the other end of a move, which may listen anywhere", peers: blocks(s.Followers)}}
}

// patroniSecrets notes what has to be there before it can start, and the passwords of accounts.
func (c *cluster) patroniSecrets(s store) error {
	for _, v := range []struct{ key, what string }{
		{"superuser", "password of `postgres`, the superuser"}, {"replication", "password of `replicator`, by whom standbys follow"}, {"rewind", "password of `rewinder`, by whom a primary that was comes back"},
	} {
		c.secrets = append(c.secrets, secret{s.namespace, s.serverSecret(), v.key, v.what + " in " + string(s.Name)})
	}
	for _, o := range s.Owners() {
		for _, login := range s.LoginsOf(o.Owner) {
			if workload.NameOf(strings.ReplaceAll(login, "_", "-")) != strings.ReplaceAll(login, "_", "-") {
				return fault.Newf(fault.Invalid, "%s: the account %q cannot be a key of a Secret; call the service by lower-case letters, digits and hyphens", s.Name, login)
			}
			c.secrets = append(c.secrets, secret{s.namespace, s.accounts(), login, fmt.Sprintf("password of `%s` in %s; the same as in %s, in the namespace of %s, while it is the one in use", login, s.Name, secretName(o.Secret), o.For)})
		}
	}
	if len(s.Followers) > 0 {
		c.secrets = append(c.secrets, secret{s.namespace, s.accounts(), render.Follower, fmt.Sprintf("password of `%s`, by whom the other end of a move follows %s", render.Follower, s.Name)})
	}
	c.secrets = append(c.secrets, secret{s.namespace, s.accounts(), standby.Account, fmt.Sprintf("password of `%s`, by whom Caravan looks at %s and warms its standbys", standby.Account, s.Name)})
	c.backupSecrets(s)
	return nil
}

// passwords is a script of psql that sets the password of each account that the Secret has one for. The server logs none of it.
func (s store) passwords() string {
	var b strings.Builder
	b.WriteString("SET log_statement = 'none'; SET log_min_duration_statement = -1; SET log_min_error_statement = 'panic';\n")
	set := func(account, file string) {
		fmt.Fprintf(&b, "\\set password `cat %s 2>/dev/null`\nSELECT format('ALTER ROLE %%I PASSWORD %%L', %s, :'password') WHERE :'password' <> '' AND EXISTS (SELECT FROM pg_roles WHERE rolname = %[2]s) \\gexec\n",
			file, strings.TrimSpace(render.SQLText(account)))
	}
	for _, o := range s.Owners() {
		for _, login := range s.LoginsOf(o.Owner) {
			set(login, path.Join("/secrets/accounts", login))
		}
	}
	set(standby.Account, path.Join("/secrets/accounts", standby.Account))
	if len(s.Followers) > 0 {
		set(render.Follower, path.Join("/secrets/accounts", render.Follower))
	}
	own := [][2]string{{"postgres", "superuser"}, {"replicator", "replication"}, {"rewinder", "rewind"}}
	if s.Pooled != "" {
		own = append(own, [2]string{render.Pooler, render.Pooler})
	}
	for _, v := range own {
		set(v[0], path.Join("/secrets/server", v[1]))
	}
	return b.String()
}

func (s store) dataFolder() string { return path.Join(postgresHome, s.major(), s.name) }

// patroniConfig is what all instances have alike. Names, addresses and passwords come beside it.
func (c *cluster) patroniConfig(s store) string {
	archive := ""
	if c.Backups != nil {
		archive = "    # Its log goes where its backups are.\n" + render.ArchiveParameters(backupCommand)
	}
	return fmt.Sprintf(`scope: %[1]s

kubernetes:
  namespace: %[2]s
  scope_label: %[3]s
  labels:
    app.kubernetes.io/component: datastore
  role_label: %[4]s
  # Patroni from 4.0 on has other words than before unless it is told these.
  leader_label_value: master
  follower_label_value: replica
  use_endpoints: true
  ports:
    - name: postgres
      port: %[5]d

restapi:
  listen: "*:%[15]d"

# Written down once, when the cluster is made. Afterwards: patronictl edit-config.
bootstrap:
  dcs:
    ttl: 30
    loop_wait: 10
    retry_timeout: 10
    maximum_lag_on_failover: 1048576
    synchronous_mode: %[6]t
    # A primary whom all others still answer stays primary while the API server does not answer.
    failsafe_mode: true
    # Slots by which others follow changes stay while nobody follows. Patroni itself makes none of these.
    ignore_slots:
      - type: logical
        plugin: pgoutput
    postgresql:
      use_pg_rewind: true
      use_slots: true
      parameters:
%[14]s  initdb:
    - encoding: UTF8
    - locale: C.UTF-8
    - data-checksums

postgresql:
  listen: "*:%[5]d"
  data_dir: %[7]s
  bin_dir: /usr/lib/postgresql/%[8]s/bin
  pgpass: /run/patroni/pgpass
  # A new standby begins at once, and not after the primary's next checkpoint.
  basebackup:
    - checkpoint: fast
  use_unix_socket: true
  parameters:
    password_encryption: scram-sha-256
    unix_socket_directories: %[9]s
    # The instance's own certificate, made when it first starts. Callers that check names need one of yours in its place.
    ssl: "on"
    ssl_cert_file: /run/patroni/server.crt
    ssl_key_file: /run/patroni/server.key
%[16]s    # A quarter and a half of %[10]s.
    shared_buffers: %[11]dMB
    effective_cache_size: %[12]dMB
  # Who may come from where is the network policy's to say, and who may do what in a database the database's own.
  pg_hba:
    - local all all peer
    - hostssl replication replicator all scram-sha-256
    - hostssl all rewinder all scram-sha-256
    - hostssl all postgres 127.0.0.1/32 scram-sha-256
    - hostssl all postgres ::1/128 scram-sha-256
    - host all postgres all reject
    # Caravan comes through the API server, which ends in the pod itself.
%[13]s    - host postgres,template1 all all reject
    - host all all all scram-sha-256
`, s.name, s.namespace, labelName, labelRole, postgresPort, s.Instances >= 3, s.dataFolder(), s.major(), socketFolder,
		bytesText(s.share.Memory), max(s.share.Memory/4/mebi, 1), max(s.share.Memory/2/mebi, 1), listed(append(watcherAccess(), s.FollowerAccess()...)), s.Bootstrap(), patroniPort, archive)
}

// listed are lines of pg_hba as they stand in Patroni's configuration.
func listed(lines []string) string {
	return "    - " + strings.Join(lines, "\n    - ") + "\n"
}

// patroniPasswords prints the part of Patroni's configuration that is secret.
const patroniPasswords = `#!/bin/sh
set -eu
quoted() { printf "'%s'" "$(sed "s/'/''/g" "/secrets/server/$1")"; }
cat <<END
postgresql:
  authentication:
    superuser:
      username: postgres
      password: $(quoted superuser)
    replication:
      username: replicator
      password: $(quoted replication)
    rewind:
      username: rewinder
      password: $(quoted rewind)
END
`

// patroniStart begins an instance. Volumes may be given back with their folders open to a group, which PostgreSQL refuses.
func (s store) patroniStart() string {
	return fmt.Sprintf(`#!/bin/sh
set -eu
umask 077
mkdir -p /run/patroni/config %[1]s
rm -f %[3]s
cp /config/patroni.yml /run/patroni/config/1-instance.yml
sh /config/passwords >/run/patroni/config/2-passwords.yml
if [ ! -e /run/patroni/server.key ]; then
  openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj "/CN=$PATRONI_NAME" -keyout /run/patroni/server.key -out /run/patroni/server.crt 2>/dev/null
fi
[ ! -d %[2]s ] || chmod 700 %[2]s
exec patroni /run/patroni/config
`, path.Dir(s.dataFolder()), s.dataFolder(), preferenceFile)
}

// keepAccounts runs beside each instance.
const keepAccounts = `#!/bin/sh
# Keeps accounts as they are declared: on the primary databases, roles and their passwords; on every instance what Patroni logs in with.
# A password that changes ends no session.
set -u
umask 077
trap exit TERM
made=
given=
while :; do
  now=$(cat /accounts/*.sql /secrets/server/* /secrets/accounts/* 2>/dev/null | sha256sum)
  if [ "$(psql -XAtq -c 'SELECT pg_is_in_recovery()' 2>/dev/null)" != f ]; then
    made=
    given=
  elif [ "$now" != "$made" ]; then
    # Passwords are given whatever becomes of one database, and once: each time they are others to whoever keeps their verifiers.
    if psql -Xq -v VERBOSITY=terse -o /dev/null -f /accounts/accounts.sql; then
      made=$now
    fi
    if [ "$now" != "$given" ] && psql -Xq -v VERBOSITY=terse -o /dev/null -f /accounts/passwords.sql; then
      given=$now
    fi
    if [ "$now" = "$made" ] && [ "$now" = "$given" ]; then
      echo "accounts are as declared"
    fi
  fi
  passwords=$(sh /config/passwords)
  if [ "$passwords" != "$(cat /run/patroni/config/2-passwords.yml 2>/dev/null)" ] && [ -e /run/patroni/config/2-passwords.yml ]; then
    printf '%s\n' "$passwords" >/run/patroni/config/2-passwords.new
    mv /run/patroni/config/2-passwords.new /run/patroni/config/2-passwords.yml
    python3 -c 'import urllib.request as u; u.urlopen(u.Request("http://localhost:8008/reload", method="POST"), timeout=10)' && echo "Patroni has its passwords anew"
  fi
  sleep 2
done
`

// containerfile makes the image: user and group are those that pods run as.
func (c *cluster) containerfile(s store) string {
	source, authorities := "", ""
	if c.Backups != nil && c.Backups.S3.CA != "" {
		authorities = fmt.Sprintf("# By which the certificate of the store of backups is checked; put it beside this file.\nCOPY %s %s\n", path.Base(c.Backups.S3.CA), c.Backups.S3.CA)
	}
	if s.major() != debianPostgres {
		source = " \\\n && /usr/share/postgresql-common/pgdg/apt.postgresql.org.sh -y"
	}
	return fmt.Sprintf(`# PostgreSQL %[1]s with Patroni, pgBackRest and PgBouncer. Build it, push it to where your cluster pulls from with the tag %[1]s, and name it in the
# expansion: environments: - images: {postgres: registry.example.org/postgres-patroni}
FROM debian:12-slim
RUN groupadd --gid %[2]d postgres \
 && useradd --uid %[2]d --gid postgres --home-dir %[3]s --create-home --shell /bin/sh postgres \
 && apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends ca-certificates postgresql-common%[4]s \
 && echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends openssl patroni pgbackrest pgbouncer postgresql-%[1]s python3 \
 && rm -rf /var/lib/apt/lists/*
%[5]sUSER %[2]d
`, s.major(), account, postgresHome, source, authorities)
}

// patroniPod is an instance, and beside it what keeps its accounts.
func (c *cluster) patroniPod(s store, config string) *yaml.Node {
	field := func(name, of string) *yaml.Node {
		return m("name", name, "valueFrom", m("fieldRef", m("fieldPath", of)))
	}
	mount := func(name, at string) *yaml.Node { return m("name", name, "mountPath", at) }
	secret := func(name, at string) *yaml.Node { return m("name", name, "mountPath", at, "readOnly", true) }
	ask := func(what string, failures int) *yaml.Node {
		return m("httpGet", m("path", "/"+what, "port", patroniPort), "periodSeconds", readyEvery, "timeoutSeconds", answerWithin, "failureThreshold", failures)
	}
	mounts := []*yaml.Node{
		mount("config", "/config"), secret("server", "/secrets/server"), mount("data", postgresHome), mount("run", "/run/patroni"), mount("socket", socketFolder),
		mount("shm", "/dev/shm"), mount("tmp", temporary), secret("api", "/var/run/secrets/kubernetes.io/serviceaccount"),
	}
	if c.Backups != nil {
		mounts = append(mounts, backupMount())
	}
	instance := m("name", "postgres", "image", c.databaseImage(s), "command", []string{"sh", "/config/start"}, "env", []*yaml.Node{
		field("POD_IP", "status.podIP"), field("PATRONI_NAME", "metadata.name"),
		m("name", "PATRONI_KUBERNETES_POD_IP", "value", "$(POD_IP)"),
		m("name", "PATRONI_RESTAPI_CONNECT_ADDRESS", "value", fmt.Sprintf("$(POD_IP):%d", patroniPort)),
		m("name", "PATRONI_POSTGRESQL_CONNECT_ADDRESS", "value", fmt.Sprintf("$(POD_IP):%d", postgresPort)),
	},
		"ports", []*yaml.Node{m("name", "postgres", "containerPort", postgresPort), m("name", "patroni", "containerPort", patroniPort)},
		"resources", exactly(s.share),
		"startupProbe", ask("liveness", 24), "readinessProbe", ask("readiness", readyFailures),
		"livenessProbe", noted{"That Patroni goes about its rounds, which it does without an API server, too.", ask("liveness", 12)},
		"securityContext", containerSecurity(), "volumeMounts", mounts)
	helper := m("name", "accounts", "image", c.databaseImage(s), "command", []string{"sh", "/config/keep-accounts"}, "env", []*yaml.Node{
		m("name", "PGUSER", "value", "postgres"),
	},
		"resources", small(), "securityContext", containerSecurity(), "volumeMounts", []*yaml.Node{
			mount("config", "/config"), mount("sql", "/accounts"), secret("server", "/secrets/server"), secret("accounts", "/secrets/accounts"),
			mount("run", "/run/patroni"), mount("socket", socketFolder), mount("tmp", temporary),
		})
	containers := []*yaml.Node{instance, helper}
	var mode any
	if c.Backups != nil {
		mode = executable
	}
	volumes := []*yaml.Node{
		m("name", "config", "configMap", m("name", config, "defaultMode", mode)), m("name", "sql", "configMap", m("name", s.accounts())),
		m("name", "server", "secret", m("secretName", s.serverSecret())), m("name", "accounts", "secret", m("secretName", s.accounts(), "optional", true)),
		m("name", "run", "emptyDir", m("medium", "Memory", "sizeLimit", "16Mi")), m("name", "socket", "emptyDir", empty), m("name", "tmp", "emptyDir", empty),
		said("For queries that run in parallel.", m("name", "shm", "emptyDir", m("medium", "Memory", "sizeLimit", bytesText(max(s.share.Memory/8/mebi, 16)*mebi)))),
		said("Patroni alone speaks with the API server.", m("name", "api", "projected", m("sources", []*yaml.Node{
			m("serviceAccountToken", m("path", "token", "expirationSeconds", 3607)),
			m("configMap", m("name", "kube-root-ca.crt", "items", []*yaml.Node{m("key", "ca.crt", "path", "ca.crt")})),
			m("downwardAPI", m("items", []*yaml.Node{m("path", "namespace", "fieldRef", m("fieldPath", "metadata.namespace"))})),
		}))),
	}
	if c.Backups != nil {
		container, volume := c.backupPod(s)
		containers, volumes = append(containers, container), append(volumes, volume)
	}
	const toWrite = 300
	pod := storePod(s.name, toWrite, containers, volumes)
	security := pod.Content[slices.IndexFunc(pod.Content, func(n *yaml.Node) bool { return n.Value == "securityContext" })+1]
	security.Content = append(security.Content, m("fsGroupChangePolicy", noted{"Else PostgreSQL's folder is opened to its group, which it refuses.", "OnRootMismatch"}).Content...)
	pod.Content = append(m("serviceAccountName", s.name).Content, pod.Content...)
	return pod
}
