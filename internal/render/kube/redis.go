package kube

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"example.org/caravan/internal/estate"
	"example.org/caravan/internal/render"
	"example.org/caravan/internal/standby"
	"example.org/caravan/internal/workload"
)

// Images of what is kept here; each tag is followed by the registry to its last patch.
const (
	redisImage   = "redis:8.2"
	haproxyImage = "haproxy:3.2"
)

const sentinelPort = 26379

// proxyName is the name of the pods that lead to whichever Redis is primary.
func proxyName(name string) string { return workload.NameOf(name + "-proxy") }

// redis is Redis, from two instances on with a Sentinel in each pod. Clients that know nothing of Sentinels call the
// datastore's name: two small proxies lead to the primary.
func (c *cluster) redis(f *folder, s store) {
	nodes := workload.NameOf(s.name + "-nodes")
	several := s.Instances > 1
	config := f.config("configmap.yaml", s.name, s.redisFiles(fmt.Sprintf("%s.%s.svc.cluster.local", nodes, s.namespace), several))
	about := "Redis."
	if several {
		about = "Redis, and in each pod a Sentinel that watches them all."
	}
	f.put("statefulset.yaml", strings.TrimSpace(about+"\n"+s.starting()), s.stateful(nodes, s.redisPod(config, several), !s.forgetful()))
	redis := []render.Listen{{Name: "redis", Protocol: "TCP", Port: s.Port, Target: s.Port}}
	front := s.name
	among := []int{s.Port}
	if several {
		front = proxyName(s.name)
		among = append(among, sentinelPort)
		f.nodes(nodes, s.name, append(redis, render.Listen{Name: "sentinel", Protocol: "TCP", Port: sentinelPort, Target: sentinelPort}))
		f.put("poddisruptionbudget.yaml", "", budget(s.name, of(s.name)))
		c.proxy(f, s, nodes)
	} else {
		f.nodes(nodes, s.name, redis)
	}
	f.put("service.yaml", "", serviceObject(s.name, front, "", redis))
	own := alike(s.name, among...)
	in := []rule{own}
	if several {
		in = append(in, rule{"from the proxies", []*yaml.Node{m("podSelector", m("matchLabels", of(proxyName(s.name))))}, []rulePort{{s.Port, "TCP"}}})
	} else {
		in = append(in, callers(s.Callers, []rulePort{{s.Port, "TCP"}})...)
	}
	otherEnd, toOtherEnd := s.otherEnd(s.Port)
	f.put("networkpolicy.yaml", "", c.policy(s.named, of(s.name), append(in, otherEnd...), append([]rule{own}, toOtherEnd...)))
	c.space(s.namespace, s.team).hold(s.Instances, s.share)
	if several {
		c.space(s.namespace, s.team).reckon(s.Instances, helperShare())
	}
	c.redisSecrets(s, several)
	c.redisDeclared(s, nodes, several)
}

// redisDeclared notes how Caravan reaches it: through the API server, which leads into each pod.
func (c *cluster) redisDeclared(s store, nodes string, several bool) {
	d := render.Declared{Name: s.Name, Team: s.Team, Environment: c.Environment}
	if several {
		d.Texts("sentinels", s.podAddresses(nodes, sentinelPort))
		d.Put("master", s.name)
	} else {
		d.Put("technology", "redis")
		d.Put("members", fmt.Sprintf("{%s-0: %q}", s.name, s.podAddresses(nodes, s.Port)[0]))
	}
	d.Put("through", "cluster")
	if !s.guarded() {
		d.Login("admin", "default", "")
		c.declared = append(c.declared, d)
		return
	}
	d.Login("admin", standby.RedisAccount, "`"+standby.RedisAccount+"`")
	d.Login("replication", "replication", "`replication`")
	if several {
		d.Login("watched", "sentinel", "`sentinel`")
	}
	c.declared = append(c.declared, d)
}

// forgetful reports whether it begins empty and may do so again.
func (s store) forgetful() bool { return s.Content == "" || s.Content == "empty" }

// members are the callers that log in as themselves.
func (s store) members() []estate.ServiceName {
	var out []estate.ServiceName
	for _, p := range s.Callers {
		if !slices.Contains(s.Open, p.Service) && !slices.Contains(out, p.Service) {
			out = append(out, p.Service)
		}
	}
	return out
}

// guarded reports whether anybody logs in. Where nobody does, as today, the network policy alone says who may come.
func (s store) guarded() bool { return len(s.members()) > 0 }

func (s store) redisFiles(domain string, several bool) map[string]string {
	out := map[string]string{"redis.conf": s.redisConfig(), "start-redis": s.startRedis(domain, several)}
	if several {
		out["start-sentinel"] = s.startSentinel(domain)
		out["primary"] = s.findPrimary(domain)
	}
	return out
}

func (s store) redisConfig() string {
	var b strings.Builder
	fmt.Fprintf(&b, "bind * -::*\nport %d\nprotected-mode no\ndir /data\n", s.Port)
	fmt.Fprintf(&b, "\n# Three quarters of %s; the rest is for copies while it writes and for buffers.\nmaxmemory %d\n", bytesText(s.share.Memory), s.share.Memory/4*3)
	if s.forgetful() {
		b.WriteString("\n# It starts empty and may do so again: nothing is kept on disk, and keys that expire make room.\nsave \"\"\nappendonly no\nmaxmemory-policy volatile-lru\n")
	} else {
		b.WriteString("\n# What is in it is kept: each second on disk, and nothing makes room.\nappendonly yes\nappendfsync everysec\nmaxmemory-policy noeviction\n")
	}
	if s.Instances > 2 {
		b.WriteString("\n# A primary that no standby follows, as one cut off from the others, takes no writes.\nmin-replicas-to-write 1\nmin-replicas-max-lag 10\n")
	}
	if s.guarded() {
		b.WriteString("\naclfile /secrets/users.acl\nmasteruser replication\n")
	}
	return b.String()
}

func (s store) startRedis(domain string, several bool) string {
	var b strings.Builder
	b.WriteString(`#!/bin/sh
# Begins with the rendered configuration; what changes while it runs is kept beside the data. While a move has it follow instances elsewhere, which it
# then hides from Sentinels at an address that is nowhere, it goes on with that: started as something else it could take writes beside the one that leads.
set -eu
kept=
if grep -qs '^replica-announce-ip "*192\.0\.2\.1' /data/redis.conf; then
  kept=$(grep -E '^(replicaof|replica-announce-ip|replica-announced|replica-priority|min-replicas-to-write|masteruser|masterauth) ' /data/redis.conf)
fi
cp /config/redis.conf /data/redis.next
`)
	begin := ""
	if several {
		begin = fmt.Sprintf(`me="$POD.%[1]s"
printf 'replica-announce-ip %%s\nreplica-announce-port %[2]d\n' "$me" >>/data/redis.next
before=
if [ -e /data/redis.conf ]; then
  before=$(sed -n 's/^replicaof "*\([^ "]*\).*/\1/p' /data/redis.conf)
  before=${before:-$me}
fi
primary=$(BEFORE=$before sh /config/primary)
if [ "$primary" != "$me" ]; then
  printf 'replicaof %%s %[2]d\n' "$primary" >>/data/redis.next
fi
`, domain, s.Port)
	}
	if s.guarded() {
		begin += "printf 'masterauth %s\\n' \"$REPLICATION_PASSWORD\" >>/data/redis.next\n"
	}
	b.WriteString("if [ -n \"$kept\" ]; then\n  printf '%s\\n' \"$kept\" >>/data/redis.next\n")
	if begin != "" {
		b.WriteString("else\n")
		for line := range strings.Lines(begin) {
			b.WriteString("  " + line)
		}
	}
	b.WriteString("fi\nmv /data/redis.next /data/redis.conf\nexec redis-server /data/redis.conf\n")
	return b.String()
}

// findPrimary prints the host of whoever is primary.
func (s store) findPrimary(domain string) string {
	return fmt.Sprintf(`#!/bin/sh
# The Sentinels know who is primary. Where they know of none, as when a move had them forget it, whoever was when this one ran before is; the first
# pod is before that.
for i in $(seq 0 %[1]d); do
  found=$(timeout 2 redis-cli -h "%[2]s-$i.%[3]s" -p %[4]d sentinel get-master-addr-by-name %[2]s 2>/dev/null | head -n 1)
  case "$found" in
  *.%[3]s) echo "$found" && exit ;;
  esac
done
echo "${BEFORE:-%[2]s-0.%[3]s}"
`, s.Instances-1, s.name, domain, sentinelPort)
}

func (s store) startSentinel(domain string) string {
	auth := ""
	if s.guarded() {
		auth = fmt.Sprintf("sentinel auth-user %[1]s sentinel\nsentinel auth-pass %[1]s $SENTINEL_PASSWORD\n", s.name)
	}
	return fmt.Sprintf(`#!/bin/sh
# A Sentinel writes down what it learns; what is rendered is only what it begins with.
set -eu
if [ ! -e /data/sentinel.conf ]; then
  cat >/data/sentinel.conf <<END
port %[1]d
protected-mode no
dir /tmp
sentinel resolve-hostnames yes
sentinel announce-hostnames yes
sentinel announce-ip $POD.%[2]s
sentinel monitor %[3]s $(sh /config/primary) %[4]d %[5]d
sentinel down-after-milliseconds %[3]s 5000
sentinel failover-timeout %[3]s 60000
sentinel parallel-syncs %[3]s 1
%[6]sEND
fi
exec redis-server /data/sentinel.conf --sentinel
`, sentinelPort, domain, s.name, s.Port, s.Instances/2+1, auth)
}

func (s store) redisPod(config string, several bool) *yaml.Node {
	env := []*yaml.Node{m("name", "POD", "valueFrom", m("fieldRef", m("fieldPath", "metadata.name")))}
	mounts := []*yaml.Node{m("name", "config", "mountPath", "/config"), m("name", "data", "mountPath", "/data"), m("name", "tmp", "mountPath", temporary)}
	volumes := []*yaml.Node{m("name", "config", "configMap", m("name", config)), m("name", "tmp", "emptyDir", empty)}
	if s.forgetful() {
		volumes = append(volumes, m("name", "data", "emptyDir", empty))
	}
	serverEnv, serverMounts, watchEnv := env, mounts, env
	if s.guarded() {
		from := func(variable, key string) *yaml.Node {
			return m("name", variable, "valueFrom", m("secretKeyRef", m("name", s.serverSecret(), "key", key)))
		}
		serverEnv, watchEnv = append(slices.Clone(env), from("REPLICATION_PASSWORD", "replication")), append(slices.Clone(env), from("SENTINEL_PASSWORD", "sentinel"))
		serverMounts = append(slices.Clone(mounts), m("name", "secrets", "mountPath", "/secrets", "readOnly", true))
		volumes = append(volumes, m("name", "secrets", "secret", m("secretName", s.serverSecret(), "items", []*yaml.Node{m("key", "users.acl", "path", "users.acl")})))
	}
	open := func(port int) *yaml.Node {
		return m("tcpSocket", m("port", port), "periodSeconds", readyEvery, "timeoutSeconds", answerWithin, "failureThreshold", readyFailures)
	}
	started := m("tcpSocket", m("port", s.Port), "periodSeconds", readyEvery, "failureThreshold", noted{"Loading what it kept takes its time.", 120})
	containers := []*yaml.Node{m("name", "redis", "image", redisImage, "command", []string{"sh", "/config/start-redis"}, "env", serverEnv,
		"ports", []*yaml.Node{m("name", "redis", "containerPort", s.Port)}, "resources", exactly(s.share),
		"startupProbe", started, "readinessProbe", open(s.Port), "livenessProbe", open(s.Port),
		"securityContext", containerSecurity(), "volumeMounts", serverMounts)}
	if several {
		containers = append(containers, m("name", "sentinel", "image", redisImage, "command", []string{"sh", "/config/start-sentinel"}, "env", watchEnv,
			"ports", []*yaml.Node{m("name", "sentinel", "containerPort", sentinelPort)},
			"resources", small(), "readinessProbe", open(sentinelPort), "livenessProbe", open(sentinelPort),
			"securityContext", containerSecurity(), "volumeMounts", mounts))
	}
	const toWrite = 60
	return storePod(s.name, toWrite, containers, volumes)
}

// small is what a helper beside a server is given.
func small() *yaml.Node { return given(helperShare()) }

func (c *cluster) redisSecrets(s store, several bool) {
	if !s.guarded() {
		return
	}
	name := s.serverSecret()
	first := "`user default off`"
	if len(s.Open) > 0 {
		first = fmt.Sprintf("`user default on nopass ~* &* +@all -@admin` (for %s, which log in with no password today)", joined(s.Open))
	}
	accounts := []string{first, "`user balancer on nopass -@all +ping +info`", "`user replication on ><replication> -@all +psync +replconf +ping`"}
	c.secrets = append(c.secrets, secret{s.namespace, name, "replication", "password the standbys of " + string(s.Name) + " follow with"})
	if several {
		accounts = append(accounts, "`user sentinel on ><sentinel> &* -@all +multi +exec +slaveof +ping +subscribe +publish +config|rewrite +role +client|setname +client|kill +script|kill +info`")
		c.secrets = append(c.secrets, secret{s.namespace, name, "sentinel", "password its Sentinels log in with"})
	}
	accounts = append(accounts, fmt.Sprintf("`user %[1]s on ><%[1]s> %[2]s`", standby.RedisAccount, standby.RedisRights))
	c.secrets = append(c.secrets, secret{s.namespace, name, standby.RedisAccount, fmt.Sprintf("password of `%s`, by whom Caravan looks at %s and moves it", standby.RedisAccount, s.Name)})
	for _, member := range s.members() {
		accounts = append(accounts, fmt.Sprintf("`user %s on ><password in %s> ~* &* +@all -@admin`", workload.NameOf(string(member)), secretName(string(s.Name)+"-"+string(member))))
	}
	c.secrets = append(c.secrets, secret{s.namespace, name, "users.acl", "its accounts, a line each: " + strings.Join(accounts, ", ")})
}

func joined(names []estate.ServiceName) string {
	words := make([]string, len(names))
	for i, n := range names {
		words[i] = string(n)
	}
	return strings.Join(words, ", ")
}

// proxy is HAProxy in front of the pods, which asks each whether it is primary.
func (c *cluster) proxy(f *folder, s store, nodes string) {
	name := proxyName(s.name)
	config := f.config("proxy-configmap.yaml", name, map[string]string{"haproxy.cfg": s.proxyConfig(nodes)})
	open := m("tcpSocket", m("port", s.Port), "periodSeconds", readyEvery, "timeoutSeconds", answerWithin, "failureThreshold", readyFailures)
	pod := m(
		"automountServiceAccountToken", false, "enableServiceLinks", false, "securityContext", podSecurity(false),
		"terminationGracePeriodSeconds", 30, "dnsConfig", dns(), "topologySpreadConstraints", spread(name),
		"containers", []*yaml.Node{m("name", "haproxy", "image", haproxyImage, "args", []string{"-W", "-db", "-f", "/config/haproxy.cfg"},
			"ports", []*yaml.Node{m("name", "redis", "containerPort", s.Port)}, "resources", small(),
			"startupProbe", open, "readinessProbe", open, "livenessProbe", open,
			"lifecycle", m("preStop", m("sleep", m("seconds", 10))),
			"securityContext", containerSecurity(),
			"volumeMounts", []*yaml.Node{m("name", "config", "mountPath", "/config")})},
		"volumes", []*yaml.Node{m("name", "config", "configMap", m("name", config))})
	const two = 2
	f.put("proxy-deployment.yaml", "Leads clients that know nothing of Sentinels to the primary.", m("apiVersion", "apps/v1", "kind", "Deployment", "metadata", meta(name), "spec", m(
		"replicas", two, "revisionHistoryLimit", 3, "selector", m("matchLabels", of(name)),
		"strategy", m("rollingUpdate", m("maxSurge", 1, "maxUnavailable", 0)),
		"template", m("metadata", m("labels", of(name)), "spec", pod))))
	f.put("proxy-poddisruptionbudget.yaml", "", budget(name, of(name)))
	out := rule{"to Redis", []*yaml.Node{m("podSelector", m("matchLabels", of(s.name)))}, []rulePort{{s.Port, "TCP"}}}
	n := s.named
	n.name = name
	f.put("proxy-networkpolicy.yaml", "", c.policy(n, of(name), callers(s.Callers, []rulePort{{s.Port, "TCP"}}), []rule{out}))
	c.space(s.namespace, s.team).hold(two, helperShare())
}

func (s store) proxyConfig(nodes string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `global
  maxconn 20000

defaults
  mode tcp
  timeout connect 3s
  timeout client 1h
  timeout server 1h
  timeout check 2s

resolvers cluster
  parse-resolv-conf
  hold valid 5s

frontend redis
  bind :%d
  default_backend primary

backend primary
  option tcp-check
`, s.Port)
	if s.guarded() {
		b.WriteString("  tcp-check send \"AUTH balancer none\\r\\n\"\n  tcp-check expect string +OK\n")
	}
	b.WriteString("  tcp-check send \"INFO replication\\r\\n\"\n  tcp-check expect string role:master\n  default-server check inter 2s fall 2 rise 1 on-marked-down shutdown-sessions resolvers cluster init-addr none\n")
	for i := range s.Instances {
		fmt.Fprintf(&b, "  server %[1]s-%[2]d %[1]s-%[2]d.%[3]s.%[4]s.svc.cluster.local:%[5]d\n", s.name, i, nodes, s.namespace, s.Port)
	}
	return b.String()
}
