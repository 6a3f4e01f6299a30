package kube

import (
	"fmt"

	"go.yaml.in/yaml/v3"

	"example.org/caravan/internal/render"
	"example.org/caravan/internal/workload"
)

// pools is how many PgBouncers stand before a datastore, so that one may go.
const pools = 2

// pool puts PgBouncer before a primary: a Service of its own, which callers are led to, so that putting it there or taking it away is a
// change of theirs and not of the database's.
func (c *cluster) pool(f *folder, s store) {
	name := render.PoolName(s.Name)
	config := f.config("pool-configmap.yaml", name, map[string]string{"pgbouncer.ini": s.poolConfig(), "start": startPool})
	open := m("tcpSocket", m("port", postgresPort), "periodSeconds", readyEvery, "timeoutSeconds", answerWithin, "failureThreshold", readyFailures)
	mount := func(name, at string) *yaml.Node { return m("name", name, "mountPath", at) }
	pod := m(
		"automountServiceAccountToken", false, "enableServiceLinks", false, "securityContext", podSecurity(false),
		"terminationGracePeriodSeconds", 60, "dnsConfig", dns(), "topologySpreadConstraints", spread(name),
		"containers", []*yaml.Node{m("name", "pgbouncer", "image", c.databaseImage(s), "command", []string{"sh", "/config/start"},
			"ports", []*yaml.Node{m("name", "postgres", "containerPort", postgresPort)}, "resources", given(poolShare()),
			"startupProbe", open, "readinessProbe", open, "livenessProbe", open,
			"lifecycle", m("preStop", m("sleep", m("seconds", 10))),
			"securityContext", containerSecurity(),
			"volumeMounts", []*yaml.Node{mount("config", "/config"), m("name", "server", "mountPath", "/secrets/server", "readOnly", true), mount("run", "/run/pool"), mount("tmp", temporary)})},
		"volumes", []*yaml.Node{
			m("name", "config", "configMap", m("name", config)),
			m("name", "server", "secret", m("secretName", s.serverSecret(), "items", []*yaml.Node{m("key", render.Pooler, "path", render.Pooler)})),
			m("name", "run", "emptyDir", m("medium", "Memory", "sizeLimit", "16Mi")), m("name", "tmp", "emptyDir", empty),
		})
	f.put("pool-deployment.yaml", "PgBouncer. Commands are given at its socket: kubectl exec POD -- psql -h /run/pool -U pgbouncer pgbouncer -c 'SHOW POOLS'",
		m("apiVersion", "apps/v1", "kind", "Deployment", "metadata", meta(name), "spec", m(
			"replicas", pools, "revisionHistoryLimit", 3, "selector", m("matchLabels", of(name)),
			"strategy", m("rollingUpdate", m("maxSurge", 1, "maxUnavailable", 0)),
			"template", m("metadata", m("labels", of(name)), "spec", pod))))
	f.put("pool-service.yaml", "", serviceObject(name, name, "", []render.Listen{{Name: "postgres", Protocol: "TCP", Port: s.Port, Target: postgresPort}}))
	f.put("pool-poddisruptionbudget.yaml", "", budget(name, of(name)))
	n := s.named
	n.name = name
	out := rule{"to PostgreSQL", []*yaml.Node{m("podSelector", m("matchLabels", of(s.name)))}, []rulePort{{postgresPort, "TCP"}}}
	f.put("pool-networkpolicy.yaml", "", c.policy(n, of(name), callers(s.Callers, []rulePort{{postgresPort, "TCP"}}), []rule{out}))
	c.secrets = append(c.secrets, secret{s.namespace, s.serverSecret(), render.Pooler, "password of `" + render.Pooler + "`, by whom PgBouncer asks for the verifiers of others, in " + string(s.Name)})
	c.space(s.namespace, s.team).hold(pools, poolShare())
}

// poolShare is what a PgBouncer is given: with the 2,000 clients it takes, each in a session of TLS, it holds some 100 MiB.
func poolShare() render.Share {
	return render.Share{Memory: 256 * mebi, CPU: 500, LeastMemory: 128 * mebi, LeastCPU: 50}
}

func (s store) poolConfig() string {
	return s.Bouncer(render.Pool{
		Host: fmt.Sprintf("%s.%s.svc.cluster.local", s.name, s.namespace), Port: s.Port, Listen: "*", ListenPort: postgresPort, Socket: "/run/pool",
		Users: "/run/pool/users", Key: "/run/pool/server.key", Cert: "/run/pool/server.crt", ServerTLS: "require", Instances: pools,
	})
}

// startPool takes a changed password in while it runs.
const startPool = `#!/bin/sh
set -eu
umask 077
users() { printf '"` + render.Pooler + `" "%s"\n' "$(sed 's/"/""/g' /secrets/server/` + render.Pooler + `)"; }
users >/run/pool/users
openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=pool -keyout /run/pool/server.key -out /run/pool/server.crt 2>/dev/null
while sleep 5; do
  if [ "$(users)" != "$(cat /run/pool/users)" ]; then
    users >/run/pool/users
    kill -HUP 1
  fi
done &
exec pgbouncer /config/pgbouncer.ini
`

// operatedPool is the same, kept by CloudNativePG.
func (c *cluster) operatedPool(f *folder, s store) {
	name := render.PoolName(s.Name)
	f.put("pooler.yaml", "PgBouncer, kept by CloudNativePG.", m("apiVersion", "postgresql.cnpg.io/v1", "kind", "Pooler", "metadata", meta(workload.NameOf(name+"-bouncer")), "spec", m(
		"cluster", m("name", s.name), "instances", pools, "type", "rw", "pgbouncer", m("poolMode", string(s.Pooled), "parameters", m("max_client_conn", "2000")),
		"template", m("spec", m("containers", []*yaml.Node{m("name", "pgbouncer", "resources", given(poolShare()))})))))
	service := serviceObject(name, "", "", []render.Listen{{Name: "postgres", Protocol: "TCP", Port: s.Port, Target: postgresPort}})
	spec := service.Content[len(service.Content)-1]
	spec.Content = append(m("selector", pooled(name)).Content, withoutKey(spec, "selector")...)
	f.put("pool-service.yaml", "", service)
	n := s.named
	n.name = name
	out := rule{"to PostgreSQL", []*yaml.Node{m("podSelector", m("matchLabels", map[string]string{"cnpg.io/cluster": s.name}))}, []rulePort{{postgresPort, "TCP"}}}
	f.put("pool-networkpolicy.yaml", "", c.policy(n, pooled(name), callers(s.Callers, []rulePort{{postgresPort, "TCP"}}), []rule{out}))
	c.space(s.namespace, s.team).hold(pools, poolShare())
}

// pooled are the labels of the pods of CloudNativePG's PgBouncer.
func pooled(name string) map[string]string {
	return map[string]string{"cnpg.io/poolerName": workload.NameOf(name + "-bouncer")}
}
