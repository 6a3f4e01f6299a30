package why

import (
	"fmt"
	"strings"
)

// fault is one thing that is planted, and what the first line has to say of it.
type fault struct {
	name, service string
	want          string
	fine          bool     // it is no cause: nothing, or a doubt
	flags         []string // of the command

	// in the cluster: parts of a Deployment, and what is beside it
	image     string // "tools:1" when empty
	script    string // that it runs, with bash; the image's own program when empty. On a machine: what is done there
	container string // more of the container, in YAML at its depth
	pod       string // more of the pod
	spec      string // more of the Deployment's spec
	service2  string // the Service's spec, instead of the usual one
	beside    string // more objects; NS stands for the namespace

	unit string // on a machine: its unit
	on   string // machine; vm1 when empty
}

// absent is a unit that is known and not put in place.
const absent = "[Unit]\nDescription=nothing\n[Service]\nExecStart=/usr/local/bin/kopi\n[Install]\nWantedBy=multi-user.target\n# absent\n"

func (f fault) machine() string {
	if f.on == "" {
		return "vm1"
	}
	return f.on
}

func (f fault) namespace() string { return "f-" + f.service }

// around is what is planted in the cluster before the service.
func (f fault) around() string {
	return strings.ReplaceAll("apiVersion: v1\nkind: Namespace\nmetadata: {name: NS}\n---\n"+f.beside, "NS", f.namespace())
}

// manifest is all that is planted in the cluster.
func (f fault) manifest() string {
	image, service := f.image, f.service2
	if image == "" {
		image = "registry.bed:5000/tools:1"
	}
	if service == "" {
		service = "selector: {app: NAME}\n  ports: [{port: 80, targetPort: 8080}]"
	}
	command := ""
	if f.script != "" {
		command = fmt.Sprintf("          command: [bash, -ec, %q]\n", f.script)
	}
	text := f.around() + `apiVersion: apps/v1
kind: Deployment
metadata: {name: NAME, namespace: NS}
spec:
` + f.spec + `  selector: {matchLabels: {app: NAME}}
  template:
    metadata: {labels: {app: NAME}}
    spec:
      terminationGracePeriodSeconds: 1
` + f.pod + `      containers:
        - name: NAME
          image: ` + image + `
          ports: [{containerPort: 8080}]
` + command + f.container + `---
apiVersion: v1
kind: Service
metadata: {name: NAME, namespace: NS}
spec:
  ` + service + `
---
`
	return strings.NewReplacer("NAME", f.service, "NS", f.namespace()).Replace(text)
}

// Parts of containers.
const (
	serves    = "exec kopi"
	ready     = "          readinessProbe: {httpGet: {path: /healthz, port: 8080}, periodSeconds: 2}\n"
	usesDB    = "          env: [{name: DATABASE_URL, value: \"postgres://orders@db.bed.internal:5432/orders\"}]\n"
	usesOther = "          env: [{name: DATABASE_URL, value: \"postgres://orders@db.bed.internal:5433/orders\"}]\n"
)

// nginxServes is a server that knows one path.
const nginxServes = `mkdir -p /tmp/n /var/log/nginx /var/lib/nginx; echo 'pid /tmp/n/pid; error_log stderr; user nobody nogroup; events {} http { access_log off; server { listen 8080; location = /healthz { return 200; } location / { return 404; } } }' >/tmp/n/conf; exec nginx -c /tmp/n/conf -g 'daemon off;'`

var inCluster = []fault{
	{name: "all is well", service: "c-well", want: "nothing is wrong with c-well", fine: true, script: serves, container: ready},
	{name: "its image does not exist", service: "c-image", image: "registry.bed:5000/nothing:7", want: "image registry.bed:5000/nothing:7 does not exist"},
	{name: "its registry is not reached", service: "c-registry", image: "gone.bed.internal:5000/shop:1", want: "the registry gone.bed.internal:5000 of image gone.bed.internal:5000/shop:1 does not answer"},
	{name: "a variable is missing", service: "c-variable", script: `: "${PAYMENTS_TOKEN:?is not set}"; exec kopi`, want: "its variable PAYMENTS_TOKEN is not set"},
	{name: "a Secret is missing", service: "c-secret", script: serves, container: "          env: [{name: DB_PASSWORD, valueFrom: {secretKeyRef: {name: orders-db, key: password}}}]\n", want: "there is no Secret orders-db in namespace f-c-secret, which its variable DB_PASSWORD comes from"},
	{
		name: "a key of a ConfigMap is missing", service: "c-key", script: serves, want: "ConfigMap settings has no key LOG_LEVEL, which its variable LOG_LEVEL comes from",
		container: "          env: [{name: LOG_LEVEL, valueFrom: {configMapKeyRef: {name: settings, key: LOG_LEVEL}}}]\n",
		beside:    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: NS}\ndata: {LEVEL: info}\n---\n",
	},
	{name: "a volume's Secret is missing", service: "c-volume", script: serves, pod: "      volumes: [{name: tls, secret: {secretName: orders-tls}}]\n", container: "          volumeMounts: [{name: tls, mountPath: /tls}]\n", want: "there is no Secret orders-tls in namespace f-c-volume, which its volume tls comes from"},
	{name: "it takes too much memory", service: "c-memory", script: "ulimit -v 400000; x=x; while :; do x=$x$x; done", container: "          resources: {limits: {memory: 24Mi}}\n", want: "killed because it takes more memory than it may: its limit is 24Mi"},
	{name: "it asks for too much processor", service: "c-cpu", script: serves, container: "          resources: {requests: {cpu: \"64\"}}\n", want: "it asks for more processor than any node has left"},
	{name: "it asks for too much memory", service: "c-large", script: serves, container: "          resources: {requests: {memory: 4Ti}}\n", want: "it asks for more memory than any node has left"},
	{name: "the quota is used up", service: "c-quota", script: serves, beside: "apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: small, namespace: NS}\nspec: {hard: {pods: \"0\"}}\n---\n", want: "the quota of namespace f-c-quota is used up"},
	{name: "its liveness probe asks for a path it has not", service: "c-path", script: nginxServes, container: ready + "          livenessProbe: {httpGet: {path: /health, port: 8080}, initialDelaySeconds: 6, periodSeconds: 1, failureThreshold: 2}\n", want: "the liveness probe of c-path asks for /health on port 8080, which it answers with 404"},
	{name: "its liveness probe asks a wrong port", service: "c-probeport", script: serves, container: "          livenessProbe: {httpGet: {path: /healthz, port: 9999}, periodSeconds: 1, failureThreshold: 2}\n", want: "the liveness probe of c-probeport asks port 9999, where nothing listens; "},
	{name: "it says itself that it is not well", service: "c-unwell", script: `kopi & until curl -fsS -o /dev/null -d '{"fail":true}' http://127.0.0.1:8080/faults; do sleep 0.2; done; wait`, container: ready, want: "c-unwell says itself that it is not well: it answers /healthz on port 8080 with 503"},
	{name: "its Service leads to a wrong port", service: "c-port", script: serves, container: ready, service2: "selector: {app: NAME}\n  ports: [{port: 80, targetPort: 9090}]", want: "nobody reaches c-port: Service c-port leads requests to port 9090, where nothing listens; c-port listens on 8080"},
	{name: "its Service chooses nothing", service: "c-selector", script: serves, container: ready, service2: "selector: {app: orders}\n  ports: [{port: 80, targetPort: 8080}]", want: "nobody reaches c-selector: Service c-selector chooses pods by app=orders, and none has that"},
	{name: "its database refuses connections", service: "c-refused", script: `psql "$DATABASE_URL" -c 'select 1'; exec kopi`, container: usesOther, want: "connection refused at db.bed.internal:5433"},
	{name: "its database has no such name", service: "c-noname", script: `psql "$DATABASE_URL" -c 'select 1'; exec kopi`, container: "          env: [{name: DATABASE_URL, value: \"postgres://orders@pg-nowhere.bed.internal:5432/orders\"}]\n", want: "there is no name pg-nowhere.bed.internal"},
	{name: "what it calls is cut off", service: "c-cut", script: serves, container: ready + "          env: [{name: STOCK_URL, value: \"http://far.bed.internal:8080\"}]\n", want: "no answer in time from far.bed.internal:8080, tried from its pod"},
	{name: "its password is wrong", service: "c-password", script: `PGPASSWORD=wrong psql "$DATABASE_URL" -c 'select 1'; exec kopi`, container: usesDB, want: "may not log in to"},
	{name: "its database is not there on the server", service: "c-database", script: `PGPASSWORD=right psql "$DATABASE_URL" -c 'select 1'; exec kopi`, container: "          env: [{name: DATABASE_URL, value: \"postgres://orders@db.bed.internal:5432/shop\"}]\n", want: "finds no database shop"},
	{
		name: "a policy would forbid what it calls", service: "c-policy", script: serves, container: ready + usesDB, fine: true, want: "but NetworkPolicy closed lets nothing through from c-policy to",
		beside: "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: closed, namespace: NS}\nspec: {podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 10.1.0.0/16}}]}]}\n---\n",
	},
	{
		name: "its disk has no storage class", service: "c-claim", script: serves, pod: "      volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]\n", container: "          volumeMounts: [{name: data, mountPath: /data}]\n",
		beside: "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: data, namespace: NS}\nspec: {storageClassName: fast, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}\n---\n",
		want:   "waits for a disk: claim data is pending, for there is no storage class fast",
	},
	{name: "its program is not in the image", service: "c-command", container: "          command: [/app/start]\n", want: "c-command cannot start: its image has no /app/start"},
	{name: "it writes where it may not", service: "c-readonly", script: `echo 1 >/var/cache.db; exec kopi`, container: "          securityContext: {readOnlyRootFilesystem: true}\n", want: "cannot write /var/cache.db: the file system is read-only"},
	{name: "it opens what it may not", service: "c-permission", script: `echo 1 >/etc/orders.conf; exec kopi`, container: "          securityContext: {runAsUser: 65534}\n", want: "may not open /etc/orders.conf: permission denied"},
	{name: "a certificate has expired", service: "c-expired", script: `curl -sS "$PARTNER_URL"; exec kopi`, container: "          env: [{name: PARTNER_URL, value: \"https://partner.bed.internal:8443\"}]\n", want: "the certificate of partner.bed.internal:8443 has expired"},
	{
		name: "what it calls has no pods", service: "c-provider", image: "registry.bed:5000/single:1", container: "          env: [{name: PRICING_URL, value: \"http://pricing.NS.svc:8080\"}]\n",
		beside: "apiVersion: v1\nkind: Service\nmetadata: {name: pricing, namespace: NS}\nspec: {selector: {app: pricing}, ports: [{port: 8080}]}\n---\n", want: "Service pricing in namespace f-c-provider leads to no pod that is ready",
	},
	{name: "an image with one program cannot be tried from, and a pod beside it can", service: "c-single", image: "registry.bed:5000/single:1", container: usesOther, flags: []string{"--probe", "--probe-image", "registry.bed:5000/tools:1"}, want: "connection refused at db.bed.internal:5433, tried from its pod"},
	{name: "it ends, and says something of its own", service: "c-ends", script: "echo 'ledger out of balance'; exit 3", want: "c-ends ends by itself, exit code 3: ledger out of balance"},
	{name: "it is scaled to nothing", service: "c-zero", script: serves, spec: "  replicas: 0\n", want: "c-zero is stopped: deployment/c-zero is scaled to 0"},
}

// late is planted when something is done to the whole cluster.
var late = []fault{{name: "cordoned", service: "c-cordoned", script: serves, want: "finds no node to run on: its nodes are cordoned"}}

// unit is a unit that runs something.
func unit(more string) string {
	return "[Unit]\nDescription=planted\n[Service]\n" + more + "[Install]\nWantedBy=multi-user.target\n"
}

var onMachines = []fault{
	{name: "all is well on a machine", service: "m-well", want: "nothing is wrong with m-well", fine: true, unit: unit("Environment=KOPI_PORT=8501 DATABASE_URL=postgres://orders@db.bed.internal:5432/orders\nExecStart=/usr/local/bin/kopi\n"), script: "systemctl enable --now m-well\n"},
	{name: "its unit fails", service: "m-exit", want: "m-exit ends by itself on vm1, exit status 3: ledger out of balance", unit: unit("ExecStart=/bin/bash -c 'echo ledger out of balance; exit 3'\n"), script: "systemctl start m-exit\n"},
	{name: "its port is taken", service: "m-port", want: "m-port cannot start on vm1: port 8500 is taken by nginx.service", unit: unit("Environment=KOPI_PORT=8500\nExecStart=/usr/local/bin/kopi\n"), script: "systemctl start m-port\n"},
	{name: "its environment file is missing", service: "m-env", want: "m-env cannot start on vm1: there is no /etc/bed/m-env.env", unit: unit("EnvironmentFile=/etc/bed/m-env.env\nExecStart=/usr/local/bin/kopi\n"), script: "systemctl start m-env || true\n"},
	{name: "its disk is full", service: "m-disk", want: "m-disk has no room on vm1: the disk at /var/lib/m-disk is full", unit: unit("ExecStart=/bin/bash -c 'echo order >>/var/lib/m-disk/journal'\n"), script: "mkdir -p /var/lib/m-disk; mount -t tmpfs -o size=1M none /var/lib/m-disk; head -c 2M /dev/zero >/var/lib/m-disk/fill 2>/dev/null || true; systemctl start m-disk\n"},
	{name: "it gets no more memory on a machine", service: "m-memory", want: "m-memory runs out of memory within its own limits", unit: unit("LimitAS=200M\nExecStart=/bin/bash -c 'x=x; while :; do x=$$x$$x; done'\n"), script: "systemctl start m-memory\n"},
	{name: "its unit is masked", service: "m-masked", want: "m-masked.service is masked", unit: unit("ExecStart=/usr/local/bin/kopi\n"), script: "rm /etc/systemd/system/m-masked.service; systemctl mask m-masked\n"},
	{name: "its unit is stopped and disabled", service: "m-disabled", want: "m-disabled is stopped on vm1: m-disabled.service is inactive and disabled", unit: unit("ExecStart=/usr/local/bin/kopi\n")},
	{name: "its unit is not there", service: "m-absent", want: "m-absent is not on vm1: there is no unit m-absent.service", unit: absent},
	{name: "its program is not there", service: "m-program", want: "m-program cannot start on vm1: its program is not there or may not be run: /opt/m-program/run", unit: unit("ExecStart=/opt/m-program/run\n"), script: "systemctl start m-program\n"},
	{name: "its user does not exist", service: "m-user", want: "m-user cannot start on vm1: its user does not exist: nobody-knows", unit: unit("User=nobody-knows\nExecStart=/usr/local/bin/kopi\n"), script: "systemctl start m-user\n"},
	{name: "its balancer holds it for down", service: "m-down", want: "nobody reaches m-down through vm1: HAProxy there holds it for down", unit: unit("Environment=KOPI_PORT=8510\nExecStart=/usr/local/bin/kopi\n"), script: "systemctl start m-down; systemctl restart haproxy\n"},
	{name: "what it calls refuses connections on a machine", service: "m-refused", want: "connection refused at db.bed.internal:5433, tried from vm1", unit: unit("Environment=KOPI_PORT=8511 DATABASE_URL=postgres://orders@db.bed.internal:5433/orders\nExecStart=/usr/local/bin/kopi\n"), script: "systemctl start m-refused\n"},
	{name: "a certificate has expired for a machine", service: "m-expired", want: "its certificate has expired", unit: unit("Environment=KOPI_PORT=8512 PARTNER_URL=https://partner.bed.internal:8443/pay\nExecStart=/usr/local/bin/kopi\n"), script: "systemctl start m-expired\n"},
	{name: "its machine does not answer", service: "m-host", on: "vm3", want: "machine vm3, which m-host runs on, does not answer", unit: unit("ExecStart=/usr/local/bin/kopi\n")},
}

// setUp is what services on machines and in the cluster call: a database, a partner with an old certificate.
const setUp = `set -e
systemctl daemon-reload
pg_createcluster 15 main -- --auth-host=scram-sha-256 >/dev/null
echo "listen_addresses = '*'" >>/etc/postgresql/15/main/postgresql.conf
echo "host all all 10.0.0.0/8 scram-sha-256" >>/etc/postgresql/15/main/pg_hba.conf
systemctl restart postgresql@15-main
runuser -u postgres -- psql -qc "CREATE ROLE orders LOGIN PASSWORD 'right'" -c "CREATE DATABASE orders OWNER orders"
systemctl restart nginx
`

const nginxConf = `user www-data;
events {}
http {
  access_log off;
  server { listen 8500; return 200; }
  server { listen 8443 ssl; ssl_certificate /etc/nginx/partner.crt; ssl_certificate_key /etc/nginx/partner.key; return 200; }
}
`

const haproxyConf = `global
  stats socket /run/haproxy/admin.sock mode 660 level admin
defaults
  mode http
  timeout connect 1s
  timeout client 5s
  timeout server 5s
backend m-down
  server vm1 127.0.0.1:8599 check inter 500ms
frontend in
  bind 127.0.0.1:8598
  default_backend m-down
`
